import PortalBase

/// Items as a BagIt bag (RFC 8493) in a tar: payload first, manifests last, since digests are known by then.
enum Bag {
    static let manifestName = "manifest-sha256.txt"
    static let tagManifestName = "tagmanifest-sha256.txt"
    private static let declaration = Array("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n".utf8)

    /// Largest file in a bag: an attachment part and its envelope, or the list of all files.
    static let maxFileBytes = 64 << 20
    /// Files in a bag: 10,000 items of two parts with five attachments each, and the manifests.
    static let maxEntries = 100_000

    /// Writes a bag to `sink`.
    /// - Parameters:
    ///   - blinding: random bytes put into `bag-info.txt`, so that nobody can guess a bag by its digest.
    ///   - check: sees every item when its parts have been read, once, and their digests are known.
    /// - Returns: digest of the payload manifest, and the payload's bytes.
    static func write(
        _ items: [() throws -> FerryItem], blinding: [UInt8], check: (FerryItem) throws -> Void,
        to sink: @escaping ([UInt8]) throws -> Void
    ) throws -> (innerManifest: SHA256Digest, plainBytes: Int) {
        let tar = TarWriter(sink: sink)
        var lines: [String] = []
        var total = 0
        for load in items {
            let item = try load()
            var seen: [FerryItem.Part] = []
            for part in item.parts {
                let name = "data/\(item.id)/\(part.name)"
                let bytes = try part.bytes()
                try tar.add(name, bytes)
                let digest = SHA256Digest(of: bytes)
                lines.append("\(digest.hex)  \(name)\n")
                total += bytes.count
                seen.append(part.seen(as: bytes, digest))
            }
            try check(FerryItem(kind: item.kind, id: item.id, parts: seen))
        }
        let manifest = Array(
            lines.sorted { $0.utf8.dropFirst(66).lexicographicallyPrecedes($1.utf8.dropFirst(66)) }.joined().utf8)
        let info = Array("Payload-Oxum: \(total).\(lines.count)\nBlinding: \(hexText(blinding))\n".utf8)
        let tags = [("bag-info.txt", info), ("bagit.txt", declaration), (manifestName, manifest)]
        for (name, bytes) in tags { try tar.add(name, bytes) }
        let tagLines = tags.map { "\(SHA256Digest(of: $0.1).hex)  \($0.0)\n" }.joined()
        try tar.add(tagManifestName, Array(tagLines.utf8))
        try tar.finish()
        return (SHA256Digest(of: manifest), total)
    }

    /// A file of a bag, and where its bytes are: at an offset of the archive, or in a file of their own.
    struct Entry: Sendable {
        let name: String
        let offset: Int
        let size: Int
        let digest: SHA256Digest
        /// Its first bytes, which tell what it is.
        let head: [UInt8]

        /// `data/<item>/<part>`
        var item: Substring { name.dropFirst(5).prefix(36) }
        var part: Substring { name.dropFirst(42) }
    }

    /// Reads an archive piece by piece and checks that it is a complete and valid bag.
    struct Reader {
        private var tar: TarReader
        private(set) var payload: [Entry] = []
        private(set) var payloadBytes = 0
        private var tagFiles: [String: [UInt8]] = [:]
        private var current: (name: String, size: Int, offset: Int)?
        private var digest = SHA256Stream()
        private var content: [UInt8] = []
        /// Where payload files are unpacked; nil where the archive itself is kept.
        private let folder: Directory?
        private var item: Directory?
        private var writer: Directory.Writer?

        init(maxEntries: Int, unpackingInto folder: Directory?) {
            tar = TarReader(maxEntryBytes: Bag.maxFileBytes, maxEntries: maxEntries)
            self.folder = folder
        }

        mutating func feed(_ bytes: [UInt8]) throws {
            // Taken out, so that its names are not copied.
            var reader = tar
            tar = TarReader(maxEntryBytes: 0, maxEntries: 0)
            defer { tar = reader }
            try reader.feed(bytes) { try take($0) }
        }

        private mutating func take(_ piece: TarReader.Piece) throws {
            switch piece {
            case .begin(let name, let size, let offset):
                let isPayload = name.hasPrefix("data/")
                let parts = name.split(separator: "/")
                guard isPayload ? parts.count == 3 && isUUID(String(parts[1])) : parts.count == 1 else {
                    throw TarError.name
                }
                current = (name, size, offset)
                digest = SHA256Stream()
                content = []
                if let folder, isPayload {
                    let path = folder.path + "/data/" + parts[1]
                    if item?.path != path { item = try Directory(making: path, mode: 0o700) }
                    writer = try item?.writer(String(parts[2]))
                }
            case .content(let bytes):
                guard let current else { throw TarError.header }
                if current.name.hasPrefix("data/") {
                    digest.append(bytes)
                    try writer?.append(bytes)
                    if content.count < FerryItem.Part.headBytes {
                        content += bytes.prefix(FerryItem.Part.headBytes - content.count)
                    }
                } else {
                    content += bytes
                }
            case .end:
                guard let (name, size, offset) = current else { throw TarError.header }
                current = nil
                writer = nil
                if name.hasPrefix("data/") {
                    payload.append(
                        Entry(name: name, offset: offset, size: size, digest: digest.digest(), head: content))
                    payloadBytes += size
                } else {
                    tagFiles[name] = content
                }
            }
        }

        func finish() throws { try tar.finish() }

        /// Every payload file is listed, every listed file is there, all digests hold.
        func isValid(innerManifest: SHA256Digest) -> Bool {
            guard tagFiles["bagit.txt"] == Bag.declaration, let manifest = tagFiles[Bag.manifestName],
                SHA256Digest(of: manifest) == innerManifest, let payloadList = list(Bag.manifestName),
                let tagList = list(Bag.tagManifestName),
                Set(tagFiles.keys) == ["bagit.txt", "bag-info.txt", Bag.manifestName, Bag.tagManifestName],
                Set(tagList.keys) == ["bagit.txt", "bag-info.txt", Bag.manifestName],
                payloadList.count == payload.count
            else { return false }
            return tagList.allSatisfy { name, digest in tagFiles[name].map { SHA256Digest(of: $0) } == digest }
                && payload.allSatisfy { payloadList[$0.name] == $0.digest }
        }

        private func list(_ name: String) -> [String: SHA256Digest]? {
            guard let bytes = tagFiles[name], bytes.isEmpty || bytes.last == UInt8(ascii: "\n") else { return nil }
            var result: [String: SHA256Digest] = [:]
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                // 64 digits, two spaces, the name.
                guard line.count > 66, let text = String(validating: line, as: UTF8.self),
                    let digest = SHA256Digest(hex: String(text.prefix(64))), text.dropFirst(64).prefix(2) == "  ",
                    result.updateValue(digest, forKey: String(text.dropFirst(66))) == nil
                else { return nil }
            }
            return result
        }
    }
}
