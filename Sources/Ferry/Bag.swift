import PortalBase

/// Items as a BagIt bag (RFC 8493) in a tar: payload first, manifests last, since digests are known by then.
enum Bag {
    static let manifestName = "manifest-sha256.txt"
    static let tagManifestName = "tagmanifest-sha256.txt"
    private static let declaration = Array("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n".utf8)

    /// Largest file in a bag: an attachment part and its envelope.
    static let maxFileBytes = 16 << 20

    /// Writes a bag to `sink`.
    /// - Parameter blinding: random bytes put into `bag-info.txt`, so that nobody can guess a bag by its digest.
    /// - Returns: digest of the payload manifest, and the payload's bytes.
    static func write(
        _ items: [() throws -> FerryItem], blinding: [UInt8], to sink: @escaping ([UInt8]) throws -> Void
    ) throws -> (innerManifest: SHA256Digest, plainBytes: Int) {
        let tar = TarWriter(sink: sink)
        var lines: [String] = []
        var total = 0
        for load in items {
            let item = try load()
            for part in item.parts {
                let name = "data/\(item.id)/\(part.name)"
                let bytes = try part.bytes()
                try tar.add(name, bytes)
                lines.append("\(SHA256Digest(of: bytes).hex)  \(name)\n")
                total += bytes.count
            }
        }
        let manifest = Array(lines.sorted { $0.dropFirst(66) < $1.dropFirst(66) }.joined().utf8)
        let info = Array("Payload-Oxum: \(total).\(lines.count)\nBlinding: \(hexText(blinding))\n".utf8)
        let tags = [("bag-info.txt", info), ("bagit.txt", declaration), (manifestName, manifest)]
        for (name, bytes) in tags { try tar.add(name, bytes) }
        let tagLines = tags.map { "\(SHA256Digest(of: $0.1).hex)  \($0.0)\n" }.joined()
        try tar.add(tagManifestName, Array(tagLines.utf8))
        try tar.finish()
        return (SHA256Digest(of: manifest), total)
    }

    /// Collects what a tar reader finds and checks that it is a complete and valid bag.
    final class Checker {
        private var digests: [String: SHA256Digest] = [:]
        private var tagFiles: [String: [UInt8]] = [:]
        private(set) var payload: [String] = []
        private(set) var payloadBytes = 0

        func add(_ name: String, _ bytes: [UInt8]) {
            digests[name] = SHA256Digest(of: bytes)
            if name.hasPrefix("data/") {
                payload.append(name)
                payloadBytes += bytes.count
            } else {
                tagFiles[name] = bytes
            }
        }

        /// Every payload file is listed, every listed file is there, all digests hold.
        func isValid(innerManifest: SHA256Digest) -> Bool {
            guard tagFiles["bagit.txt"] == Bag.declaration, digests[Bag.manifestName] == innerManifest,
                let payloadList = list(Bag.manifestName), let tagList = list(Bag.tagManifestName),
                Set(payloadList.keys) == Set(payload),
                Set(tagFiles.keys) == ["bagit.txt", "bag-info.txt", Bag.manifestName, Bag.tagManifestName],
                Set(tagList.keys) == ["bagit.txt", "bag-info.txt", Bag.manifestName]
            else { return false }
            return payloadList.merging(tagList) { first, _ in first }.allSatisfy { digests[$0.key]?.hex == $0.value }
        }

        private func list(_ name: String) -> [String: String]? {
            guard let bytes = tagFiles[name], let text = String(validating: bytes, as: UTF8.self) else { return nil }
            var result: [String: String] = [:]
            for line in text.split(separator: "\n") {
                let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
                guard parts.count == 2 else { return nil }
                let file = String(parts[1].drop { $0 == " " })
                guard result.updateValue(String(parts[0]), forKey: file) == nil else { return nil }
            }
            return result
        }
    }
}
