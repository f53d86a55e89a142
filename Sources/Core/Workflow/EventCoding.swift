import Authority
package import PortalBase
import Procedures

/// An event as canonical JSON in two parts: what statistics may use stands open, every word that a person typed goes into a box.
///
/// A name here is written in logs for ever: none is changed, none gets another meaning.
extension Event {
    package var coded: (open: JSON, boxed: JSON) {
        var words: [JSON] = []
        var fields: [String: JSON] = [
            "action": .string(action), "actor": actor.json, "at": .integer(at.seconds),
            "facts": .array(facts.map { $0.json(&words) }), "version": .integer(version),
        ]
        if let task { fields["task"] = .integer(task) }
        var boxed: [String: JSON] = ["inputs": .object(inputs.mapValues(\.json)), "words": .array(words)]
        if let signed {
            boxed["signed"] = .object([
                "signature": .string(base64(signed.signature)), "statement": .string(base64(signed.statement)),
            ])
        }
        return (.object(fields), .object(boxed))
    }

    /// - Parameter boxed: nil when it was erased: no word is left, everything else is as it was.
    package init?(open: JSON, boxed: JSON?) {
        guard let version = open["version"]?.integer, let at = open["at"]?.integer, let action = open["action"]?.string,
            let actor = open["actor"].flatMap(Actor.init(json:)), let written = open["facts"]?.array
        else { return nil }
        let words = boxed?["words"]?.array ?? []
        let facts = written.compactMap { Fact($0, words) }
        guard facts.count == written.count else { return nil }
        let given = boxed?["inputs"]?.object ?? [:]
        let inputs = given.compactMapValues(InputValue.init(json:))
        guard inputs.count == given.count else { return nil }
        var signed: SignedAct?
        if let parts = boxed?["signed"] {
            guard let statement = parts["statement"]?.string.flatMap(bytesFromBase64),
                let signature = parts["signature"]?.string.flatMap(bytesFromBase64)
            else { return nil }
            signed = SignedAct(statement: statement, signature: signature)
        }
        self.init(
            version: version, at: Instant(seconds: at), actor: actor, action: action, task: open["task"]?.integer,
            inputs: inputs, facts: facts, signed: signed)
    }
}

extension Actor {
    fileprivate var json: JSON {
        switch self {
        case .citizen: .string("citizen")
        case .clock: .string("clock")
        case .officer(let officer):
            .object(
                [
                    "person": .string(officer.post.person), "role": .string(officer.post.role),
                    "unit": .string(officer.post.unit), "from": .integer(officer.post.from.seconds),
                    "level": .integer(officer.level),
                ].merging(
                    [
                        "until": officer.post.until.map { .integer($0.seconds) },
                        "deputised": officer.deputised.map(JSON.string),
                    ].compactMapValues { $0 }
                ) { first, _ in first })
        }
    }

    fileprivate init?(json: JSON) {
        if json.string == "citizen" {
            self = .citizen
        } else if json.string == "clock" {
            self = .clock
        } else if let person = json["person"]?.string, let role = json["role"]?.string, let unit = json["unit"]?.string,
            let from = json["from"]?.integer, let level = json["level"]?.integer
        {
            let post = Post(
                person: person, role: role, unit: unit, from: Instant(seconds: from),
                until: json["until"]?.integer.map(Instant.init(seconds:)))
            self = .officer(Officer(post: post, level: level, deputised: json["deputised"]?.string))
        } else {
            return nil
        }
    }
}

extension InputValue {
    var json: JSON {
        switch self {
        case .text(let text): .string(text)
        case .list(let list): .array(list.map(JSON.string))
        case .number(let number): .integer(number)
        case .limit(let limit): .object(["limit": .string(limit.description)])
        case .answer(let answer): .object(["answer": answer])
        }
    }

    init?(json: JSON) {
        if let text = json.string {
            self = .text(text)
        } else if let list = json.array {
            self = .list(list.compactMap(\.string))
        } else if let number = json.integer {
            self = .number(number)
        } else if let limit = json["limit"]?.string.flatMap({ Process.Limit($0) }) {
            self = .limit(limit)
        } else if let answer = json["answer"] {
            self = .answer(answer)
        } else {
            return nil
        }
    }
}

