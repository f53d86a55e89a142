import Glibc
package import PortalBase

/// The folders of one side.
///
/// `outbox` and `inbox` are what people or a gap box carry. Nothing in them is believed for being there: only signed hashes
/// count, so files may come late, twice, in any order, half written or forged.
package struct Spool: Sendable {
    package let root: Directory
    package let outbox: Directory
    package let inbox: Directory
    /// Sealed batches, kept until they are acknowledged.
    let sealed: Directory
    let quarantine: Directory

    package init(root path: String) throws {
        root = try Directory(making: path)
        outbox = try Directory(making: path + "/outbox")
        inbox = try Directory(making: path + "/inbox")
        sealed = try Directory(making: path + "/sealed")
        quarantine = try Directory(making: path + "/quarantine")
    }

    /// A fresh folder for work on a lane: what a dead process left there is gone. Take the lane's lock first.
    func staging(_ lane: String) throws -> Directory {
        let path = root.path + "/staging-" + lane
        try FileSystem.removeTree(path)
        return try Directory(making: path, mode: 0o700)
    }

    /// One process at a time works on a lane of this side. Throws `LaneError.busy` while another does.
    func lock(_ lane: String) throws -> FileLock {
        do throws(FileError) {
            return try FileLock(root.path + "/" + lane + ".lock")
        } catch {
            throw error.code == EWOULDBLOCK ? LaneError.busy(lane) : error
        }
    }

    /// Temporary names that a dead process left in folders that others read too.
    ///
    /// - Returns: what could not be removed, and why: it holds nothing else up.
    func sweepTemporaries(of lane: String) throws -> [String] {
        try sweep([outbox, sealed]) { $0.hasPrefix(lane + "-") && $0.hasSuffix(".tmp") }
    }

    /// Removes files by their names.
    ///
    /// - Returns: what could not be removed, and why.
    func sweep(_ folders: [Directory], where isNeedless: (String) throws -> Bool) throws -> [String] {
        var failures: [String] = []
        for folder in folders {
            for name in try folder.names() where try isNeedless(name) {
                do throws(FileError) {
                    try folder.remove(name)
                } catch {
                    failures.append("cannot remove \(Self.printable(name)) from \(folder.path): \(error.withoutPath)")
                }
            }
        }
        return failures
    }

    /// Moves files out of the inbox under names made from their own hash, with the reason beside them.
    ///
    /// - Returns: what could not be moved, and why.
    func putAside(_ names: [String], reason: String, at now: Instant) throws -> [String] {
        var failures: [String] = []
        var moved: [String] = []
        for name in names {
            guard let kind = inbox.kind(name) else { continue }
            // No name from outside may look like a note of ours, or move a terminal.
            let shown = Self.printable(name).replacing(".reason", with: "_reason")
            // What is no file is still moved, under a name that says so.
            let size = inbox.size(name) ?? 0
            let digest = kind == .file ? try? inbox.digest(name, size: size) : nil
            let mark = digest.map { String($0.hex.prefix(16)) } ?? "special"
            var target = "\(mark)-\(shown)"
            var copy = 1
            while digest == nil, quarantine.kind(target) != nil {
                copy += 1
                target = "\(mark)-\(copy)-\(shown)"
            }
            do throws(FileError) {
                try inbox.move(name, to: quarantine, target)
                moved.append(target)
            } catch {
                failures.append("cannot put aside \(Self.printable(name)): \(error.withoutPath)")
            }
        }
        guard let first = moved.first else { return failures }
        let note = JSON.object([
            "reason": .string(reason), "files": .array(moved.map { .string($0) }),
            "at": .string(now.rfc3339(in: .shanghai)),
        ])
        try quarantine.replaceDurably("\(first).reason", note.canonicalBytes + [0x0A])
        return failures
    }

    /// Names that either side gives to a file: lower-case letters, digits, dots and hyphens.
    static func isName(_ name: String) -> Bool {
        name.utf8.count <= 80
            && name.utf8.allSatisfy {
                ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: ".")
                    || $0 == UInt8(ascii: "-")
            }
    }

    /// The beginning of a name from outside, everything else than plain characters as `_`.
    static func printable(_ name: String) -> String {
        String(
            decoding: name.utf8.prefix(64).map { byte -> UInt8 in
                let isPlain =
                    byte.isASCIIAlphanumeric || ".-_".utf8.contains(byte)
                return isPlain ? byte : UInt8(ascii: "_")
            }, as: UTF8.self)
    }

    /// Removes what was put aside longer ago than `seconds`.
    ///
    /// - Returns: what could not be removed, and why: it holds nothing else up.
    func sweepQuarantine(olderThan seconds: Int, at now: Instant) -> [String] {
        var failures: [String] = []
        do {
            try sweep(olderThan: seconds, at: now, &failures)
        } catch {
            failures.append("cannot look through the quarantine: \(error)")
        }
        return failures
    }

    private func sweep(olderThan seconds: Int, at now: Instant, _ failures: inout [String]) throws {
        for name in try quarantine.names() where name.hasSuffix(".reason") {
            guard let bytes = try? quarantine.read(name, limit: 1 << 20),
                let note = try? JSON(parsing: bytes.dropLast()),
                let at = note["at"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
                now.seconds - at.seconds > seconds
            else { continue }
            do throws(FileError) {
                for file in note["files"]?.array ?? [] {
                    // Only what stands in this folder, under a name as `putAside` gives them.
                    guard let file = file.string, !file.utf8.contains(UInt8(ascii: "/")), file.contains("-"),
                        quarantine.kind(file) != nil
                    else { continue }
                    try FileSystem.removeTree(quarantine.path + "/" + file)
                }
                try quarantine.remove(name)
            } catch {
                failures.append("cannot remove \(Self.printable(name)) from the quarantine: \(error.withoutPath)")
            }
        }
    }
}
