/// A JSON value whose numbers are integers.
///
/// Nothing in this system's formats carries a fraction, and integers keep RFC 8785's number rules trivial.
package enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    package subscript(key: String) -> JSON? {
        if case .object(let fields) = self { fields[key] } else { nil }
    }

    package var string: String? { if case .string(let s) = self { s } else { nil } }
    package var integer: Int? { if case .integer(let i) = self { i } else { nil } }
    package var bool: Bool? { if case .bool(let b) = self { b } else { nil } }
    package var array: [JSON]? { if case .array(let a) = self { a } else { nil } }
    package var object: [String: JSON]? { if case .object(let o) = self { o } else { nil } }

    /// Canonical bytes by RFC 8785 (JCS): keys in UTF-16 order, no white space, minimal escapes.
    package var canonicalBytes: [UInt8] {
        var out: [UInt8] = []
        write(to: &out)
        return out
    }

    package var canonicalText: String { String(decoding: canonicalBytes, as: UTF8.self) }

    private func write(to out: inout [UInt8]) {
        switch self {
        case .null: out += "null".utf8
        case .bool(let value): out += (value ? "true" : "false").utf8
        case .integer(let value): out += String(value).utf8
        case .string(let value): JSON.quote(value, to: &out)
        case .array(let items):
            out.append(UInt8(ascii: "["))
            for (i, item) in items.enumerated() {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                item.write(to: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let fields):
            out.append(UInt8(ascii: "{"))
            for (i, (key, value)) in fields.sorted(by: { JSON.keyPrecedes($0.key, $1.key) }).enumerated() {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                JSON.quote(key, to: &out)
                out.append(UInt8(ascii: ":"))
                value.write(to: &out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }

    /// Order of keys by RFC 8785: by UTF-16 code units, which is byte order but for what lies beyond the basic plane.
    package static func keyPrecedes(_ a: String, _ b: String) -> Bool {
        let fast = a.utf8.withContiguousStorageIfAvailable { a in
            b.utf8.withContiguousStorageIfAvailable { b in keyPrecedes(a, b) }
        }
        return (fast ?? nil) ?? a.utf16.lexicographicallyPrecedes(b.utf16)
    }

    /// The order of many keys, as indices.
    package static func sortedKeys(_ keys: [String]) -> [Int] {
        // Side by side, so that comparing two follows no references.
        var bytes: [UInt8] = []
        bytes.reserveCapacity(keys.reduce(0) { $0 + $1.utf8.count })
        let ranges = keys.map { key in
            let start = bytes.count
            bytes += key.utf8
            return start..<bytes.count
        }
        return bytes.withUnsafeBufferPointer { bytes in
            keys.indices.sorted {
                keyPrecedes(
                    UnsafeBufferPointer(rebasing: bytes[ranges[$0]]), UnsafeBufferPointer(rebasing: bytes[ranges[$1]]))
            }
        }
    }

    private static func keyPrecedes(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Bool {
        let count = min(a.count, b.count)
        var i = 0
        let (left, right) = (UnsafeRawBufferPointer(a), UnsafeRawBufferPointer(b))
        while i + 8 <= count,
            left.loadUnaligned(fromByteOffset: i, as: UInt64.self)
                == right.loadUnaligned(fromByteOffset: i, as: UInt64.self)
        {
            i += 8
        }
        while i < count, a[i] == b[i] { i += 1 }
        if i == count { return a.count < b.count }
        // Four-byte sequences are surrogates in UTF-16, which come before U+E000.
        let isHigh = (a[i] >= 0xF0) != (b[i] >= 0xF0) && min(a[i], b[i]) >= 0xEE
        return isHigh ? a[i] > b[i] : a[i] < b[i]
    }

    /// Appends a string literal: runs without anything to escape are copied whole.
    package static func quote(_ text: String, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { bytes in
            var start = 0
            for i in bytes.indices {
                let byte = bytes[i]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<i]))
                start = i + 1
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
                case 0x08: out += "\\b".utf8
                case 0x09: out += "\\t".utf8
                case 0x0A: out += "\\n".utf8
                case 0x0C: out += "\\f".utf8
                case 0x0D: out += "\\r".utf8
                default: out += "\\u00".utf8 + [hexDigit(byte >> 4), hexDigit(byte & 15)]
                }
            }
            out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start...]))
        }
        out.append(UInt8(ascii: "\""))
    }
}

/// Lower-case hexadecimal digit of a value below 16.
package func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? 0x30 + value : 0x61 + value - 10
}
