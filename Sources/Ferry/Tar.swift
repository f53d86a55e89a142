/// Why bytes are not a tar that this system accepts.
package enum TarError: Error, Sendable {
    case header, checksum, notRegularFile, name, duplicate, tooLarge, truncated, trailing
}

/// Writes ustar (POSIX.1-1988): regular files only, fixed owner and time, so that equal input gives equal bytes.
struct TarWriter {
    /// Receives the archive piece by piece.
    private let sink: ([UInt8]) throws -> Void

    init(sink: @escaping ([UInt8]) throws -> Void) {
        self.sink = sink
    }

    func add(_ name: String, _ bytes: [UInt8]) throws {
        guard name.utf8.count <= 100 else { throw TarError.name }
        try sink(Self.header(name, size: bytes.count))
        try sink(bytes)
        try sink([UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512))
    }

    func finish() throws { try sink([UInt8](repeating: 0, count: 1024)) }

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

/// Reads ustar as it comes: regular files with plain relative names, nothing else.
struct TarReader {
    private let maxEntryBytes: Int
    private var buffer: [UInt8] = []
    private var current: (name: String, size: Int)?
    private var seen: Set<String> = []
    private var ended = false
    private let onFile: (String, [UInt8]) throws -> Void

    /// - Parameter maxEntryBytes: larger entries are refused before they are read.
    init(maxEntryBytes: Int, onFile: @escaping (String, [UInt8]) throws -> Void) {
        self.maxEntryBytes = maxEntryBytes
        self.onFile = onFile
    }

    mutating func feed(_ bytes: [UInt8]) throws {
        if ended {
            guard bytes.allSatisfy({ $0 == 0 }) else { throw TarError.trailing }
            return
        }
        buffer += bytes
        while true {
            if let entry = current {
                let padded = (entry.size + 511) / 512 * 512
                guard buffer.count >= padded else { return }
                try onFile(entry.name, Array(buffer[..<entry.size]))
                buffer.removeFirst(padded)
                current = nil
                continue
            }
            guard buffer.count >= 512 else { return }
            let header = Array(buffer[..<512])
            buffer.removeFirst(512)
            if header.allSatisfy({ $0 == 0 }) {
                ended = true
                guard buffer.allSatisfy({ $0 == 0 }) else { throw TarError.trailing }
                buffer = []
                return
            }
            current = try parse(header)
        }
    }

    func finish() throws {
        guard ended, current == nil else { throw TarError.truncated }
    }

    private mutating func parse(_ header: [UInt8]) throws -> (name: String, size: Int) {
        func octal(_ range: Range<Int>) -> Int? {
            var value = 0
            var digits = 0
            for byte in header[range] {
                if byte == 0 || byte == 0x20 { if digits > 0 { break } else { continue } }
                guard byte >= 0x30, byte <= 0x37 else { return nil }
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
        guard seen.insert(name).inserted else { throw TarError.duplicate }
        guard size <= maxEntryBytes else { throw TarError.tooLarge }
        return (name, size)
    }
}
