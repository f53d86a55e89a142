package import PortalBase

/// What a signer signed (用印登记): a line of canonical JSON for each number, only ever added to.
package final class PaperRegister {
    package struct Entry: Sendable, Equatable {
        package let at: Instant
        package let number: String
        /// Unit whose key it was.
        package let organ: String
        /// Of the paper's bytes.
        package let digest: SHA256Digest

        package init(at: Instant, number: String, organ: String, digest: SHA256Digest) {
            self.at = at
            self.number = number
            self.organ = organ
            self.digest = digest
        }

        var line: [UInt8] {
            JSON.object([
                "at": .string(at.rfc3339(in: .shanghai)), "number": .string(number), "organ": .string(organ),
                "sha256": .string(digest.hex),
            ]).canonicalBytes + [0x0A]
        }

        init?(line: [UInt8]) {
            guard let json = try? JSON(parsing: line),
                let at = json["at"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
                let number = json["number"]?.string, let organ = json["organ"]?.string,
                let digest = json["sha256"]?.string.flatMap(SHA256Digest.init(hex:))
            else { return nil }
            self.init(at: at, number: number, organ: organ, digest: digest)
        }
    }

    package struct Damaged: Error, CustomStringConvertible {
        package let description: String
    }

    /// There is no register: without what was signed before, a number would be signed twice.
    package struct Missing: Error, CustomStringConvertible {
        package let description: String
    }

    private let path: String
    private var known: [String: Entry] = [:]
    /// Bytes of whole lines.
    private var length = 0
    // One signer at a time writes it.
    private let lock: FileLock

    /// Reads what was signed before. A line that was cut off by the end of the machine
    /// was never answered, and goes.
    ///
    /// - Parameters:
    ///   - isNew: whether one is made where there is none: of an installation that never signed.
    ///   - patience: seconds to wait for another signer's end.
    package init(_ path: String, isNew: Bool, patience: Int = 5) throws {
        self.path = path
        lock = try FileLock.waiting(for: path + ".lock", patience: patience, mode: 0o640)
        var entries: [Entry] = []
        if FileSystem.kind(path) != nil {
            let read = try Self.read(path)
            (entries, length) = (read.entries, read.length)
            if read.isCut { try FileSystem.truncate(path, to: length) }
        } else {
            guard isNew else {
                throw Missing(
                    description:
                        "there is no register \(path): bring it back from its backup, or begin one with --new-register where nothing was ever signed"
                )
            }
            try FileSystem.replaceDurably(path, with: [], mode: 0o640)
        }
        for entry in entries {
            if let other = known.updateValue(entry, forKey: entry.number), other.digest != entry.digest {
                throw Damaged(description: "\(path): \(entry.number) stands on two papers")
            }
        }
    }

    /// The entries of a register, oldest first.
    package static func entries(_ path: String) throws -> [Entry] { try read(path).entries }

    /// - Returns: `length` in bytes of the whole lines.
    private static func read(_ path: String) throws -> (entries: [Entry], length: Int, isCut: Bool) {
        let bytes = try FileSystem.read(path, limit: 1 << 30)
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        // Behind the last line's end.
        let cut = lines.popLast()?.count ?? 0
        let entries = try lines.enumerated().map { number, line in
            guard let entry = Entry(line: Array(line)) else {
                throw Damaged(description: "\(path):\(number + 1): this line is no entry of a register")
            }
            return entry
        }
        return (entries, bytes.count - cut, cut > 0)
    }

    /// Enters a number durably before anything is signed under it. The same paper again is the same entry.
    func enter(_ entry: Entry) throws(PaperExchange.Failure) {
        if let known = known[entry.number] {
            guard known.digest == entry.digest, known.organ == entry.organ else { throw .numberUsed }
            return
        }
        let line = entry.line
        do {
            // Half a line that a full disk left behind goes first.
            if FileSystem.size(path) != length { try FileSystem.truncate(path, to: length) }
            try FileSystem.append(line, to: path, sync: true)
        } catch {
            throw .notSigned
        }
        length += line.count
        known[entry.number] = entry
    }
}
