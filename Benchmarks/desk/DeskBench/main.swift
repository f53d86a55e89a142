// Times the core's store: `deskbench VERB LOCATION NUMBER`. Benchmarks/desk/bench.py runs it; one line of JSON comes out.
//
//   fill N      cases of eight events by the store's own encoder, chain and boxes real
//   rebuild     writes case_index, task, visible, word and page from the log
//   verify      the whole log
//   read N      N times each: my tasks, a filtered list, a search, a case page; milliseconds
//   crowd N     200 officers at once, N readings each
//   act N       N actions by 64 officers at once, index and lists kept to date
//   seal N      seals over everything that is not sealed yet, N events each, without the signature; then the log held against them
//   backup N    a copy of the whole, while 64 officers act each N milliseconds

import Assessment
import Authority
import Cases
import Dispatch
import Forms
import Foundation
import LaneService
import PortalBase
import Procedures
import SQL
import Synchronization
import Workflow

enum Figures {
    static let columns = [
        "number", "place", "process", "kind", "name", "unit", "due", "done", "outcome", "value", "excused",
    ]
}

struct Quiet: Outbox {
    func tell(_ telling: Telling, _ db: any SQLConnection) {}
    func vouch(_ vouching: Vouching, _ db: any SQLConnection) {}
}

let arguments = CommandLine.arguments
guard arguments.count >= 4 else { fatalError("deskbench VERB LOCATION SOURCE [NUMBER]") }
let (verb, location, source) = (arguments[1], arguments[2], arguments[3])
let number = arguments.count > 4 ? Int(arguments[4]) ?? 0 : 0

var diagnostics: [Diagnostic] = []
let library = ProcessLibrary(source: source, diagnostics: &diagnostics)
guard let process = library.processes.first(where: { $0.id == "hotline" }),
    let units = UnitTree(Dictionary(uniqueKeysWithValues: library.units.map { ($0.id, $0.parent) })),
    let hours = OfficeHours(library.hours),
    let start = Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai),
    let keys = SubjectKeys(master: [UInt8](repeating: 5, count: 32), random: systemRandomBytes)
else { fatalError("no processes in \(source)") }
let calendar = try WorkingCalendar(csv: FileSystem.read(source + "/Content/data/workdays.csv"))
let facts = FormFacts(
    lead: nil, branches: [], join: .all, legal: nil, promised: nil, fields: ["details"], title: "details")
let database = try openDatabase(location)
try CaseStore.migrations(database).run(on: database)
let store = try CaseStore(database, keys: keys, processes: library.processes, outbox: Quiet()) { _, _, now, _ in
    World(
        now: now, calendar: calendar, hours: hours, units: units, form: facts,
        catalogueLimit: Procedures.Process.Limit(count: 5, unit: .wd))
}

@Sendable func post(_ role: String, _ unit: String, _ person: String = "officer") -> Post {
    Post(person: person, role: role, unit: unit, from: Instant(seconds: 0))
}

@Sendable func seconds(_ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    let begin = clock.now
    try body()
    let taken = begin.duration(to: clock.now).components
    return Double(taken.seconds) + Double(taken.attoseconds) / 1e18
}

func say(_ fields: [String: Double]) {
    let text = fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \(($0.value * 1000).rounded() / 1000)" }
    print("{" + text.joined(separator: ", ") + "}")
}

/// Middle, and the one in a hundred, in milliseconds.
func percentiles(_ times: [Double]) -> (p50: Double, p99: Double) {
    let sorted = times.sorted()
    guard !sorted.isEmpty else { return (0, 0) }
    return (sorted[sorted.count / 2] * 1000, sorted[min(sorted.count - 1, sorted.count * 99 / 100)] * 1000)
}

let places = ["超化镇", "米村镇", "大隗镇", "来集镇", "白寨镇", "牛店镇", "平陌镇", "岳村镇"]
let matters = ["路灯不亮", "积水没有人管", "夜间施工噪声", "占道经营", "垃圾清运不及时", "供水压力不足", "道路破损", "违规停车"]
let officers = ["market-regulation", "fire", "urban-management", "ecology", "medical-insurance"]

