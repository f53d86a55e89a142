/// Why bytes are not the JSON that this system accepts.
package struct JSONError: Error, Equatable, Sendable {
    package enum Code: String, Sendable {
        case syntax, utf8, duplicateKey, keyTooLong, marks, notInteger, tooDeep, trailing
    }
    package let code: Code
    /// Byte offset of the finding.
    package let offset: Int
}

extension JSON {
    /// Strict RFC 8259 with integers only: duplicate keys, fractions, lone surrogates, invalid UTF-8 and more
    /// than `maxDepth` levels are refused, since hostile bytes come this way, and texts that break `StreamSafe`.
    ///
    /// - Parameter maxKeyBytes: a longer key is refused before anything hashes it. Keys that are canonically equivalent are
    ///   one key, and so a duplicate.
    package init(parsing bytes: [UInt8], maxDepth: Int = 32, maxKeyBytes: Int = 128) throws(JSONError) {
        var parser = JSONParser(bytes: bytes, maxDepth: maxDepth, maxKeyBytes: maxKeyBytes)
        self = try parser.document()
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    let maxDepth: Int
    let maxKeyBytes: Int
    var i = 0

    init(bytes: [UInt8], maxDepth: Int, maxKeyBytes: Int) {
        self.bytes = bytes
        self.maxDepth = maxDepth
        self.maxKeyBytes = maxKeyBytes
    }

    mutating func document() throws(JSONError) -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard i == bytes.count else { throw fail(.trailing) }
        return value
    }

    func fail(_ code: JSONError.Code) -> JSONError { JSONError(code: code, offset: i) }

    mutating func skipSpace() {
        while i < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[i]) { i += 1 }
    }

    mutating func expect(_ text: StaticString) throws(JSONError) {
        let end = i + text.utf8CodeUnitCount
        guard end <= bytes.count else { throw fail(.syntax) }
        for k in 0..<text.utf8CodeUnitCount where bytes[i + k] != text.utf8Start[k] { throw fail(.syntax) }
        i = end
    }

    mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard depth < maxDepth else { throw fail(.tooDeep) }
        skipSpace()
        guard i < bytes.count else { throw fail(.syntax) }
        switch bytes[i] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"):
            try expect("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try expect("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try expect("null")
            return .null
        default: return try integer()
        }
    }

    mutating func object(depth: Int) throws(JSONError) -> JSON {
        i += 1
        var fields: [String: JSON] = [:]
        skipSpace()
        if i < bytes.count, bytes[i] == UInt8(ascii: "}") {
            i += 1
            return .object(fields)
        }
        while true {
            skipSpace()
            guard i < bytes.count, bytes[i] == UInt8(ascii: "\"") else { throw fail(.syntax) }
            let key = try string()
            guard key.utf8.count <= maxKeyBytes else { throw fail(.keyTooLong) }
            guard fields[key] == nil else { throw fail(.duplicateKey) }
            skipSpace()
            try expect(":")
            fields[key] = try value(depth: depth + 1)
            skipSpace()
            guard i < bytes.count else { throw fail(.syntax) }
            if bytes[i] == UInt8(ascii: "}") {
                i += 1
                return .object(fields)
            }
            try expect(",")
        }
    }

    mutating func array(depth: Int) throws(JSONError) -> JSON {
        i += 1
        var items: [JSON] = []
        skipSpace()
        if i < bytes.count, bytes[i] == UInt8(ascii: "]") {
            i += 1
            return .array(items)
        }
        while true {
            items.append(try value(depth: depth + 1))
            skipSpace()
            guard i < bytes.count else { throw fail(.syntax) }
            if bytes[i] == UInt8(ascii: "]") {
                i += 1
                return .array(items)
            }
            try expect(",")
        }
    }

    mutating func integer() throws(JSONError) -> JSON {
        let start = i
        if bytes[i] == UInt8(ascii: "-") { i += 1 }
        let digits = i
        while i < bytes.count, bytes[i] >= 0x30, bytes[i] <= 0x39 { i += 1 }
        guard i > digits else { throw fail(.syntax) }
        if i < bytes.count, [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains(bytes[i]) {
            throw fail(.notInteger)
        }
        guard i - digits == 1 || bytes[digits] != 0x30, let magnitude = decimal(bytes[digits..<i]) else {
            throw fail(.syntax)
        }
        return .integer(digits > start ? -magnitude : magnitude)
    }

    mutating func string() throws(JSONError) -> String {
        i += 1
        var out: [UInt8] = []
        while true {
            guard i < bytes.count else { throw fail(.syntax) }
            let byte = bytes[i]
            i += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: out, as: UTF8.self) else { throw fail(.utf8) }
                guard StreamSafe.holds(text) else { throw fail(.marks) }
                return text
            case UInt8(ascii: "\\"): try escape(into: &out)
            case 0..<0x20: throw fail(.syntax)
            default: out.append(byte)
            }
        }
    }

    mutating func escape(into out: inout [UInt8]) throws(JSONError) {
        guard i < bytes.count else { throw fail(.syntax) }
        let byte = bytes[i]
        i += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"):
            var unit = try hex4()
            if (0xD800..<0xDC00).contains(unit) {
                try expect("\\u")
                let low = try hex4()
                guard (0xDC00..<0xE000).contains(low) else { throw fail(.utf8) }
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw fail(.utf8) }
            out += Array(String(Character(scalar)).utf8)
        default: throw fail(.syntax)
        }
    }

    mutating func hex4() throws(JSONError) -> UInt32 {
        guard i + 4 <= bytes.count else { throw fail(.syntax) }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = hexValue(bytes[i]) else { throw fail(.syntax) }
            value = value << 4 | UInt32(digit)
            i += 1
        }
        return value
    }
}

/// The value of a hexadecimal digit of either case; nil for anything else.
package func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
}
