import CMS
import Ferry
import LaneDatabase
import PortalBase
import SQL
import Seals
import TestSupport
import Testing

@testable import Submissions

@Suite struct ReceiptTests {
    private let receipt = Receipt(date: CivilDate(iso: "2026-09-01")!, random: [1, 2, 3, 4, 5, 6, 7, 31])

    @Test func isReadBackHoweverItWasTyped() {
        #expect(receipt.text.hasPrefix("XM260901") && receipt.text.utf8.count == 17)
        #expect(Receipt(typed: " " + receipt.text.lowercased() + " ") == receipt)
        #expect(Receipt(typed: receipt.text.replacing("1", with: "I").replacing("0", with: "o")) == receipt)
        let wide = String(
            String.UnicodeScalarView(receipt.text.unicodeScalars.map { Unicode.Scalar($0.value + 0xFEE0)! }))
        #expect(Receipt(typed: wide) == receipt && Receipt(typed: "\u{A0}" + receipt.text + "\u{200B}") == receipt)
    }

    @Test func everySingleWrongCharacterIsNoticed() {
        let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        for (i, right) in receipt.text.enumerated() {
            for wrong in alphabet where wrong != right {
                var typed = Array(receipt.text)
                typed[i] = wrong
                #expect(Receipt(typed: String(typed)) == nil)
            }
        }
    }

    @Test(arguments: ["", "XM", "XM26090112345678", "受理", String(repeating: "X", count: 4_000)])
    func refusesWhatIsNoReceipt(_ text: String) { #expect(Receipt(typed: text) == nil) }

    @Test func theThreeKeysDifferAndTheEdgeKnowsOneOnly() {
        let keys = CitizenKeys(receipt, QueryCode(random: [UInt8](0..<16)))
        #expect(Set([keys.lookup, keys.statusKey, keys.authKey]).count == 3)
        #expect(keys.lookup != CitizenKeys(receipt, QueryCode(random: [UInt8](1..<17))).lookup)
    }
}

@Suite struct SubmissionDatabaseTests {
    private let folder = TemporaryFolder()
    private static let now = Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)!

    private func database(_ engine: DatabaseEngine) throws -> SubmissionDatabase {
        try SubmissionDatabase(location: engine.location(in: folder), random: systemRandomBytes)
    }

    private func credentials() -> SubmissionDatabase.Credentials {
        .init(
            receipt: Receipt(date: Self.now.date(in: .shanghai), random: systemRandomBytes(8)),
            code: QueryCode(random: systemRandomBytes(16)))
    }

    private func sealed(_ id: Int, _ attachments: [StoredAttachment] = []) -> SubmissionDatabase.Sealed {
        .init(
            id: "00000000-0000-4000-8000-\(padded(id, 12))", kind: "hotline", received: Self.now,
            lookup: systemRandomBytes(32), clear: [1], sealed: [2], attachments: attachments)
    }

    private func handles(_ key: UInt8, _ content: UInt8 = 1, ticket: String? = nil) -> SubmissionDatabase.Handles {
        .init(onceKeys: [[key]], digest: SHA256Digest(of: [content]), ticket: ticket)
    }

    private func attach(_ database: SubmissionDatabase, _ name: String = "照片.jpg") async throws -> StoredAttachment {
        var file = database.newAttachment()
        try await database.add([1, 2, 3], to: &file, at: Self.now)
        let stored = try await database.finish(
            file, last: [4, 5],
            .init(field: "photos", name: name, type: "image/jpeg", bytes: 5, digest: SHA256Digest(of: [9])),
            at: Self.now)
        #expect(try database.attachment(claim: stored.claim, at: Self.now) == stored)
        return stored
    }

