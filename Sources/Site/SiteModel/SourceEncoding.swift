import Glibc
import PortalBase

/// Encodings besides UTF-8 in which programs save texts, for files that are published as they are.
enum SourceEncoding {
    /// Nil for bytes that are no GB 18030, or where the C library has no table for it.
    static func utf8(ofGB18030 bytes: [UInt8]) -> [UInt8]? {
        guard let converter = iconv_open("UTF-8", "GB18030"), converter != iconv_t(bitPattern: -1) else { return nil }
        defer { iconv_close(converter) }
        var input = bytes.map { CChar(bitPattern: $0) }
        // Two bytes become three at most, one becomes one.
        var output = [CChar](repeating: 0, count: bytes.count * 2 + 16)
        let count = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output -> Int? in
                var (from, to) = (input.baseAddress, output.baseAddress)
                var (left, room) = (input.count, output.count)
                guard iconv(converter, &from, &left, &to, &room) != Int(bitPattern: UInt.max), left == 0 else {
                    return nil
                }
                return output.count - room
            }
        }
        return count.map { output[..<$0].map { UInt8(bitPattern: $0) } }
    }

    /// Which byte of each pair is the higher: told by the mark, or by the zeros of ASCII in the other places.
    static func order(ofUTF16 bytes: [UInt8]) -> (start: Int, isBigEndian: Bool)? {
        if bytes.starts(with: [0xFF, 0xFE]) { return (2, false) }
        if bytes.starts(with: [0xFE, 0xFF]) { return (2, true) }
        let head = bytes.prefix(64)
        guard head.contains(0), head.count >= 4, head.count.isMultiple(of: 2) else { return nil }
        for isBigEndian in [false, true] {
            let (high, low) = isBigEndian ? (0, 1) : (1, 0)
            let units = stride(from: 0, to: head.count, by: 2).map { (i: Int) -> UInt16 in
                UInt16(head[i + high]) << 8 | UInt16(head[i + low])
            }
            // Text holds ASCII here and there, and neither controls nor halves of pairs.
            let isText = units.allSatisfy { (unit: UInt16) -> Bool in
                if unit < 0x20 { return unit == 0x09 || unit == 0x0A || unit == 0x0D }
                return !(0xD800...0xDFFF).contains(unit)
            }
            if isText, units.contains(where: { $0 < 0x80 }) { return (0, isBigEndian) }
        }
        return nil
    }

    /// Nil for other encodings.
    static func utf8(ofUTF16 bytes: [UInt8]) -> [UInt8]? {
        guard let order = order(ofUTF16: bytes) else { return nil }
        let (high, low) = order.isBigEndian ? (0, 1) : (1, 0)
        let units = stride(from: order.start, to: bytes.count - 1, by: 2).map { (i: Int) -> UInt16 in
            UInt16(bytes[i + high]) << 8 | UInt16(bytes[i + low])
        }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }
}