/// One case of eight events: seven of eight to their end, one with its handler.
func history(_ number: Int) -> CaseStore.History {
    let received = Instant(seconds: start.seconds - number % 20 * 86_400)
    let unit = officers[number % officers.count]
    let words = "\(places[number % places.count])第 \(number) 号：\(matters[number / 8 % matters.count])，影响出行，请处理。"
    let answers: [String: JSON] = [
        "nature": .string("help"), "details": .string(words), "phone": .string("138\(String(10_000_000 + number))"),
        "subject": .string(matters[number % matters.count]), "publish": .string("refuse"),
    ]
    let id = "case-\(number)"
    var file = Case(received: received)
    var events: [Event] = []
    func world() -> World {
        World(
            now: received, calendar: calendar, hours: hours, units: units, form: facts,
            catalogueLimit: Procedures.Process.Limit(count: 5, unit: .wd))
    }
    func add(_ action: String, _ actor: Actor, _ task: Int?, _ inputs: [String: InputValue], _ facts: [Fact]) {
        let event = Event(
            version: events.count + 1, at: received, actor: actor, action: action, task: task, inputs: inputs,
            facts: facts)
        file.apply(event)
        events.append(event)
    }
    func take(
        _ action: String, _ role: String, _ unit: String, _ task: Int? = nil, _ inputs: [String: InputValue] = [:]
    ) {
        let actor = Actor.officer(Officer(post: post(role, unit, role), level: 3))
        let command = Command(action: action, task: task, inputs: inputs)
        guard let facts = try? process.decide(command, on: file, as: actor, in: world()) else {
            fatalError("\(action) in \(file.state)")
        }
        add(action, actor, task, inputs, facts)
    }
    let begun = Command(action: Procedures.Process.EventName.begin, inputs: answers.mapValues(InputValue.answer))
    add(begun.action, .citizen, nil, begun.inputs, process.begin(file, with: begun, in: world()))
    take("note", "dispatcher", "hotline-centre", nil, ["words": .text("诉求人来电补充：\(words)")])
    take(
        "dispatch", "dispatcher", "hotline-centre", nil,
        ["lead": .text(unit), "budget": .limit(.init(count: 5, unit: .wd))])
    take("sign", "handler", unit, 1)
    if number % 8 == 0 {
        for round in 0..<4 { take("note", "dispatcher", "hotline-centre", nil, ["words": .text("催办第 \(round) 次")]) }
    } else {
        take("answer", "handler", unit, 1, ["done": .text("现场已看，\(words)"), "reply": .text("已经安排处理：\(words)")])
        take("note", "dispatcher", "hotline-centre", nil, ["words": .text("已电话告知")])
        take("approve", "reviewer", "hotline-centre")
        take("satisfied", "caller", "hotline-centre", 2)
    }
    return .init(
        .init(id: id, process: process, form: "hotline", answers: answers, received: received), events: events)
}

let cases: Int = try database.read { try $0.value("SELECT max(number) FROM subject") } ?? 1
let dispatcher = [post("dispatcher", "hotline-centre")]

/// What an officer looks at, by kind.
let readings: [(name: String, run: @Sendable (Int) throws -> Void)] = [
    (
        "tasks",
        { number in
            _ = try store.waiting(
                for: [post("handler", officers[number % officers.count])], after: nil, limit: 50, at: start)
        }
    ),
    (
        "list",
        { number in
            _ = try store.list(
                .init(includesFinal: true, before: number * 97 % cases + 200, limit: 50), as: dispatcher, at: start)
        }
    ),
    (
        "search",
        { number in
            _ = try store.search(
                "\(places[number % places.count]) \(matters[number / 8 % matters.count])", before: nil, limit: 20,
                as: dispatcher,
                at: start)
        }
    ),
    ("case", { number in _ = try store.view("case-\(number * 7919 % cases)", as: dispatcher, at: start) }),
]

switch verb {
case "fill":
    var done = 0
    let time = try seconds {
        while done < number {
            let end = min(done + 500, number)
            try store.load((done..<end).map(history), at: start)
            done = end
        }
    }
    say(["seconds": time, "events_per_second": Double(number * 8) / time])
case "rebuild":
    var changed = 0
    let time = try seconds { changed = try store.rebuild().changed }
    let events: Int = try database.read { try $0.value("SELECT count(*) FROM event") } ?? 0
    say(["seconds": time, "changed": Double(changed), "events_per_second": Double(events) / time])
case "verify":
    var breaks = 0
    let time = try seconds { breaks = try store.verify().count }
    let events: Int = try database.read { try $0.value("SELECT count(*) FROM event") } ?? 0
    say(["seconds": time, "breaks": Double(breaks), "events_per_second": Double(events) / time])
case "read":
    var figures: [String: Double] = [:]
    for reading in readings {
        try reading.run(0)
        let times = try (1...max(1, number)).map { round in try seconds { try reading.run(round) } }
        (figures["\(reading.name)_p50_ms"], figures["\(reading.name)_p99_ms"]) = percentiles(times)
    }
    say(figures)
case "crowd":
    let times = Mutex<[Double]>([])
    let failures = Mutex(0)
    let threads = (0..<200).map { officer in
        Thread {
            for round in 0..<number {
                do {
                    let time = try seconds {
                        try readings[(officer + round) % readings.count].run(officer * 31 + round)
                    }
                    times.withLock { $0.append(time) }
                } catch { failures.withLock { $0 += 1 } }
            }
        }
    }
    for thread in threads { thread.start() }
    while threads.contains(where: { !$0.isFinished }) { usleep(2_000) }
    let all = times.withLock { $0 }
    let (p50, p99) = percentiles(all)
    say(["readings": Double(all.count), "failures": Double(failures.withLock { $0 }), "p50_ms": p50, "p99_ms": p99])
case "act":
    let failures = Mutex(0)
    let tag = String(systemRandomBytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }, radix: 36)
    let time = seconds {
        let threads = (0..<64).map { officer in
            Thread {
                for round in stride(from: officer, to: number, by: 64) {
                    do {
                        _ = try store.perform(
                            Command(action: "note", inputs: ["words": .text("第 \(round) 次催办，\(matters[round % 8])")]),
                            on: "case-\(round % 400 * 8)", as: .officer(Officer(post: dispatcher[0], level: 3)),
                            key: "\(tag) \(round)", at: start, now: start)
                    } catch { failures.withLock { $0 += 1 } }
                }
            }
        }
        for thread in threads { thread.start() }
        while threads.contains(where: { !$0.isFinished }) { usleep(1_000) }
    }
    say(["seconds": time, "failures": Double(failures.withLock { $0 }), "actions_per_second": Double(number) / time])
