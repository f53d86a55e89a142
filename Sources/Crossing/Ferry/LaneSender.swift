package import CMS
package import PortalBase
import Synchronization

/// The sending end of a lane: seals what waits, offers what is not acknowledged, reads acknowledgements.
package struct LaneSender: Sendable {
    package struct Policy: Sendable {
        /// How often, and when, a batch is offered.
        package enum Delivery: Sendable, Equatable {
            /// Until it is acknowledged: again after so many seconds of silence.
            case acknowledged(again: Int)
            /// Through a diode: so many times, spread over so many seconds, since nothing comes back.
            case oneWay(times: Int, over: Int)
        }

        package var delivery = Delivery.acknowledged(again: 86_400)
        /// Seconds that a batch stays valid.
        package var lifetime = 30 * 86_400
        package var maxItems = 10_000
        /// Seconds after which silence is broken by an empty batch; nil for never.
        package var heartbeat: Int?
        /// Bytes of the disk that stay free.
        package var reserve = 64 << 20

        package init() {}
    }

    let spool: Spool
    let store: any LaneStore
    let lane: String
    let sealer: BatchSealer
    /// Whose acknowledgements count.
    let trust: TrustStore
    let acknowledgers: Set<SHA256Digest>
    let policy: Policy

    package init(
        spool: Spool, store: any LaneStore, lane: String, sealer: BatchSealer, trust: TrustStore,
        acknowledgers: Set<SHA256Digest>, policy: Policy
    ) {
        self.spool = spool
        self.store = store
        self.lane = lane
        self.sealer = sealer
        self.trust = trust
        self.acknowledgers = acknowledgers
        self.policy = policy
    }

    /// - Parameter again: offers everything that is not settled, whenever it was offered before.
    package func run(at now: Instant, again: Bool = false) throws -> LaneReport {
        let lock = try spool.lock(lane)
        defer { withExtendedLifetime(lock) {} }
        var report = LaneReport()
        guard let (id, _) = try store.epoch(of: lane) else { throw LaneError.noEpoch(lane) }
        let staging = try spool.staging(lane)
        report.alarms += try spool.sweepTemporaries(of: lane)
        try readAcknowledgements(id, &report, now)
        report.alarms += try sweepSettled(id)
        try expire(id, now)
        while try !store.isStopped(lane: lane),
            let batch = try store.nextBatch(id, maxItems: policy.maxItems, heartbeat: policy.heartbeat, at: now)
        {
            guard try hasRoom(for: batch.bytes, &report, now) else { break }
            do {
                try seal(batch, id, staging, now)
                report.sealed.append(BatchManifest.stem(lane: lane, sequence: batch.sequence))
            } catch let refused as ItemRefused {
                // Its number was never signed: the others take it.
                try store.setAside(refused, in: id, sequence: batch.sequence, at: now)
                report.alarms.append("dead \(refused)")
            }
        }
        for batch in try store.outgoing(id) {
            do {
                try offer(batch, id, again, &report, now)
            } catch let error as FileError {
                // What one batch lacks holds up no other.
                report.alarms.append("failed \(BatchManifest.stem(lane: lane, sequence: batch.sequence)): \(error)")
            }
        }
        return report
    }

    /// Sealed twice, in `sealed` and in `outbox`.
    private func hasRoom(for bytes: Int, _ report: inout LaneReport, _ now: Instant) throws -> Bool {
        let free = try spool.sealed.freeBytes()
        if free >= 2 * bytes + bytes / 8 + policy.reserve {
            try store.end(.space, lane: lane, at: now)
            return true
        }
        let detail = "\(free) bytes are free in \(spool.root.path), \(bytes) wait to be sealed"
        try store.raise(.space, lane: lane, detail: "the disk is too full to seal", at: now)
        report.alarms.append("space: \(detail)")
        return false
    }

    private func seal(_ batch: FrozenBatch, _ id: LaneID, _ staging: Directory, _ now: Instant) throws {
        let stem = BatchManifest.stem(lane: lane, sequence: batch.sequence)
        let header = BatchSealer.Header(
            lane: lane, epoch: id.epoch, sequence: batch.sequence, previous: batch.previous, created: now,
            lifetime: policy.lifetime)
        let (store, lane) = (store, lane)
        let loaders = batch.itemIDs.map { id in { try store.item(lane: lane, id: id) } }
        let manifest = try sealer.seal(header, items: loaders, into: staging)
        // An earlier attempt under this number was never signed off, so it never left: its files may be replaced.
        for name in try names(of: stem, in: spool.sealed) { try spool.sealed.remove(name) }
        for name in manifest.parts.map(\.name) + manifest.headNames { try staging.move(name, to: spool.sealed) }
        try spool.sealed.syncNames()
        try store.recordSigned(id, manifest, digest: SHA256Digest(of: manifest.bytes), at: now)
    }

    private func names(of stem: String, in folder: Directory) throws -> [String] {
        try folder.names().filter { $0.hasPrefix(stem + ".") || $0.hasPrefix(stem + "-") }
    }

    /// Files of numbers that are settled, or not signed yet, have no business here: a process died between the database
    /// and the files, or another epoch began.
    private func sweepSettled(_ id: LaneID) throws -> [String] {
        let open = try store.outgoing(id)
        let stems = Set(open.map { BatchManifest.stem(lane: lane, sequence: $0.sequence) })
        let length = BatchManifest.stem(lane: lane, sequence: 1).utf8.count
        return try spool.sweep([spool.outbox, spool.sealed]) {
            isBatchFile($0) && !stems.contains(String($0.prefix(length)))
        }
    }

    private func isBatchFile(_ name: String) -> Bool {
        let digits = name.utf8.dropFirst(lane.utf8.count + 1).prefix(10)
        return name.hasPrefix(lane + "-") && digits.count == 10 && digits.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }

    /// Whatever became of a batch whose time is over, its items go out again; should it have arrived, their ids say so.
    private func expire(_ id: LaneID, _ now: Instant) throws {
        for batch in try store.outgoing(id) where batch.state != .expired && batch.expires < now {
            switch policy.delivery {
            case .acknowledged: try store.recordExpired(id, sequence: batch.sequence, at: now)
            case .oneWay: try store.recordPassed(id, sequence: batch.sequence, at: now)
            }
        }
    }

    /// Copies of a sealed batch into the outbox, as far as they are due: parts first, the manifest last.
    private func offer(
        _ batch: OutgoingBatch, _ id: LaneID, _ again: Bool, _ report: inout LaneReport, _ now: Instant
    ) throws {
        let stem = BatchManifest.stem(lane: lane, sequence: batch.sequence)
        guard let bytes = try? spool.sealed.read(stem + ".mf", limit: BatchManifest.maxBytes),
            let manifest = BatchManifest(bytes)
        else { return try loseSealed(stem, &report, now) }
        let isDue = again || isDue(batch, now)
        let wanted = Set(batch.wanted)
        var changed = false
        func put(_ name: String, isGood: () -> Bool) throws -> Bool {
            switch spool.outbox.kind(name) {
            // A carrier took it away: it comes again when it is due.
            case nil: guard isDue else { return false }
            case .file where isGood(): return false
            default: break
            }
            try spool.sealed.copy(name, to: spool.outbox)
            changed = true
            return true
        }
        for part in batch.state == .expired ? [] : manifest.parts {
            guard spool.sealed.size(part.name) == part.bytes else { return try loseSealed(stem, &report, now) }
            if batch.state == .needParts, !again, !wanted.contains(part.number) { continue }
            let copied = try put(part.name) { isOffered(part) }
            if copied, (try? spool.outbox.digest(part.name, size: part.bytes)) != part.digest {
                try spool.outbox.remove(part.name)
                return try loseSealed(stem, &report, now)
            }
        }
        for name in manifest.headNames {
            let bytes = try spool.sealed.read(name, limit: BatchManifest.maxBytes)
            _ = try put(name) { (try? spool.outbox.read(name, limit: bytes.count)) == bytes }
        }
        if changed {
            try spool.outbox.syncNames()
            report.offered.append(stem)
        }
        if isDue { try store.recordOffered(id, sequence: batch.sequence, at: now) }
    }

    /// States of parts in the outbox that were read and found good: while one is the same, it is not read again.
    private static let offered = Mutex<[String: FileMark]>([:])

    private func isOffered(_ part: BatchManifest.Part) -> Bool {
        let path = spool.outbox.path + "/" + part.name
        guard let mark = FileMark(path) else { return false }
        if mark.isSettled, Self.offered.withLock({ $0[path] }) == mark { return true }
        let isGood = (try? spool.outbox.digest(part.name, size: part.bytes)) == part.digest
        Self.offered.withLock { $0[path] = isGood && mark.isSettled ? mark : nil }
        return isGood
    }

    private func isDue(_ batch: OutgoingBatch, _ now: Instant) -> Bool {
        guard batch.state != .signed, batch.state != .needParts, let last = batch.offeredAt else { return true }
        // A clock that was set back must not keep a batch here.
        let silence = abs(now.seconds - last.seconds)
        switch policy.delivery {
        case .acknowledged(let again): return silence >= again
        case .oneWay(let times, let over): return batch.offers < times && silence >= over / max(1, times - 1)
        }
    }

    /// Sealed bytes are gone or damaged on this side's own disk. Nothing else may ever leave under the number, so only a new
    /// epoch helps, and its items are still here.
    private func loseSealed(_ stem: String, _ report: inout LaneReport, _ now: Instant) throws {
        try store.raise(.sealedLost, lane: lane, detail: stem, at: now)
        report.alarms.append("sealedLost \(stem)")
    }

    /// Reads what the other side says of our lane: whatever the order of arrival, the highest counter wins.
    private func readAcknowledgements(_ id: LaneID, _ report: inout LaneReport, _ now: Instant) throws {
        var found: [(ack: Acknowledgement, stem: String)] = []
        for name in try spool.inbox.names()
        where name.hasSuffix(".ak") && name.hasPrefix(lane + "-ack-") && Spool.isName(name) {
            let stem = String(name.dropLast(3))
            // Its signature may still be on its way.
            guard spool.inbox.kind(stem + ".p7s") != nil else { continue }
            var reason = "unreadable"
            if let bytes = try? spool.inbox.read(name, limit: Acknowledgement.maxBytes),
                let signature = try? spool.inbox.read(stem + ".p7s", limit: 1 << 20)
            {
                do throws(CryptoError) {
                    // Bytes that nobody whom this lane knows has signed are not parsed.
                    let signer = try DetachedSignature.pinnedSigner(
                        of: signature, over: bytes, allowed: acknowledgers)
                    let ack = Acknowledgement(bytes)
                    // As with batches, validity is that of the day it was signed.
                    try trust.verify(signer, for: .signing, at: min(ack?.at ?? now, now), revokedBy: now)
                    if let ack, ack.lane == lane, ack.stem == stem {
                        if ack.epoch == id.epoch {
                            found.append((ack, stem))
                            continue
                        }
                        reason = "epoch"
                    } else {
                        reason = "acknowledgement"
                    }
                } catch {
                    if error.code == .revocationListOutdated {
                        report.alarms.append("cannot judge \(stem): \(error)")
                        continue
                    }
                    reason = error.code.rawValue
                }
            }
            report.alarms += try spool.putAside([name, stem + ".p7s"], reason: reason, at: now)
            report.quarantined[name] = reason
            try store.log(
                lane: lane, event: "quarantined", ["file": .string(name), "reason": .string(reason)], at: now)
        }
        for (ack, stem) in found.sorted(by: { $0.ack.counter < $1.ack.counter }) {
            let effect = try store.apply(ack, at: now)
            report.settled += effect.settled
            report.alarms += effect.alarms
            try spool.inbox.remove(stem + ".ak")
            try spool.inbox.remove(stem + ".p7s")
        }
    }
}

/// What keeps a lane from running at all.
package enum LaneError: Error, Sendable, CustomStringConvertible {
    case noEpoch(String)
    /// Another process works on the lane.
    case busy(String)

    package var description: String {
        switch self {
        case .noEpoch(let lane): "lane \(lane) has no epoch: an operator's signed record must be adopted first"
        case .busy(let lane): "another process is at work on lane \(lane); try again when it is done"
        }
    }
}