    @Test(arguments: DatabaseEngine.available)
    func theSameKeyAndContentGivesTheSameReceipt(_ engine: DatabaseEngine) async throws {
        let (database, first) = (try database(engine), credentials())
        #expect(try await database.store(sealed(1), credentials: first, handles: handles(7)) == .stored)
        #expect(
            try await database.store(sealed(2), credentials: credentials(), handles: handles(7)) == .repeated(first))
        #expect(
            try await database.store(sealed(3), credentials: credentials(), handles: handles(7, 2)) == .keyReused)
        #expect(try await database.store(sealed(4), credentials: credentials(), handles: handles(8)) == .stored)
        // A day later the key is forgotten.
        let late = SubmissionDatabase.Sealed(
            id: "00000000-0000-4000-8000-000000000005", kind: "hotline", received: Self.now.adding(seconds: 86_400),
            lookup: systemRandomBytes(32), clear: [1], sealed: [2])
        #expect(try await database.store(late, credentials: credentials(), handles: handles(7)) == .stored)
    }

    /// Many at once share transactions: each gets its own answer, and the same content one receipt.
    @Test(arguments: DatabaseEngine.available)
    func manyAtOnceAreStoredOnceEach(_ engine: DatabaseEngine) async throws {
        let location = try engine.location(in: folder)
        let databases = [
            try SubmissionDatabase(location: location, random: systemRandomBytes),
            // Another process, as far as the database can tell.
            try SubmissionDatabase(location: location, random: systemRandomBytes),
        ]
        let outcomes = try await withThrowingTaskGroup(of: (Int, Bool).self) { group in
            for number in 0..<200 {
                group.addTask {
                    let key = UInt8(number % 50)
                    let outcome = try await databases[number % 2].store(
                        sealed(number), credentials: credentials(), handles: handles(key))
                    return (Int(key), outcome == .stored)
                }
            }
            return try await group.reduce(into: [Int: Int]()) { $0[$1.0, default: 0] += $1.1 ? 1 : 0 }
        }
        #expect(outcomes.count == 50 && outcomes.values.allSatisfy { $0 == 1 })
        #expect(try databases[0].backlog().waiting == 50)
    }

    @Test(arguments: DatabaseEngine.available)
    func aDoubleClickOverTheHourIsStillOneSubmission(_ engine: DatabaseEngine) async throws {
        let (database, first) = (try database(engine), credentials())
        let early = try database.hourKeys(at: Self.now)
        let digest = SHA256Digest(of: [1])
        #expect(
            try await database.store(sealed(1), credentials: first, handles: .init(onceKeys: early, digest: digest))
                == .stored)
        let late = try database.hourKeys(at: Self.now.adding(seconds: 3600))
        #expect(late.count == 2 && late[1] == early[0])
        #expect(
            try await database.store(
                sealed(2), credentials: credentials(), handles: .init(onceKeys: late, digest: digest))
                == .repeated(first))
        #expect(try database.hourKeys(at: Self.now.adding(seconds: 3 * 3600)).count == 1)
    }

    @Test(arguments: DatabaseEngine.available)
    func aTicketOpensForFifteenMinutesOnly(_ engine: DatabaseEngine) async throws {
        let (database, mine) = (try database(engine), credentials())
        let ticket = database.newTicket()
        #expect(
            try await database.store(sealed(1), credentials: mine, handles: handles(7, ticket: ticket)) == .stored)
        #expect(try database.redeem(ticket: ticket, at: Self.now.adding(seconds: 899)) == mine)
        #expect(try database.redeem(ticket: ticket, at: Self.now.adding(seconds: 900)) == nil)
        #expect(try database.redeem(ticket: String(repeating: "0", count: 32), at: Self.now) == nil)
        // A second click opens a page of its own, with the same receipt.
        let again = database.newTicket()
        #expect(
            try await database.store(sealed(2), credentials: credentials(), handles: handles(7, ticket: again))
                == .repeated(mine))
        #expect(try database.redeem(ticket: again, at: Self.now) == mine)
    }

    /// A notice is answered a few times, whatever is sent; another notice has a count of its own.
    @Test(arguments: DatabaseEngine.available)
    func oneNoticeTakesThreeAnswers(_ engine: DatabaseEngine) async throws {
        let (database, mine) = (try database(engine), credentials())
        func answer(_ number: Int, _ notice: String) async throws -> SubmissionDatabase.Outcome {
            var given = handles(UInt8(number), UInt8(number))
            given.answers = (Array(notice.utf8), 3)
            return try await database.store(sealed(number), credentials: mine, handles: given)
        }
        for number in 1...3 { #expect(try await answer(number, "a") == .stored) }
        #expect(try await answer(4, "a") == .tooMany)
        #expect(try await answer(5, "b") == .stored)
        // The same words again are no further answer.
        #expect(try await answer(3, "a") == .repeated(mine))
        #expect(try database.database.read { try $0.value("SELECT count(*) FROM submission") } == 4)
    }

    /// On a machine that others use too: a stranger's address opens a ticket once, and nobody after it was closed.
    @Test(arguments: DatabaseEngine.available)
    func aTicketOpensForAnotherClientOnce(_ engine: DatabaseEngine) async throws {
        let (database, mine) = (try database(engine), credentials())
        let ticket = database.newTicket()
        var given = handles(7, ticket: ticket)
        given.client = [1]
        #expect(try await database.store(sealed(1), credentials: mine, handles: given) == .stored)
        func open(_ client: UInt8) throws -> Bool {
            try database.redeem(ticket: ticket, client: [client], at: Self.now) == mine
        }
        #expect(try [open(1), open(2), open(2), open(3), open(1)] == [true, true, false, false, true])
        try database.close(ticket: ticket)
        #expect(try !open(1))
    }

    /// Files that wait for their form count by their own bytes, and those of programs for half an hour.
    @Test(arguments: DatabaseEngine.available)
    func whatWaitsForItsFormIsCountedInBytes(_ engine: DatabaseEngine) async throws {
        let database = try database(engine)
        for _ in 0..<20 { _ = try await attach(database) }
        #expect(try (20 * 2_048..<20 * 8_192).contains(database.unclaimedBytes(at: Self.now)))
        var file = database.newAttachment(lifetime: StoredAttachment.programClaimLifetime)
        try await database.add([1], to: &file, at: Self.now)
        let stored = try await database.finish(
            file, last: [2],
            .init(field: "photos", name: "a", type: "image/png", bytes: 2, digest: SHA256Digest(of: [9])),
            at: Self.now)
        #expect(try database.attachment(claim: stored.claim, at: Self.now.adding(seconds: 1_799)) != nil)
        #expect(try database.attachment(claim: stored.claim, at: Self.now.adding(seconds: 1_801)) == nil)
    }

    /// However much waits, the next file is taken in: the oldest gives way, what still comes in does not.
    @Test(arguments: DatabaseEngine.available)
    func theOldestFileGivesWay(_ engine: DatabaseEngine) async throws {
        let database = try database(engine)
        var coming = database.newAttachment()
        try await database.add([1], to: &coming, at: Self.now.adding(seconds: -60))
        var files: [StoredAttachment] = []
        for second in 0..<12 {
            var file = database.newAttachment()
            try await database.add([1, 2, 3], to: &file, at: Self.now.adding(seconds: second))
            files.append(
                try await database.finish(
                    file, last: [4],
                    .init(field: "photos", name: "a", type: "image/png", bytes: 4, digest: SHA256Digest(of: [9])),
                    at: Self.now.adding(seconds: second)))
        }
        let all = try database.unclaimedBytes(at: Self.now)
        #expect(try await database.makeRoom(below: all + 1, at: Self.now))
        #expect(try database.unclaimedBytes(at: Self.now) == all)
        #expect(try await database.makeRoom(below: all, at: Self.now))
        #expect(try database.attachment(claim: files[0].claim, at: Self.now) == nil)
        #expect(try database.attachment(claim: files[11].claim, at: Self.now) != nil)
        #expect(try await !database.makeRoom(below: 1, at: Self.now))
        // What was coming in all the while ends well.
        let last = try await database.finish(
            coming, last: [2],
            .init(field: "photos", name: "a", type: "image/png", bytes: 2, digest: SHA256Digest(of: [9])),
            at: Self.now)
        #expect(try database.attachment(claim: last.claim, at: Self.now) != nil)
    }

    @Test(arguments: DatabaseEngine.available)
    func aTokenIsGoodForOneUse(_ engine: DatabaseEngine) throws {
        let database = try database(engine)
        #expect(try database.use(token: [1], until: Self.now.adding(seconds: 60)))
        #expect(try !database.use(token: [1], until: Self.now.adding(seconds: 60)))
        #expect(try database.use(token: [2], until: Self.now.adding(seconds: 60)))
    }

    @Test(arguments: DatabaseEngine.available)
    func aFileBelongsToOneSubmission(_ engine: DatabaseEngine) async throws {
        let database = try database(engine)
        let file = try await attach(database)
        #expect(file.parts.map(\.bytes) == [3, 2] && file.description.name == "照片.jpg")
        #expect(
            try await database.store(sealed(1, [file]), credentials: credentials(), handles: handles(1)) == .stored)
        // Its once-only row is undone with everything else, so that the citizen can send again.
        for _ in 0..<2 {
            #expect(
                try await database.store(sealed(2, [file]), credentials: credentials(), handles: handles(2))
                    == .attachmentGone)
        }
        let item = try database.laneStore().item(lane: "e2c", id: sealed(1).id)
        #expect(item.parts.map(\.name) == ["item.json", "item.p7m", "a00-00000.p7m", "a00-00001.p7m"])
        #expect(try item.part("a00-00001.p7m") == [4, 5])
        #expect(try database.attachment(claim: String(repeating: "0", count: 32), at: Self.now) == nil)
    }

    @Test(arguments: DatabaseEngine.available)
    func whatIsNotNeededAnyLongerGoes(_ engine: DatabaseEngine) async throws {
        let database = try database(engine)
        let (sent, abandoned) = (try await attach(database), try await attach(database, "另一张.jpg"))
        _ = try await database.store(sealed(1, [sent]), credentials: credentials(), handles: handles(1))
        let tomorrow = Self.now.adding(seconds: 86_400)
        #expect(try database.purge(at: Self.now.adding(seconds: 86_399), keepDelivered: 0).abandoned == 0)
        #expect(try database.purge(at: tomorrow, keepDelivered: 0).abandoned == 1)
        #expect(try database.attachment(claim: abandoned.claim, at: Self.now) == nil)
        // What the core has not acknowledged stays, however old it is.
        #expect(try database.laneStore().item(lane: "e2c", id: sealed(1).id).parts.count == 4)
    }

    // MARK: Seals of the core's log

    @Test(arguments: DatabaseEngine.available)
    func sealsArePublishedInOrderAndContradictionsAreKeptApart(_ engine: DatabaseEngine) throws {
        let (folder, signer) = (TemporaryFolder(), try Keys.identity("core/core-sign"))
        let path = folder.path + "/seals.txt"
        let database = try database(engine)
        let start = Instant(iso: "2026-03-02T09:00:00+08:00", zone: .shanghai)!
        func signed(_ seal: Seal, by identity: Identity? = nil) throws -> SignedSeal {
            SignedSeal(seal: seal, signature: try DetachedSignature.sign(seal.bytes, by: identity ?? signer))
        }
        func take(_ seal: SignedSeal) throws {
            try database.database.write {
                try SubmissionDatabase.takeSeal(
                    $0, seal.item, signers: [signer.certificate.publicKeyDigest], at: start)
            }
        }
        func lines() throws -> [String] {
            FileSystem.kind(path) == nil
                ? []
                : String(decoding: try FileSystem.read(path), as: UTF8.self).split(separator: "\n").map(String.init)
        }
        var chain: [SignedSeal] = []
        for number in 0..<4 {
            let leaf = SealLeaf(kind: .event, name: "a", version: number + 1, digest: SHA256Digest(of: [UInt8(number)]))
            chain.append(
                try signed(Seal(after: chain.last?.seal, over: [leaf], at: start.adding(seconds: number * 86_400))))
        }
        // The second comes before the first.
        try take(chain[1])
        #expect(
            try database.publishSeals(to: path, at: start)
                == ["ALARM seal 1 has not come, a later one has: `coredesk audit seal --resend` sends all again"])
        #expect(try lines() == [])
        try take(chain[0])
        try take(chain[0])
        #expect(try database.publishSeals(to: path, at: start) == [])
        #expect(try lines() == chain.prefix(2).map(\.line))
        // Another under a number that is known, and one that does not follow.
        try take(try signed(Seal(after: chain[0].seal, over: [], at: start)))
        try take(try signed(Seal(after: Seal(after: chain[0].seal, over: [], at: start), over: [], at: start)))
        for (table, condition) in [("seal_contradiction", "1 = 1"), ("lane_alarm", "code = 'contradiction'")] {
            let kept: Int? = try database.database.read {
                try $0.value("SELECT count(*) FROM \(table) WHERE \(condition)")
            }
            #expect(kept == 2)
        }
        #expect(
            try database.publishSeals(to: path, at: start)
                == [2, 3].map {
                    "ALARM contradiction seal \($0) does not fit the seals that came before"
                })
        #expect(try lines() == chain.prefix(2).map(\.line))
        // Somebody else's.
        #expect(throws: LaneDatabase.RejectedItem.self) {
            try take(try signed(chain[2].seal, by: try Keys.identity("staff/dispatcher")))
        }
        try take(chain[3])
        try take(chain[2])
        #expect(try database.publishSeals(to: path, at: start.adding(seconds: 9 * 86_400)).count == 3)
        #expect(try lines() == chain.map(\.line))
        // Another database, with fewer or with others: what was published stays.
        let other = try self.database(engine)
        for (number, seals) in [[chain[0]], [try signed(Seal(after: nil, over: [], at: start))]].enumerated() {
            try other.database.write { db in
                try db.execute("DELETE FROM seal")
                for seal in seals {
                    try db.execute("INSERT INTO seal (n, line) VALUES (?, ?)", seal.seal.number, seal.line)
                }
            }
            let told = try other.publishSeals(to: path, at: start)
            #expect(told.count { $0.contains("other seals") } == number)
            #expect(try lines() == chain.map(\.line))
        }
    }

    // MARK: What is released

    private func status(_ lookup: UInt8, version: Int, _ released: JSON?) -> FerryItem {
        var fields: [String: JSON] = [
            "id": .string("00000000-0000-4000-8000-00000000000\(version)"), "kind": .string("status"),
            "lookup": .string(hexText([UInt8](repeating: lookup, count: 32))), "version": .integer(version),
            "open": .bool(true), "box": .string(base64([1])),
        ]
        if let released { fields["public"] = released }
        let bytes = JSON.object(fields).canonicalBytes
        return FerryItem(kind: "status", id: fields["id"]!.string!, parts: [.init(name: "item.json", bytes: bytes)])
    }

    private func request(_ number: Int, _ status: String, day: Int, service: String = "complaint") -> JSON {
        .object([
            "service_request_id": .string(String(number)), "status": .string(status), "service_code": .string(service),
            "requested_datetime": .string("2026-08-\(padded(day, 2))T09:00:00+08:00"),
        ])
    }

    private func found(
        _ database: SubmissionDatabase, _ services: [String] = [], isOpen: Bool? = nil, days: ClosedRange<Int> = 1...31
    ) throws -> [String] {
        func day(_ number: Int) -> Instant { Instant(iso: "2026-08-\(padded(number, 2)) 09:00", zone: .shanghai)! }
        return try database.released(
            .period(from: day(days.lowerBound), to: day(days.upperBound), services: services, isOpen: isOpen), limit: 3
        ).map(\.number)
    }

    @Test(arguments: DatabaseEngine.available)
    func whatTheCoreReleasedIsFoundByWhatOpen311AsksFor(_ engine: DatabaseEngine) throws {
        let database = try database(engine)
        func take(_ item: FerryItem) throws { try database.database.write { try SubmissionDatabase.apply($0, item) } }
        for number in 1...4 {
            try take(status(UInt8(number), version: 1, request(number, "open", day: number, service: "s\(number % 2)")))
        }
        #expect(try found(database) == ["4", "3", "2"])
        #expect(try found(database, days: 1...3) == ["3", "2", "1"])
        #expect(try found(database, ["s1", "other"]) == ["3", "1"])
        #expect(try database.released(.numbers(["2", "9", "1"]), limit: 9).map(\.number) == ["2", "1"])
        try take(status(2, version: 3, request(2, "closed", day: 2)))
        try take(status(2, version: 2, request(2, "open", day: 2)))
        #expect(try found(database, isOpen: false) == ["2"])
        #expect(try found(database, isOpen: true) == ["4", "3", "1"])
        // What is not released any longer is gone.
        try take(status(2, version: 4, nil))
        #expect(try found(database) == ["4", "3", "1"])
        for wrong in [JSON.string("x"), .object([:]), request(7, "new", day: 1)] {
            #expect(throws: LaneDatabase.RejectedItem.self) { try take(status(5, version: 1, wrong)) }
        }
    }

    @Test(arguments: DatabaseEngine.available)
    func aVoucherNeverTellsLessThanBefore(_ engine: DatabaseEngine) throws {
        let database = try database(engine)
        let code = SpokenCode(random: [UInt8](0..<16))
        func take(_ state: Voucher.State, version: Int, digest: UInt8 = 1, number: String = "决〔2026〕1号") throws {
            let voucher = Voucher(
                code: code, title: Bilingual(zh: "决定", en: "Decision"), number: number,
                organ: Bilingual(zh: "机关", en: "Organ"), issued: CivilDate(iso: "2026-09-01")!,
                digest: SHA256Digest(of: [digest]), state: state, version: version)
            let item = voucher.item(id: "00000000-0000-4000-8000-\(padded(version, 12))")
            #expect(
                try KindRegistry.coreToEdge.refusal(
                    of: FerryItem(
                        kind: Voucher.kind, id: "00000000-0000-4000-8000-\(padded(version, 12))",
                        parts: [.init(name: "item.json", bytes: item)])) == nil)
            try database.database.write { try SubmissionDatabase.takeVoucher($0, item, at: Self.now) }
        }
        func state() throws -> Voucher.State? { try database.voucher(code)?.state }
        func alarms() throws -> Int? {
            try database.database.read { try $0.value("SELECT count(*) FROM lane_alarm WHERE code = 'contradiction'") }
        }
        #expect(try state() == nil)
        try take(.valid, version: 3)
        // Replayed, or older.
        try take(.withdrawn, version: 3)
        try take(.withdrawn, version: 2)
        #expect(try state() == .valid)
        try take(.replaced, version: 4)
        #expect(try state() == .replaced && alarms() == 0)
        // Each is an alarm, and changes nothing.
        for (place, wrong) in [
            (Voucher.State.valid, UInt8(1), "决〔2026〕1号"), (.withdrawn, 2, "决〔2026〕1号"), (.withdrawn, 1, "决〔2026〕2号"),
        ]
        .enumerated() {
            try take(wrong.0, version: 5 + place, digest: wrong.1, number: wrong.2)
        }
        #expect(try state() == .replaced && alarms() ?? 0 > 0)
        try take(.withdrawn, version: 9)
        try take(.valid, version: 10)
        #expect(try state() == .withdrawn)
        #expect(try database.voucher(SpokenCode(random: [UInt8](1..<17))) == nil)
        #expect(throws: LaneDatabase.RejectedItem.self) {
            try database.database.write { try SubmissionDatabase.takeVoucher($0, Array("{}".utf8), at: Self.now) }
        }
    }

    @Test func aPaperOpensInItsPlaceAlone() throws {
        let (key, lookup) = (systemRandomBytes(32), systemRandomBytes(32))
        let paper = (0..<(2 << 20) + 5).map { UInt8(truncatingIfNeeded: $0) }
        let pieces = try PaperParts.seal(
            [paper, [1, 2], [], [7]], key: key, lookup: lookup, version: 4, systemRandomBytes)
        #expect(
            pieces.map(\.name) == ["d00-00000.bin", "d00-00001.bin", "d00-00002.bin", "d01-00000.bin", "d03-00000.bin"])
        #expect(pieces.allSatisfy { isPaperPart($0.name) && $0.sealed.count <= PaperParts.maxSealed })
        let byName = Dictionary(uniqueKeysWithValues: pieces.map { ($0.name, $0.sealed) })
        func open(_ number: Int, _ bytes: Int, key: [UInt8], version: Int = 4, _ from: [String: [UInt8]]) throws
            -> [UInt8]
        {
            try PaperParts.open(number, bytes: bytes, key: key, lookup: lookup, version: version) { from[$0] }
        }
        #expect(try open(0, paper.count, key: key, byName) == paper && open(1, 2, key: key, byName) == [1, 2])
        #expect(try open(2, 0, key: key, byName) == [])
        var wrong = byName
        (wrong["d00-00000.bin"], wrong["d00-00001.bin"]) = (byName["d00-00001.bin"], byName["d00-00000.bin"])
        #expect(throws: CryptoError.self) { try open(0, paper.count, key: key, wrong) }
        // Cut off, of another status, under another key, a byte changed.
        #expect(throws: CryptoError.self) { try open(0, 2 << 20, key: key, byName) }
        #expect(throws: CryptoError.self) { try open(1, 2, key: key, version: 5, byName) }
        #expect(throws: CryptoError.self) { try open(1, 2, key: systemRandomBytes(32), byName) }
        wrong = byName
        wrong["d01-00000.bin"]?[20] ^= 1
        #expect(throws: CryptoError.self) { try open(1, 2, key: key, wrong) }
    }

    @Test(arguments: DatabaseEngine.available)
    func whatVersionOneOfTheSchemaHeldIsFoundAgain(_ engine: DatabaseEngine) throws {
        let location = try engine.location(in: folder)
        let old = try SubmissionDatabase(location: location, random: systemRandomBytes).database
        try old.write { db in
            for table in [
                "released_request", "step_page", "message_count", "lane_held", "lane_held_part", "lane_carried", "seal",
                "seal_contradiction", "voucher", "status_part",
            ] {
                try db.execute("DROP TABLE \(table)")
            }
            for (table, column) in [
                ("attachment", "bytes"), ("attachment", "expires"), ("ticket", "holder"), ("ticket", "opened"),
                ("lane_incoming", "created"), ("lane_incoming", "reach"),
            ] {
                try db.execute("ALTER TABLE \(table) DROP COLUMN \(column)")
            }
            try db.execute("ALTER TABLE status ADD COLUMN public TEXT")
            try db.execute("DELETE FROM schema_version WHERE version > 1")
            for (number, text) in [(1, request(7, "closed", day: 3).canonicalText), (2, "{}"), (3, nil)] {
                try db.execute(
                    "INSERT INTO status (lookup, version, open, box, public) VALUES (?, 1, ?, ?, ?)", [UInt8(number)],
                    false,
                    [UInt8(1)], text)
            }
        }
        let database = try SubmissionDatabase(location: location, random: systemRandomBytes)
        #expect(try found(database) == ["7"])
        guard case .answered = try database.status(lookup: [3]) else {
            Issue.record("a status was lost")
            return
        }
    }

    @Test func nothingOnDiskNamesReceiptOrCodeOrFile() async throws {
        let (database, mine) = (try database(.sqlite), credentials())
        let file = try await attach(database)
        _ = try await database.store(
            sealed(1, [file]), credentials: mine, handles: handles(7, ticket: database.newTicket()))
        for (name, bytes) in try folder.contents("") {
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(!text.contains(mine.receipt.text) && !text.contains(mine.code.text), "\(name)")
            #expect(!text.contains("照片") && !text.contains(file.claim), "\(name)")
        }
    }
}

@Suite struct SymmetricTests {
    @Test func hkdfFollowsRFC5869() {
        // Test case 1 of the RFC.
        let prk = HKDF.extract(
            salt: bytesFromHex("000102030405060708090a0b0c")!, ikm: [UInt8](repeating: 0x0b, count: 22))
        #expect(hexText(prk) == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    }

    @Test func aBoxOpensWithItsKeyAndDataOnly() throws {
        let key = [UInt8](repeating: 1, count: 32)
        let box = try AEAD.seal([1, 2, 3], key: key, nonce: [UInt8](repeating: 2, count: 12), associated: [9])
        #expect(try AEAD.open(box, key: key, associated: [9]) == [1, 2, 3])
        for position in box.indices {
            var damaged = box
            damaged[position] ^= 1
            #expect(throws: CryptoError.self) { try AEAD.open(damaged, key: key, associated: [9]) }
        }
        #expect(throws: CryptoError.self) { try AEAD.open(box, key: key, associated: [8]) }
        #expect(throws: CryptoError.self) { try AEAD.open([], key: key, associated: []) }
    }
}
