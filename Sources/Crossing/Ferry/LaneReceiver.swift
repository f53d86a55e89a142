package import CMS
package import PortalBase

/// The receiving end of a lane: takes in batches that have come whole, and says what it has.
package struct LaneReceiver: Sendable {
    package struct Policy: Sendable {
        /// Seconds after which missing parts are asked for: before, they may still be on their way.
        package var partsGrace = 600
        /// Seconds after which a number that was passed over alarms.
        package var gapAfter = 86_400
        /// Seconds without any batch after which the lane alarms; nil for never.
        package var silenceAfter: Int?
        /// Seconds that a manifest may wait for its signature.
        package var headGrace = 2 * 86_400
        /// How far ahead of this side's clock a batch may be sealed, in seconds.
        package var clockTolerance = 86_400
        /// Seconds that files stay in quarantine.
        package var quarantineFor = 90 * 86_400
        /// Bytes of the disk that stay free.
        package var reserve = 64 << 20

        package init() {}
    }

    let spool: Spool
    let store: any LaneStore
    let lane: String
    let opener: BatchOpener
    /// Signs acknowledgements; nil where nothing goes back.
    let acknowledger: Identity?
    let policy: Policy

    package init(
        spool: Spool, store: any LaneStore, lane: String, opener: BatchOpener, acknowledger: Identity?, policy: Policy
    ) {
        self.spool = spool
        self.store = store
        self.lane = lane
        self.opener = opener
        self.acknowledger = acknowledger
        self.policy = policy
    }

    package func run(at now: Instant) throws -> LaneReport {
        let lock = try spool.lock(lane)
        defer { withExtendedLifetime(lock) {} }
        var report = LaneReport()
        guard let (id, since) = try store.epoch(of: lane) else { throw LaneError.noEpoch(lane) }
        let staging = try spool.staging(lane)
        report.alarms += try spool.sweepTemporaries(of: lane + "-ack")
        report.alarms += spool.sweepQuarantine(olderThan: policy.quarantineFor, at: now)
        report.alarms += try store.retryHeld(lane: lane, at: now)
        for name in try spool.inbox.names() where name.hasSuffix(".mf") {
            if try store.isStopped(lane: lane) { break }
            do {
                guard Spool.isName(name) else {
                    let stem = String(name.dropLast(3))
                    try refuse(name, files: heads(stem), &report, now)
                    continue
                }
                try receive(String(name.dropLast(3)), id, staging, &report, now)
            } catch let error as FileError {
                // One file that cannot be read or moved holds up no other.
                report.alarms.append("failed \(name): \(error)")
            }
        }
        try sweepOrphans(id, &report, now)
        try watch(id, since, &report, now)
        try acknowledge(id, &report, now)
        return report
    }

    // MARK: One batch

    private func receive(
        _ stem: String, _ id: LaneID, _ staging: Directory, _ report: inout LaneReport, _ now: Instant
    ) throws {
        guard spool.inbox.kind(stem + ".p7s") != nil else {
            if let changed = spool.inbox.changed(stem + ".mf"), now.seconds - changed > policy.headGrace {
                return try putAside(stem, reason: "unsigned", files: heads(stem), &report, now)
            }
            report.waiting[stem] = []
            return
        }
        guard let manifest = try? spool.inbox.read(stem + ".mf", limit: BatchManifest.maxBytes) else {
            return try putAside(stem, reason: .unreadable, &report, now)
        }
        guard let signature = try? spool.inbox.read(stem + ".p7s", limit: 1 << 20) else {
            return try putAside(stem, reason: .unreadable, &report, now)
        }
        if !opener.sm2Signers.isEmpty, spool.inbox.kind(stem + ".sm2") == nil,
            opener.wantsSM2(.init(manifest: manifest, signature: signature))
        {
            report.waiting[stem] = []
            return
        }
        let sm2 = try? spool.inbox.read(stem + ".sm2", limit: 4_096)
        let verified: BatchOpener.Verified
        do {
            verified = try opener.verify(
                .init(manifest: manifest, signature: signature, sm2: sm2), lane: lane, epoch: id.epoch, at: now)
            guard verified.manifest.stem == stem else { throw BatchOpener.Noise.name }
        } catch let noise as BatchOpener.Noise {
            // Parts stay: the true manifest with this number may still come for them.
            return try putAside(stem, reason: noise, &report, now)
        } catch let error as CryptoError {
            report.alarms.append("cannot judge \(stem): \(error)")
            return
        }
        if let known = try store.received(id, sequence: verified.manifest.sequence) {
            guard known.manifest == verified.digest else {
                try store.raise(.fork, lane: lane, detail: stem, at: now)
                report.alarms.append("fork \(stem)")
                return try putAside(stem, reason: "fork", files: heads(stem), &report, now)
            }
            if known.result != .needParts {
                report.duplicates.append(stem)
                return try clean(verified.manifest)
            }
        }
        try judge(verified, id, staging, &report, now)
    }

    private func judge(
        _ verified: BatchOpener.Verified, _ id: LaneID, _ staging: Directory, _ report: inout LaneReport, _ now: Instant
    ) throws {
        let manifest = verified.manifest
        let stem = manifest.stem
        func reject(_ rejection: BatchOpener.Rejection) throws {
            try store.record(
                .init(
                    sequence: manifest.sequence, manifest: verified.digest, result: .rejected, code: rejection.code,
                    rejectedItems: rejection.items), of: verified, at: now)
            report.rejected[stem] = rejection.code
            try putAside(
                stem, reason: rejection.code.rawValue, files: heads(stem) + manifest.parts.map(\.name), &report, now)
        }
        guard (manifest.previous == nil) == (manifest.sequence == 1) else { return try reject(.init(code: .chain)) }
        if let predecessor = try store.received(id, sequence: manifest.sequence - 1),
            manifest.previous != predecessor.manifest
        {
            return try reject(.init(code: .chain))
        }
        // The other way round where this one comes late: what follows it has named it already.
        if let named = try store.namedPredecessor(id, of: manifest.sequence + 1), named != verified.digest {
            try store.raise(.chain, lane: lane, detail: stem, at: now)
            report.alarms.append("chain \(stem)")
            return try putAside(stem, reason: "chain", files: heads(stem), &report, now)
        }
        if manifest.created.seconds > now.seconds + policy.clockTolerance {
            // One of the two clocks is wrong; which one, a person must find out. Nothing is lost by waiting.
            try store.raise(.clock, lane: lane, detail: stem, at: now)
            report.alarms.append("clock \(stem)")
            return
        }
        if manifest.expires < now {
            // The batch took weeks, or the sender's clock is behind: its items come again, and again too old.
            try store.raise(.clock, lane: lane, detail: "\(stem) expired before it came", at: now)
            report.alarms.append("clock \(stem) expired before it came")
            return try reject(.init(code: .expired))
        }
        try store.end(.clock, lane: lane, at: now)
        let free = try spool.root.freeBytes()
        if free >= manifest.partsBytes + policy.reserve {
            try store.end(.space, lane: lane, at: now)
        } else {
            try store.raise(.space, lane: lane, detail: "the disk is too full to open", at: now)
            report.alarms.append("space \(stem): \(free) bytes are free, \(manifest.partsBytes) are needed")
            return
        }
        // What was opened lies there no longer than it is needed, whatever comes of it.
        defer { try? staging.remove(stem + ".tar") }
        do {
            // A batch that has not come whole is not begun.
            if let absent = manifest.parts.first(where: { spool.inbox.size($0.name) != $0.bytes }) {
                throw BatchOpener.PartMissing(number: absent.number)
            }
            report.alarms += try store.commit(
                verified, items: opener.open(verified, from: spool.inbox, staging: staging), at: now)
        } catch let rejection as BatchOpener.Rejection {
            return try reject(rejection)
        } catch is BatchOpener.PartMissing {
            let missing = BatchOpener.missingParts(manifest, in: spool.inbox)
            try store.record(
                .init(sequence: manifest.sequence, manifest: verified.digest, result: .needParts, missing: missing),
                of: verified, at: now)
            report.waiting[stem] = missing
            return
        } catch {
            // Something of ours fails, such as a key or a form that this side lacks, or its disk: the batch keeps its
            // number and waits for the operator, and the others go on.
            report.alarms.append("failed \(stem): \(error)")
            return
        }
        report.committed.append(stem)
        try clean(manifest)
    }

    private func heads(_ stem: String) -> [String] { [stem + ".mf", stem + ".p7s", stem + ".sm2"] }

    private func clean(_ manifest: BatchManifest) throws {
        for name in manifest.parts.map(\.name) + heads(manifest.stem) { try spool.inbox.remove(name) }
    }

    private func putAside(
        _ stem: String, reason: BatchOpener.Noise, _ report: inout LaneReport, _ now: Instant
    ) throws {
        try putAside(stem, reason: reason.rawValue, files: heads(stem), &report, now)
    }

    private func putAside(
        _ stem: String, reason: String, files: [String], _ report: inout LaneReport, _ now: Instant
    ) throws {
        report.alarms += try spool.putAside(files, reason: reason, at: now)
        report.quarantined[stem + ".mf"] = reason
        try store.log(lane: lane, event: "quarantined", ["file": .string(stem), "reason": .string(reason)], at: now)
    }

    /// A name that no side gives.
    private func refuse(_ name: String, files: [String], _ report: inout LaneReport, _ now: Instant) throws {
        report.alarms += try spool.putAside(files, reason: "name", at: now)
        let shown = Spool.printable(name)
        report.quarantined[shown] = "name"
        try store.log(
            lane: lane, event: "quarantined", ["file": .string(shown), "reason": .string("name")], at: now)
    }

    // MARK: The lane as a whole

    /// Parts of numbers that are answered already: copies that came after their batch.
    private func sweepOrphans(_ id: LaneID, _ report: inout LaneReport, _ now: Instant) throws {
        let length = BatchManifest.stem(lane: lane, sequence: 1).utf8.count
        var answered: [String: Bool] = [:]
        func isPart(_ name: String) -> Bool {
            name.hasPrefix(lane + "-") && name.utf8.count == length + 10
                && (name.hasSuffix(".p7m") || name.hasSuffix(".bin"))
        }
        for name in try spool.inbox.names() where isPart(name) {
            // What is no file, or has a name that no side gives, is no part.
            guard Spool.isName(name), spool.inbox.kind(name) == .file else {
                try refuse(name, files: [name], &report, now)
                continue
            }
            let stem = String(name.prefix(length))
            if answered[stem] == nil {
                let sequence = Int(stem.dropFirst(lane.count + 1)) ?? 0
                let known = try store.received(id, sequence: sequence)
                answered[stem] = known.map { $0.result != .needParts } ?? false
            }
        }
        report.alarms += try spool.sweep([spool.inbox]) { answered[String($0.prefix(length))] == true && isPart($0) }
    }

    /// Alarms for what does not come.
    private func watch(_ id: LaneID, _ since: Instant, _ report: inout LaneReport, _ now: Instant) throws {
        let receipts = try store.receipts(id, at: now)
        let overdue = receipts.gaps.filter { now.seconds - $0.since.seconds >= policy.gapAfter }
        if overdue.isEmpty {
            try store.end(.gap, lane: lane, at: now)
        } else {
            let numbers = overdue.map { numbersText($0.numbers) }.joined(separator: " ")
            try store.raise(.gap, lane: lane, detail: numbers, at: now)
            report.alarms.append("gap \(numbers)")
        }
        if let limit = policy.silenceAfter {
            let last = receipts.newest ?? since
            if now.seconds - last.seconds >= limit {
                try store.raise(.silence, lane: lane, detail: "nothing since \(last.rfc3339(in: .shanghai))", at: now)
                report.alarms.append("silence since \(last.rfc3339(in: .shanghai))")
            } else {
                try store.end(.silence, lane: lane, at: now)
            }
        }
    }

    /// Puts the lane's acknowledgement into the outbox, again with every crossing.
    private func acknowledge(_ id: LaneID, _ report: inout LaneReport, _ now: Instant) throws {
        guard let acknowledger else { return }
        let ack = try store.acknowledgement(id, partsGrace: policy.partsGrace, at: now)
        // Older ones say less, and those of an older epoch nothing; one pair of files at a time is enough.
        report.alarms += try spool.sweep([spool.outbox]) { name in
            name.hasPrefix(lane + "-ack-") && ack.map { !name.hasPrefix($0.stem + ".") } ?? true
        }
        guard let ack else { return }
        let bytes = ack.bytes
        if spool.outbox.kind(ack.stem + ".p7s") == .file,
            (try? spool.outbox.read(ack.stem + ".ak", limit: bytes.count)) == bytes
        {
            return
        }
        try spool.outbox.replaceDurably(ack.stem + ".p7s", DetachedSignature.sign(bytes, by: acknowledger))
        try spool.outbox.replaceDurably(ack.stem + ".ak", bytes)
    }
}
