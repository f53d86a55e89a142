import CMS
import Ferry
import Foundation
import LaneDatabase
import PortalBase
import SQL
import Synchronization
import TestSupport
import Testing

@Suite struct LaneTests {
    private let edge: Side
    private let core: Side

    init() throws {
        edge = try Side(edge: true)
        core = try Side(edge: false)
    }

    private func crossOut() throws -> LaneReport {
        _ = try edge.send()
        try edge.carry(to: core)
        return try core.receive()
    }

    private func acknowledge() throws -> LaneReport {
        try core.carry(to: edge)
        return try edge.send()
    }

    /// Changes one byte of a carried file.
    private func damage(_ name: String, at offset: Int = 40) throws {
        var bytes = try FileSystem.read(core.inbox + "/" + name)
        bytes[min(offset, bytes.count - 1)] ^= 1
        try FileSystem.write(bytes, to: core.inbox + "/" + name)
    }

    @Test func itemsCrossOnceAndTheSenderLearnsIt() throws {
        for n in 1...3 { try edge.queue(n) }
        #expect(try crossOut().committed == ["e2c-0000000001"])
        #expect(try core.items() == edge.items())
        #expect(try acknowledge().settled == [1])
        #expect(try FileSystem.list(edge.outbox).isEmpty)
        #expect(try edge.send().isQuiet)
    }

    @Test func whatWaitsIsCountedOnBothEngines() throws {
        for side in [edge, core] {
            try side.queue(1)
            try side.queue(2)
            let waiting = try side.store.waiting("e2c")
            #expect(waiting.bytes > 0 && waiting.since == Side.now)
        }
    }

    @Test func aReplayedBatchChangesNothingAndIsAcknowledgedAgain() throws {
        try edge.queue(1)
        _ = try crossOut()
        try edge.carry(to: core)
        let report = try core.receive()
        #expect(report.duplicates == ["e2c-0000000001"] && report.committed == [])
        #expect(try core.items().count == 1)
        #expect(try acknowledge().settled == [1])
    }

