import CMS
package import PortalBase

/// One side of the gap: sends on one lane, receives on the other, through plain folders.
///
/// `outbox` and `inbox` are what people or a gap box carry. Nothing in them is believed for being there: only signed
/// hashes count, so files may come late, twice, in any order, half written or forged.
package struct Station: Sendable {
    package struct Folders: Sendable {
        let root: String
        var outbox: String { root + "/outbox" }
        var inbox: String { root + "/inbox" }
        /// Sealed batches, kept until they are acknowledged.
        var sealed: String { root + "/sealed" }
        var staging: String { root + "/staging" }
        var quarantine: String { root + "/quarantine" }

        package init(root: String) {
            self.root = root
        }
    }

    package struct Lane: Sendable {
        package let name: String
        package let epoch: String

        package init(name: String, epoch: String) {
            self.name = name
            self.epoch = epoch
        }
    }

    /// What one run did, for the operator.
    package struct Report: Sendable, Equatable {
        package var sealed: [String] = []
        package var offered: [String] = []
        package var committed: [String] = []
        package var duplicates: [String] = []
        package var rejected: [String: RejectCode] = [:]
        package var waiting: [String: [Int]] = [:]
        package var quarantined: [String: String] = [:]
        package var settled: [Int] = []
        package var alarms: [String] = []

        package init() {}
    }

    let folders: Folders
    let store: any LaneStore
    let sends: Lane
    let receives: Lane
    let sealer: BatchSealer
    let opener: BatchOpener
    /// Seconds that a batch stays valid.
    let lifetime: Int
    let maxItems: Int

    package init(
        folders: Folders, store: any LaneStore, sends: Lane, receives: Lane, sealer: BatchSealer, opener: BatchOpener,
        lifetime: Int = 30 * 86_400, maxItems: Int = 1_000
    ) {
        self.folders = folders
        self.store = store
        self.sends = sends
        self.receives = receives
        self.sealer = sealer
        self.opener = opener
        self.lifetime = lifetime
        self.maxItems = maxItems
    }

    /// Seals what waits, offers what is not acknowledged, and writes the acknowledgement for the other lane.
    package func runOut(at now: Instant) throws -> Report {
        let lock = try prepare()
        defer { withExtendedLifetime(lock) {} }
        var report = Report()
        var wanted: [Int: [Int]] = [:]
        try readAcknowledgements(&report, &wanted, now)
        while try !store.isStopped(lane: sends.name),
            let batch = try store.nextBatch(lane: sends.name, limit: maxItems, at: now)
        {
            try seal(batch, now)
            report.sealed.append(BatchManifest.stem(lane: sends.name, sequence: batch.sequence))
        }
        for sequence in try store.offered(lane: sends.name) {
            if try offer(sequence, again: wanted[sequence]) {
                report.offered.append(BatchManifest.stem(lane: sends.name, sequence: sequence))
            }
        }
        try writeAcknowledgement(now)
        return report
    }

    /// Takes in what arrived.
    package func runIn(at now: Instant) throws -> Report {
        let lock = try prepare()
        defer { withExtendedLifetime(lock) {} }
        var report = Report()
        var wanted: [Int: [Int]] = [:]
        try readAcknowledgements(&report, &wanted, now)
        let manifests = try FileSystem.list(folders.inbox, skippingUndecodable: true).filter {
            $0.name.hasSuffix(".mf")
        }
        for entry in manifests {
            if try store.isStopped(lane: receives.name) { break }
            try receive(String(entry.name.dropLast(3)), &report, now)
        }
        return report
    }

    /// Makes the folders, takes the side's lock, and sweeps what a killed process left half done.
    private func prepare() throws -> FileLock {
        for folder in [folders.outbox, folders.inbox, folders.sealed, folders.quarantine] {
            try FileSystem.makeDirectories(folder, mode: 0o750)
        }
        let lock = try FileLock(folders.root + "/.lock")
        try FileSystem.removeTree(folders.staging)
        try FileSystem.makeDirectories(folders.staging, mode: 0o700)
        try sweepSettled()
        return lock
    }

    /// Files of numbers that are settled, or not signed yet, have no business here: a process died between the
    /// database and the files.
    private func sweepSettled() throws {
        let stems = Set(try store.offered(lane: sends.name).map { BatchManifest.stem(lane: sends.name, sequence: $0) })
        let length = BatchManifest.stem(lane: sends.name, sequence: 1).utf8.count
        for folder in [folders.outbox, folders.sealed] {
            for name in try names(in: folder)
            where name.hasPrefix(sends.name + "-") && !name.hasPrefix(sends.name + "-ack-") {
                if !stems.contains(String(name.prefix(length))) { try FileSystem.remove(folder + "/" + name) }
            }
        }
    }

    /// Names that can be read as text; a carrier may hold any others.
    private func names(in folder: String) throws -> [String] {
        try FileSystem.list(folder, skippingUndecodable: true).map(\.name)
    }

    private func seal(_ batch: FrozenBatch, _ now: Instant) throws {
        let stem = BatchManifest.stem(lane: sends.name, sequence: batch.sequence)
        let header = BatchSealer.Header(
            lane: sends.name, epoch: sends.epoch, sequence: batch.sequence, previous: batch.previous, created: now,
            lifetime: lifetime)
        let store = store
        let lane = sends.name
        let loaders = batch.itemIDs.map { id in { try store.item(lane: lane, id: id) } }
        let manifest = try sealer.seal(header, items: loaders, into: folders.staging)
        // An earlier attempt under this number was never signed off, so it never left: its files may be replaced.
        for name in try names(of: stem, in: folders.sealed) { try FileSystem.remove(folders.sealed + "/" + name) }
        for name in try names(of: stem, in: folders.staging) {
            try FileSystem.rename(folders.staging + "/" + name, folders.sealed + "/" + name)
        }
        try FileSystem.syncDirectory(folders.sealed)
        try store.recordSigned(lane: sends.name, sequence: batch.sequence, manifest: SHA256Digest(of: manifest.bytes))
    }

    /// Copies a sealed batch into the outbox: parts first, the manifest last. True when something was put there.
    private func offer(_ sequence: Int, again parts: [Int]?) throws -> Bool {
        let stem = BatchManifest.stem(lane: sends.name, sequence: sequence)
        var names = try names(of: stem, in: folders.sealed).sorted { rank($0) < rank($1) }
        if let parts {
            let wanted = Set(parts.map { "\(stem)-\(padded($0, 5)).p7m" })
            names = names.filter { wanted.contains($0) || !$0.hasSuffix(".p7m") }
        }
        var changed = false
        for name in names {
            let bytes = try FileSystem.read(folders.sealed + "/" + name)
            // What lies there may have been damaged on its way.
            if let lying = try? FileSystem.read(folders.outbox + "/" + name), lying == bytes { continue }
            try FileSystem.replaceDurably(folders.outbox + "/" + name, with: bytes, mode: 0o640)
            changed = true
        }
        return changed
    }

    private func rank(_ name: String) -> (Int, String) {
        (name.hasSuffix(".p7m") ? 0 : name.hasSuffix(".p7s") ? 1 : 2, name)
    }

    private func names(of stem: String, in folder: String) throws -> [String] {
        try names(in: folder).filter {
            $0 == stem + ".mf" || $0 == stem + ".p7s" || ($0.hasPrefix(stem + "-") && $0.hasSuffix(".p7m"))
        }
    }

    private func writeAcknowledgement(_ now: Instant) throws {
        guard let ack = try store.acknowledgement(lane: receives.name, epoch: receives.epoch, at: now) else { return }
        let bytes = ack.bytes
        // Older ones say less; one file pair at a time is enough.
        for entry in try FileSystem.list(folders.outbox, skippingUndecodable: true)
        where entry.name.hasPrefix(receives.name + "-ack-") && !entry.name.hasPrefix(ack.stem) {
            try FileSystem.remove(folders.outbox + "/" + entry.name)
        }
        try FileSystem.replaceDurably(
            "\(folders.outbox)/\(ack.stem).p7s", with: DetachedSignature.sign(bytes, by: sealer.signer), mode: 0o640)
        try FileSystem.replaceDurably("\(folders.outbox)/\(ack.stem).ak", with: bytes, mode: 0o640)
    }

    private func readAcknowledgements(_ report: inout Report, _ wanted: inout [Int: [Int]], _ now: Instant) throws {
        let found = try FileSystem.list(folders.inbox, skippingUndecodable: true).filter { $0.name.hasSuffix(".ak") }
        for entry in found {
            let stem = String(entry.name.dropLast(3))
            guard let bytes = try? FileSystem.read("\(folders.inbox)/\(stem).ak", limit: 4 << 20) else {
                try quarantine([stem + ".ak"], reason: "unreadable", &report)
                continue
            }
            // The signature may still be on its way.
            guard let signature = try? FileSystem.read("\(folders.inbox)/\(stem).p7s", limit: 1 << 20) else { continue }
            guard let ack = Acknowledgement(bytes), ack.stem == stem, ack.lane == sends.name, ack.epoch == sends.epoch,
                (try? DetachedSignature.verify(
                    signature, over: bytes, trust: opener.trust, allowed: opener.allowedSigners, at: min(ack.at, now),
                    revokedBy: now))
                    != nil
            else {
                try quarantine([stem + ".ak", stem + ".p7s"], reason: "acknowledgement", &report)
                continue
            }
            let effect = try store.apply(ack)
            for sequence in effect.settled {
                let batch = BatchManifest.stem(lane: sends.name, sequence: sequence)
                for folder in [folders.outbox, folders.sealed] {
                    for name in try names(of: batch, in: folder) { try FileSystem.remove(folder + "/" + name) }
                }
            }
            report.settled += effect.settled
            wanted.merge(effect.wanted) { $1 }
            try FileSystem.remove("\(folders.inbox)/\(stem).ak")
            try FileSystem.remove("\(folders.inbox)/\(stem).p7s")
        }
    }

    private func receive(_ stem: String, _ report: inout Report, _ now: Instant) throws {
        let files = [stem + ".mf", stem + ".p7s"]
        guard let bytes = try? FileSystem.read("\(folders.inbox)/\(stem).mf", limit: BatchManifest.maxBytes) else {
            try quarantine(files, reason: "unreadable", &report)
            return
        }
        guard let signature = try? FileSystem.read("\(folders.inbox)/\(stem).p7s", limit: 1 << 20) else {
            report.waiting[stem] = []
            return
        }
        let verified: BatchOpener.Verified
        do {
            verified = try opener.verify(
                manifest: bytes, signature: signature, lane: receives.name, epoch: receives.epoch, at: now)
        } catch {
            // Parts stay: the true manifest with this number may still come for them.
            try quarantine(files, reason: error.rawValue, &report)
            return
        }
        let manifest = verified.manifest
        guard manifest.stem == stem else {
            try quarantine(files, reason: "name", &report)
            return
        }
        if let known = try store.received(lane: manifest.lane, sequence: manifest.sequence) {
            guard known.manifest == verified.digest else {
                try store.raiseAlarm(lane: manifest.lane, code: "fork", detail: stem, at: now)
                report.alarms.append("fork \(stem)")
                try quarantine(files, reason: "fork", &report)
                return
            }
            if known.result != .needParts {
                report.duplicates.append(stem)
                try clean(stem, manifest)
                return
            }
        }
        try judge(verified, stem, &report, now)
    }

    private func judge(_ verified: BatchOpener.Verified, _ stem: String, _ report: inout Report, _ now: Instant) throws
    {
        let manifest = verified.manifest
        func reject(_ rejection: BatchOpener.Rejection) throws {
            try store.record(
                .init(
                    sequence: manifest.sequence, manifest: verified.digest, result: .rejected, code: rejection.code,
                    rejectedItems: rejection.items), lane: manifest.lane, previous: manifest.previous, at: now)
            report.rejected[stem] = rejection.code
            try quarantine(
                [stem + ".mf", stem + ".p7s"] + manifest.parts.map(\.name), reason: rejection.code.rawValue, &report)
        }
        guard (manifest.previous == nil) == (manifest.sequence == 1) else { return try reject(.init(code: .chain)) }
        if let predecessor = try store.received(lane: manifest.lane, sequence: manifest.sequence - 1),
            manifest.previous != predecessor.manifest
        {
            return try reject(.init(code: .chain))
        }
        // The other way round where this one comes late: what follows it has named it already.
        if let named = try store.namedPredecessor(lane: manifest.lane, of: manifest.sequence + 1),
            named != verified.digest
        {
            try store.raiseAlarm(lane: manifest.lane, code: "chain", detail: stem, at: now)
            report.alarms.append("chain \(stem)")
            return try quarantine([stem + ".mf", stem + ".p7s"], reason: "chain", &report)
        }
        if manifest.expires < now { return try reject(.init(code: .expired)) }
        let missing = opener.missingParts(manifest, in: folders.inbox)
        guard missing.isEmpty else {
            try store.record(
                .init(sequence: manifest.sequence, manifest: verified.digest, result: .needParts, missing: missing),
                lane: manifest.lane, previous: manifest.previous, at: now)
            report.waiting[stem] = missing
            return
        }
        let unpacked = folders.staging + "/" + stem
        do {
            try FileSystem.removeTree(unpacked)
            let items = try opener.open(verified, from: folders.inbox, staging: unpacked)
            try store.commit(verified, items: items, at: now)
        } catch let rejection as BatchOpener.Rejection {
            try FileSystem.removeTree(unpacked)
            return try reject(rejection)
        } catch {
            // Something of ours fails, such as a key or a form that this side lacks: the batch keeps its number and
            // waits for the operator, and the others go on.
            try FileSystem.removeTree(unpacked)
            report.alarms.append("failed \(stem): \(error)")
            return
        }
        try FileSystem.removeTree(unpacked)
        report.committed.append(stem)
        try clean(stem, manifest)
    }

    private func clean(_ stem: String, _ manifest: BatchManifest) throws {
        for name in [stem + ".mf", stem + ".p7s"] + manifest.parts.map(\.name) {
            try FileSystem.remove(folders.inbox + "/" + name)
        }
    }

    /// Moves files aside under a name made from their own hash, with the reason beside them.
    private func quarantine(_ files: [String], reason: String, _ report: inout Report) throws {
        for name in files {
            let source = folders.inbox + "/" + name
            guard let kind = FileSystem.kind(source) else { continue }
            // What cannot be read is still moved, under a name that says so.
            let bytes = kind == .file ? try? FileSystem.read(source, limit: 64 << 20) : nil
            let mark = bytes.map { String(SHA256Digest(of: $0).hex.prefix(16)) } ?? "special"
            var target = "\(folders.quarantine)/\(mark)-\(name.prefix(64))"
            var copy = 1
            while kind != .file, FileSystem.kind(target) != nil {
                copy += 1
                target = "\(folders.quarantine)/\(mark)-\(copy)-\(name.prefix(64))"
            }
            do throws(FileError) {
                try FileSystem.rename(source, target)
            } catch {
                report.alarms.append("cannot put aside \(name): \(error)")
            }
        }
        if let first = files.first {
            try FileSystem.write(
                Array((reason + "\n").utf8), to: "\(folders.quarantine)/\(first.prefix(64)).reason", mode: 0o640)
            report.quarantined[first] = reason
        }
    }
}

extension Station.Report {
    /// One line a fact, for an operator's terminal and log.
    package var text: String {
        var lines: [String] = []
        for stem in sealed { lines.append("sealed \(stem)") }
        for stem in offered { lines.append("offered \(stem)") }
        for stem in committed { lines.append("committed \(stem)") }
        for stem in duplicates { lines.append("duplicate \(stem)") }
        for (stem, code) in rejected.sorted(by: { $0.key < $1.key }) {
            lines.append("rejected \(stem) \(code.rawValue)")
        }
        for (stem, parts) in waiting.sorted(by: { $0.key < $1.key }) { lines.append("waiting \(stem) parts \(parts)") }
        for (name, reason) in quarantined.sorted(by: { $0.key < $1.key }) {
            lines.append("quarantined \(name) \(reason)")
        }
        if !settled.isEmpty { lines.append("settled \(settled.map(String.init).joined(separator: " "))") }
        for alarm in alarms { lines.append("ALARM \(alarm)") }
        return lines.isEmpty ? "nothing to do" : lines.joined(separator: "\n")
    }
}
