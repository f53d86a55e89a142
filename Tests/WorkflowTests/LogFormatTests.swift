import Authority
import Forms
import PortalBase
import Procedures
import TestSupport
import Testing

@testable import Workflow

/// Logs are read for ever: what an earlier version wrote is read, means the same, and would be written in the same bytes.
@Suite struct LogFormatTests {
    private static let start = Walk.start

    /// One of each fact, input and actor.
    static let everything: [Event] = {
        let limit = Process.Limit(count: 3, unit: .wd)
        let facts: [Fact] = [
            .begun(lead: "market"), .begun(lead: nil), .entered(state: "s"), .answered(fields: ["name"]),
            .classified("secret"),
            .filed(
                CaseDocument(
                    number: 0, field: "plan", name: "图.pdf", type: "application/pdf", bytes: 3,
                    digest: SHA256Digest(of: [1]))),
            .opened(task: 1, kind: "k", unit: "u", isLead: true, round: 2, budget: limit),
            .opened(task: 2, kind: "k", unit: "u", isLead: false, round: 2, budget: nil),
            .closed(task: 1, outcome: "o"), .assigned(task: 2, person: "p"),
            .started(clock: "c", since: start, budget: limit), .started(clock: "c", since: start, budget: nil),
            .paused(clock: "c", ground: "听证"), .resumed(clock: "c"), .extended(clock: "c", by: limit),
            .stopped(clock: "c"), .fired(clock: "c", instance: 1, rung: 0), .told(.answered, text: "话"),
            .told(.received, text: nil), .notified(units: ["u"]),
            .requested(name: "n", fields: ["f"], within: limit), .answeredRequest(name: "n"),
            .issued(document: "d", series: "s", number: 7, organ: nil), .published(.answerPage),
            .retracted(.answerPage),
            .related("id", as: "duplicate"), .unrelated("id"), .counted("c"), .scored("s", 5), .flagged("f"),
        ]
        let inputs: [String: InputValue] = [
            "a": .text("话"), "b": .list(["x"]), "c": .number(3), "d": .limit(limit),
            "e": .answer(.object(["unit": .string("chaohua")])),
        ]
        let post = Post(person: "p", role: "r", unit: "u", from: start, until: start.adding(seconds: 1))
        let actors: [Actor] = [.citizen, .clock, .officer(Officer(post: post, level: 3, deputised: "q"))]
        return actors.enumerated().map { place, actor in
            Event(
                version: place + 1, at: start, actor: actor, action: "act", task: place, inputs: inputs, facts: facts)
        }
    }()

    /// One of each fact that came later, by version.
    static let later: [[Fact]] = [
        [
            .appointed(person: "p", role: "r", unit: "u", until: nil),
            .appointed(person: "p", role: "r", unit: "u", until: start), .ended,
            .trusted(person: "p", key: "k", level: 3), .distrusted,
            .undone(version: 2, flags: ["f"], counts: ["c"]), .legalHold, .legalHoldEnded,
            .erased(.consentWithdrawn, confirmedBy: "q"),
        ],
        [
            .issued(document: "d", series: "s", number: 7, organ: "u"), .drawn(paper: 0, file: 1),
            .signed(paper: 0, signature: 2), .revoked(paper: 0), .excused(unit: "u"),
        ],
        [
            .adopted(
                SHA256Digest(of: [1]),
                Renaming(
                    states: ["a": "b"], tasks: ["k": "l"], clocks: ["c": "d"], actions: ["x": "y"],
                    rungs: ["d": [1, -1]])),
            .adopted(SHA256Digest(of: [1]), .none),
        ],
    ]

    private static func line(_ event: Event) -> String {
        let (open, boxed) = event.coded
        return JSON.object(["boxed": boxed, "open": open]).canonicalText
    }

    @Test func aLogOfEachVersionIsReadAsItWas() throws {
        let later = Self.later.map { facts in
            [Event(version: 1, at: Self.start, actor: .clock, action: "act", task: nil, inputs: [:], facts: facts)]
        }
        for (number, written) in ([Self.everything] + later).enumerated() {
            try read(version: number + 1, written)
        }
    }

    /// An act that its officer signed, since version 5.
    @Test func aSignedActIsReadAsItWas() throws {
        let post = Post(person: "p", role: "r", unit: "u", from: Self.start)
        let signed = SignedAct(statement: Array("{}".utf8), signature: [1, 2, 255])
        let event = Event(
            version: 1, at: Self.start, actor: .officer(Officer(post: post, level: 4)), action: "act", task: nil,
            inputs: ["a": .text("话")], facts: [.entered(state: "s")], signed: signed)
        try read(version: 5, [event])
        let (open, _) = event.coded
        #expect(try #require(Event(open: open, boxed: nil)).signed == nil)
    }

    private func read(version: Int, _ written: [Event]) throws {
        let bytes = try FileSystem.read(repositoryRoot + "/Tests/Fixtures/logs/version-\(version).jsonl")
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        let events = try lines.map { line -> Event in
            let json = try JSON(parsing: Array(line.utf8))
            return try #require(Event(open: json["open"] ?? .null, boxed: json["boxed"]), "\(line.prefix(200))")
        }
        #expect(events == written)
        #expect(events.map(Self.line) == lines)
        // Any prefix of it is a case.
        for length in 0...events.count {
            #expect(Case(received: Self.start, events: events.prefix(length)).version == length)
        }
    }

    @Test func wordsStandInTheBoxAlone() throws {
        for event in Self.everything {
            let (open, _) = event.coded
            let text = open.canonicalText
            #expect(!text.contains("话") && !text.contains("图.pdf") && !text.contains("听证") && !text.contains("chaohua"))
            // Erased: what was done stays, what was said does not.
            let erased = try #require(Event(open: open, boxed: nil))
            #expect(erased.facts.count == event.facts.count && erased.inputs.isEmpty && erased.actor == event.actor)
            #expect(erased.facts.contains(.told(.answered, text: "")))
        }
    }
}
