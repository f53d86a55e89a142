import PortalBase

/// The directory of a ZIP archive (APPNOTE 6.3), read from its end as every program reads it.
struct ZipArchive {
    struct Entry {
        let name: String
        /// 0 stored, 8 deflated.
        let method: Int
        let packedBytes: Int
        /// Offset of its local header.
        let header: Int
    }

    private static let mostEntries = 20_000
    private let bytes: [UInt8]
    let entries: [Entry]

    /// Nil for damaged archives and for those that span several disks or need 64-bit sizes.
    init?(_ bytes: [UInt8]) {
        // The end record has 22 bytes and a comment of 65,535 at most.
        let first = max(0, bytes.count - 22 - 65_535)
        guard bytes.count >= 22,
            let end = (first...(bytes.count - 22)).last(where: {
                bytes[$0] == 0x50 && bytes[$0 + 1] == 0x4B && bytes[$0 + 2] == 5 && bytes[$0 + 3] == 6
            })
        else { return nil }
        let count = Self.little(bytes, end + 10, 2)
        var at = Self.little(bytes, end + 16, 4)
        guard count <= Self.mostEntries else { return nil }
        var entries: [Entry] = []
        for _ in 0..<count {
            guard at + 46 <= end, Self.little(bytes, at, 4) == 0x0201_4B50 else { return nil }
            let nameBytes = Self.little(bytes, at + 28, 2)
            let next = at + 46 + nameBytes + Self.little(bytes, at + 30, 2) + Self.little(bytes, at + 32, 2)
            guard next <= end else { return nil }
            entries.append(
                Entry(
                    name: String(
                        decoding: bytes[(at + 46)..<(at + 46 + nameBytes)].map { $0 == 0x5C ? 0x2F : $0 }, as: UTF8.self
                    ),
                    method: Self.little(bytes, at + 10, 2), packedBytes: Self.little(bytes, at + 20, 4),
                    header: Self.little(bytes, at + 42, 4)))
            at = next
        }
        self.bytes = bytes
        self.entries = entries
    }

    /// The bytes of an entry; nil where it is damaged, encrypted or longer than `limit`.
    func content(_ entry: Entry, limit: Int) -> [UInt8]? {
        let at = entry.header
        guard at + 30 <= bytes.count, Self.little(bytes, at, 4) == 0x0403_4B50, bytes[at + 6] & 1 == 0 else {
            return nil
        }
        let start = at + 30 + Self.little(bytes, at + 26, 2) + Self.little(bytes, at + 28, 2)
        guard start <= bytes.count, entry.packedBytes <= bytes.count - start else { return nil }
        let packed = bytes[start..<(start + entry.packedBytes)]
        switch entry.method {
        case 0: return packed.count <= limit ? Array(packed) : nil
        case 8: return inflated(packed, isRaw: true, limit: limit)
        default: return nil
        }
    }

    /// A number of at most four bytes, the lowest first.
    private static func little(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
    }
}
