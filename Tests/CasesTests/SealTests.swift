import Authority
import CMS
import Foundation
import PortalBase
import Procedures
import SQL
import Seals
import Synchronization
import TestSupport
import Testing
import Workflow

@testable import Cases

/// Seals over the log.
@Suite struct SealTests {
    private static let day = 86_400
    private static let start = CaseStoreTests.start

    private struct Desk {
        let folder = TemporaryFolder()
        let engine: DatabaseEngine
        let database: any SQLDatabase
        let store: CaseStore
        let signer: Identity

        init(_ engine: DatabaseEngine) throws {
            self.engine = engine
            database = try engine.core(in: folder)
            store = try .testing(database)
            signer = try Keys.identity("core/core-sign")
        }

        func begin(_ id: String) throws {
            let process = try #require(CaseStoreTests.processes.first { $0.id == "hotline" })
            _ = try store.begin(id, process, ["details": .string("路灯不亮")])
        }

        func dispatch(_ id: String) throws {
            let post = Post(person: "甲", role: "dispatcher", unit: "hotline-centre", from: Instant(seconds: 0))
            let inputs: [String: InputValue] = [
                "lead": .text("market"), "budget": .limit(Procedures.Process.Limit("5wd")!),
            ]
            _ = try store.perform(
                Command(action: "dispatch", inputs: inputs), on: id, as: .officer(Officer(post: post, level: 3)),
                key: "d", at: start, now: start)
        }

        @discardableResult
        func seal(day number: Int = 0, most: Int = CaseStore.mostSealed) throws -> [Seal] {
            let at = start.adding(seconds: number * day)
            return try store.seal(at: at, most: most, by: { try DetachedSignature.sign($0, by: signer) }) { _, _ in }
        }

        func breaks(_ published: [SignedSeal]? = nil, lost: ClosedRange<Int>? = nil) throws -> [String] {
            let allowed = Set([signer.certificate.publicKeyDigest])
            return try store.verifySeals(published: published, lost: lost) { signed in
                do throws(CryptoError) {
                    _ = try DetachedSignature.pinnedSigner(
                        of: signed.signature, over: signed.seal.bytes, allowed: allowed)
                    return nil
                } catch {
                    return error.code.rawValue
                }
            }.map(\.description)
        }

        /// As whoever owns the database.
        func asOwner(_ statements: (String, [SQLValue])...) throws {
            try database.write { db in
                for table in ["event", "seal", "seal_leaf", "access"] {
                    if engine == .sqlite {
                        for change in ["update", "delete"] {
                            try db.execute("DROP TRIGGER IF EXISTS \(table)_no_\(change)")
                        }
                    } else {
                        try db.execute("DROP TRIGGER IF EXISTS \(table)_append_only ON \(table)")
                    }
                }
                for (statement, values) in statements { try db.execute(statement, values: values) }
            }
        }
    }

