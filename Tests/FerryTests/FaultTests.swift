import CMS
import Foundation
import LaneDatabase
import PortalBase
import SQL
import TestSupport
import Testing

@testable import Ferry

/// What carriers, disks and clocks do to files on their way.
@Suite struct CarriageTests {
    private let edge: Side
    private let core: Side
    private static let first = "e2c-0000000001"

    init() throws {
        edge = try Side(edge: true)
        core = try Side(edge: false)
    }

    /// A batch of four parts lies in the outbox.
    private func sealFourParts() throws {
        for n in 1...13 { try edge.queue(n, sealed: String(repeating: "x", count: (1 << 20) - 100)) }
        _ = try edge.send()
        #expect(try FileSystem.list(edge.outbox).filter { $0.name.hasSuffix(".p7m") }.count == 4)
    }

    enum Damage: CaseIterable {
        case truncated, empty, flipped, longer, absent, link, folder

        func apply(_ path: String) throws {
            var bytes = try FileSystem.read(path)
            switch self {
            case .truncated: bytes.removeLast(bytes.count / 2)
            case .empty: bytes = []
            case .flipped: bytes[bytes.count / 2] ^= 0x10
            case .longer: bytes += [UInt8](repeating: 0, count: 4_096)
            case .absent: return try FileSystem.remove(path)
            case .link:
                try FileSystem.rename(path, path + ".away")
                guard symlink(path + ".away", path) == 0 else { throw FileError("symlink", path) }
                return
            case .folder:
                try FileSystem.remove(path)
                return try FileSystem.makeDirectories(path)
            }
            try FileSystem.write(bytes, to: path)
        }
    }

    @Test(arguments: Damage.allCases)
    func aDamagedPartAloneIsAskedForAgain(_ damage: Damage) throws {
        try sealFourParts()
        try edge.carry(to: core)
        let bad = Self.first + "-00002.p7m"
        try damage.apply(core.inbox + "/" + bad)
        #expect(try core.receive().waiting == [Self.first: [2]])
        _ = try core.receive(at: Side.afterGrace)
        try edge.emptyOutbox()
        try core.carry(to: edge) { $0.contains("-ack-") }
        #expect(try edge.send(at: Side.afterGrace).offered == [Self.first])
        let offered = try FileSystem.list(edge.outbox).map(\.name)
        #expect(offered == [bad, Self.first + ".mf", Self.first + ".p7s"])
        try FileSystem.removeTree(core.inbox + "/" + bad)
        try edge.carry(to: core)
        #expect(try core.receive(at: Side.afterGrace).committed == [Self.first])
        #expect(try core.items() == edge.items())
        try core.carry(to: edge) { $0.contains("-ack-") }
        #expect(try edge.send(at: Side.afterGrace).settled == [1])
    }