    @Test(arguments: ["e2c-0000000001.mf", "e2c-0000000001.p7s"])
    func anAlteredManifestOrSignatureIsNoiseAndTheTrueOneStillCommits(_ name: String) throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        try damage(name)
        let report = try core.receive()
        #expect(report.committed == [] && report.quarantined.count == 1 && report.rejected == [:])
        #expect(try core.items() == [])
        try edge.carry(to: core)
        #expect(try core.receive().committed == ["e2c-0000000001"])
    }

    @Test func aDamagedOrMissingPartIsAskedForAgain() throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        try damage("e2c-0000000001-00000.p7m")
        #expect(try core.receive().waiting == ["e2c-0000000001": [0]])
        #expect(try core.items() == [])
        // The sender's outbox was emptied by the carrier. Parts may come late; after a while they are asked for.
        try edge.emptyOutbox()
        #expect(try acknowledge().offered == [])
        _ = try core.receive(at: Side.afterGrace)
        #expect(try acknowledge().offered == ["e2c-0000000001"])
        try edge.carry(to: core)
        #expect(try core.receive().committed == ["e2c-0000000001"])
    }

    @Test func aSignerOfTheSameAuthorityThatIsNotPinnedIsRefused() throws {
        let stranger = try Side(edge: true) { $0.signer = "staff/stranger" }
        try stranger.queue(1)
        _ = try stranger.send()
        try stranger.carry(to: core)
        let report = try core.receive()
        #expect(report.quarantined.values.contains("signer"))
        // The forged batch carried the next number; the true one commits all the same.
        try edge.queue(2)
        #expect(try crossOut().committed == ["e2c-0000000001"])
        #expect(try core.items() == edge.items())
    }

    @Test func aBatchOfAnotherEpochOrLaneIsRefused() throws {
        let other = try Side(edge: true) { $0.epoch = "fedcba9876543210" }
        try other.queue(1)
        _ = try other.send()
        try other.carry(to: core)
        #expect(try core.receive().quarantined.values.contains("epoch"))
        #expect(try core.items() == [])
    }

    // MARK: Held items

    /// One item that cannot be taken now holds up nothing: its batch commits, the item waits at the receiver and is tried
    /// again by every run.
    @Test func anItemThatCannotBeTakenYetIsHeldAlone() throws {
        try edge.queue(1)
        try edge.queue(2, sealed: "later")
        try edge.queue(3)
        let report = try crossOut()
        #expect(report.committed == ["e2c-0000000001"])
        #expect(try core.items().count == 2)
        #expect(try acknowledge().settled == [1])
        #expect(try core.alarms("e2c") == ["held"])
        let held = try core.store.held(lane: "e2c")
        #expect(held.map(\.item) == ["00000000-0000-4000-8000-000000000002"] && held.map(\.reason) == ["no key yet"])
        _ = try core.receive()
        #expect(try core.items().count == 2)
        try core.database.write { db in
            try db.execute(
                "INSERT INTO item (id, kind, clear, sealed) VALUES ('k', 'key', ?, ?)", [UInt8](), Side.envelope(""))
        }
        _ = try core.receive()
        #expect(try core.items().count == 4)
        #expect(try core.store.held(lane: "e2c").isEmpty && core.alarms("e2c").isEmpty)
    }

    /// What its owner cannot even stage, as a site's files without a folder for them, is held like what cannot be applied.
    @Test func anItemThatCannotBeStagedIsHeldAlone() throws {
        let unready = try core.with { $0.isReady = false }
        try edge.queue(1)
        try edge.queue(2, sealed: "unready")
        _ = try edge.send()
        try edge.carry(to: unready)
        let report = try unready.receive()
        #expect(report.committed == ["e2c-0000000001"] && report.alarms.count == 1)
        #expect(try unready.items().count == 1 && unready.alarms("e2c") == ["held"])
        #expect(try unready.receive().alarms.count == 1)
        _ = try core.receive()
        #expect(try core.items().count == 2 && core.alarms("e2c") == [])
    }

    /// A batch that was taken in while this side's clock ran ahead does not keep the alarm of silence away afterwards.
    @Test func aClockThatRanAheadSilencesNoAlarm() throws {
        let listening = try core.with { $0.receiving.silenceAfter = 7_200 }
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: listening)
        #expect(try listening.receive(at: Side.now.adding(seconds: 20 * 86_400)).committed == ["e2c-0000000001"])
        #expect(try listening.receive(at: Side.now.adding(seconds: 7_200)).alarms.first?.hasPrefix("silence") == true)
    }

    @Test func aHeldItemIsGivenUpByItsNameWithAReason() throws {
        try edge.queue(1, sealed: "later")
        _ = try crossOut()
        let id = "00000000-0000-4000-8000-000000000001"
        #expect(try !core.store.drop("other", lane: "e2c", because: "x", at: Side.now))
        #expect(try core.store.drop(id, lane: "e2c", because: "its key is lost", at: Side.now))
        #expect(try core.store.held(lane: "e2c").isEmpty && core.alarms("e2c").isEmpty)
        // A copy that comes late does not bring it back.
        try edge.carry(to: core)
        _ = try core.receive()
        #expect(try core.items() == [] && core.store.held(lane: "e2c").isEmpty)
    }

    // MARK: Hostile folders

    /// A manifest is read after its signature holds, never before.
    @Test func anUnsignedManifestIsNeverRead() throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        let signature = try FileSystem.read(core.inbox + "/e2c-0000000001.p7s")
        try edge.emptyOutbox()
        let marks = String(repeating: "\u{301}\u{316}", count: 200_000)
        for text in ["{\"a\(marks)\":1}", String(repeating: "[", count: 100_000), "{}", ""] {
            try FileSystem.write(Array(text.utf8), to: core.inbox + "/e2c-0000000001.mf")
            try FileSystem.write(signature, to: core.inbox + "/e2c-0000000001.p7s")
            let report = try core.receive()
            #expect(
                report.quarantined.values.allSatisfy { $0 == "signature" } && !report.quarantined.isEmpty, "\(report)")
        }
        _ = try edge.send(again: true)
        try edge.carry(to: core)
        #expect(try core.receive().committed == ["e2c-0000000001"])
    }

    @Test(arguments: [
        "e2c-0000000001.mf\n", "\u{1B}[2Jx", "e2c-1.mf", "..mf", "e2c-0000000001-99999999999999999999.p7m", "甲.mf",
    ])
    func oddNamesHoldUpNothing(_ name: String) throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        try FileSystem.write([1], to: core.inbox + "/" + name)
        let report = try core.receive()
        #expect(report.committed == ["e2c-0000000001"])
        for line in report.text.split(separator: "\n") {
            #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }, "\(line)")
        }
    }

    @Test func aManifestWithoutSignatureGoesAfterAWhile() throws {
        try FileSystem.makeDirectories(core.inbox)
        try FileSystem.write(Array("{}".utf8), to: core.inbox + "/e2c-0000000009.mf")
        _ = try core.receive()
        #expect(FileSystem.kind(core.inbox + "/e2c-0000000009.mf") == .file)
        _ = try core.receive(at: Instant.systemNow().adding(seconds: 3 * 86_400))
        #expect(FileSystem.kind(core.inbox + "/e2c-0000000009.mf") == nil)
    }

    @Test func aRejectedBatchConsumesItsNumberAndItsGoodItemsComeAgain() throws {
        try edge.queue(1)
        try edge.queue(2, sealed: "poison")
        try edge.queue(3)
        let report = try crossOut()
        #expect(report.rejected == ["e2c-0000000001": .schema])
        #expect(try core.items() == [])
        _ = try acknowledge()
        #expect(try crossOut().committed == ["e2c-0000000002"])
        #expect(try core.items().count == 2)
        #expect(try acknowledge().settled == [2])
    }

    @Test func aMissingNumberDoesNotHoldUpTheNext() throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.queue(2)
        _ = try edge.send()
        try edge.carry(to: core) { $0.contains("0000000002") }
        #expect(try core.receive().committed == ["e2c-0000000002"])
        try edge.carry(to: core) { $0.contains("0000000001") }
        #expect(try core.receive().committed == ["e2c-0000000001"])
        #expect(try acknowledge().settled == [1, 2])
    }

    @Test func theSameNumberWithOtherContentStopsTheLane() throws {
        try edge.queue(1)
        _ = try crossOut()
        // A sender restored from an old backup starts again at one.
        let restored = try Side(edge: true)
        try restored.queue(9)
        _ = try restored.send()
        try restored.carry(to: core)
        #expect(try core.receive().alarms == ["fork e2c-0000000001"])
        #expect(try core.store.isStopped(lane: "e2c"))
        try edge.queue(2)
        #expect(try crossOut().committed == [])
    }

    @Test func anExpiredBatchIsRejected() throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        #expect(
            try core.receive(at: Side.now.adding(seconds: 40 * 86_400)).rejected == ["e2c-0000000001": .expired])
    }

    @Test func rubbishInTheInboxIsPutAsideAndTheLaneGoesOn() throws {
        try FileSystem.makeDirectories(core.inbox)
        try FileSystem.write([], to: core.inbox + "/e2c-0000000001.mf")
        try FileSystem.write([], to: core.inbox + "/e2c-0000000001.p7s")
        try FileSystem.write(Array("x".utf8), to: core.inbox + "/..mf")
        _ = try run(["mkfifo", core.inbox + "/e2c-0000000002.mf"])
        _ = try run(["ln", "-s", "/etc/hostname", core.inbox + "/c2e-ack-0000000001.ak"])
        try FileSystem.write(Array("{}".utf8), to: core.inbox + "/c2e-ack-0000000002.ak")
        try FileSystem.write([0], to: core.inbox + "/c2e-ack-0000000002.p7s")
        try edge.queue(1)
        _ = try core.receive()
        #expect(try crossOut().committed == ["e2c-0000000001"])
    }

    @Test func aKilledSealingIsDoneAgainUnderTheSameNumber() throws {
        try edge.queue(1)
        _ = try edge.store.nextBatch(.init(name: "e2c", epoch: Side.epoch), maxItems: 10, heartbeat: nil, at: Side.now)
        // What a process leaves that dies after writing files and before signing off.
        try FileSystem.makeDirectories(edge.folder.path + "/spool/sealed")
        try FileSystem.write([1], to: edge.folder.path + "/spool/sealed/e2c-0000000001.mf")
        try FileSystem.makeDirectories(edge.folder.path + "/spool/staging-e2c")
        try FileSystem.write([1], to: edge.folder.path + "/spool/staging-e2c/e2c-0000000001-00000.p7m")
        try FileSystem.write([1], to: edge.outbox + "/e2c-0000000001-00000.p7m.tmp")
        #expect(try crossOut().committed == ["e2c-0000000001"])
    }

    @Test func acknowledgementsOfAStrangerAreIgnored() throws {
        try edge.queue(1)
        _ = try crossOut()
        let liar = try Side(edge: false) { $0.signer = "staff/stranger" }
        try edge.carry(to: liar)
        _ = try liar.receive()
        try liar.carry(to: edge)
        let report = try edge.send()
        #expect(report.settled == [] && report.quarantined.values.contains("signerNotAllowed"))
    }

    /// Plain openssl, sha256sum and tar open a batch without our code.
    @Test func stockToolsOpenABatch() throws {
        try edge.queue(1)
        _ = try edge.send()
        let keys = Keys.folder.path
        let script = """
            set -e
            openssl cms -verify -binary -inform DER -purpose any -content e2c-0000000001.mf -in e2c-0000000001.p7s -CAfile \(keys)/ca.crt -signer signer.pem -out /dev/null
            test "$(openssl x509 -in signer.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1)" = \
                 "$(python3 -c 'import json; print(json.load(open("e2c-0000000001.mf"))["sender"])')"
            python3 -c 'import json; [print(p["sha256"] + "  " + p["name"]) for p in json.load(open("e2c-0000000001.mf"))["parts"]]' | sha256sum -c
            for part in e2c-0000000001-*.p7m; do
              openssl cms -decrypt -binary -inform DER -in $part -inkey \(keys)/core/core-open.key -recip \(keys)/core/core-open.crt -out $part.tar
            done
            cat *.p7m.tar > bag.tar
            mkdir bag
            tar -C bag -xf bag.tar
            cd bag
            sha256sum -c manifest-sha256.txt tagmanifest-sha256.txt
            cat data/*/item.p7m
            """
        let result = try run(["bash", "-c", script], in: edge.outbox)
        #expect(result.status == 0, "\(result.error)")
        #expect(result.output.contains("sealed 1"))
    }

    @Test func manyPartsCrossInOneBatch() throws {
        // 24 items of a MiB: seven parts of 4 MiB.
        for n in 1...24 { try edge.queue(n, sealed: String(repeating: "x", count: (1 << 20) - 100)) }
        let report = try crossOut()
        #expect(report.committed == ["e2c-0000000001"])
        #expect(try core.items() == edge.items())
        let parts = try FileSystem.list(edge.outbox).filter { $0.name.hasSuffix(".p7m") }
        #expect(parts.count == 7)
    }
}

