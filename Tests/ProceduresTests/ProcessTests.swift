import Forms
import PortalBase
import PositionedYAML
import TestSupport
import Testing

@testable import Procedures

/// Definitions as the city's IT office writes them, and every mistake in one.
@Suite struct ProcessTests {
    static let names = Process.Names(roles: ["clerk", "boss"], units: ["office"])

    /// A small definition in which each mistake is planted.
    static let sound = """
        id: small
        title: { zh: 小流程, en: Small }
        forms: [form]
        retention: 2y
        begin: { state: new, by: [citizen] }
        states:
          new: { zh: 新, en: New, citizen: received }
          work: { zh: 办, en: Work, citizen: accepted }
          done: { zh: 完, en: Done, citizen: answered, final: true }
        clocks:
          answer: { zh: 时限, en: Limit, budget: 5wd, since: receipt, stop: [done], ladder: [{ at: 100%, remind: [do.unit], act: expire }] }
        tasks:
          do: { zh: 办理, en: Handling, unit: office, clock: 2wd, outcomes: [made, moot] }
        actions:
          give: { zh: 交办, en: Give, from: [new], by: { role: clerk }, do: [{ open: do }, { enter: work }] }
          make: { zh: 办结, en: Make, from: [work], on: do, by: { role: clerk, unit: task }, ask: [{ id: words, zh: 话, en: Words, type: longtext }], do: [{ close: task, as: made }, { issue: paper }, { tell: $words }, { enter: done }] }
          expire: { zh: 超时, en: Late, from: [work], by: clock, do: [{ close: do, as: moot }, { enter: new }] }
          note: { zh: 备注, en: Note, from: [new, done], after: true, by: { role: boss }, ask: [{ id: words, zh: 话, en: Words, type: text }], do: [{ flag: noted }, { revoke: paper }, { issue: notice }] }
          again: { zh: 重办, en: Again, from: [done], reopens: true, within: { limit: 15d, of: done }, by: citizen, do: [{ start: answer }, { enter: new }] }
        papers:
          paper: { zh: 决定, en: Decision, mark: 决, template: decision }
          notice: { zh: 通知, en: Notice, mark: 告, template: notice }
        """

    private static func read(_ text: String) -> (process: Process?, findings: [Diagnostic]) {
        var diagnostics: [Diagnostic] = []
        guard let node = YAMLNode.parse(text, path: "small.yaml", diagnostics: &diagnostics) else {
            return (nil, diagnostics)
        }
        return (Process(node, names: names, diagnostics: &diagnostics), diagnostics)
    }

    @Test func aSoundDefinitionIsRead() throws {
        let (process, findings) = Self.read(Self.sound)
        #expect(findings == [])
        let small = try #require(process)
        #expect(small.states.map(\.id) == ["new", "work", "done"])
        #expect(small.clocks.first?.budget == .limit(try #require(Process.Limit("5wd"))))
        #expect(small.action("make")?.effects.first == .close(task: nil, outcome: "made"))
        #expect(ProcessFlow(small).reached["work"] == ["do"])
        #expect(Self.read(Self.sound + "\n# a comment\n").process?.digest == small.digest)
    }

    struct Mistake: Sendable {
        let rule: String
        /// The first line of the definition that holds it.
        let line: Int
        let from: String
        let to: String

        init(_ rule: String, _ line: Int, _ from: String, _ to: String) {
            (self.rule, self.line, self.from, self.to) = (rule, line, from, to)
        }
    }