    @Test func aPartThatIsLostTwiceIsSentAloneOnceMore() throws {
        try sealFourParts()
        try edge.carry(to: core) { !$0.hasSuffix("-00002.p7m") }
        _ = try core.receive()
        var now = Side.afterGrace
        for _ in 1...3 {
            // The same acknowledgement every time: nothing new is known to the receiver.
            #expect(try core.receive(at: now).waiting == [Self.first: [2]])
            try edge.emptyOutbox()
            try core.carry(to: edge) { $0.contains("-ack-") }
            #expect(try edge.send(at: now).offered == [Self.first])
            #expect(
                try FileSystem.list(edge.outbox).map(\.name).filter { $0.hasSuffix(".p7m") } == [
                    Self.first + "-00002.p7m"
                ])
            // It may still be on its way.
            try core.carry(to: edge) { $0.contains("-ack-") }
            try edge.emptyOutbox()
            #expect(try edge.send(at: now.adding(seconds: 60)).offered == [])
            now = now.adding(seconds: 3_600)
        }
        try core.carry(to: edge) { $0.contains("-ack-") }
        _ = try edge.send(at: now)
        try edge.carry(to: core)
        #expect(try core.receive(at: now).committed == [Self.first])
    }

    @Test(arguments: Damage.allCases, [".ak", ".p7s"])
    func aDamagedAcknowledgementSettlesNothingAndTheTrueOneDoes(_ damage: Damage, _ half: String) throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        #expect(try core.receive().committed == [Self.first])
        try core.carry(to: edge) { $0.contains("-ack-") }
        let name = try #require(try FileSystem.list(edge.inbox).map(\.name).first { $0.hasSuffix(half) })
        try damage.apply(edge.inbox + "/" + name)
        #expect(try edge.send().settled == [])
        #expect(try edge.alarms("e2c") == [])
        for name in try FileSystem.list(edge.inbox).map(\.name) { try FileSystem.removeTree(edge.inbox + "/" + name) }
        try core.carry(to: edge) { $0.contains("-ack-") }
        #expect(try edge.send().settled == [1])
    }

    /// A gap box writes slowly, under the final names, and in an order of its own.
    @Test(arguments: [true, false])
    func partsMayComeInAnyOrderAndHalfWritten(_ headFirst: Bool) throws {
        try sealFourParts()
        let heads = [Self.first + ".p7s", Self.first + ".mf"]
        let parts = try FileSystem.list(edge.outbox).map(\.name).filter { $0.hasSuffix(".p7m") }
        for name in headFirst ? heads + parts.reversed() : parts.reversed() + heads {
            let bytes = try FileSystem.read(edge.outbox + "/" + name)
            for count in [0, bytes.count / 3, bytes.count] {
                try FileSystem.write(Array(bytes[..<count]), to: core.inbox + "/" + name)
                // Half a manifest would be put aside as noise; people's copies come whole.
                if heads.contains(name), count < bytes.count { continue }
                let isLast = count == bytes.count && name == (headFirst ? parts.first : heads.last)
                #expect(try core.receive().committed == (isLast ? [Self.first] : []))
            }
        }
        #expect(try core.items() == edge.items())
    }

    @Test func halfAManifestIsNoiseAndTheWholeOneCommits() throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        let manifest = try FileSystem.read(core.inbox + "/" + Self.first + ".mf")
        try FileSystem.write(Array(manifest.dropLast(5)), to: core.inbox + "/" + Self.first + ".mf")
        #expect(try core.receive().quarantined.count == 1)
        try edge.carry(to: core)
        #expect(try core.receive().committed == [Self.first])
    }

    @Test func oddNamesAreNoHindrance() throws {
        try edge.queue(1)
        _ = try edge.send()
        let odd = """
            : > E2C-0000000001.MF; : > e2c-00000000010.mf; : > e2c-00000000010.p7s; : > e2c-0000000001x.mf; : > ...mf; : > -.mf
            : > 'e2c-0000000001 .mf'; : > $'e2c-\\xff.mf'; : > $'e2c-\\xff.ak'; mkfifo e2c-0000000003.mf e2c-0000000003.p7s
            ln -s /etc/hostname e2c-0000000004.mf; ln -s .. e2c-0000000005.mf; mkdir e2c-0000000006.mf c2e-ack-0000000001.ak
            head -c 20000000 /dev/zero > e2c-0000000007.mf; : > e2c-0000000007.p7s; ln -s nowhere e2c-0000000008.p7s; : > e2c-0000000008.mf
            """
        #expect(try run(["bash", "-c", odd], in: core.inbox).status == 0)
        try edge.carry(to: core)
        #expect(try core.receive().committed == [Self.first])
        _ = try core.send()
        #expect(FileSystem.kind("/etc/hostname") == .file)
        // All of it is out of the way, and a second look finds nothing to do.
        #expect(try core.receive().quarantined == [:])
    }

    /// Folders and names that no side gives, where files of a lane are swept: told, and everything else goes on.
    @Test func whatCannotBeSweptHoldsNothingUp() throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        #expect(try core.receive().committed == [Self.first])
        let odd = "mkdir e2c-0000000001-00000.p7m; touch $'e2c-0000000001\\nALARM.p7m'"
        #expect(try run(["bash", "-c", odd], in: core.inbox).status == 0)
        let report = try core.receive()
        #expect(report.quarantined.count == 2)
        #expect(report.text.split(separator: "\n").allSatisfy { $0.hasPrefix("quarantined ") })
        #expect(try FileSystem.list(core.inbox).isEmpty)
        // Folders of the sender's own under names that it sweeps.
        for folder in ["outbox", "sealed"] {
            for name in ["e2c-x.tmp", "e2c-0000000009.mf"] {
                try FileSystem.makeDirectories(edge.folder.path + "/spool/\(folder)/\(name)/x")
            }
        }
        try FileSystem.makeDirectories(core.outbox + "/e2c-ack-0000000009.ak/x")
        try edge.queue(2)
        let sent = try edge.send()
        #expect(sent.sealed == ["e2c-0000000002"] && sent.alarms.count == 4)
        try edge.carry(to: core) { !$0.contains("0000000009") && !$0.hasSuffix(".tmp") }
        let taken = try core.receive()
        #expect(taken.committed == ["e2c-0000000002"] && taken.alarms.count == 1)
        #expect(try FileSystem.list(core.outbox).contains { $0.name.hasSuffix(".p7s") }, "it is acknowledged")
    }

    @Test func aLateCopyOfAnAnsweredBatchIsSwept() throws {
        try sealFourParts()
        try edge.carry(to: core)
        _ = try core.receive()
        try edge.carry(to: core) { $0.hasSuffix("-00001.p7m") }
        _ = try core.receive()
        #expect(try FileSystem.list(core.inbox).isEmpty)
    }

    @Test func whatACarrierTookAwayComesAgainInTimeAndOnRequest() throws {
        try edge.queue(1)
        #expect(try edge.send().offered == [Self.first])
        try edge.emptyOutbox()
        #expect(try edge.send().offered == [])
        #expect(try edge.send(again: true).offered == [Self.first])
        try edge.emptyOutbox()
        #expect(try edge.send(at: Side.now.adding(seconds: 86_399)).offered == [])
        #expect(try edge.send(at: Side.now.adding(seconds: 86_400)).offered == [Self.first])
        // A clock that was set back does not keep it either.
        try edge.emptyOutbox()
        #expect(try edge.send(at: Side.now.adding(seconds: -10 * 86_400)).offered == [Self.first])
    }

    @Test(arguments: [true, false])
    func sealedBytesThatAreLostAreSaidAndOthersGoOn(_ isGone: Bool) throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.emptyOutbox()
        let part = edge.folder.path + "/spool/sealed/" + Self.first + "-00000.p7m"
        if isGone {
            try FileSystem.remove(part)
        } else {
            var bytes = try FileSystem.read(part)
            bytes[bytes.count / 2] ^= 1
            try FileSystem.write(bytes, to: part)
        }
        try edge.queue(2)
        let report = try edge.send(again: true)
        #expect(report.alarms == ["sealedLost " + Self.first] && report.offered == ["e2c-0000000002"])
        #expect(try edge.alarms("e2c") == ["sealedLost"])
        // The way out is a new epoch; the item is still there.
        let record = EpochRecord(
            lane: "e2c", epoch: String(repeating: "e", count: 32), after: Side.epoch, created: Side.now)
        for side in [edge, core] { try side.store.adopt(record, signer: "operator", at: Side.now) }
        _ = try edge.send()
        try edge.carry(to: core)
        #expect(try core.receive().committed == [Self.first])
        #expect(try core.items() == edge.items())
    }

    @Test func twoAtOnceOnALaneAreRefusedAndTheTwoLanesAreFree() throws {
        try edge.queue(1)
        let lock = try FileLock(edge.folder.path + "/spool/e2c.lock")
        #expect(throws: LaneError.self) { try edge.send() }
        _ = try edge.receive()
        withExtendedLifetime(lock) {}
        try edge.carry(to: core)
        let other = try FileLock(core.folder.path + "/spool/e2c.lock")
        #expect(throws: LaneError.self) { try core.receive() }
        _ = try core.send()
        withExtendedLifetime(other) {}
    }

    @Test func aFullDiskIsSaidBeforeWorkBegins() throws {
        try edge.queue(1)
        let crowded = try edge.with { $0.sending.reserve = 1 << 60 }
        let report = try crowded.send()
        #expect(report.sealed == [] && report.alarms.count == 1)
        #expect(try edge.alarms("e2c") == ["space"])
        #expect(try edge.send().sealed == [Self.first])
        #expect(try edge.alarms("e2c") == [])
        try edge.carry(to: core)
        #expect(try core.with { $0.receiving.reserve = 1 << 60 }.receive().committed == [])
        #expect(try core.alarms("e2c") == ["space"])
        #expect(try core.receive().committed == [Self.first])
        #expect(try core.alarms("e2c") == [])
    }

    /// A file that looks like a note of ours, when it is put aside, leads nowhere.
    @Test func aForgedNoteInTheQuarantineRemovesNothing() throws {
        let stem = String(repeating: "a", count: 57) + ".reason"
        try FileSystem.write([7], to: core.folder.path + "/treasure")
        let note = #"{"at":"2020-01-01T00:00:00+08:00","files":["../../treasure","..","."]}"# + "\n"
        for name in ["e2c-0000000001", stem, "e2c-" + stem] {
            try FileSystem.write(Array(note.utf8), to: core.inbox + "/" + name + ".mf")
            try FileSystem.write([2], to: core.inbox + "/" + name + ".p7s")
        }
        try FileSystem.write(Array(note.utf8), to: core.folder.path + "/spool/quarantine/planted.reason")
        for days in [0, 1, 200, 400] { _ = try core.receive(at: Side.now.adding(seconds: days * 86_400)) }
        #expect(FileSystem.kind(core.folder.path + "/treasure") == .file)
        #expect(FileSystem.kind(core.folder.path + "/spool/quarantine") == .directory)
    }

    @Test func quarantineIsEmptiedInTime() throws {
        try FileSystem.write([1], to: core.inbox + "/e2c-0000000001.mf")
        try FileSystem.write([2], to: core.inbox + "/e2c-0000000001.p7s")
        #expect(try core.receive().quarantined.count == 1)
        let folder = core.folder.path + "/spool/quarantine"
        #expect(try FileSystem.list(folder).count == 3)
        _ = try core.receive(at: Side.now.adding(seconds: 89 * 86_400))
        #expect(try FileSystem.list(folder).count == 3)
        _ = try core.receive(at: Side.now.adding(seconds: 91 * 86_400))
        #expect(try FileSystem.list(folder).isEmpty)
    }
}