case "seal":
    var made = 0
    let time = try seconds {
        made = try store.seal(at: start, most: number, by: { _ in [0] }, send: { _, _ in }).count
    }
    var breaks = 0
    let verified = try seconds { breaks = try store.verifySeals { _ in nil }.count }
    say([
        "seals": Double(made), "seconds_each": time / Double(max(1, made)), "verify_seconds": verified,
        "breaks": Double(breaks),
    ])
case "assess":
    // A month of so many cases, each with the figures of the hotline's loop; made once.
    let month = Month("2026-03")!
    let made: Int =
        try database.read {
            try $0.value("SELECT count(*) FROM figure WHERE process = 'hotline' AND number > ?", 1 << 30)
        } ?? 0
    for first in stride(from: made / 6, to: number, by: 20_000) {
        try database.write { db in
            let rows = (first..<min(first + 20_000, number)).flatMap { bench -> [[SQLValue]] in
                let due = month.period.lowerBound.seconds + bench * 7_919 % 2_600_000
                let unit = SQLValue.text("unit-\(bench % 40)")
                func row(_ place: Int, _ kind: String, _ name: String, _ due: SQLValue, _ done: Int, _ outcome: String)
                    -> [SQLValue]
                {
                    [
                        .integer((1 << 30) + bench), .integer(place), .text("hotline"), .text(kind), .text(name), unit,
                        due, .integer(done),
                        .text(outcome), .integer(1), .integer(0),
                    ]
                }
                let done = due - 90_000 + bench * 104_729 % 100_000
                return [
                    row(0, "signing", "handle", .integer(due - 400_000), done - 380_000, "answered"),
                    row(1, "task", "handle", .integer(due), done, "answered"),
                    row(2, "task", "callback", .integer(due + 100_000), done + 9_000, "satisfied"),
                    row(3, "clock", "answer", .integer(due), done, ""), row(4, "score", "callback", .null, done, ""),
                    row(5, "count", "redone", .null, done, ""),
                ]
            }
            try db.insert(into: "figure", Figures.columns, rows)
        }
    }
    var found: [Diagnostic] = []
    let sets = try RuleSet.all(source: source, processes: library.processes, diagnostics: &found)
    var units = 0
    let time = try seconds {
        for rules in sets {
            units +=
                MonthlyAssessment(
                    try store.tallies(of: rules.process, in: month.period), by: rules, of: month,
                    undated: try store.undated(of: rules.process), isOver: true
                ).units.count
        }
    }
    say(["units": Double(units), "seconds_for_two_rule_sets": time])
case "backup":
    let times = Mutex<[Double]>([])
    let failures = Mutex(0)
    let over = Mutex(false)
    let tag = hexText(systemRandomBytes(8))
    let threads = (0..<64).map { officer in
        Thread {
            var round = 0
            while !over.withLock({ $0 }) {
                do {
                    let time = try seconds {
                        _ = try store.perform(
                            Command(action: "note", inputs: ["words": .text("第 \(round) 次催办")]),
                            on: "case-\((round * 64 + officer) % 400 * 8)",
                            as: .officer(Officer(post: dispatcher[0], level: 3)), key: "\(tag) \(officer) \(round)",
                            at: start, now: start)
                    }
                    times.withLock { $0.append(time) }
                    usleep(UInt32(max(0, Double(number) / 1000 - time) * 1_000_000))
                } catch { failures.withLock { $0 += 1 } }
                round += 1
            }
        }
    }
    for thread in threads { thread.start() }
    let folder = NSTemporaryDirectory() + "/xinmi-bench-backup-" + tag
    defer { try? FileSystem.removeTree(folder) }
    let time = try seconds { _ = try Backup.write(location, of: "deskbench", to: folder, at: start) }
    over.withLock { $0 = true }
    while threads.contains(where: { !$0.isFinished }) { usleep(1_000) }
    let bytes = try FileSystem.list(folder).compactMap { FileSystem.size(folder + "/" + $0.name) }.reduce(0, +)
    let (p50, p99) = percentiles(times.withLock { $0 })
    say([
        "seconds": time, "megabytes": Double(bytes >> 20), "acts": Double(times.withLock { $0.count }),
        "failures": Double(failures.withLock { $0 }), "act_p50_ms": p50, "act_p99_ms": p99,
    ])
default: fatalError("no verb \(verb)")
}