    static let mistakes = [
        Mistake("process-name", 15, "from: [new], by: { role: clerk }", "from: [nwe], by: { role: clerk }"),
        Mistake("process-name", 15, "by: { role: clerk }, do: [{ open", "by: { role: clark }, do: [{ open"),
        Mistake("process-begin", 7, "by: [citizen] }", "by: [citizen, { role: clerk, level: 4 }] }"),
        Mistake("process-name", 13, "unit: office", "unit: offfice"),
        Mistake("process-name", 11, "stop: [done]", "stop: [dune]"),
        Mistake("process-name", 11, "remind: [do.unit]", "remind: [du.unit]"),
        Mistake("process-name", 11, "act: expire", "act: expires"),
        Mistake("process-name", 16, "as: made", "as: mad"),
        Mistake("process-name", 16, "{ tell: $words }", "{ tell: $word }"),
        Mistake("process-name", 17, "{ enter: new }", "{ enter: nw }"),
        Mistake("process-name", 16, "on: do", "on: du"),
        Mistake(
            "process-subject", 15, "from: [new], by: { role: clerk }", "from: [new], by: { role: clerk, unit: own }"),
        Mistake("process-migrate", 23, "template: notice }", "template: notice }\nmigrate: { 12ab: {} }"),
        Mistake(
            "process-name", 23, "template: notice }",
            "template: notice }\nmigrate: { \(String(repeating: "a", count: 64)): { states: { old: nwe } } }"),
        Mistake("process-unreachable", 8, "{ open: do }, { enter: work }", "{ open: do }, { close: do, as: moot }"),
        Mistake(
            "process-dead-end", 8, "{ tell: $words }, { enter: done }", "{ tell: $words }"),
        Mistake("process-open-task", 16, "{ close: task, as: made }, { issue", "{ issue"),
        Mistake("process-clock", 11, "stop: [done]", "stop: [work]"),
        Mistake("process-rung", 11, "act: expire", "act: give"),
        Mistake("process-task", 13, "{ open: do }, ", ""),
        Mistake("process-outcome", 13, "outcomes: [made, moot]", "outcomes: [made, moot, lost]"),
        Mistake("process-unit", 15, "unit: office, clock", "clock"),
        Mistake("process-budget", 15, "clock: 2wd", "clock: $budget"),
        Mistake("process-input", 16, "type: longtext", "type: number"),
        Mistake("process-final", 18, "after: true, by", "by"),
        Mistake("process-final", 19, "within: { limit: 15d, of: done }, ", ""),
        Mistake("process-final", 18, "{ flag: noted }, ", "{ enter: work }, "),
        Mistake("process-idle", 15, "[{ open: do }, { enter: work }]", "[]"),
        Mistake("process-idle", 17, ", act: expire", ""),
        Mistake("process-begin", 9, "state: new, by", "state: done, by"),
        Mistake(
            "process-condition", 15, "from: [new], by: { role: clerk }",
            "from: [new], need: [{ task: lead }], by: { role: clerk }"),
        Mistake("process-clock", 19, "{ start: answer }, ", ""),
        Mistake("process-clock", 18, "{ flag: noted }, ", "{ start: answer }, "),
        Mistake("process-clock", 16, "{ enter: done }] }", "{ enter: done }, { start: answer }] }"),
        Mistake("process-clock", 11, "stop: [done]", "stop: [], outlives: true"),
        Mistake("process-open-task", 18, "{ flag: noted }, ", "{ open: do }, "),
        Mistake(
            "process-open-task", 15, "do: [{ open: do }, { enter: work }]",
            "do: [{ open: do, lead: true }, { open: do, lead: true }, { enter: work }]"),
        Mistake("process-idle", 16, "on: do, by", "on: do, need: [{ tasks: do, none: open }], by"),
        Mistake("process-idle", 17, "by: clock", "by: []"),
        Mistake("process-task", 15, "by: { role: clerk }, do", "by: { role: clerk, unit: task }, do"),
        Mistake("process-input", 16, "type: longtext }", "type: longtext, min: 5, max: 1 }"),
        Mistake(
            "process-input", 15, "do: [{ open: do }",
            "ask: [{ id: u, zh: 单位, type: unit }], do: [{ open: do, unit: $u }"),
        Mistake("process-budget", 11, "budget: 5wd", "budget: $words"),
        Mistake("process-begin", 7, "by: [citizen]", "by: [clock]"),
        Mistake("process-id", 13, "  do: { zh", "  task: { zh"),
        Mistake("process-id", 8, "  work: { zh", "  'wo<rk': { zh"),
        Mistake("wrong-type", 17, "by: clock, do", "need: [], by: clock, do"),
        Mistake("wrong-type", 11, "5wd", "5 days"),
        Mistake("wrong-type", 15, "{ enter: work }", "{ go: work }"),
        Mistake("wrong-type", 8, "citizen: accepted", "citizen: acepted"),
        Mistake("process-source", 1, "en: Small }", "en: Small, \(String(repeating: "x", count: 200)): Klein }"),
        Mistake("unknown-key", 16, "on: do", "onn: do"),
        Mistake("missing-key", 17, "by: clock, ", ""),
        Mistake("process-paper", 22, ", { issue: notice }", ""),
        Mistake("process-paper", 16, "{ issue: paper }, { tell", "{ tell: $words }, { issue: paper }, { tell"),
        Mistake("process-name", 18, "{ revoke: paper }", "{ revoke: papre }"),
        Mistake("process-name", 18, "{ issue: notice }", "{ issue: notcie }, { issue: notice }"),
        Mistake("wrong-type", 21, "mark: 决", "mark: 决<1>"),
        Mistake("wrong-type", 21, "template: decision", "template: ../decision"),
        Mistake("missing-key", 21, ", template: decision", ""),
    ]