/// Numbers, chains, acknowledgements, epochs.
@Suite struct SequenceTests {
    private let edge: Side
    private let core: Side
    private static let id = LaneID(name: "e2c", epoch: Side.epoch)

    init() throws {
        edge = try Side(edge: true)
        core = try Side(edge: false)
    }

    private func cross(_ at: Instant = Side.now) throws -> LaneReport {
        _ = try edge.send(at: at)
        try edge.carry(to: core)
        return try core.receive(at: at)
    }

    private func acknowledge(_ at: Instant = Side.now) throws -> LaneReport {
        try core.carry(to: edge) { $0.contains("-ack-") }
        return try edge.send(at: at)
    }

    @Test func aMissingNumberAlarmsAfterAWhileAndTheAlarmEnds() throws {
        for n in 1...3 {
            try edge.queue(n)
            _ = try edge.send()
        }
        try edge.carry(to: core) { !$0.contains("0000000002") }
        #expect(try core.receive().committed == ["e2c-0000000001", "e2c-0000000003"])
        #expect(try core.alarms("e2c") == [])
        let later = Side.now.adding(seconds: 86_400)
        #expect(try core.receive(at: later).alarms == ["gap 2"])
        #expect(try core.receive(at: later).alarms == ["gap 2"] && core.alarms("e2c") == ["gap"])
        try edge.carry(to: core) { $0.contains("0000000002") }
        #expect(try core.receive(at: later).committed == ["e2c-0000000002"])
        #expect(try core.alarms("e2c") == [])
    }

    @Test func acknowledgementsMayBeLostRepeatedOldOrEarly() throws {
        try edge.queue(1)
        _ = try cross()
        let old = try #require(try core.store.acknowledgement(Self.id, partsGrace: 0, at: Side.now))
        try edge.queue(2)
        _ = try cross()
        // The first acknowledgement is lost; the second says all that it said.
        #expect(try acknowledge().settled == [1, 2])
        // Old ones and the same again change nothing.
        #expect(try edge.store.apply(old, at: Side.now) == AckEffect())
        #expect(try acknowledge().settled == [])
        // One for a number that never left: this side's memory is older than what was sent from it.
        let early = Acknowledgement(
            lane: "e2c", epoch: Side.epoch, counter: 99, highWater: 7, ranges: [1...7], entries: [], at: Side.now)
        #expect(try edge.store.apply(early, at: Side.now).alarms.first?.hasPrefix("senderBehind") == true)
        try edge.queue(3)
        #expect(try edge.send().sealed == [])
    }

    @Test(arguments: [0, 1, 2, 3])
    func adamagedAcknowledgementIsNoise(_ way: Int) throws {
        try edge.queue(1)
        _ = try cross()
        try core.carry(to: edge)
        let name = edge.inbox + "/e2c-ack-0000000001." + (way < 2 ? "ak" : "p7s")
        var bytes = try FileSystem.read(name)
        if way.isMultiple(of: 2) { bytes[bytes.count / 2] ^= 1 } else { bytes = [] }
        try FileSystem.write(bytes, to: name)
        let report = try edge.send()
        #expect(report.settled == [] && report.quarantined.count == 1)
        #expect(try acknowledge().settled == [1])
    }

    @Test func anAnswerToOtherBytesIsNoAnswer() throws {
        try edge.queue(1)
        _ = try edge.send()
        let other = Acknowledgement.Entry(sequence: 1, manifest: SHA256Digest(of: [1]), result: .committed)
        let ack = Acknowledgement(
            lane: "e2c", epoch: Side.epoch, counter: 5, highWater: 1, ranges: [1...1], entries: [other], at: Side.now)
        #expect(try edge.store.apply(ack, at: Side.now).settled == [])
        #expect(try edge.store.outgoing(Self.id).count == 1)
    }