extension Fact {
    /// - Parameter words: what persons typed; the fact says which of them it means.
    fileprivate func json(_ words: inout [JSON]) -> JSON {
        func word(_ text: String) -> JSON {
            words.append(.string(text))
            return .integer(words.count - 1)
        }
        func optional(_ limit: Process.Limit?) -> JSON { limit.map { .string($0.description) } ?? .null }
        func make(_ name: String, _ fields: [String: JSON] = [:]) -> JSON {
            .object(fields.merging(["fact": .string(name)]) { first, _ in first })
        }
        switch self {
        case .begun(let lead): return make("begun", ["lead": lead.map(JSON.string) ?? .null])
        case .entered(let state): return make("entered", ["state": .string(state)])
        case .opened(let task, let kind, let unit, let isLead, let round, let budget):
            return make(
                "opened",
                [
                    "task": .integer(task), "kind": .string(kind), "unit": .string(unit), "lead": .bool(isLead),
                    "round": .integer(round), "budget": optional(budget),
                ])
        case .closed(let task, let outcome):
            return make("closed", ["task": .integer(task), "outcome": .string(outcome)])
        case .assigned(let task, let person):
            return make("assigned", ["task": .integer(task), "person": .string(person)])
        case .started(let clock, let since, let budget):
            return make(
                "started", ["clock": .string(clock), "since": .integer(since.seconds), "budget": optional(budget)])
        case .paused(let clock, let ground): return make("paused", ["clock": .string(clock), "ground": word(ground)])
        case .resumed(let clock): return make("resumed", ["clock": .string(clock)])
        case .extended(let clock, let by): return make("extended", ["clock": .string(clock), "by": optional(by)])
        case .stopped(let clock): return make("stopped", ["clock": .string(clock)])
        case .fired(let clock, let instance, let rung):
            return make(
                "fired", ["clock": .string(clock), "instance": .integer(instance), "rung": .integer(rung)])
        case .told(let state, let text):
            return make("told", ["state": .string(state.rawValue), "text": text.map(word) ?? .null])
        case .notified(let units): return make("notified", ["units": .array(units.map(JSON.string))])
        case .requested(let name, let fields, let within):
            return make(
                "requested",
                ["name": .string(name), "fields": .array(fields.map(JSON.string)), "within": optional(within)])
        case .answeredRequest(let name): return make("answeredRequest", ["name": .string(name)])
        case .issued(let document, let series, let number, let organ):
            var fields: [String: JSON] = [
                "document": .string(document), "series": .string(series), "number": .integer(number),
            ]
            if let organ { fields["organ"] = .string(organ) }
            return make("issued", fields)
        case .drawn(let paper, let file): return make("drawn", ["paper": .integer(paper), "file": .integer(file)])
        case .signed(let paper, let signature):
            return make("signed", ["paper": .integer(paper), "signature": .integer(signature)])
        case .revoked(let paper): return make("revoked", ["paper": .integer(paper)])
        case .published(let page): return make("published", ["page": .string(page.rawValue)])
        case .retracted(let page): return make("retracted", ["page": .string(page.rawValue)])
        case .answered(let fields): return make("answered", ["fields": .array(fields.map(JSON.string))])
        case .classified(let name): return make("classified", ["name": .string(name)])
        case .filed(let file):
            words.append(
                .object([
                    "field": .string(file.field), "name": .string(file.name), "type": .string(file.type),
                    "bytes": .integer(file.bytes), "digest": .string(file.digest.hex),
                ]))
            return make("filed", ["number": .integer(file.number), "file": .integer(words.count - 1)])
        case .related(let subject, let kind):
            return make("related", ["subject": .string(subject), "as": .string(kind)])
        case .unrelated(let subject): return make("unrelated", ["subject": .string(subject)])
        case .counted(let name): return make("counted", ["name": .string(name)])
        case .scored(let name, let value): return make("scored", ["name": .string(name), "value": .integer(value)])
        case .flagged(let name): return make("flagged", ["name": .string(name)])
        case .appointed(let person, let role, let unit, let until):
            return make(
                "appointed",
                [
                    "person": .string(person), "role": .string(role), "unit": .string(unit),
                    "until": until.map { .integer($0.seconds) } ?? .null,
                ])
        case .ended: return make("ended")
        case .trusted(let person, let key, let level):
            return make("trusted", ["person": .string(person), "key": .string(key), "level": .integer(level)])
        case .distrusted: return make("distrusted")
        case .undone(let version, let flags, let counts):
            return make(
                "undone",
                [
                    "version": .integer(version), "flags": .array(flags.map(JSON.string)),
                    "counts": .array(counts.map(JSON.string)),
                ])
        case .excused(let unit): return make("excused", ["unit": .string(unit)])
        case .legalHold: return make("legalHold")
        case .legalHoldEnded: return make("legalHoldEnded")
        case .adopted(let process, let names):
            return make(
                "adopted",
                [
                    "process": .string(process.hex), "states": .object(names.states.mapValues(JSON.string)),
                    "tasks": .object(names.tasks.mapValues(JSON.string)),
                    "clocks": .object(names.clocks.mapValues(JSON.string)),
                    "actions": .object(names.actions.mapValues(JSON.string)),
                    "rungs": .object(names.rungs.mapValues { .array($0.map(JSON.integer)) }),
                ])
        case .erased(let ground, let person):
            return make("erased", ["ground": .string(ground.rawValue), "confirmedBy": .string(person)])
        }
    }

