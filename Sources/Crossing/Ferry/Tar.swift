/// Why bytes are not a tar that this system accepts.
package enum TarError: Error, Sendable {
    case header, checksum, notRegularFile, name, duplicate, tooLarge, truncated, trailing
}

/// Writes ustar (POSIX.1-1988): regular files only, fixed owner and time, so that equal input gives equal bytes.
package struct TarWriter {
    /// Receives the archive piece by piece.
    private let sink: ([UInt8]) throws -> Void

    package init(sink: @escaping ([UInt8]) throws -> Void) {
        self.sink = sink
    }

    package func add(_ name: String, _ bytes: [UInt8]) throws {
        guard name.utf8.count <= 100 else { throw TarError.name }
        try sink(Self.header(name, size: bytes.count))
        try sink(bytes)
        try sink([UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512))
    }

    package func finish() throws { try sink([UInt8](repeating: 0, count: 1024)) }

    private static func header(_ name: String, size: Int) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ offset: Int) { for (i, byte) in text.utf8.enumerated() { block[offset + i] = byte } }
        func octal(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 8)
            return String(repeating: "0", count: digits - text.utf8.count) + text
        }
        put(name, 0)
        put("0000600\0", 100)
        put("0000000\0", 108)
        put("0000000\0", 116)
        put(octal(size, 11) + "\0", 124)
        put(octal(0, 11) + "\0", 136)
        put("        ", 148)
        put("0", 156)
        put("ustar\u{0}00", 257)
        let sum = block.reduce(0) { $0 + Int($1) }
        put(octal(sum, 6) + "\0 ", 148)
        return block
    }
}

/// Reads ustar as it comes: regular files with plain relative names, nothing else. Holds no more than a header.
package struct TarReader {
    /// What stands next in the archive.
    package enum Piece {
        case begin(name: String, size: Int, offset: Int)
        case content(ArraySlice<UInt8>)
        case end
    }

    private enum State {
        case header
        case content(left: Int, padding: Int)
        case padding(left: Int)
        case ended
    }

    private let maxEntryBytes: Int
    private let maxEntries: Int
    private var state = State.header
    private var header: [UInt8] = []
    private var seen: Set<String> = []
    /// Bytes of the archive up to the next header.
    private var offset = 0

    /// - Parameters:
    ///   - maxEntryBytes: larger entries are refused before they are read.
    ///   - maxEntries: more are refused.
    package init(maxEntryBytes: Int, maxEntries: Int) {
        self.maxEntryBytes = maxEntryBytes
        self.maxEntries = maxEntries
    }

    package mutating func feed(_ bytes: [UInt8], _ visit: (Piece) throws -> Void) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch state {
            case .header:
                let piece = rest.prefix(512 - header.count)
                header += piece
                rest = rest.dropFirst(piece.count)
                if header.count == 512 { try readHeader(visit) }
            case .content(let left, let padding):
                let piece = rest.prefix(left)
                try visit(.content(piece))
                rest = rest.dropFirst(piece.count)
                if piece.count < left {
                    state = .content(left: left - piece.count, padding: padding)
                } else {
                    try visit(.end)
                    state = padding == 0 ? .header : .padding(left: padding)
                }
            case .padding(let left):
                let piece = rest.prefix(left)
                guard piece.allSatisfy({ $0 == 0 }) else { throw TarError.trailing }
                rest = rest.dropFirst(piece.count)
                state = piece.count < left ? .padding(left: left - piece.count) : .header
            case .ended:
                guard rest.allSatisfy({ $0 == 0 }) else { throw TarError.trailing }
                rest = []
            }
        }
    }

    package func finish() throws {
        guard case .ended = state else { throw TarError.truncated }
    }

    private mutating func readHeader(_ visit: (Piece) throws -> Void) throws {
        if header.allSatisfy({ $0 == 0 }) {
            state = .ended
            return
        }
        let (name, size) = try parse(header)
        header.removeAll(keepingCapacity: true)
        let padding = (512 - size % 512) % 512
        try visit(.begin(name: name, size: size, offset: offset + 512))
        offset += 512 + size + padding
        if size == 0 {
            try visit(.end)
            state = .header
        } else {
            state = .content(left: size, padding: padding)
        }
    }

    private mutating func parse(_ header: [UInt8]) throws -> (name: String, size: Int) {
        func octal(_ range: Range<Int>) -> Int? {
            var value = 0
            var digits = 0
            for byte in header[range] {
                if byte == 0 || byte == 0x20 { if digits > 0 { break } else { continue } }
                guard byte >= 0x30, byte <= 0x37 else { return nil }
                // Always: a field has twelve digits at most.
                value = value * 8 + Int(byte - 0x30)
                digits += 1
            }
            return digits > 0 ? value : nil
        }
        guard header[257..<262].elementsEqual("ustar".utf8), let size = octal(124..<136), let sum = octal(148..<156)
        else {
            throw TarError.header
        }
        var blanked = header
        for i in 148..<156 { blanked[i] = 0x20 }
        guard blanked.reduce(0, { $0 + Int($1) }) == sum else { throw TarError.checksum }
        guard header[156] == UInt8(ascii: "0") || header[156] == 0 else { throw TarError.notRegularFile }
        guard header[345] == 0 else { throw TarError.name }
        let name = String(decoding: header[..<100].prefix { $0 != 0 }, as: UTF8.self)
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let plain = name.utf8.allSatisfy {
            ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/")
        }
        guard plain, !parts.isEmpty, parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }) else {
            throw TarError.name
        }
        guard seen.count < maxEntries else { throw TarError.tooLarge }
        guard seen.insert(name).inserted else { throw TarError.duplicate }
        guard size <= maxEntryBytes else { throw TarError.tooLarge }
        return (name, size)
    }
}
