import CMS
import PortalBase
import Submissions
import TestSupport
import Testing

@Suite struct ReceiptTests {
    private let receipt = Receipt(date: CivilDate(iso: "2026-09-01")!, random: [1, 2, 3, 4, 5, 6, 7, 31])

    @Test func isReadBackHoweverItWasTyped() {
        #expect(receipt.text.hasPrefix("XM260901") && receipt.text.utf8.count == 17)
        #expect(Receipt(typed: " " + receipt.text.lowercased() + " ") == receipt)
        #expect(Receipt(typed: receipt.text.replacing("1", with: "I").replacing("0", with: "o")) == receipt)
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

    private func database() throws -> SubmissionDatabase {
        try SubmissionDatabase(path: folder.path + "/forms.sqlite", random: systemRandomBytes)
    }

    private func credentials() -> SubmissionDatabase.Credentials {
        .init(
            receipt: Receipt(date: Self.now.date(in: .shanghai), random: systemRandomBytes(8)),
            code: QueryCode(random: systemRandomBytes(16)))
    }

    private func sealed(_ id: Int) -> SubmissionDatabase.Sealed {
        .init(
            id: "00000000-0000-4000-8000-\(padded(id, 12))", kind: "hotline", received: Self.now,
            lookup: systemRandomBytes(32), clear: [1], sealed: [2])
    }

    @Test func theSameKeyAndContentGivesTheSameReceipt() throws {
        let (database, first) = (try database(), credentials())
        let digest = SHA256Digest(of: [1])
        #expect(try database.store(sealed(1), credentials: first, onceKeys: [[7]], digest: digest) == .stored)
        #expect(
            try database.store(sealed(2), credentials: credentials(), onceKeys: [[7]], digest: digest)
                == .repeated(first))
        #expect(
            try database.store(sealed(3), credentials: credentials(), onceKeys: [[7]], digest: SHA256Digest(of: [2]))
                == .keyReused)
        #expect(try database.store(sealed(4), credentials: credentials(), onceKeys: [[8]], digest: digest) == .stored)
    }

    @Test func aDoubleClickOverTheHourIsStillOneSubmission() throws {
        let (database, first) = (try database(), credentials())
        let early = try database.hourKeys(at: Self.now)
        #expect(
            try database.store(sealed(1), credentials: first, onceKeys: early, digest: SHA256Digest(of: [1])) == .stored
        )
        let late = try database.hourKeys(at: Self.now.adding(seconds: 3600))
        #expect(late.count == 2 && late[1] == early[0])
        #expect(
            try database.store(sealed(2), credentials: credentials(), onceKeys: late, digest: SHA256Digest(of: [1]))
                == .repeated(first))
        #expect(try database.hourKeys(at: Self.now.adding(seconds: 3 * 3600)).count == 1)
    }

    @Test func aTicketOpensForFifteenMinutesOnly() throws {
        let (database, mine) = (try database(), credentials())
        let ticket = try database.issueTicket(mine, at: Self.now)
        #expect(try database.redeem(ticket: ticket, at: Self.now.adding(seconds: 899)) == mine)
        #expect(try database.redeem(ticket: ticket, at: Self.now.adding(seconds: 900)) == nil)
        #expect(try database.redeem(ticket: String(repeating: "0", count: 32), at: Self.now) == nil)
    }

    @Test func nothingOnDiskNamesReceiptOrCode() throws {
        let (database, mine) = (try database(), credentials())
        _ = try database.store(sealed(1), credentials: mine, onceKeys: [[7]], digest: SHA256Digest(of: [1]))
        _ = try database.issueTicket(mine, at: Self.now)
        for (name, bytes) in try folder.contents("") {
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(!text.contains(mine.receipt.text) && !text.contains(mine.code.text), "\(name)")
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