    fileprivate init?(_ json: JSON, _ words: [JSON]) {
        func text(_ key: String) -> String? { json[key]?.string }
        func number(_ key: String) -> Int? { json[key]?.integer }
        func limit(_ key: String) -> Process.Limit? { text(key).flatMap { Process.Limit($0) } }
        // A limit that does not read is damage; none is none.
        func isDamaged(_ key: String) -> Bool { json[key].map { $0 != .null } == true && limit(key) == nil }
        if isDamaged("budget") { return nil }
        func list(_ key: String) -> [String]? { json[key]?.array?.compactMap(\.string) }
        // An erased word is empty.
        func word(_ key: String) -> String? {
            number(key).map { words.indices.contains($0) ? words[$0].string ?? "" : "" }
        }
        let fact: Fact? =
            switch text("fact") {
            case "begun": .begun(lead: text("lead"))
            case "entered": text("state").map { .entered(state: $0) }
            case "opened": Self.opened(json)
            case "closed": Self.pair(number("task"), text("outcome")).map { .closed(task: $0, outcome: $1) }
            case "assigned": Self.pair(number("task"), text("person")).map { .assigned(task: $0, person: $1) }
            case "started":
                Self.pair(text("clock"), number("since")).map {
                    .started(clock: $0, since: Instant(seconds: $1), budget: limit("budget"))
                }
            case "paused": Self.pair(text("clock"), word("ground")).map { .paused(clock: $0, ground: $1) }
            case "resumed": text("clock").map { .resumed(clock: $0) }
            case "extended": Self.pair(text("clock"), limit("by")).map { .extended(clock: $0, by: $1) }
            case "stopped": text("clock").map { .stopped(clock: $0) }
            case "fired":
                Self.pair(text("clock"), Self.pair(number("instance"), number("rung"))).map {
                    .fired(clock: $0, instance: $1.0, rung: $1.1)
                }
            case "told":
                text("state").flatMap(Process.CitizenState.init(rawValue:)).map { .told($0, text: word("text")) }
            case "notified": list("units").map { .notified(units: $0) }
            case "requested":
                Self.pair(text("name"), Self.pair(list("fields"), limit("within"))).map {
                    .requested(name: $0, fields: $1.0, within: $1.1)
                }
            case "answeredRequest": text("name").map { .answeredRequest(name: $0) }
            case "issued":
                Self.pair(text("document"), Self.pair(text("series"), number("number"))).map {
                    .issued(document: $0, series: $1.0, number: $1.1, organ: text("organ"))
                }
            case "drawn": Self.pair(number("paper"), number("file")).map { .drawn(paper: $0, file: $1) }
            case "signed": Self.pair(number("paper"), number("signature")).map { .signed(paper: $0, signature: $1) }
            case "revoked": number("paper").map { .revoked(paper: $0) }
            case "published": text("page").flatMap(Process.Page.init(rawValue:)).map { .published($0) }
            case "retracted": text("page").flatMap(Process.Page.init(rawValue:)).map { .retracted($0) }
            case "classified": text("name").map { .classified($0) }
            case "answered": list("fields").map { .answered(fields: $0) }
            case "filed":
                Self.pair(number("number"), number("file")).map { number, place in
                    // Erased: that there was a file stays.
                    let file = words.indices.contains(place) ? words[place] : .null
                    return .filed(
                        CaseDocument(
                            number: number, field: file["field"]?.string ?? "", name: file["name"]?.string ?? "",
                            type: file["type"]?.string ?? "", bytes: file["bytes"]?.integer ?? 0,
                            digest: file["digest"]?.string.flatMap(SHA256Digest.init(hex:)) ?? SHA256Digest(of: [])))
                }
            case "related": Self.pair(text("subject"), text("as")).map { .related($0, as: $1) }
            case "unrelated": text("subject").map { .unrelated($0) }
            case "counted": text("name").map { .counted($0) }
            case "scored": Self.pair(text("name"), number("value")).map { .scored($0, $1) }
            case "flagged": text("name").map { .flagged($0) }
            case "appointed":
                Self.pair(text("person"), Self.pair(text("role"), text("unit"))).map {
                    .appointed(
                        person: $0, role: $1.0, unit: $1.1, until: number("until").map(Instant.init(seconds:)))
                }
            case "ended": .ended
            case "trusted":
                Self.pair(text("person"), Self.pair(text("key"), number("level"))).map {
                    .trusted(person: $0, key: $1.0, level: $1.1)
                }
            case "distrusted": .distrusted
            case "undone":
                Self.pair(number("version"), Self.pair(list("flags"), list("counts"))).map {
                    .undone(version: $0, flags: $1.0, counts: $1.1)
                }
            case "excused": text("unit").map { .excused(unit: $0) }
            case "legalHold": .legalHold
            case "legalHoldEnded": .legalHoldEnded
            case "adopted":
                Self.pair(text("process").flatMap(SHA256Digest.init(hex:)), Renaming(json)).map { .adopted($0, $1) }
            case "erased":
                Self.pair(text("ground").flatMap(ErasureGround.init(rawValue:)), text("confirmedBy")).map {
                    .erased($0, confirmedBy: $1)
                }
            default: nil
            }
        guard let fact else { return nil }
        self = fact
    }

