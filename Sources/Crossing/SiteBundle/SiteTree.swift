package import PortalBase

/// Every file of a built site, with its digest: in the form that `sha256sum -c` reads, so that anybody can check a tree.
///
/// Paths begin with the folder of the variant (`public/`), of its sites with hosts of their own (`public.hosts/`) or of what
/// formsapi needs (`public.runtime/`).
package struct SiteTree: Sendable, Equatable {
    package private(set) var files: [String: SHA256Digest]

    package init(_ files: [String: SHA256Digest]) {
        self.files = files
    }

    package static let roots = ["public", "public.hosts", "public.runtime"]

    /// A path below one of the roots that may be published.
    package static func isAllowed(_ path: String) -> Bool {
        let names = path.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        return names.count == 2 && roots.contains(String(names[0])) && PublishedFiles.problem(String(names[1])) == nil
    }

    package var bytes: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(files.count * 120)
        for (path, digest) in files.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            digest.appendHex(to: &out)
            out += "  ".utf8
            out += path.utf8
            out.append(UInt8(ascii: "\n"))
        }
        return out
    }

    package var digest: SHA256Digest { SHA256Digest(of: bytes) }

    /// Strict: sorted lines, allowed paths, each once. Nil for anything else.
    package init?(_ bytes: [UInt8]) {
        guard bytes.isEmpty || bytes.last == UInt8(ascii: "\n") else { return nil }
        files = [:]
        var last: String?
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            guard line.count > 66, let text = String(validating: line, as: UTF8.self),
                let digest = SHA256Digest(hex: String(text.prefix(64))), text.dropFirst(64).prefix(2) == "  "
            else { return nil }
            let path = String(text.dropFirst(66))
            guard Self.isAllowed(path), last.map({ bytesPrecede($0, path) }) ?? true else { return nil }
            files[path] = digest
            last = path
        }
        // One name must not be a folder and a file.
        for path in files.keys {
            var parent = FileSystem.parent(path)
            while parent != "." {
                if files[parent] != nil { return nil }
                parent = FileSystem.parent(parent)
            }
        }
        guard self.bytes == bytes else { return nil }
    }
}