    @Test func aSenderRestoredFromABackupBeginsANewEpochAndNothingIsLost() throws {
        try edge.queue(1)
        _ = try cross()
        // A backup of the edge from before: it would send other bytes under the number 1.
        let restored = try Side(edge: true)
        try restored.queue(1)
        try restored.queue(2)
        _ = try restored.send()
        try restored.carry(to: core)
        #expect(try core.receive().alarms == ["fork e2c-0000000001"])
        #expect(try core.store.isStopped(lane: "e2c"))
        let record = EpochRecord(
            lane: "e2c", epoch: String(repeating: "a", count: 32), after: Side.epoch, created: Side.now)
        for side in [restored, core] { try side.store.adopt(record, signer: "operator", at: Side.now) }
        // The same record once more is no new beginning; one that follows something else is refused.
        #expect(try core.store.adopt(record, signer: "operator", at: Side.now) == 0)
        #expect(throws: LaneDatabase.AdoptionError.self) {
            try core.store.adopt(
                EpochRecord(
                    lane: "e2c", epoch: String(repeating: "b", count: 32), after: Side.epoch, created: Side.now),
                signer: "operator", at: Side.now)
        }
        _ = try restored.send()
        try restored.carry(to: core)
        #expect(try core.receive().committed == ["e2c-0000000001"])
        #expect(try core.items() == restored.items())
        // What the old epoch still sends is noise.
        try edge.queue(3)
        _ = try edge.send()
        try edge.carry(to: core) { $0.contains("0000000002") }
        #expect(try core.receive().quarantined.values.contains("epoch"))
    }

    @Test func aReceiverRestoredFromABackupGetsItAllAgainOnce() throws {
        try edge.queue(1)
        _ = try cross()
        #expect(try acknowledge().settled == [1])
        let restored = try Side(edge: false)
        try edge.queue(2)
        _ = try edge.send()
        try edge.carry(to: restored)
        _ = try restored.receive(at: Side.now.adding(seconds: 5))
        #expect(try restored.items().count == 1)
        // Its acknowledgement is younger than the one seen and counts from one again.
        try restored.carry(to: edge) { $0.contains("-ack-") }
        #expect(try edge.send().alarms.first?.hasPrefix("receiverBehind") == true)
        let record = EpochRecord(
            lane: "e2c", epoch: String(repeating: "c", count: 32), after: Side.epoch, resendFrom: 1, created: Side.now)
        #expect(try edge.store.adopt(record, signer: "operator", at: Side.now) == 2)
        try restored.store.adopt(record, signer: "operator", at: Side.now)
        _ = try edge.send()
        try edge.carry(to: restored)
        #expect(try restored.receive().committed == ["e2c-0000000001"])
        #expect(try restored.items() == edge.items())
    }

    @Test func anEpochNeedsAnOperator() throws {
        let record = EpochRecord(lane: "e2c", epoch: String(repeating: "d", count: 32), after: nil, created: Side.now)
        let trust = try TrustStore(authorities: FileSystem.read(Keys.folder.path + "/ca.crt"))
        let operators: Set<SHA256Digest> = [try Keys.certificate("operator/operator").publicKeyDigest]
        for (signer, holds) in [("operator/operator", true), ("edge/edge-sign", false), ("staff/stranger", false)] {
            let signature = try DetachedSignature.sign(record.bytes, by: Keys.identity(signer))
            let verified = try? EpochRecord.verified(
                record.bytes, signature: signature, trust: trust, operators: operators, at: Side.now)
            #expect((verified?.record == record) == holds)
        }
    }

    @Test func aLaneWithoutEpochDoesNotRun() throws {
        let folder = TemporaryFolder()
        let database = try openDatabase(folder.path + "/x.sqlite")
        try Migrations(.init(LaneDatabase.tables + LaneDatabase.heldTables + LaneDatabase.carriedTables)).run(
            on: database)
        #expect(try LaneDatabase.status(of: folder.path + "/x.sqlite", at: Side.now).isEmpty)
        let store = LaneDatabase(database, load: { _, _, _ in throw SQLError(.fault, "none") }, apply: { _, _, _ in })
        #expect(try store.epoch(of: "e2c") == nil)
    }

    @Test func anExpiredBatchIsAnsweredAndItsItemsComeUnderANewNumber() throws {
        try edge.queue(1)
        _ = try edge.send()
        try edge.emptyOutbox()
        let late = Side.now.adding(seconds: 31 * 86_400)
        // The number is still offered, by its head alone, so that the other side can close it.
        #expect(try edge.send(at: late).sealed == ["e2c-0000000002"])
        #expect(
            try FileSystem.list(edge.outbox).map(\.name).filter { $0.contains("0000000001") } == [
                "e2c-0000000001.mf", "e2c-0000000001.p7s",
            ])
        try edge.carry(to: core)
        let report = try core.receive(at: late)
        #expect(report.rejected == ["e2c-0000000001": .expired] && report.committed == ["e2c-0000000002"])
        #expect(try acknowledge(late).settled == [1, 2])
        #expect(try core.items() == edge.items())
    }

    @Test func anExpiredBatchThatHadArrivedIsNotDoubled() throws {
        try edge.queue(1)
        _ = try cross()
        let late = Side.now.adding(seconds: 31 * 86_400)
        #expect(try edge.send(at: late).sealed == ["e2c-0000000002"])
        try edge.carry(to: core)
        #expect(try core.receive(at: late).committed == ["e2c-0000000002"])
        #expect(try core.items() == edge.items())
        #expect(try acknowledge(late).settled == [1, 2])
    }

    @Test(arguments: [-400, 3_650])
    func aClockThatJumpsLosesNothing(_ days: Int) throws {
        try edge.queue(1)
        _ = try edge.send(at: Side.now.adding(seconds: days * 86_400))
        try edge.carry(to: core)
        let report = try core.receive()
        if days < 0 {
            // Sealed in the past by a slow clock: its time is over here, and the items come again.
            #expect(report.rejected == ["e2c-0000000001": .expired])
            #expect(report.alarms == ["clock e2c-0000000001 expired before it came"])
            #expect(try core.alarms("e2c") == ["clock"])
            _ = try acknowledge()
            #expect(try cross().committed == ["e2c-0000000002"])
            #expect(try core.alarms("e2c") == [])
        } else {
            #expect(report.alarms == ["clock e2c-0000000001"])
            #expect(try core.alarms("e2c") == ["clock"])
            #expect(try core.receive(at: Side.now.adding(seconds: days * 86_400)).committed == ["e2c-0000000001"])
            #expect(try core.alarms("e2c") == [])
        }
        #expect(try core.items() == edge.items())
    }

    @Test func anEmptyBatchBreaksTheSilence() throws {
        let beating = try edge.with { $0.sending.heartbeat = 3_600 }
        #expect(try beating.send(at: Side.now.adding(seconds: 3_599)).sealed == [])
        let hour = Side.now.adding(seconds: 3_600)
        #expect(try beating.send(at: hour).sealed == ["e2c-0000000001"])
        #expect(try beating.send(at: hour).sealed == [])
        try edge.carry(to: core)
        let listening = try core.with { $0.receiving.silenceAfter = 7_200 }
        #expect(try listening.receive(at: hour).committed == ["e2c-0000000001"])
        #expect(try core.items() == [])
        #expect(try listening.receive(at: hour.adding(seconds: 7_199)).alarms == [])
        #expect(try listening.receive(at: hour.adding(seconds: 7_200)).alarms.first?.hasPrefix("silence") == true)
        #expect(try core.alarms("e2c") == ["silence"])
        try beating.queue(1)
        _ = try beating.send(at: hour.adding(seconds: 7_300))
        try edge.carry(to: core)
        #expect(try listening.receive(at: hour.adding(seconds: 7_300)).committed == ["e2c-0000000002"])
        #expect(try core.alarms("e2c") == [])
    }

    @Test func throughADiodeEverythingIsSaidAgainAndASlipAsksForTheRest() throws {
        let diode = try edge.with { $0.sending.delivery = .oneWay(times: 3, over: 6 * 86_400) }
        let deaf = try core.with { $0.acknowledges = false }
        for n in 1...3 {
            try diode.queue(n)
            _ = try diode.send()
        }
        try edge.carry(to: core) { $0.contains("0000000003") }
        try edge.emptyOutbox()
        #expect(try deaf.receive().committed == ["e2c-0000000003"])
        #expect(try FileSystem.list(core.outbox).isEmpty)
        // A person carries what is printed.
        let slip = try #require(GapSlip(Self.id, try core.store.receipts(Self.id, at: Side.now)))
        #expect(slip.text.hasPrefix("e2c 01234567 1-2 "))
        #expect(GapSlip(typed: slip.text.lowercased()) == slip)
        #expect(GapSlip(typed: slip.text.replacingOccurrences(of: "1-2", with: "1-3")) == nil)
        #expect(try edge.store.offerAgain(slip, at: Side.now).isEmpty)
        #expect(try diode.send().offered == ["e2c-0000000001", "e2c-0000000002"])
        try edge.carry(to: core) { !$0.contains("0000000002-00000") }
        try edge.emptyOutbox()
        #expect(try deaf.receive().committed == ["e2c-0000000001"])
        let part = try #require(GapSlip(Self.id, try core.store.receipts(Self.id, at: Side.now)))
        #expect(part.text.contains(" 2:0 "))
        // Without any slip, all is offered as often as agreed, and then no more.
        var times = 0
        for day in 1...10 {
            if try diode.send(at: Side.now.adding(seconds: day * 86_400)).offered.contains("e2c-0000000002") {
                times += 1
            }
            try edge.carry(to: core)
            try edge.emptyOutbox()
        }
        #expect(times == 1)
        #expect(try deaf.receive(at: Side.now.adding(seconds: 86_400)).committed == ["e2c-0000000002"])
        #expect(try core.items() == edge.items())
        // When its time is over, the sender lets go.
        _ = try diode.send(at: Side.now.adding(seconds: 40 * 86_400))
        #expect(try edge.store.outgoing(Self.id).isEmpty)
    }

    @Test func everythingIsInTheAuditLogAndTheLogCannotBeEdited() throws {
        try edge.queue(1)
        try edge.queue(2, sealed: "poison")
        _ = try cross()
        _ = try acknowledge()
        let lines = try core.database.read { try $0.column("SELECT line FROM lane_audit ORDER BY n") as [String] }
        #expect(AuditLog.breakPoint(lines) == nil)
        #expect(lines.contains { $0.contains(#""event":"rejected""#) && $0.contains(#""code":"schema""#) })
        #expect(lines[0].contains(#""event":"epoch""#))
        for (index, line) in lines.enumerated() {
            var changed = lines
            changed[index] = line.replacingOccurrences(of: "e2c", with: "c2e")
            if changed != lines { #expect(AuditLog.breakPoint(changed) != nil || index == lines.count - 1) }
            var cut = lines
            cut.remove(at: index)
            if index < lines.count - 1 { #expect(AuditLog.breakPoint(cut) == index + 1) }
        }
        #expect(AuditLog.head(lines) != AuditLog.head(Array(lines.dropLast())))
    }
}

/// Signers, recipients, certificates and what is inside.
@Suite struct AuthenticityTests {
    private let edge: Side
    private let core: Side
    private static let first = "e2c-0000000001"

    init() throws {
        edge = try Side(edge: true)
        core = try Side(edge: false)
    }

    /// Sends what waits and says what the core makes of it.
    private func cross(from sender: Side? = nil, to receiver: Side? = nil) throws -> LaneReport {
        let (sender, receiver) = (sender ?? edge, receiver ?? core)
        _ = try sender.send()
        try sender.carry(to: receiver)
        return try receiver.receive()
    }

    @Test func aBatchForAnotherRecipientOrLaneIsNoise() throws {
        let stray = try Side(edge: true) { $0.recipients = ["desk/desk-open"] }
        try stray.queue(1)
        #expect(try cross(from: stray).quarantined.values.contains("recipient"))
        // A batch of the core's own lane, brought back to it under the other lane's name.
        let item = JSON.object([
            "id": .string("00000000-0000-4000-8000-000000000009"), "kind": .string("status"),
            "lookup": .string(SHA256Digest(of: []).hex),
            "version": .integer(1), "open": .bool(true), "box": .string(""),
        ]).canonicalBytes
        try core.database.write { db in
            try db.execute("INSERT INTO item VALUES ('00000000-0000-4000-8000-000000000009', 'status', ?, NULL)", item)
            try LaneDatabase.enqueue(
                db, lane: "c2e", item: "00000000-0000-4000-8000-000000000009", bytes: item.count, at: Side.now)
        }
        _ = try core.send()
        for ending in [".mf", ".p7s", "-00000.p7m"] {
            try FileSystem.write(
                FileSystem.read(core.outbox + "/c2e-0000000001" + ending), to: core.inbox + "/" + Self.first + ending)
        }
        #expect(try core.receive().quarantined.values.contains("signer"))
        // And one that the edge itself signs for the wrong lane.
        let both = try core.with { $0.pinned = ["edge/edge-sign", "core/core-sign"] }
        for ending in [".mf", ".p7s", "-00000.p7m"] {
            try FileSystem.write(
                FileSystem.read(core.outbox + "/c2e-0000000001" + ending), to: core.inbox + "/" + Self.first + ending)
        }
        #expect(try both.receive().quarantined.values.contains("lane"))
        try edge.queue(2)
        #expect(try cross().committed == [Self.first])
    }

    @Test func keysChangeInTheMiddleOfALane() throws {
        try edge.queue(1)
        #expect(try cross().committed == [Self.first])
        // The core accepts the next signer too, and opens with its next key too; then the edge changes both.
        let ready = try core.with {
            $0.pinned = ["edge/edge-sign", "release/first"]
            $0.opens = ["core/core-open", "desk/desk-open"]
        }
        let changed = try edge.with {
            $0.signer = "release/first"
            $0.recipients = ["desk/desk-open"]
        }
        try changed.queue(2)
        #expect(try cross(from: changed, to: ready).committed == ["e2c-0000000002"])
        // Several recipients at once: either key opens.
        let several = try edge.with { $0.recipients = ["core/core-open", "desk/desk-open"] }
        try several.queue(3)
        #expect(try cross(from: several, to: core).committed == ["e2c-0000000003"])
        #expect(try core.items() == edge.items())
    }

    /// A certificate as tests need one, beside the development authority's own.
    private func issue(_ name: String, _ script: String) throws -> TemporaryFolder {
        let folder = TemporaryFolder()
        let made = try run(
            [
                "bash", "-c",
                """
                set -e; cp -r \(Keys.folder.path) keys; cd keys
                issue() { # name, extensions, from, to
                  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj "/O=t/CN=$1" 2> /dev/null
                  openssl ca -batch -config ca.cnf -keyfile ${CA:-ca}.key -cert ${CA:-ca}.crt -in $1.csr -out $1.crt -notext -startdate $3 -enddate $4 \
                    -extfile <(printf 'basicConstraints=critical,CA:FALSE\\nsubjectKeyIdentifier=hash\\n%s\\n' "$2") 2> /dev/null
                }
                \(script)
                """,
            ], in: folder.path)
        #expect(made.status == 0, "\(made.error)")
        return folder
    }

    @Test(arguments: [
        ("expired", "issue expired keyUsage=critical,digitalSignature 20200101000000Z 20260101000000Z"),
        ("usage", "issue usage keyUsage=critical,keyAgreement 20200101000000Z 20491231235959Z"),
        (
            "unknown",
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.crt -days 9999 -subj /O=t/CN=other 2> /dev/null; CA=other issue unknown keyUsage=critical,digitalSignature 20200101000000Z 20491231235959Z"
        ),
    ])
    func aPinnedSignerWhoseCertificateDoesNotHoldIsNoise(_ name: String, _ script: String) throws {
        let folder = try issue(name, script)
        let path = folder.path + "/keys/" + name
        let signer = try Identity(path: path)
        let bytes = Array("content".utf8)
        let signature = try DetachedSignature.sign(bytes, by: signer)
        let trust = try TrustStore(
            authorities: FileSystem.read(Keys.folder.path + "/ca.crt"),
            revocationLists: [FileSystem.read(Keys.folder.path + "/ca.crl")])
        #expect {
            try DetachedSignature.verify(
                signature, over: bytes, trust: trust, allowed: [signer.certificate.publicKeyDigest], at: Side.now,
                revokedBy: Side.now)
        } throws: { ($0 as? CryptoError)?.code == .untrusted }
    }

    @Test func aRevokedSignerIsNoiseAndAnOutdatedListHoldsEverythingBack() throws {
        let folder = try issue(
            "lists",
            """
            openssl ca -gencrl -config ca.cnf -keyfile ca.key -cert ca.crt -crl_lastupdate 20200101000000Z -crl_nextupdate 20260801000000Z -out old.crl 2> /dev/null
            openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -revoke edge/edge-sign.crt 2> /dev/null
            openssl ca -gencrl -config ca.cnf -keyfile ca.key -cert ca.crt -crl_lastupdate 20260101000000Z -crl_nextupdate 20491231235959Z -out revoked.crl 2> /dev/null
            """)
        try edge.queue(1)
        _ = try edge.send()
        try edge.carry(to: core)
        // This side's list is too old to judge by: nothing moves, nothing is put aside, and somebody is told.
        let blind = try core.with { $0.revocationLists = [folder.path + "/keys/old.crl"] }
        let waiting = try blind.receive()
        #expect(waiting.committed == [] && waiting.quarantined == [:] && waiting.alarms.count == 1)
        let strict = try core.with { $0.revocationLists = [folder.path + "/keys/revoked.crl"] }
        #expect(try strict.receive().quarantined.values.contains("signature"))
        try edge.carry(to: core)
        #expect(try core.receive().committed == [Self.first])
    }

    @Test func twoSignersAreOneTooMany() throws {
        try edge.queue(1)
        _ = try edge.send()
        let keys = Keys.folder.path
        let signed = try run(
            [
                "openssl", "cms", "-sign", "-binary", "-in", Self.first + ".mf", "-signer",
                keys + "/edge/edge-sign.crt",
                "-inkey", keys + "/edge/edge-sign.key", "-signer", keys + "/staff/stranger.crt", "-inkey",
                keys + "/staff/stranger.key", "-outform", "DER", "-out", Self.first + ".p7s", "-md", "sha256",
            ], in: edge.outbox)
        #expect(signed.status == 0, "\(signed.error)")
        try edge.carry(to: core)
        #expect(try core.receive().quarantined.values.contains("signature"))
    }

    @Test func theSecondSignatureIsDemandedWhereItIsAgreed() throws {
        let signing = try edge.with { $0.sm2Signer = "edge/edge-sm2" }
        let demanding = try core.with { $0.sm2Pinned = ["edge/edge-sm2"] }
        try signing.queue(1)
        _ = try signing.send()
        // Stock openssl verifies it.
        let keys = Keys.folder.path
        let verified = try run(
            [
                "bash", "-c",
                "openssl x509 -in \(keys)/edge/edge-sm2.crt -noout -pubkey > key.pem && openssl dgst -sm3 -verify key.pem -sigopt distid:1234567812345678 -signature \(Self.first).sm2 \(Self.first).mf; rm key.pem",
            ], in: edge.outbox)
        #expect(verified.output.contains("Verified OK"), "\(verified.error)")
        try edge.carry(to: core) { !$0.hasSuffix(".sm2") }
        #expect(try demanding.receive().waiting == [Self.first: []])
        try edge.carry(to: core)
        var bytes = try FileSystem.read(core.inbox + "/" + Self.first + ".sm2")
        bytes[20] ^= 1
        try FileSystem.write(bytes, to: core.inbox + "/" + Self.first + ".sm2")
        #expect(try demanding.receive().quarantined.values.contains("sm2"))
        try edge.carry(to: core)
        #expect(try demanding.receive().committed == [Self.first])
        // A batch without one is noise for a receiver that demands it, and welcome to one that does not.
        try edge.queue(2)
        #expect(try cross(to: demanding).quarantined.values.contains("sm2"))
        try edge.carry(to: core)
        #expect(try core.receive().committed == ["e2c-0000000002"])
    }

    @Test func aLaneWithoutSealIsReadByThoseWhoAgreed() throws {
        let open = try edge.with { $0.seal = .none }
        let reading = try core.with { $0.seal = .none }
        try open.queue(1)
        _ = try open.send()
        try edge.carry(to: core)
        #expect(try core.receive().quarantined.values.contains("seal"))
        let listed = try run(["tar", "-tf", Self.first + "-00000.bin"], in: edge.outbox)
        #expect(listed.output.contains("data/00000000-0000-4000-8000-000000000001/item.json"))
        try edge.carry(to: core)
        #expect(try reading.receive().committed == [Self.first])
        #expect(try core.items() == edge.items())
    }

    // MARK: Inside

    /// A batch with any archive, signed and sealed as the edge's own.
    private func forge(_ archive: [UInt8], items: Int, inner: SHA256Digest = SHA256Digest(of: []), plain: Int = 0)
        throws
    {
        let signer = try Keys.identity("edge/edge-sign")
        let recipient = try Keys.certificate("core/core-open")
        let sealed = try Envelope.seal(archive, for: [recipient])
        let manifest = BatchManifest(
            lane: "e2c", epoch: Side.epoch, sequence: 1, suite: .p256, seal: .cms, previous: nil, created: Side.now,
            expires: Side.now.adding(seconds: 86_400), sender: signer.certificate.publicKeyDigest,
            recipients: [recipient.publicKeyDigest], items: items, plainBytes: plain, innerManifest: inner,
            parts: [
                .init(number: 0, name: Self.first + "-00000.p7m", bytes: sealed.count, digest: SHA256Digest(of: sealed))
            ],
            limits: "e2c-2")
        try FileSystem.write(sealed, to: core.inbox + "/" + Self.first + "-00000.p7m")
        try FileSystem.write(manifest.bytes, to: core.inbox + "/" + Self.first + ".mf")
        try FileSystem.write(
            DetachedSignature.sign(manifest.bytes, by: signer), to: core.inbox + "/" + Self.first + ".p7s")
    }

    /// An archive as GNU tar writes it.
    private func tar(_ script: String) throws -> [UInt8] {
        let folder = TemporaryFolder()
        let made = try run(["bash", "-c", script], in: folder.path)
        #expect(made.status == 0, "\(made.error)")
        return try FileSystem.read(folder.path + "/a.tar")
    }

    @Test(arguments: [
        "ln -s /etc/passwd bagit.txt; tar -H ustar -cf a.tar bagit.txt",
        "echo x > f; ln f g; tar -H ustar -cf a.tar f g",
        "mkdir data; tar -H ustar -cf a.tar data",
        "echo x > f; tar -H ustar -cf a.tar -P --transform s,f,../../escape, f",
        "echo x > f; tar -H ustar -cf a.tar -P --transform s,f,/etc/escape, f",
        "echo x > f; tar -H ustar -cf a.tar f f --hard-dereference; tar -H ustar -rf a.tar f",
        "echo x > F; tar -H ustar -cf a.tar F",
        "echo x > f; tar -H pax -cf a.tar --pax-option=comment=x f",
        "truncate -s 300M f; tar -H gnu -S -cf a.tar f",
        "truncate -s 70M f; tar -H ustar -cf b.tar f; head -c 1048576 b.tar > a.tar",
        "head -c 5000 /dev/urandom > a.tar",
        ": > a.tar",
        "head -c 100000 /dev/zero | gzip > a.tar",
        "echo x > f; tar -H ustar -cf a.tar f; echo trailing >> a.tar",
        "mkdir -p data/x; echo x > data/x/item.json; tar -H ustar -cf a.tar data/x/item.json",
    ])
    func anArchiveThatIsNoBagIsRejectedAndTheLaneGoesOn(_ script: String) throws {
        try forge(tar(script), items: 1)
        #expect(try core.receive().rejected == [Self.first: .bagit])
        #expect(try core.items() == [])
        #expect(try FileSystem.list(core.folder.path + "/spool/staging-e2c").isEmpty)
    }

    /// The reader of bags refuses the first entry beyond its bound, before it knows a signature.
    @Test func anArchiveOfTooManyEntriesIsNotReadOn() throws {
        var reader = Bag.Reader(maxEntries: 3, unpackingInto: nil)
        let archive = try tar("for n in 1 2 3 4; do echo x > f$n; done; tar -H ustar -cf a.tar f1 f2 f3 f4")
        #expect(throws: TarError.tooLarge) { try reader.feed(archive) }
    }

    @Test func aBagWhoseListsDoNotFitIsRejected() throws {
        func bag(_ change: (inout [(String, [UInt8])]) -> Void) throws {
            let id = "00000000-0000-4000-8000-000000000001"
            var files: [(String, [UInt8])] = [("data/\(id)/item.json", Array("{}".utf8))]
            let manifest = Array("\(SHA256Digest(of: files[0].1).hex)  \(files[0].0)\n".utf8)
            files += [
                ("bag-info.txt", []),
                ("bagit.txt", Array("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n".utf8)),
                ("manifest-sha256.txt", manifest),
            ]
            let tags = files.dropFirst().map { "\(SHA256Digest(of: $0.1).hex)  \($0.0)\n" }.joined()
            files.append(("tagmanifest-sha256.txt", Array(tags.utf8)))
            change(&files)
            var archive: [UInt8] = []
            let writer = TarWriter { archive += $0 }
            for (name, bytes) in files { try writer.add(name, bytes) }
            try writer.finish()
            try forge(archive, items: 1, inner: SHA256Digest(of: manifest), plain: 2)
        }
        let changes: [(inout [(String, [UInt8])]) -> Void] = [
            { $0[0].1 = Array("[]".utf8) },
            { $0[3].1 += Array("0\n".utf8) },
            { $0[4].1 = [] },
            { $0[2].1 = [] },
            { $0.append(("extra.txt", [])) },
            { $0.append(("data/00000000-0000-4000-8000-000000000002/item.json", [])) },
            { $0.removeLast() },
        ]
        for change in changes {
            let fresh = try Side(edge: false)
            try bag(change)
            for entry in try FileSystem.list(core.inbox) {
                try FileSystem.rename(core.inbox + "/" + entry.name, fresh.inbox + "/" + entry.name)
            }
            #expect(try fresh.receive().rejected == [Self.first: .bagit])
        }
        // Unchanged it is a bag, and the item in it is what is wrong.
        try bag { _ in }
        #expect(try core.receive().rejected == [Self.first: .schema])
    }

    private static let badItems: [(String, RejectCode)] = [
        ("kind", .unknownKind), ("field", .schema), ("form", .schema), ("received", .schema), ("id", .schema),
        ("parts", .schema), ("plain", .type), ("large", .limit),
    ]

    /// Three items of which the second may not cross.
    private func queueBadItem(_ what: String) throws {
        try edge.queue(1)
        var bytes = Side.envelope("sealed 2")
        if what == "plain" { bytes = Array("a document that anybody can read".utf8) }
        if what == "large" { bytes += [UInt8](repeating: 0, count: 1 << 20) }
        try edge.queue(2, bytes) { fields in
            switch what {
            case "kind": fields["kind"] = .string("parcel")
            case "field": fields["phone"] = .string("13800000000")
            case "form": fields["form"] = .string("hotline")
            case "received": fields["received"] = .string("yesterday")
            case "id": fields["id"] = .string("00000000-0000-4000-8000-000000000003")
            case "parts": fields["parts"] = .array([])
            default: break
            }
        }
        try edge.queue(3)
    }

    @Test(arguments: badItems)
    func anItemThatMayNotCrossIsSetAsideByItsSender(_ what: String, _ code: RejectCode) throws {
        try queueBadItem(what)
        // The clear part names the kind by which an item is known; the row says another.
        let code = what == "kind" ? RejectCode.schema : code
        let report = try edge.send()
        #expect(report.sealed == [Self.first])
        #expect(report.alarms == ["dead 00000000-0000-4000-8000-000000000002 may not cross: \(code.rawValue)"])
        try edge.carry(to: core)
        #expect(try core.receive().committed == [Self.first])
        #expect(try core.items().count == 2)
        #expect(try edge.alarms("e2c") == ["dead"])
        #expect(try edge.store.revive(lane: "e2c", items: [], at: Side.now) == 1)
        #expect(try edge.alarms("e2c") == [])
    }

    /// A sender that lets everything through is no reason to take it.
    @Test(arguments: badItems)
    func anItemThatMayNotCrossIsRefusedByItsCode(_ what: String, _ code: RejectCode) throws {
        try queueBadItem(what)
        let loaders = (1...3).map { number in
            { try edge.store.item(lane: "e2c", id: "00000000-0000-4000-8000-\(padded(number, 12))") }
        }
        var archive: [UInt8] = []
        let (inner, plain) = try Bag.write(loaders, blinding: [], check: { _ in }) { archive += $0 }
        try forge(archive, items: 3, inner: inner, plain: plain)
        #expect(try core.receive().rejected == [Self.first: code])
        #expect(try core.items() == [])
        let entry = try #require(try core.store.received(.init(name: "e2c", epoch: Side.epoch), sequence: 1))
        #expect(entry.rejectedItems == ["00000000-0000-4000-8000-000000000002": code])
    }

    @Test func itemsThatTheOtherSideRefusesWaitForAPerson() throws {
        for n in 1...3 { try edge.queue(n, sealed: n == 2 ? "poison" : "sealed") }
        #expect(try cross().rejected == [Self.first: .schema])
        try core.carry(to: edge) { $0.contains("-ack-") }
        #expect(try edge.send().sealed == ["e2c-0000000002"])
        try edge.carry(to: core)
        #expect(try core.receive().committed == ["e2c-0000000002"])
        #expect(try core.items().count == 2)
        #expect(try edge.alarms("e2c") == ["dead"])
    }
}