    private static func pair<A, B>(_ a: A?, _ b: B?) -> (A, B)? {
        if let a, let b { (a, b) } else { nil }
    }

    private static func opened(_ json: JSON) -> Fact? {
        guard let task = json["task"]?.integer, let kind = json["kind"]?.string, let unit = json["unit"]?.string,
            let isLead = json["lead"]?.bool, let round = json["round"]?.integer
        else { return nil }
        return .opened(
            task: task, kind: kind, unit: unit, isLead: isLead, round: round,
            budget: json["budget"]?.string.flatMap { Process.Limit($0) })
    }
}

extension Renaming {
    /// Nil where anything in it does not read.
    fileprivate init?(_ json: JSON) {
        func names(_ key: String) -> [String: String]? {
            guard let map = json[key]?.object else { return nil }
            let names = map.compactMapValues(\.string)
            return names.count == map.count ? names : nil
        }
        guard let states = names("states"), let tasks = names("tasks"), let clocks = names("clocks"),
            let actions = names("actions"), let ladders = json["rungs"]?.object
        else { return nil }
        let rungs = ladders.compactMapValues { places -> [Int]? in
            let numbers = places.array?.compactMap(\.integer)
            return numbers?.count == places.array?.count ? numbers : nil
        }
        guard rungs.count == ladders.count else { return nil }
        self.init(states: states, tasks: tasks, clocks: clocks, actions: actions, rungs: rungs)
    }
}
