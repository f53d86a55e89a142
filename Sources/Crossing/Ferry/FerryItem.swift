package import PortalBase

/// What crosses: a kind, an id, and named byte strings. Ferry knows nothing of what they mean.
package struct FerryItem: Sendable {
    /// A byte string that is read when somebody needs it, so that memory holds one part of an item and not all.
    package struct Part: Sendable {
        /// `item.json`, `item.p7m`, `a00-00000.p7m` …
        package let name: String
        /// Length in bytes.
        package let count: Int
        private let known: (digest: SHA256Digest, head: [UInt8])?
        private let load: @Sendable () throws -> [UInt8]

        package init(name: String, bytes: [UInt8]) {
            self.init(name: name, count: bytes.count) { bytes }
        }

        /// - Parameters:
        ///   - known: digest and first bytes, where they were seen already.
        ///   - load: gives the same `count` bytes each time.
        package init(
            name: String, count: Int, known: (digest: SHA256Digest, head: [UInt8])? = nil,
            load: @escaping @Sendable () throws -> [UInt8]
        ) {
            self.name = name
            self.count = count
            self.known = known
            self.load = load
        }

        package func bytes() throws -> [UInt8] { try load() }

        /// Digest and first 32 bytes.
        func seen() throws -> (digest: SHA256Digest, head: [UInt8]) {
            if let known { return known }
            let bytes = try load()
            return (SHA256Digest(of: bytes), Array(bytes.prefix(Self.headBytes)))
        }

        /// The part with what was learnt by reading it; a small one keeps its bytes.
        func seen(as bytes: [UInt8], _ digest: SHA256Digest) -> Part {
            let known = (digest, Array(bytes.prefix(Self.headBytes)))
            guard bytes.count <= 1 << 16 else { return Part(name: name, count: bytes.count, known: known, load: load) }
            return Part(name: name, count: bytes.count, known: known) { bytes }
        }

        static let headBytes = 32
    }

    package let kind: String
    /// UUID in lower case: unique for ever, so that the effect of crossing twice is that of crossing once.
    package let id: String
    package let parts: [Part]
    /// What its owner opened of it already; nil where it is opened when it is needed.
    package var opened: [UInt8]?

    package init(kind: String, id: String, parts: [Part]) {
        self.kind = kind
        self.id = id
        self.parts = parts
    }

    package func part(_ name: String) throws -> [UInt8]? { try parts.first { $0.name == name }?.bytes() }
}

/// The closed list of reasons for which a batch or an item is refused.
package enum RejectCode: String, Sendable, CaseIterable {
    case chain, fork, expired, decrypt, bagit, unknownKind, schema, limit, type, duplicate
}

/// The name of an attachment's part, both counted from 0.
package func attachmentPartName(_ attachment: Int, _ part: Int) -> String {
    numberedName("a", attachment, part, ".p7m")
}

/// Whether it is a name as `attachmentPartName` makes them.
package func isAttachmentPart(_ name: String) -> Bool {
    isNumberedName(name, "a", ".p7m")
}

/// The name of a piece of a paper, both counted from 0: `d00-00000.bin`.
package func paperPartName(_ paper: Int, _ piece: Int) -> String { numberedName("d", paper, piece, ".bin") }

/// Whether it is a name as `paperPartName` makes them.
package func isPaperPart(_ name: String) -> Bool { isNumberedName(name, "d", ".bin") }

private func numberedName(_ letter: String, _ whole: Int, _ part: Int, _ suffix: String) -> String {
    "\(letter)\(padded(whole, 2))-\(padded(part, 5))\(suffix)"
}

private func isNumberedName(_ name: String, _ letter: String, _ suffix: String) -> Bool {
    let bytes = Array(name.utf8)
    guard bytes.count == 13, name.hasPrefix(letter), bytes[3] == UInt8(ascii: "-"), name.hasSuffix(suffix) else {
        return false
    }
    return (bytes[1...2] + bytes[4...8]).allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
}

/// The name of a part of a site bundle: the record, its releases, the listings, and what it brings, counted from 0.
package func isBundlePart(_ name: String) -> Bool {
    if ["bundle.json", "tree.sha256", "chunks.sha256"].contains(name) { return true }
    let bytes = Array(name.utf8)
    let digits: ArraySlice<UInt8>
    if name.hasPrefix("release-"), name.hasSuffix(".p7s"), bytes.count == 14 {
        digits = bytes[8..<10]
    } else if name.hasPrefix("b"), name.hasSuffix(".bin"), bytes.count == 10 {
        digits = bytes[1..<6]
    } else {
        return false
    }
    return digits.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
}