@Suite struct SignatureTests {
    @Test func aSignatureWithoutSignedAttributesIsRefused() throws {
        let folder = TemporaryFolder()
        try folder.write("content", Array("hello".utf8))
        let key = Keys.folder.path + "/edge/edge-sign"
        for (options, accepted) in [([], true), (["-noattr"], false), (["-md", "sha1"], false)] as [([String], Bool)] {
            let signed = try run(
                [
                    "openssl", "cms", "-sign", "-binary", "-in", "content", "-signer", key + ".crt", "-inkey",
                    key + ".key", "-outform", "DER", "-out", "sig", "-md", "sha256",
                ]
                    + options, in: folder.path)
            #expect(signed.status == 0, "\(signed.error)")
            let certificate = try Keys.identity("edge/edge-sign").certificate
            let trust = try TrustStore(authorities: FileSystem.read(Keys.folder.path + "/ca.crt"))
            let result = try? DetachedSignature.verify(
                FileSystem.read(folder.path + "/sig"), over: Array("hello".utf8), trust: trust,
                allowed: [certificate.publicKeyDigest], at: Side.now, revokedBy: Side.now)
            #expect((result != nil) == accepted)
        }
    }

    @Test func opensslsOwnEnvelopesOpenToo() throws {
        let folder = TemporaryFolder()
        try folder.write("content", Array("hello".utf8))
        let certificate = Keys.folder.path + "/desk/desk-open.crt"
        let sealed = try run(
            [
                "openssl", "cms", "-encrypt", "-binary", "-aes-256-gcm", "-in", "content", "-outform", "DER", "-out",
                "box", "-recip", certificate, "-keyopt", "ecdh_kdf_md:sha256",
            ],
            in: folder.path)
        #expect(sealed.status == 0, "\(sealed.error)")
        #expect(
            try Envelope.open(FileSystem.read(folder.path + "/box"), with: Keys.identity("desk/desk-open"))
                == Array("hello".utf8))
    }

    @Test func anEnvelopeOpensForItsRecipientsOnlyAndUnaltered() throws {
        let desk = try Keys.identity("desk/desk-open")
        let other = try Keys.identity("core/core-open")
        let box = try Envelope.seal(Array("秘密".utf8), for: [desk.certificate])
        #expect(try Envelope.open(box, with: desk) == Array("秘密".utf8))
        #expect(throws: CryptoError.self) { try Envelope.open(box, with: other) }
        for offset in stride(from: 0, to: box.count, by: 7) {
            var damaged = box
            damaged[offset] ^= 4
            let opened = try? Envelope.open(damaged, with: desk)
            #expect(opened == nil || opened == Array("秘密".utf8))
        }
        let both = try Envelope.seal([1], for: [desk.certificate, other.certificate])
        #expect(try Envelope.open(both, with: other) == [1])
    }
}