    /// What looks like a mistake and is none.
    @Test(arguments: [
        ("do: [{ open: do }", "ask: [{ id: u, zh: 单位, type: unit, required: true }], do: [{ open: do, unit: $u }"),
        (
            "on: do, by: { role: clerk, unit: task }",
            "on: do, need: [{ not: { tasks: do, any: closed } }], by: { role: clerk, unit: task }"
        ),
        (
            "{ close: task, as: made }, { issue",
            "{ close: task, as: made }, { when: [{ not: { tasks: do, any: open } }], do: [{ count: done }] }, { issue"
        ),
        (
            "{ close: do, as: moot }, { enter: new }",
            "{ when: [{ any: [{ tasks: do, none: open }, { tasks: do, all: closed }] }], do: [{ count: x }] }, { close: do, as: moot }, { enter: new }"
        ),
    ])
    func whatIsSoundIsTaken(_ from: String, _ to: String) {
        #expect(Self.sound.contains(from))
        #expect(Self.read(Self.sound.replacing(from, with: to, maxReplacements: 1)).findings == [])
    }

    @Test func manyConditionsCostNoMoreThanManyEffects() {
        let effects = (0..<60).map { "{ when: { count: c\($0) }, do: [{ flag: f\($0) }] }" }.joined(separator: ", ")
        #expect(Self.read(Self.sound.replacing("{ flag: noted }", with: effects)).findings == [])
    }

    @Test(arguments: mistakes)
    func eachMistakeIsToldWhereItStands(_ mistake: Mistake) throws {
        #expect(Self.sound.contains(mistake.from))
        let (process, findings) = Self.read(Self.sound.replacing(mistake.from, with: mistake.to, maxReplacements: 1))
        #expect(process == nil)
        let told = findings.map { "\($0.rule):\($0.position.line)" }
        #expect(told.contains("\(mistake.rule):\(mistake.line)"), "\(told)")
    }

    /// The definition of `Content`, with the roles and units there.
    private func city(_ id: String) throws -> Process {
        var diagnostics: [Diagnostic] = []
        let library = ProcessLibrary(source: repositoryRoot, diagnostics: &diagnostics)
        #expect(diagnostics == [])
        return try #require(library.processes.first { $0.id == id })
    }

