package import CMS
import Glibc
package import PortalBase

/// Puts a released tree in the place of the one that is served, by the site's own user: `<site>/current` always leads to a
/// whole tree, the old one or the new one.
package struct BundleApplier: Sendable {
    package enum Outcome: Sendable, Equatable {
        /// Nothing newer has come whole.
        case nothing
        case applied(buildSequence: Int, files: Int, signers: [String])
        /// Files are missing that neither came nor are here: the core must send everything.
        case wantsFull(buildSequence: Int, missing: Int)
        case refused(buildSequence: Int, reason: String)
    }

    private let drop: BundleDrop
    private let site: String
    private let trust: TrustStore
    private let officers: Set<SHA256Digest>

    /// - Parameters:
    ///   - site: folder with `current`, `builds` and `state.json`.
    ///   - officers: SPKI SHA-256 of those who may release.
    package init(drop: String, site: String, trust: TrustStore, officers: Set<SHA256Digest>) {
        self.drop = BundleDrop(path: drop)
        self.site = site
        self.trust = trust
        self.officers = officers
    }

    /// What is served: it lies in the tree itself, so that one switch changes both.
    private var served: SiteState? {
        (try? FileSystem.read(site + "/current/state.json", limit: 4_096)).flatMap { SiteState($0) }
    }

    /// Tells the ferry's user what is served, and what is wanted.
    private func report(_ root: Directory, wantsFull: Bool, _ now: Instant) throws {
        let served = served
        let before = (try? root.read("state.json", limit: 4_096)).flatMap { SiteState($0) }
        guard before?.target != served?.target || before?.wantsFull != wantsFull || before == nil else { return }
        try root.replaceDurably(
            "state.json",
            SiteState(buildSequence: served?.buildSequence ?? 0, target: served?.target, wantsFull: wantsFull, at: now)
                .bytes,
            mode: 0o644)
    }

    package func run(at now: Instant) throws -> Outcome {
        let root = try Directory(making: site, mode: 0o755)
        let lock = try FileLock(site + "/.lock")
        defer { withExtendedLifetime(lock) {} }
        let served = served
        let builds = try Directory(making: site + "/builds", mode: 0o755)
        try sweep(builds, keeping: served)
        var outcome = Outcome.nothing
        for build in try drop.builds() where build.sequence > served?.buildSequence ?? 0 {
            switch try apply(build.items, served, root, builds, now) {
            case nil: continue
            case .applied(let sequence, let files, let signers):
                try report(root, wantsFull: false, now)
                return .applied(buildSequence: sequence, files: files, signers: signers)
            // An older build that came whole is better than none.
            case let other?: if outcome == .nothing { outcome = other }
            }
        }
        if case .wantsFull = outcome {
            try report(root, wantsFull: true, now)
        } else {
            try report(root, wantsFull: false, now)
        }
        return outcome
    }

    /// Trees that are neither served nor to come.
    private func sweep(_ builds: Directory, keeping served: SiteState?) throws {
        let kept = served.flatMap { served in served.target.map { target in Self.name(served.buildSequence, target) } }
        for name in try builds.names() where name != kept { try FileSystem.removeTree(builds.path + "/" + name) }
    }

    private static func name(_ sequence: Int, _ target: SHA256Digest) -> String {
        "\(padded(sequence, 10))-\(target.hex.prefix(16))"
    }

    /// Where a file's bytes are.
    private enum Source {
        case served(String)
        case parts([(folder: Directory, name: String)])
    }

    /// Nil when the build has not come whole.
    private func apply(
        _ items: [String], _ served: SiteState?, _ root: Directory, _ builds: Directory, _ now: Instant
    ) throws -> Outcome? {
        var parts: [SHA256Digest: (folder: Directory, name: String)] = [:]
        var numbers: Set<Int> = []
        var expected = 0
        var head: Directory?
        for item in items {
            let folder = try Directory(drop.path + "/" + item)
            guard let json = try? JSON(parsing: folder.read("item.json", limit: 2 << 20)),
                let piece = json["piece"]?.integer,
                let pieces = json["pieces"]?.integer
            else { continue }
            numbers.insert(piece)
            expected = pieces
            if piece == 0 { head = folder }
            for part in json["parts"]?.array ?? [] {
                guard let name = part["name"]?.string,
                    let digest = part["sha256"]?.string.flatMap(SHA256Digest.init(hex:))
                else { continue }
                parts[digest] = (folder, name)
            }
        }
        guard let head, numbers.count == expected else { return nil }
        let sequence = Int(items[0].prefix(10)) ?? 0
        func refuse(_ reason: String) -> Outcome { .refused(buildSequence: sequence, reason: reason) }

        let bytes = try head.read("bundle.json", limit: 4_096)
        let signatures = try head.names().filter { $0.hasSuffix(".p7s") }.prefix(16).map {
            try head.read($0, limit: 1 << 20)
        }
        let record: BundleRecord
        let signers: [String]
        do throws(CryptoError) {
            (record, signers) = try BundleRecord.verified(
                bytes, signatures: signatures, trust: trust, officers: officers, at: now)
        } catch {
            return refuse("\(error)")
        }
        guard record.buildSequence == sequence else { return refuse("another number than its items") }
        let listing = try head.read("tree.sha256", limit: 64 << 20)
        guard SHA256Digest(of: listing) == record.target, let tree = SiteTree(listing) else {
            return refuse("the listing of files is not the one that was signed, or not allowed")
        }

        // Every file must be at hand before anything is made.
        let current = site + "/current"
        var here: [SHA256Digest: String] = [:]
        if let base = try? FileSystem.read(site + "/builds/" + (servedName(served) ?? "-") + "/tree.sha256"),
            let servedTree = SiteTree(base)
        {
            for (path, digest) in servedTree.files { here[digest] = current + "/" + path }
        }
        let cuts = try self.cuts(head)
        var sources: [String: Source] = [:]
        var missing = 0
        for (path, digest) in tree.files {
            if let cut = cuts[digest] {
                let found = cut.compactMap { parts[$0] }
                if found.count == cut.count {
                    sources[path] = .parts(found)
                    continue
                }
            }
            if let part = parts[digest] {
                sources[path] = .parts([part])
            } else if let file = here[digest] {
                sources[path] = .served(file)
            } else {
                missing += 1
            }
        }
        if missing > 0 { return .wantsFull(buildSequence: sequence, missing: missing) }

        let name = Self.name(sequence, record.target)
        let temporary = "." + name
        try FileSystem.removeTree(builds.path + "/" + temporary)
        var folders: [String: Directory] = [:]
        for (path, source) in sources.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            let parent = FileSystem.parent(path)
            let folder =
                try folders[parent] ?? Directory(making: builds.path + "/" + temporary + "/" + parent, mode: 0o755)
            if folders.count > 256 { folders = [:] }
            folders[parent] = folder
            guard try write(source, FileSystem.name(path), folder) == tree.files[path] else {
                try FileSystem.removeTree(builds.path + "/" + temporary)
                return refuse("\(path) is not as the listing says")
            }
        }
        folders = [:]
        let made = try Directory(making: builds.path + "/" + temporary, mode: 0o755)
        try made.write("tree.sha256", listing, mode: 0o644)
        let state = SiteState(buildSequence: sequence, target: record.target, wantsFull: false, at: now)
        try made.write("state.json", state.bytes, mode: 0o644)
        try made.syncFileSystem()
        try builds.move(temporary, to: builds, name)
        try builds.syncNames()
        try FileSystem.remove(site + "/next")
        guard symlink("builds/" + name, site + "/next") == 0 else { throw FileError("symlink", site + "/next") }
        try root.move("next", to: root, "current")
        try root.syncNames()
        try sweep(builds, keeping: state)
        return .applied(buildSequence: sequence, files: tree.files.count, signers: signers)
    }

    private func servedName(_ served: SiteState?) -> String? {
        served.flatMap { state in state.target.map { Self.name(state.buildSequence, $0) } }
    }

    /// Parts of each file that was cut, in order.
    private func cuts(_ head: Directory) throws -> [SHA256Digest: [SHA256Digest]] {
        var cuts: [SHA256Digest: [SHA256Digest]] = [:]
        for line in String(decoding: try head.read("chunks.sha256", limit: 64 << 20), as: UTF8.self).split(
            separator: "\n")
        {
            let words = line.split(separator: " ")
            guard words.count == 2, let file = SHA256Digest(hex: String(words[0])),
                let part = SHA256Digest(hex: String(words[1]))
            else { continue }
            cuts[file, default: []].append(part)
        }
        return cuts
    }

    /// Writes a file and says what was written: a link where the bytes are here already, read again all the same.
    private func write(_ source: Source, _ name: String, _ folder: Directory) throws -> SHA256Digest {
        switch source {
        case .served(let path):
            let old = try Directory(FileSystem.parent(path))
            let oldName = FileSystem.name(path)
            guard let digest = try old.digest(oldName, size: old.size(oldName) ?? 0) else {
                return SHA256Digest(of: [])
            }
            try old.link(oldName, to: folder, name)
            return digest
        case .parts(let parts):
            let digest = SHA256Stream()
            let writer = try folder.writer(name, mode: 0o644)
            for part in parts {
                let bytes = try part.folder.read(part.name, limit: 64 << 20)
                digest.append(bytes)
                try writer.append(bytes)
            }
            return digest.digest()
        }
    }
}