/// What a carrier, a backup or a calendar can do to a lane.
@Suite struct LaneTroubleTests {
    private let edge: Side
    private let core: Side

    init() throws {
        edge = try Side(edge: true)
        core = try Side(edge: false)
    }

    @Test func aRevocationListThatCameAfterTheBatchStillCounts() throws {
        let keys = Keys.folder.path
        let script = """
            set -e
            cp -r \(keys) ca && cd ca
            openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -revoke edge/edge-sign.crt 2> /dev/null
            openssl ca -gencrl -config ca.cnf -keyfile ca.key -cert ca.crt -crl_lastupdate 20260902000000Z -crl_nextupdate 20491231235959Z -out later.crl 2> /dev/null
            openssl ca -gencrl -config <(sed s/index.txt/empty.txt/ ca.cnf) -keyfile ca.key -cert ca.crt -crl_lastupdate 20260902000000Z -crl_nextupdate 20491231235959Z -out clean.crl 2> /dev/null
            """
        let folder = TemporaryFolder()
        try folder.write("ca/empty.txt", [])
        try FileSystem.removeTree(folder.path + "/ca")
        let made = try run(
            ["bash", "-c", script.replacingOccurrences(of: "cd ca\n", with: "cd ca && : > empty.txt\n")],
            in: folder.path)
        #expect(made.status == 0, "\(made.error)")
        let signer = try Keys.identity("edge/edge-sign")
        let content = Array("x".utf8)
        let signature = try DetachedSignature.sign(content, by: signer)
        let authority = try FileSystem.read(keys + "/ca.crt")
        func verify(_ list: String) throws {
            let trust = try TrustStore(
                authorities: authority, revocationLists: [FileSystem.read(folder.path + "/ca/" + list)])
            _ = try DetachedSignature.verify(
                signature, over: content, trust: trust, allowed: [signer.certificate.publicKeyDigest], at: Side.now,
                revokedBy: Side.now.adding(seconds: 3 * 86_400))
        }
        try verify("clean.crl")
        #expect(throws: CryptoError.self) { try verify("later.crl") }
    }