    @Test(arguments: ["hotline", "approval"])
    func theCitysDefinitionsAreSoundAndDrawn(_ id: String) throws {
        let process = try city(id)
        let flow = ProcessFlow(process)
        #expect(flow.takeable == Set(process.actions.map(\.id)))
        let drawing = String(decoding: ProcessDrawing(process, language: "zh").svg, as: UTF8.self)
        for state in process.states { #expect(drawing.contains(">\(state.label.text("zh"))</text>")) }
        // Lines of the explanation break anywhere.
        let words = drawing.replacing(/<[^>]*>|\s/, with: "")
        for action in process.actions { #expect(words.contains(action.label.text("zh")), "\(action.id)") }
        // Nothing stands outside the picture.
        for match in drawing.matches(of: /(?:cx|x)="(-?\d+)"|[HM](-?\d+)/) {
            let x = Int(match.output.1 ?? match.output.2 ?? "") ?? -1
            #expect((0...390).contains(x), "\(match.output.0)")
        }
    }

    /// Every flow joins two elements that are there, every way that a case can go is one.
    @Test(arguments: ["hotline", "approval"])
    func aProcessIsExportedAsBPMN(_ id: String) throws {
        let process = try city(id)
        let xml = String(decoding: BPMN(process, language: "en").xml, as: UTF8.self)
        let ids = xml.matches(of: #/ id="([^"]+)"/#).map { String($0.output.1) }
        #expect(Set(ids).count == ids.count)
        for match in xml.matches(of: /(?:sourceRef|targetRef|attachedToRef|default)="([^"]+)"/) {
            #expect(ids.contains(String(match.output.1)), "\(match.output.1)")
        }
        for edge in ProcessFlow(process).edges where process.state(edge.from)?.isFinal == false {
            // Opinions are instances of one user task in the state's subprocess, which leads on when they are joined.
            let isOpinion = process.action(edge.action)?.on == "opinion"
            #expect(
                ids.contains(isOpinion ? "state-\(edge.from)-opinion" : "state-\(edge.from)-\(edge.action)-\(edge.to)"))
        }
        // What begins after the end is no part of a BPMN process, and is told.
        for action in process.actions where action.reopens {
            #expect(BPMN(process, language: "en").leftOut.contains { $0.contains("action \(action.id): leads out") })
        }
    }

    @Test func phrasesAreOfTextsThatAnActionAsksFor() throws {
        let process = try #require(Self.read(Self.sound).process)
        func read(_ text: String) throws -> (phrases: Phrases, rules: [String]) {
            var diagnostics: [Diagnostic] = []
            let node = try #require(YAMLNode.parse(text, path: "phrases.yaml", diagnostics: &diagnostics))
            let phrases = Phrases(node, [process], diagnostics: &diagnostics)
            return (phrases, diagnostics.map { "\($0.rule) \($0.position.line)" })
        }
        let sound = try read("small:\n  make:\n    words: [甲, 乙]\n")
        #expect(sound.rules == [])
        #expect(sound.phrases.texts(process: "small", action: "make", input: "words") == ["甲", "乙"])
        #expect(sound.phrases.texts(process: "small", action: "give", input: "words") == [])
        // No process, no action, an input that is a line of text, an empty phrase, one that is too long.
        for (text, rules) in [
            ("smal: { make: { words: [甲] } }", ["process-name 1"]),
            ("small: { mak: { words: [甲] } }", ["process-name 1"]),
            ("small:\n  note:\n    words:\n      - 甲\n", ["process-name 3"]),
            ("small: { make: { words: [''] } }", ["process-phrase 1"]),
            ("small: { make: { words: 甲 } }", ["process-phrase 1"]), ("small: { make: [甲] }", ["process-phrase 1"]),
            ("small: 甲", ["process-phrase 1"]),
            ("small: { make: { words: [\(String(repeating: "字", count: 4_001))] } }", ["process-phrase 1"]),
        ] {
            #expect(try read(text).rules == rules)
        }
    }

    @Test func aLibraryTellsWhatDoesNotFitTogether() throws {
        let folder = TemporaryFolder()
        try folder.write("Content/roles.yaml", Array("clerk: { zh: 办 }\nboss: { zh: 领 }\n".utf8))
        try folder.write("Content/units.yaml", Array("office: { zh: 处 }\n".utf8))
        try folder.write("Content/processes/small.yaml", Array(Self.sound.utf8))
        try folder.write("Content/processes/other.yaml", Array(Self.sound.utf8))
        try folder.write("Content/processes/note.txt", Array("x".utf8))
        var diagnostics: [Diagnostic] = []
        let library = ProcessLibrary(source: folder.path, diagnostics: &diagnostics)
        #expect(library.processes.count == 2)
        #expect(
            diagnostics.map(\.rule).sorted() == [
                "process-form", "process-id", "process-name", "process-name", "process-paper", "process-paper",
                "process-paper", "process-paper", "process-paper", "process-paper", "unreadable",
            ])
    }
}
