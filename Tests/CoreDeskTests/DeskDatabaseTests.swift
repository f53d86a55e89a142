import CMS
import Ferry
import Forms
import LaneDatabase
import PortalBase
import PositionedYAML
import SQL
import Submissions
import TestSupport
import Testing
import Workflow

@testable import CoreDesk

/// What the desk takes out of a batch, item by item.
@Suite struct DeskDatabaseTests {
    private static let now = Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)!
    private static let receipt = Receipt(date: now.date(in: .shanghai), random: [1, 2, 3, 4, 5, 6, 7, 8])
    private static let code = QueryCode(random: [UInt8](repeating: 7, count: 16))

    private let folder = TemporaryFolder()
    private let desk: DeskDatabase
    private let shop: FormDefinition
    private let hotline: FormDefinition

    private static func form(_ yaml: String, in folder: TemporaryFolder) throws -> FormDefinition {
        var diagnostics: [Diagnostic] = []
        let node = try #require(YAMLNode.parse(yaml, path: "f.yaml", diagnostics: &diagnostics))
        let form = try #require(FormDefinition(node, diagnostics: &diagnostics), "\(diagnostics)")
        try folder.write("forms/\(form.digest).json", node.json.canonicalBytes)
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
              lead: market
              branches: [{dept: market, days: 5wd}]
            """, in: folder)
        hotline = try Self.form(
            """
            id: hotline
            kind: hotline
            title: 热线
            pages: [{id: a, title: 一, fields: [{id: details, type: longtext, label: 内容, required: true}]}]
            """, in: folder)
        desk = try Self.open(folder, keys: ["desk/desk-open"])
    }

    private static func open(_ folder: TemporaryFolder, keys: [String]) throws -> DeskDatabase {
        let all = Keys.folder.path
        try folder.write([
            "desk.yaml": """
            socket: desk.sock
            origin: https://127.0.0.1
            database: desk.sqlite
            desk_open: [\(keys.map { all + "/" + $0 }.joined(separator: ", "))]
            definitions: [forms]
            workdays: workdays.csv
            overlay: overlay
            authority: \(all)/ca.crt
            revocation_lists: [\(all)/ca.crl]
            departments: {market: 市场}
            officers: []
            ferry:
              spool: spool
              sign: \(all)/core/core-sign
              open: \(all)/core/core-open
              signers: [\(all)/edge/edge-sign.crt]
              recipients: [\(all)/edge/edge-open.crt]
              operators: [\(all)/operator/operator.crt]
            """
        ])
        return try DeskDatabase(Configuration.load(folder.path + "/desk.yaml")) { count in
            (0..<count).map { _ in UInt8.random(in: 0...255) }
        }
    }

    // MARK: What the edge would send

    private static func id(_ number: Int) -> String { "00000000-0000-4000-8000-\(padded(number, 12))" }

    private func take(_ item: FerryItem, at now: Instant = Self.now) throws {
        try desk.database.write { try desk.take($0, item, now) }
    }

    private func submission(
        _ form: FormDefinition, _ answers: [String: JSON], number: Int = 1, for recipient: String = "desk/desk-open"
    ) throws -> FerryItem {
        let keys = CitizenKeys(Self.receipt, Self.code)
        let payload = SubmissionPayload(
            id: Self.id(number), kind: form.kind == .hotline ? "hotline" : "application", received: Self.now,
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

    private func file(_ number: Int = 1) throws -> DeskDatabase.CaseFile {
        try #require(try desk.file(Self.id(number)))
    }

    /// The lead department asks for fields again.
    private func ask(_ fields: [String]) throws {
        _ = try desk.act(
            on: Self.id(1), version: file().version, officer: "市场", action: "correct", at: Self.now
        ) { file in
            try file.approval?.askForCorrection(
                by: "market", .init(token: "t", text: "请补", fields: fields, given: Self.now, answered: nil))
            return nil
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
                try both.database.write { try both.take($0, item, Self.now) }
            } else {
                // The second has the receipt of the first: it was opened, and that is what is wrong with it.
                #expect { try both.database.write { try both.take($0, item, Self.now) } } throws: {
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
        #expect(try file().state == "withdrawn")
        #expect(try file().events.map(\.action) == ["import", "withdrawal"])
        try take(try message(.withdrawal, number: 2, counter: 5))
        #expect(try file().events.count == 2)
    }

    @Test func aForgedOneThatWaitedChangesNothing() throws {
        try take(try message(.withdrawal, number: 2, counter: 5, key: [1]))
        try take(try submission(hotline, ["details": .string("x")]))
        #expect(try file().state == "received")
        #expect(try file().events.map(\.action) == ["import", "refused"])
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
        try ask(["name"])
        let first = try message(
            .supplement, notice: "t", CaseMessage.supplement(["name": .string("新店")], []), number: 2, counter: 9)
        try take(first)
        #expect(try file().answers["name"]?.string == "新店")
        #expect(refusal(try message(.withdrawal, number: 3, counter: 9)) == .duplicate)
        #expect(try file().state == "submitted")
        try take(try message(.withdrawal, number: 4, counter: 8))
        #expect(try file().state == "withdrawn")
    }

    // MARK: Supplements

    @Test(arguments: [
        ["name": JSON.string("一二三四五六七八九十一")], ["name": .integer(3)], ["other": .string("x")],
        ["name": .string("店"), "fuel": .array([.string("power"), .string("gas")])],
        ["name": .string("店\u{202E}")],
    ])
    func aSupplementKeepsTheRulesOfTheForm(_ answers: [String: JSON]) throws {
        try take(try submission(shop, ["name": .string("老店")]))
        try ask(["name", "fuel"])
        let item = try message(.supplement, notice: "t", CaseMessage.supplement(answers, []), number: 2, counter: 9)
        #expect(refusal(item) == .schema)
        #expect(try file().answers["name"]?.string == "老店")
    }

    @Test func itsFilesKeepTheRulesToo() throws {
        try take(try submission(shop, ["name": .string("老店")]))
        try ask(["plan"])
        let picture: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]
        for (attachments, files) in [
            ([Self.planAttachment(picture, type: "image/png")], [picture]),
            ([Self.planAttachment(), Self.planAttachment()], [Self.plan, Self.plan]),
        ] {
            let item = try message(
                .supplement, notice: "t", CaseMessage.supplement([:], attachments), number: 2, counter: 9, files: files)
            #expect(refusal(item) == .schema)
        }
        let good = try message(
            .supplement, notice: "t", CaseMessage.supplement([:], [Self.planAttachment()]), number: 3, counter: 9,
            files: [Self.plan])
        #expect(refusal(good) == nil)
        #expect(try desk.attachments(of: Self.id(1)).map(\.file.name) == ["图.pdf"])
    }

    /// It changes nothing any more, and officers can read it.
    @Test func aSupplementThatComesTooLateIsKept() throws {
        try take(try submission(shop, ["name": .string("老店")]))
        try ask(["name", "plan"])
        try take(try message(.withdrawal, number: 2, counter: 8))
        let late = CaseMessage.supplement(["name": .string("新店")], [Self.planAttachment()])
        try take(try message(.supplement, notice: "t", late, number: 3, counter: 9, files: [Self.plan]))
        let file = try file()
        #expect(file.state == "withdrawn" && file.answers["name"]?.string == "老店")
        #expect(file.events.last?.action == "late" && file.events.last?.answers == ["name": .string("新店")])
        #expect(try desk.attachments(of: Self.id(1)).count == 1)
    }
}
