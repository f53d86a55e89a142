import Authority
import CMS
import Cases
import Ferry
import Forms
import LaneDatabase
import PortalBase
import PositionedYAML
import Procedures
import SQL
import Submissions
import TestSupport
import Testing
import Workflow

@testable import CoreDesk

/// What the desk takes out of a batch, item by item.
@Suite struct ArrivalTests {
    private static let now = Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)!
    private static let receipt = Receipt(date: now.date(in: .shanghai), random: [1, 2, 3, 4, 5, 6, 7, 8])
    private static let code = QueryCode(random: [UInt8](repeating: 7, count: 16))

    private let folder = TemporaryFolder()
    private let desk: Desk
    private let shop: FormDefinition
    private let hotline: FormDefinition

    private static func form(_ yaml: String, in folder: TemporaryFolder) throws -> FormDefinition {
        var diagnostics: [Diagnostic] = []
        let node = try #require(YAMLNode.parse(yaml, path: "f.yaml", diagnostics: &diagnostics))
        let form = try #require(FormDefinition(node, diagnostics: &diagnostics), "\(diagnostics)")
        try folder.write("forms/\(form.digest).json", node.json.canonicalBytes)
        try folder.write("Content/forms/\(form.id).yaml", Array(yaml.utf8))
        return form
    }

    init() throws {
        shop = try Self.form(
            """
            id: shop
            kind: approval
            title: 开店
            lists: {fuels: [{value: gas, label: 燃气}, {value: power, label: 电}]}
            pages:
              - id: a
                title: 一
                fields:
                  - {id: name, type: text, label: 店名, max: 10, required: true}
                  - {id: fuel, type: multiple, label: 能源, list: fuels}
                  - {id: plan, type: attachment, label: 图纸, accept: [pdf], max: 1, megabytes: 1}
            process:
              lead: market-regulation
              branches: [{dept: market-regulation, days: 5wd}]
            """, in: folder)
        hotline = try Self.form(
            """
            id: hotline
            kind: hotline
            title: 热线
            pages:
              - id: a
                title: 一
                fields:
                  - {id: details, type: longtext, label: 内容, required: true}
                  - {id: nature, type: single, label: 类型, options: [{value: help, label: 求助}]}
            """, in: folder)
        // The city's own processes, for these two forms.
        for name in [
            "processes/hotline.yaml", "processes/approval.yaml", "roles.yaml", "units.yaml", "hours.yaml",
            "catalogue.yaml", "papers/frame.html", "papers/acceptance.html", "papers/non-acceptance.html",
            "papers/decision.html",
            "papers/refusal.html", "papers/annulment.html",
        ] {
            try folder.write("Content/" + name, FileSystem.read(repositoryRoot + "/Content/" + name))
        }
        let approval = String(
            decoding: try FileSystem.read(folder.path + "/Content/processes/approval.yaml"), as: UTF8.self)
        try folder.write(
            "Content/processes/approval.yaml",
            Array(approval.replacing(/\[catering-opening[^\]]*\]/, with: "[shop]").utf8))
        try folder.write(
            "Content/catalogue.yaml", Array("hotline: { field: nature, entries: { help: { limit: 5wd } } }\n".utf8))
        try FileSystem.replaceDurably(folder.path + "/master.key", with: [UInt8](repeating: 9, count: 32), mode: 0o600)
        desk = try Self.open(folder, keys: ["desk/desk-open"])
    }

    private static func open(_ folder: TemporaryFolder, keys: [String]) throws -> Desk {
        try folder.writeDeskConfiguration(keys: keys)
        return try Desk(Configuration.load(folder.path + "/desk.yaml"), random: systemRandomBytes, .new)
    }

    // MARK: What the edge would send

    private static func id(_ number: Int) -> String { "00000000-0000-4000-8000-\(padded(number, 12))" }

    private func take(_ item: FerryItem, at now: Instant = Self.now) throws {
        try desk.take(item, at: now)
    }

    private func submission(
        _ form: FormDefinition, _ answers: [String: JSON], number: Int = 1, for recipient: String = "desk/desk-open",
        received: Instant = Self.now
    ) throws -> FerryItem {
        let keys = CitizenKeys(Self.receipt, Self.code)
        let payload = SubmissionPayload(
            id: Self.id(number), kind: form.kind == .hotline ? "hotline" : "application", received: received,
            form: form.digest, receipt: Self.receipt.text, lookup: hexText(keys.lookup),
            statusKey: hexText(keys.statusKey), authKey: hexText(keys.authKey), language: "zh", channel: "web",
            answers: answers)
        let sealed = try Envelope.seal(payload.bytes, for: [Keys.certificate(recipient)])
        return FerryItem(
            kind: payload.kind, id: payload.id,
            parts: [
                .init(name: "item.json", bytes: payload.clearItem(parts: [])), .init(name: "item.p7m", bytes: sealed),
            ])
    }

    private func message(
        _ kind: CaseMessage.Kind, notice: String = "", _ body: [String: JSON] = [:], number: Int, counter: Int,
        key: [UInt8]? = nil, files: [[UInt8]] = []
    ) throws -> FerryItem {
        let keys = CitizenKeys(Self.receipt, Self.code)
        let message = CaseMessage(
            id: Self.id(number), kind: kind, received: Self.now, lookup: hexText(keys.lookup), notice: notice,
            counter: counter, body: body, sign: { hexText(hmacSHA256(key: key ?? keys.authKey, $0)) })
        let recipients = [try Keys.certificate("desk/desk-open")]
        var parts = [
            FerryItem.Part(name: "item.json", bytes: message.clearItem(parts: [])),
            FerryItem.Part(name: "item.p7m", bytes: try Envelope.seal(message.bytes, for: recipients)),
        ]
        for (number, file) in files.enumerated() {
            parts.append(
                .init(name: attachmentPartName(number, 0), bytes: try Envelope.seal(file, for: recipients)))
        }
        return FerryItem(kind: kind.rawValue, id: message.id, parts: parts)
    }

    /// The edge's clock decides no deadline: an instant that cannot be is the core's own, and the case says so.
    @Test(arguments: [-30 * 365, 4 * 365])
    func aReceiptAtAnImpossibleInstantIsTheCoresOwn(_ days: Int) throws {
        let item = try submission(
            hotline, ["details": .string("路灯不亮"), "nature": .string("help")],
            received: Self.now.adding(seconds: days * 86_400))
        try take(item)
        let known = try view()
        #expect(known.subject.received == Self.now)
        #expect(known.file.flags.contains("untrusted-clock"))
    }

    private func refusal(_ item: FerryItem) -> RejectCode? {
        do {
            try take(item)
            return nil
        } catch let error as LaneDatabase.RejectedItem {
            return error.code
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    private func view(_ number: Int = 1) throws -> CaseStore.View { try desk.cases.view(Self.id(number), at: Self.now) }

    private func actions() throws -> [String] { try view().events.map(\.action) }

    /// The lead department asks for fields again.
    ///
    /// - Returns: the token of the request, as the citizen's status holds it.
    private func ask(_ fields: [String]) throws -> String {
        let post = Post(person: "甲", role: "handler", unit: "market-regulation", from: Instant(seconds: 0))
        _ = try desk.cases.perform(
            Command(action: "requestCorrection", inputs: ["missing": .list(fields), "words": .text("请补")]),
            on: Self.id(1), as: .officer(Officer(post: post, level: 3)), key: "ask", at: Self.now, now: Self.now)
        let status = try #require(try statuses().last)
        return try #require(status["correction"]?["notice"]?.string)
    }

    /// What the citizen can open, in the order of the lane.
    private func statuses() throws -> [JSON] {
        let keys = CitizenKeys(Self.receipt, Self.code)
        let clears: [[UInt8]] = try desk.database.read {
            try $0.column("SELECT s.clear FROM lane_queue q JOIN status_out s ON s.id = q.item ORDER BY q.position")
        }
        return try clears.map { clear in
            let item = try JSON(parsing: clear)
            let version = try #require(item["version"]?.integer)
            let box = try #require(item["box"]?.string.flatMap { bytesFromBase64($0) })
            let plain = try AEAD.open(
                box, key: keys.statusKey, associated: keys.lookup + Array(String(version).utf8))
            return try JSON(parsing: Array(plain.prefix { $0 != 0 }))
        }
    }

    private static let plan = Array("%PDF-1.7 plan".utf8)

    private static func planAttachment(_ bytes: [UInt8] = plan, type: String = "application/pdf")
        -> SubmissionPayload.SealedAttachment
    {
        .init(
            file: .init(field: "plan", name: "图.pdf", type: type, bytes: bytes.count, digest: SHA256Digest(of: bytes)),
            parts: 1)
    }

    // MARK: Poison

    /// One damaged item must not hold up the others of its batch; one for a key that is not here is the operator's matter.
    @Test func damagedItemsAreRefusedAndThoseForAnotherKeyWait() throws {
        var broken = try submission(hotline, ["details": .string("x")])
        var sealed = try #require(try broken.part("item.p7m"))
        sealed[sealed.count - 3] ^= 1
        let clear = try #require(try broken.part("item.json"))
        broken = FerryItem(
            kind: "hotline", id: broken.id,
            parts: [.init(name: "item.json", bytes: clear), .init(name: "item.p7m", bytes: sealed)])
        #expect(refusal(broken) == .decrypt)
        let foreign = try submission(hotline, ["details": .string("x")], for: "core/core-open")
        #expect { try take(foreign) } throws: { ($0 as? CryptoError)?.code == .notRecipient }
    }

    @Test func anOldKeyStaysGoodBesideItsSuccessor() throws {
        let both = try Self.open(folder, keys: ["core/core-open", "desk/desk-open"])
        for (number, recipient) in ["desk/desk-open", "core/core-open"].enumerated() {
            let item = try submission(hotline, ["details": .string("x")], number: number + 1, for: recipient)
            if number == 0 {
                try both.take(item, at: Self.now)
            } else {
                // The second has the receipt of the first: it was opened, and that is what is wrong with it.
                #expect { try both.take(item, at: Self.now) } throws: {
                    ($0 as? LaneDatabase.RejectedItem)?.code == .duplicate
                }
            }
        }
    }

    // MARK: Messages

    @Test func aWithdrawalThatComesBeforeItsCaseWaitsForIt() throws {
        try take(try message(.withdrawal, number: 2, counter: 5))
        // The same in another batch is no second one.
        try take(try message(.withdrawal, number: 2, counter: 5))
        try take(try submission(hotline, ["details": .string("x")]))
        #expect(try view().file.state == "withdrawn")
        #expect(try actions() == ["begin", "withdraw"])
        try take(try message(.withdrawal, number: 2, counter: 5))
        #expect(try actions().count == 2)
        #expect(try statuses().map { $0["state"]?.string } == ["received", "withdrawn"])
    }

    @Test func aForgedOneThatWaitedChangesNothing() throws {
        try take(try message(.withdrawal, number: 2, counter: 5, key: [1]))
        try take(try submission(hotline, ["details": .string("x")]))
        #expect(try view().file.state == "received")
        #expect(try actions() == ["begin"])
    }

    @Test func whatAnswersTheDeskNeedsACase() throws {
        let body: [String: JSON] = ["score": .integer(5), "solved": .bool(true), "words": .string("")]
        #expect(refusal(try message(.rating, notice: "t", body, number: 2, counter: 5)) == .schema)
        #expect(
            refusal(try message(.supplement, notice: "t", CaseMessage.supplement([:], []), number: 3, counter: 6))
                == .schema)
    }

    /// A number names one message for ever; the order in which messages come does not matter.
    @Test func aCounterThatComesAgainIsARefusedReplay() throws {
        try take(try submission(shop, ["name": .string("老店")]))
        let token = try ask(["name"])
        let first = try message(
            .supplement, notice: token, CaseMessage.supplement(["name": .string("新店")], []), number: 2, counter: 9)
        try take(first)
        #expect(try view().file.answers["name"]?.string == "新店")
        #expect(refusal(try message(.withdrawal, number: 3, counter: 9)) == .duplicate)
        #expect(try view().file.state == "submitted")
        try take(try message(.withdrawal, number: 4, counter: 8))
        #expect(try view().file.state == "withdrawn")
    }

    // MARK: Supplements

    @Test(arguments: [
        ["name": JSON.string("一二三四五六七八九十一")], ["name": .integer(3)], ["other": .string("x")],
        ["name": .string("店"), "fuel": .array([.string("power"), .string("gas")])],
        ["name": .string("店\u{202E}")],
    ])
    func aSupplementKeepsTheRulesOfTheForm(_ answers: [String: JSON]) throws {
        try take(try submission(shop, ["name": .string("老店")]))
        let token = try ask(["name", "fuel"])
        let item = try message(.supplement, notice: token, CaseMessage.supplement(answers, []), number: 2, counter: 9)
        #expect(refusal(item) == .schema)
        #expect(try view().file.answers["name"]?.string == "老店")
    }

    @Test func itsFilesKeepTheRulesToo() throws {
        try take(try submission(shop, ["name": .string("老店")]))
        let token = try ask(["plan"])
        let picture: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]
        for (attachments, files) in [
            ([Self.planAttachment(picture, type: "image/png")], [picture]),
            ([Self.planAttachment(), Self.planAttachment()], [Self.plan, Self.plan]),
        ] {
            let item = try message(
                .supplement, notice: token, CaseMessage.supplement([:], attachments), number: 2, counter: 9,
                files: files)
            #expect(refusal(item) == .schema)
        }
        let good = try message(
            .supplement, notice: token, CaseMessage.supplement([:], [Self.planAttachment()]), number: 3, counter: 9,
            files: [Self.plan])
        #expect(refusal(good) == nil)
        #expect(try view().file.files.map(\.name) == ["图.pdf"])
    }

    /// It changes nothing any more, and officers can read it.
    @Test func aSupplementThatComesTooLateIsKept() throws {
        try take(try submission(shop, ["name": .string("老店")]))
        let token = try ask(["name", "plan"])
        try take(try message(.withdrawal, number: 2, counter: 8))
        let late = CaseMessage.supplement(["name": .string("新店")], [Self.planAttachment()])
        try take(try message(.supplement, notice: token, late, number: 3, counter: 9, files: [Self.plan]))
        let view = try view()
        #expect(view.file.state == "withdrawn" && view.file.answers["name"]?.string == "老店")
        #expect(view.events.last?.action == "late")
        #expect(view.events.last?.inputs == ["name": .answer(.string("新店"))])
        #expect(try desk.cases.piece(0, of: 1, of: Self.id(1), document: 0) == Self.plan)
        // A token that nobody was given is a forgery, and the same message again is nothing new.
        #expect(
            refusal(try message(.supplement, notice: "x", late, number: 4, counter: 10, files: [Self.plan])) == .schema)
        try take(try message(.supplement, notice: token, late, number: 3, counter: 9, files: [Self.plan]))
        #expect(try actions() == ["begin", "requestCorrection", "withdraw", "late"])
        #expect(try desk.cases.verify() == [] && desk.cases.rebuild() == .unchanged)
    }

    /// A supplement that was sent in time and carried late counts.
    @Test func whatWasInTimeAndCameLateCounts() throws {
        try take(try submission(shop, ["name": .string("老店")]))
        let token = try ask(["name"])
        let answer = try message(
            .supplement, notice: token, CaseMessage.supplement(["name": .string("新店")], []), number: 2, counter: 9)
        let late = Self.now.adding(seconds: 40 * 86_400)
        #expect(try desk.cases.tick(at: late).fired.isEmpty, "the clock stands while the applicant is asked")
        try take(answer, at: late)
        let file = try view().file
        #expect(file.state == "submitted" && file.clock("telling")?.since == Self.now)
        // Nobody told anything since: but only when everything has come that was sent before.
        let tick = try desk.cases.tick(at: late)
        #expect(tick.fired.map(\.firing.rung) == [0], "\(tick)")
        #expect(tick.waiting.map(\.firing.rung) == [1])
        #expect(try view().file.state == "submitted")
    }

    @Test func ratingsAreTakenOnceAndTokensAreTheCasesOwn() throws {
        try take(try submission(hotline, ["details": .string("x")]))
        func act(
            _ action: String, _ role: String, _ unit: String, task: Int? = nil, _ inputs: [String: InputValue] = [:]
        ) throws {
            let post = Post(person: "\(role)", role: role, unit: unit, from: Instant(seconds: 0))
            _ = try desk.cases.perform(
                Command(action: action, task: task, inputs: inputs), on: Self.id(1),
                as: .officer(Officer(post: post, level: 3)), key: action, at: Self.now, now: Self.now)
        }
        try act(
            "dispatch", "dispatcher", "city", ["lead": .text("fire"), "budget": .limit(.init(count: 5, unit: .wd))])
        try act("answer", "handler", "fire", task: 1, ["done": .text("a"), "reply": .text("修好了")])
        let shown = try statuses()
        #expect(shown.map { $0["state"]?.string } == ["received", "accepted", "accepted"])
        #expect(
            shown.map { $0["withdrawal"]?.bool } == [true, true, false]
                && shown.allSatisfy { $0["text"] == .string("") })
        try act("approve", "reviewer", "city")
        let status = try #require(try statuses().last)
        #expect(status["state"]?.string == "answered" && status["text"]?.string == "修好了")
        // On the telephone they say what stands on their receipt.
        let post = Post(person: "d", role: "dispatcher", unit: "city", from: Instant(seconds: 0))
        let found = try desk.cases.search(Self.receipt.text, before: nil, limit: 9, as: [post], at: Self.now)
        #expect(found?.lines.map(\.subject.id) == [Self.id(1)])
        let token = try #require(status["rating"]?.string)
        let body: [String: JSON] = ["score": .integer(5), "solved": .bool(true), "words": .string("")]
        try take(try message(.rating, notice: token, body, number: 2, counter: 5))
        #expect(try view().file.scores["rating"] == [5])
        // The status no longer offers it.
        #expect(try statuses().last?["rating"] == nil && statuses().last?["text"]?.string == "修好了")
        try take(try message(.rating, notice: token, body, number: 3, counter: 6))
        #expect(try view().file.scores["rating"] == [5] && actions().last == "late")
        #expect(try desk.cases.verify() == [])
    }

    @Test func aCaseMovedToAnotherKeyIsRefusedAtTheStart() throws {
        try FileSystem.replaceDurably(folder.path + "/master.key", with: [UInt8](repeating: 8, count: 32), mode: 0o600)
        #expect(throws: ConfigurationError.self) { try Self.open(folder, keys: ["desk/desk-open"]) }
        try FileSystem.replaceDurably(folder.path + "/master.key", with: [UInt8](repeating: 9, count: 32), mode: 0o644)
        #expect(throws: ConfigurationError.self) { try Self.open(folder, keys: ["desk/desk-open"]) }
    }
}