    @Test func aNumberThatWaitsForPartsCannotBeTakenByAnotherBatch() throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core) { !$0.hasSuffix(".p7m") }
        #expect(try core.receive().waiting == ["e2c-0000000001": [0]])
        let restored = try Side(edge: true)
        try restored.queue(9)
        _ = try restored.send()
        try restored.carry(to: core)
        #expect(try core.receive().alarms == ["fork e2c-0000000001"])
        #expect(try core.items() == [])
    }

    @Test func aBrokenChainIsNoticedAlsoWhenTheFirstComesLast() throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.queue(2)
        _ = try edge.send()
        try edge.carry(to: core) { $0.contains("0000000002") }
        _ = try core.receive()
        let other = try Side(edge: true)
        try other.queue(7)
        _ = try other.send()
        try other.carry(to: core)
        #expect(try core.receive().alarms == ["chain e2c-0000000001"])
        #expect(try core.store.isStopped(lane: "e2c"))
    }

    @Test func aDamagedCopyInTheOutboxIsMadeGood() throws {
        try edge.queue(1)
        _ = try edge.send()
        let part = edge.outbox + "/e2c-0000000001-00000.p7m"
        try FileSystem.write([1, 2, 3], to: part)
        _ = try edge.send()
        try edge.carry(to: core)
        #expect(try core.receive().committed == ["e2c-0000000001"])
    }

    @Test func namesThatAreNoTextAndFoldersAreNoHindrance() throws {
        try FileSystem.makeDirectories(core.inbox)
        let made = try run(["bash", "-c", "touch $'\\xcb\\xb5.txt'; mkdir -p x.mf/y"], in: core.inbox)
        #expect(made.status == 0)
        _ = try core.receive()
        _ = try run(["mkdir", "-p", "x.mf/y"], in: core.inbox)
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        #expect(try core.receive().committed == ["e2c-0000000001"])
        _ = try core.send()
    }

    @Test func filesOfASettledBatchAreSweptAfterAKill() throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        _ = try core.receive()
        let lane = LaneID(name: "e2c", epoch: Side.epoch)
        let ack = try #require(try core.store.acknowledgement(lane, partsGrace: 0, at: Side.now))
        // The process dies between the database and the files.
        #expect(try edge.store.apply(ack, at: Side.now).settled == [1])
        #expect(try !FileSystem.list(edge.outbox).isEmpty)
        _ = try edge.send()
        #expect(try FileSystem.list(edge.outbox).isEmpty)
        #expect(try FileSystem.list(edge.folder.path + "/spool/sealed").isEmpty)
    }

    /// A batch that is filed in portions: after a failure it is filed again, each item once; an item that is refused does not take
    /// back what came with it, and the others come again and are there.
    @Test func aBatchInPortionsIsFiledOnce() throws {
        let edge = try Side(edge: true)
        let core = try Side(edge: false) { $0.portion = 2 }
        for number in 1...5 { try edge.queue(number) }
        _ = try edge.send()
        try edge.carry(to: core)
        let failing = try core.with { $0.failsAfter = 3 }
        #expect(try failing.receive().committed == [])
        #expect(try core.items().count == 2, "the portion that failed left nothing")
        #expect(try core.store.received(LaneID(name: "e2c", epoch: Side.epoch), sequence: 1) == nil)
        #expect(try core.receive().committed == ["e2c-0000000001"])
        #expect(try core.items() == edge.items())
        for number in 6...9 { try edge.queue(number, sealed: number == 9 ? "poison" : "sealed") }
        _ = try edge.send()
        try edge.carry(to: core)
        #expect(try core.receive().rejected == ["e2c-0000000002": .schema])
        #expect(try core.items().count == 8)
        // The edge reads the refusal and sends the three that were not to blame once more.
        try core.carry(to: edge)
        _ = try edge.receive()
        _ = try edge.send(at: Side.afterGrace)
        _ = try edge.send(at: Side.afterGrace)
        try edge.carry(to: core)
        #expect(try core.receive(at: Side.afterGrace).committed == ["e2c-0000000003"])
        #expect(try core.items().count == 8)
    }

    /// Rows that commit while a batch is made, with places before its own, are counted in it or in the next.
    @Test(.enabled(if: DatabaseEngine.available.contains(.postgresql)))
    func whatCommitsMeanwhileIsCounted() throws {
        let edge = try Side(edge: true) { $0.sending.maxItems = 5 }
        let writers = (0..<4).map { writer in
            Thread {
                for number in 0..<40 { try? edge.queue(writer * 100 + number) }
            }
        }
        for writer in writers { writer.start() }
        repeat { _ = try edge.send() } while writers.contains { !$0.isFinished }
        while try edge.send().sealed != [] {}
        let wrong = try edge.database.read { db in
            try db.rows(
                """
                SELECT seq FROM lane_outgoing o
                WHERE items > 5 OR items <> (SELECT count(*) FROM lane_queue q WHERE q.seq = o.seq)
                """
            ).count
        }
        #expect(wrong == 0)
        #expect(try edge.database.read { try $0.value("SELECT CAST(sum(items) AS BIGINT) FROM lane_outgoing") } == 160)
    }

    /// A revocation list of megabytes is parsed when it changes, not at each look.
    @Test func trustIsReadAgainWhenItsFilesChange() throws {
        let folder = TemporaryFolder()
        let (authority, list) = (folder.path + "/ca.crt", folder.path + "/ca.crl")
        for file in [authority, list] {
            try FileSystem.write(FileSystem.read(Keys.folder.path + "/" + FileSystem.name(file)), to: file)
        }
        let files = TrustFiles(authority: authority, revocationLists: [list])
        let store = try files.store()
        #expect(try files.store() === store)
        try FileSystem.write(FileSystem.read(list), to: list + ".new")
        try FileSystem.rename(list + ".new", list)
        #expect(try files.store() !== store)
        try FileSystem.remove(list)
        #expect(throws: (any Error).self) { try files.store() }
    }

    /// Between two portions of a batch the database is free: officers write, and read what is filed already.
    @Test func othersWriteWhileABatchIsFiled() throws {
        let edge = try Side(edge: true)
        let seen = Mutex<[Int]>([])
        let core = try Side(edge: false) { options in
            options.portion = 2
            options.meanwhile = { database in
                let filed = try database.write { db in
                    try db.execute(
                        "INSERT INTO item (id, kind) VALUES (?, 'officer')", "o\(UInt64.random(in: 0 ... .max))")
                    return try db.value("SELECT count(*) FROM item WHERE kind = 'hotline'") ?? 0
                }
                seen.withLock { $0.append(filed) }
            }
        }
        for number in 1...5 { try edge.queue(number) }
        _ = try edge.send()
        try edge.carry(to: core)
        #expect(try core.receive().committed == ["e2c-0000000001"])
        #expect(seen.withLock { $0.sorted() } == [0, 0, 2, 2, 4])
    }
}
