package import Ferry
package import PortalBase

/// Makes a site bundle out of a built tree: the listing, what changed since a base, and items that fit the lane.
package struct BundleBuilder: Sendable {
    /// Why a tree may not be published.
    package struct Refusal: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Files are cut into parts of this size.
    static let chunkBytes = 8 << 20
    /// So much of them goes into one item.
    static let itemBytes = 64 << 20
    static let itemParts = 2_000

    /// `Output`, in which the variant's folders stand.
    private let output: String
    package let tree: SiteTree

    /// Reads a built tree and refuses one that is not public, not what its manifest says, or that holds what only the
    /// intranet's tree may hold.
    ///
    /// - Parameters:
    ///   - docroot: `…/Output/public`
    ///   - hasIntranet: whether there is an intranet variant: its tree of the same build must lie beside.
    package init(docroot: String, hasIntranet: Bool = true) throws {
        output = FileSystem.parent(docroot)
        let variant = String(docroot.split(separator: "/").last ?? "")
        guard variant == "public" else { throw Refusal(description: "\(docroot) is not the public variant's folder") }
        guard let manifest = try? Self.manifest(docroot + ".manifest.json") else {
            throw Refusal(description: "\(docroot).manifest.json is missing or no manifest; build the site first")
        }
        guard manifest.variant == "public" else {
            throw Refusal(description: "the manifest says variant \(manifest.variant), not public")
        }
        var files: [String: SHA256Digest] = [:]
        for root in SiteTree.roots where FileSystem.kind(output + "/" + root) == .directory {
            for path in try Self.everything(below: output + "/" + root) {
                let name = root + "/" + path
                guard SiteTree.isAllowed(name) else { throw Refusal(description: "\(name) is no file that may cross") }
                files[name] = SHA256Digest(of: try FileSystem.read(output + "/" + name))
            }
        }
        for (path, digest) in files where !path.hasPrefix("public.runtime/") {
            guard manifest.files[path] == digest else {
                throw Refusal(description: "\(path) is not as the manifest says; build again")
            }
        }
        for path in manifest.files.keys where files[path] == nil {
            throw Refusal(description: "\(path) is in the manifest and not in the tree; build again")
        }
        tree = SiteTree(files)
        guard SiteTree(tree.bytes) == tree else { throw Refusal(description: "the tree cannot be listed") }
        if hasIntranet { try checkAgainstIntranet(manifest.files, manifest.now) }
    }

    /// A file that only the intranet's tree has must have no copy in the public one, under whatever name.
    private func checkAgainstIntranet(_ publicFiles: [String: SHA256Digest], _ now: String) throws {
        let path = output + "/intranet.manifest.json"
        guard FileSystem.kind(path) != nil else {
            throw Refusal(
                description:
                    "\(path) is missing, so that nobody can say whether something of the intranet's got out; build all variants"
            )
        }
        guard let intranet = try? Self.manifest(path) else { throw Refusal(description: "\(path) is no manifest") }
        guard intranet.now == now else {
            throw Refusal(description: "\(path) is of another build than the public one; build all variants together")
        }
        func below(_ path: String) -> Substring { path.drop { $0 != "/" } }
        let publicPaths = Set(publicFiles.keys.map(below))
        var shared: Set<SHA256Digest> = []
        for (path, digest) in intranet.files where publicPaths.contains(below(path)) { shared.insert(digest) }
        let hidden = Dictionary(
            intranet.files.filter { !publicPaths.contains(below($0.key)) && !shared.contains($0.value) }.map {
                ($0.value, $0.key)
            }
        ) { first, _ in first }
        for (path, digest) in publicFiles {
            if let source = hidden[digest] {
                throw Refusal(description: "\(path) has the bytes of \(source), which only the intranet may see")
            }
        }
    }

    /// Relative paths of everything in a folder; anything but files and folders is refused.
    private static func everything(below root: String) throws -> [String] {
        var found: [String] = []
        func walk(_ relative: String) throws {
            for entry in try FileSystem.list(relative.isEmpty ? root : root + "/" + relative) {
                let path = relative.isEmpty ? entry.name : relative + "/" + entry.name
                switch entry.kind {
                case .directory: try walk(path)
                case .file: found.append(path)
                default: throw Refusal(description: "\(root)/\(path) is neither a file nor a folder")
                }
            }
        }
        try walk("")
        return found
    }

    private static func manifest(
        _ path: String
    ) throws -> (variant: String, now: String, files: [String: SHA256Digest])? {
        guard let json = try? JSON(parsing: FileSystem.read(path), maxKeyBytes: 4_096),
            json["fmt"] == .string("xinmi-site/2"),
            let variant = json["variant"]?.string, let now = json["now"]?.string
        else { return nil }
        var files: [String: SHA256Digest] = [:]
        func read(_ object: [String: JSON]?, _ folder: String) {
            for (name, entry) in object ?? [:] {
                files[folder + name] = entry["sha256"]?.string.flatMap(SHA256Digest.init(hex:))
            }
        }
        read(json["files"]?.object, variant + "/")
        for (host, object) in json["hosts"]?.object ?? [:] { read(object.object, "\(variant).hosts/\(host)/") }
        return (variant, now, files)
    }

    /// Writes the bundle's items, each in a folder named by its id, and says what they are.
    ///
    /// - Parameters:
    ///   - base: the tree that the edge has; nil sends everything.
    ///   - underway: trees that the edge may have put in its place meanwhile; what one of them lacks is sent again.
    ///   - releases: the officers' signatures over the record.
    ///   - makeID: a new UUID.
    package func write(
        _ record: BundleRecord, releases: [[UInt8]], base: SiteTree?, underway: [SiteTree] = [], into folder: Directory,
        makeID: () -> String
    ) throws -> [(id: String, bytes: Int)] {
        let known = underway.reduce(Set((base?.files ?? [:]).values)) { $0.intersection($1.files.values) }
        var wanted: [SHA256Digest: String] = [:]
        for (path, digest) in tree.files where !known.contains(digest) { wanted[digest] = path }
        var chunks: [UInt8] = []
        // Pieces of files in a fixed order, packed into items.
        var pieces: [[Piece]] = [[]]
        var size = 0
        for (digest, path) in wanted.sorted(by: { bytesPrecede($0.value, $1.value) }) {
            let count = FileSystem.size(output + "/" + path) ?? 0
            var offset = 0
            repeat {
                let bytes = min(Self.chunkBytes, count - offset)
                if size + bytes > Self.itemBytes || pieces[pieces.count - 1].count == Self.itemParts {
                    pieces.append([])
                    size = 0
                }
                pieces[pieces.count - 1].append(Piece(path: path, offset: offset, bytes: bytes, file: digest))
                size += bytes
                offset += bytes
            } while offset < count
        }
        if pieces == [[]] { pieces = [] }
        var items: [(id: String, bytes: Int)] = []
        // The head comes first in the order of numbers, and is written last: it lists the cuts.
        for (number, list) in pieces.enumerated() {
            items.append(
                try writeItem(record, number + 1, of: pieces.count + 1, makeID(), folder) { add in
                    for (index, piece) in list.enumerated() {
                        let source = try Directory(FileSystem.parent(output + "/" + piece.path))
                        let name = FileSystem.name(piece.path)
                        let bytes = try source.read(name, at: piece.offset, count: piece.bytes)
                        if piece.offset > 0 || piece.bytes == Self.chunkBytes {
                            chunks += "\(piece.file.hex) \(SHA256Digest(of: bytes).hex)\n".utf8
                        }
                        try add("b\(padded(index, 5)).bin", bytes)
                    }
                })
        }
        items.append(
            try writeItem(record, 0, of: pieces.count + 1, makeID(), folder) { add in
                try add("bundle.json", record.bytes)
                try add("tree.sha256", tree.bytes)
                try add("chunks.sha256", chunks)
                for (index, signature) in releases.enumerated() {
                    try add("release-\(padded(index, 2)).p7s", signature)
                }
            })
        try folder.syncFileSystem()
        return items
    }

    private struct Piece: Equatable {
        let path: String
        let offset: Int
        let bytes: Int
        let file: SHA256Digest
    }

    private func writeItem(
        _ record: BundleRecord, _ number: Int, of count: Int, _ id: String, _ folder: Directory,
        _ fill: ((String, [UInt8]) throws -> Void) throws -> Void
    ) throws -> (id: String, bytes: Int) {
        let item = try Directory(making: folder.path + "/" + id)
        var parts: [JSON] = []
        var total = 0
        try fill { name, bytes in
            try item.write(name, bytes)
            total += bytes.count
            parts.append(
                .object([
                    "name": .string(name), "bytes": .integer(bytes.count),
                    "sha256": .string(SHA256Digest(of: bytes).hex),
                ]))
        }
        let head = JSON.object([
            "id": .string(id), "kind": .string("siteBundle"), "buildSeq": .integer(record.buildSequence),
            "target": .string(record.target.hex), "piece": .integer(number), "pieces": .integer(count),
            "parts": .array(parts),
        ]).canonicalBytes
        try item.write("item.json", head)
        return (id, total + head.count)
    }
}

/// An item as `BundleBuilder` wrote it.
package func bundleItem(_ id: String, in folder: String) throws -> FerryItem {
    let item = try Directory(folder + "/" + id)
    return FerryItem(
        kind: "siteBundle", id: id,
        parts: try item.names().map { name in
            FerryItem.Part(name: name, count: item.size(name) ?? 0) { try item.read(name) }
        })
}