    @Test func theTreeIsThatOfTheStandard() {
        // Inputs and roots of the test suite of Certificate Transparency (RFC 6962).
        let leaves: [[UInt8]] = [
            [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], [0x40, 0x41, 0x42, 0x43], Array(0x50...0x57),
            Array(0x60...0x6F),
        ]
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ]
        for count in 1...leaves.count {
            let tree = MerkleTree(Array(leaves.prefix(count)))
            #expect(tree.root.hex == roots[count - 1])
            for index in 0..<count {
                #expect(MerkleTree.root(from: leaves[index], tree.path(to: index)) == tree.root)
                #expect(MerkleTree.root(from: [9], tree.path(to: index)) != tree.root)
            }
        }
    }

    @Test func bytesOfASealAreItsOnlyOnes() throws {
        let seal = Seal(after: nil, over: [], at: Self.start)
        let text = String(decoding: seal.bytes, as: UTF8.self)
        #expect(Seal(seal.bytes) == seal)
        for wrong in [
            text + " ", text.replacing("\"n\":1", with: "\"n\":2"), text.replacing("\"n\":1", with: "\"n\":01"),
            text.replacing("\"leaves\":0", with: "\"leaves\":-1"), text.replacing("}", with: ",\"x\":1}"), "", "{}",
        ] {
            #expect(Seal(Array(wrong.utf8)) == nil)
        }
        let signed = SignedSeal(seal: seal, signature: [1, 2, 3])
        #expect(SignedSeal(item: signed.item) == signed && SignedSeal(line: signed.line) == signed)
        let other = String(decoding: signed.item, as: UTF8.self).replacing(signed.id, with: makeUUID(of: seal.root))
        #expect(SignedSeal(item: Array(other.utf8)) == nil)
    }

    @Test(arguments: DatabaseEngine.available)
    func sealsCoverWhatIsNewSinceTheLast(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        for id in ["a", "b", "c"] { try desk.begin(id) }
        #expect(try desk.seal().map(\.leaves) == [3])
        try desk.dispatch("b")
        let post = Post(person: "乙", role: "handler", unit: "market", from: Instant(seconds: 0))
        _ = try desk.store.list(.init(limit: 5), as: [post], at: Self.start)
        // The case that moved on, and the reader's newest line.
        #expect(try desk.seal(day: 1).map(\.leaves) == [2])
        // A day on which nothing happened.
        #expect(try desk.seal(day: 2).map(\.leaves) == [0])
        #expect(try desk.breaks() == [])
        let seals = try desk.store.seals().map(\.seal)
        #expect(seals.map(\.number) == [1, 2, 3] && seals[1].follows(seals[0]) && seals[2].follows(seals[1]))
        // In portions.
        for number in 0..<7 { try desk.begin("d\(number)") }
        #expect(try desk.seal(day: 3, most: 3).map(\.leaves) == [3, 3, 1])
        #expect(try desk.breaks() == [])
        // What is sealed cannot be changed by a statement.
        for change in ["UPDATE seal SET n = n + 10", "DELETE FROM seal_leaf"] {
            #expect(throws: SQLError.self) { try desk.database.write { try $0.execute(change) } }
        }
    }

    @Test(arguments: DatabaseEngine.available)
    func aLogThatItsOwnerWroteAnewIsFound(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        try desk.begin("a")
        try desk.dispatch("a")
        try desk.begin("b")
        try desk.seal()
        let published = try desk.store.seals()
        // The chain is computed anew: the log by itself says nothing.
        let rows = try desk.database.read { db in
            try db.rows("SELECT digest, body FROM event WHERE subject = 'a' ORDER BY version")
        }
        let (before, body): (String, [UInt8]) = (try rows[0]["digest"], try rows[1]["body"])
        let forged = Array(
            String(decoding: body, as: UTF8.self).replacing(
                "\"recorded\":\(Self.start.seconds)", with: "\"recorded\":\(Self.start.seconds - Self.day)"
            ).utf8)
        let digest = SHA256Digest(of: try #require(SHA256Digest(hex: before)).bytes + forged)
        try desk.asOwner(
            (
                "UPDATE event SET body = ?, digest = ?, recorded = recorded - \(Self.day) WHERE subject = 'a' AND version = 2",
                [.blob(forged), .text(digest.hex)]
            ))
        #expect(try desk.store.verify() == [])
        #expect(try desk.breaks() == ["a 2: seal 1: an event is another than it covers"])
        // With the leaf too, and then with the seal, which nobody else signs.
        try desk.asOwner(("UPDATE seal_leaf SET digest = ? WHERE name = 'a'", [.text(digest.hex)]))
        #expect(try desk.breaks() == ["seal 1: its leaves were changed"])
        try desk.asOwner(("DELETE FROM seal_leaf", []), ("DELETE FROM seal", []))
        try desk.seal(day: 1)
        #expect(try desk.breaks() == [])
        // Only a copy elsewhere tells what the owner of the signing key did.
        #expect(try desk.breaks(published) == ["seal 1: FORK: another was published under this number"])
    }

    @Test(arguments: DatabaseEngine.available)
    func whatIsTakenOutOfTheLogIsFound(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        try desk.begin("a")
        try desk.begin("b")
        try desk.seal()
        try desk.seal(day: 1)
        let published = try desk.store.seals()
        // The newest case with all that knows of it.
        try desk.asOwner(
            ("DELETE FROM event WHERE subject = 'b'", []), ("DELETE FROM case_index WHERE subject = 'b'", []),
            ("DELETE FROM subject WHERE id = 'b'", []), ("UPDATE counter SET last = 1 WHERE series = 'case'", []))
        #expect(try desk.store.verify() == [])
        #expect(try desk.breaks().first == "b 1: seal 1: an event is gone that it covers")
        // A log as old as yesterday's backup.
        try desk.asOwner(("DELETE FROM seal_leaf WHERE seal = 2", []), ("DELETE FROM seal WHERE n = 2", []))
        #expect(
            try desk.breaks(published).last
                == "seal 2: it was published and is not here: this log is an old one, or was cut short")
        // Another's signature.
        try desk.asOwner(
            (
                "UPDATE seal SET signature = ?",
                [
                    .blob(
                        try DetachedSignature.sign(published[0].seal.bytes, by: Keys.identity("staff/dispatcher")))
                ]
            ))
        #expect(try desk.breaks().contains("seal 1: its signature counts for nothing: signerNotAllowed"))
    }

    @Test(arguments: DatabaseEngine.available)
    func aLineOfReadingsThatGoesIsFound(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        let post = Post(person: "乙", role: "handler", unit: "market", from: Instant(seconds: 0))
        for _ in 0..<3 { _ = try desk.store.list(.init(limit: 5), as: [post], at: Self.start) }
        try desk.seal()
        // The last of a chain, which no line behind it misses.
        try desk.asOwner(("DELETE FROM access WHERE n = 3", []))
        #expect(try desk.store.verify() == [])
        #expect(try desk.breaks().first?.hasPrefix("seal 1: a line is gone in the readings of") == true)
    }

    @Test func aCaseIsProvenAfterLaterSeals() throws {
        let desk = try Desk(.sqlite)
        for number in 0..<9 { try desk.begin("case\(number)") }
        #expect(try desk.store.proof(of: "case4") == nil)
        try desk.seal()
        try desk.dispatch("case4")
        var proof = try #require(try desk.store.proof(of: "case4"))
        #expect(proof.events.count == 1 && proof.unsealed == 1 && proof.seal.seal.number == 1)
        try desk.seal(day: 1)
        try desk.begin("later")
        try desk.seal(day: 2)
        proof = try #require(try desk.store.proof(of: "case4"))
        #expect(proof.events.count == 2 && proof.unsealed == 0 && proof.seal.seal.number == 2)
        #expect(MerkleTree.root(from: proof.leaf.bytes, proof.path) == proof.seal.seal.root)
        let chain = proof.events.reduce(SHA256Digest(of: Array("case4".utf8))) { CaseStore.digest($0, $1.body) }
        #expect(chain == proof.leaf.digest)
    }

    @Test(arguments: DatabaseEngine.available)
    func whatIsKeptOutOfAllSealsIsFound(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        try desk.begin("a")
        try desk.seal()
        try desk.begin("late")
        try desk.asOwner(("UPDATE event SET position = -7 WHERE subject = 'late'", []))
        try desk.seal(day: 1)
        #expect(try desk.breaks() == ["late 1: it came among what was sealed before, and is in no seal"])
        try desk.asOwner(("UPDATE seal SET events = 1000 WHERE n = 2", []))
        #expect(try desk.breaks().first?.hasPrefix("seals claim more events than there are: 1000") == true)
    }

    @Test(arguments: DatabaseEngine.available)
    func whatWasLostIsSaidUntilSomebodyKnowsOfIt(_ engine: DatabaseEngine) throws {
        let (before, after) = (try Desk(engine), try Desk(engine))
        for desk in [before, after] {
            try desk.begin("a")
            try desk.seal()
        }
        // The one is the backup of the other from here on.
        try after.asOwner(
            ("DELETE FROM seal_leaf", []), ("DELETE FROM seal", []))
        try before.begin("b")
        try before.seal(day: 1)
        let published = try before.store.seals()
        #expect(try after.store.adopt(Array(published.dropFirst())) { _ in nil } == nil)
        #expect(try after.store.adopt(published) { _ in "nobody's" } == nil)
        // The second is nobody's: the first is not taken up either.
        #expect(try after.store.adopt(published) { $0.seal.number == 2 ? "nobody's" : nil } == nil)
        #expect(try after.store.seals() == [])
        #expect(try after.store.adopt(published) { _ in nil } == [1, 2])
        #expect(try after.store.adopt(published) { _ in nil } == [])
        #expect(try after.breaks(published).count == 2)
        #expect(try after.breaks(published, lost: 1...1).count == 1)
        #expect(try after.breaks(published, lost: 1...2) == [])
        #expect(try after.seal(day: 2).map(\.number) == [3])
    }

    /// Events that commit while a seal is made are in it or in the next, never in none.
    @Test(arguments: DatabaseEngine.available)
    func nothingSlipsBetweenTwoSeals(_ engine: DatabaseEngine) throws {
        let desk = try Desk(engine)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { worker in
            do {
                if worker == 0 {
                    for number in 0..<6 { try desk.seal(day: number) }
                } else {
                    for number in 0..<15 { try desk.begin("w\(worker)-\(number)") }
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        try desk.seal(day: 9)
        let sealed: Int? = try desk.database.read { try $0.value("SELECT count(*) FROM seal_leaf") }
        #expect(sealed == 45)
        #expect(try desk.breaks() == [])
    }
}
