import CBytes

/// Appends text with `& < > " '` as character references: safe in element content and in quoted attributes.
package func appendEscapedHTML(_ text: some Sequence<UInt8>, to out: inout [UInt8]) {
    for byte in text {
        switch byte {
        case UInt8(ascii: "&"): out += "&amp;".utf8
        case UInt8(ascii: "<"): out += "&lt;".utf8
        case UInt8(ascii: ">"): out += "&gt;".utf8
        case UInt8(ascii: "\""): out += "&quot;".utf8
        case UInt8(ascii: "'"): out += "&#39;".utf8
        default: out.append(byte)
        }
    }
}

/// The same for a string, whose pieces between such characters are copied whole.
package func appendEscapedHTML(_ text: String, to out: inout [UInt8]) {
    // Without a copy of its own, which would be counted.
    let isDone: Void? = text.utf8.withContiguousStorageIfAvailable { appendEscapedHTML($0, to: &out) }
    if isDone == nil { Array(text.utf8).withUnsafeBufferPointer { appendEscapedHTML($0, to: &out) } }
}

private func appendEscapedHTML(_ bytes: UnsafeBufferPointer<UInt8>, to out: inout [UInt8]) {
    guard let base = bytes.baseAddress else { return }
    var start = 0
    while true {
        let end = start + xm_plain_prefix(base + start, bytes.count - start)
        out.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[start..<end]))
        guard end < bytes.count else { return }
        let reference: StaticString =
            switch bytes[end] {
            case UInt8(ascii: "&"): "&amp;"
            case UInt8(ascii: "<"): "&lt;"
            case UInt8(ascii: ">"): "&gt;"
            case UInt8(ascii: "\""): "&quot;"
            default: "&#39;"
            }
        out.append(contentsOf: UnsafeBufferPointer(start: reference.utf8Start, count: reference.utf8CodeUnitCount))
        start = end + 1
    }
}

package func escapedHTML(_ text: String) -> String {
    var out: [UInt8] = []
    appendEscapedHTML(text, to: &out)
    return String(decoding: out, as: UTF8.self)
}

/// Text of several lines, each line end (`\n`, `\r\n`, `\r`) as `<br>`.
package func escapedHTMLLines(_ text: String) -> String {
    var out: [UInt8] = []
    var afterReturn = false
    for byte in escapedHTML(text).utf8 {
        switch byte {
        case 0x0A where afterReturn: break
        case 0x0A, 0x0D: out += "<br>".utf8
        default: out.append(byte)
        }
        afterReturn = byte == 0x0D
    }
    return String(decoding: out, as: UTF8.self)
}

/// A path for a URL: everything outside unreserved characters, `/` and a few sub-delims is percent-encoded (RFC 3986).
package func percentEncodedPath(_ path: String) -> String {
    let isPlain = path.utf8.withContiguousStorageIfAvailable { bytes in
        for byte in bytes where !isPathByte(byte) { return false }
        return true
    }
    if isPlain ?? path.utf8.allSatisfy(isPathByte) { return path }
    return percentEncoded(path, keeping: isPathByte)
}

/// An address of another server as a browser asks for it: what URLs cannot hold is percent-encoded, and escapes that are
/// there stay (WHATWG URL, query and path percent-encode sets).
package func browserEncodedAddress(_ address: String) -> String {
    func isFine(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F && !"\"<>`{}^|\\".utf8.contains(byte) }
    return address.utf8.allSatisfy(isFine) ? address : percentEncoded(address, keeping: isFine)
}

/// Every byte that is not kept as `%` and two hexadecimal digits in upper case.
package func percentEncoded(_ text: String, keeping isKept: (UInt8) -> Bool) -> String {
    var out: [UInt8] = []
    for byte in text.utf8 {
        if isKept(byte) {
            out.append(byte)
        } else {
            out.append(UInt8(ascii: "%"))
            for digit in [hexDigit(byte >> 4), hexDigit(byte & 15)] { out.append(digit >= 0x61 ? digit - 32 : digit) }
        }
    }
    return String(decoding: out, as: UTF8.self)
}

@inline(__always)
private func isPathByte(_ byte: UInt8) -> Bool {
    // One bit for each of the first 128: digits, letters and `-._~/@,`.
    let low: UInt64 = 0x03FF_F000_0000_0000
    let high: UInt64 = 0x47FF_FFFE_87FF_FFFF
    return byte < 64 ? low >> UInt64(byte) & 1 == 1 : byte < 128 && high >> UInt64(byte - 64) & 1 == 1
}

/// Undoes percent-encoding; nil for a broken escape or for bytes that are not UTF-8.
package func percentDecoded(_ text: some StringProtocol) -> String? {
    percentDecoded(Array(text.utf8)[...], plusIsSpace: false)
}

/// The same for bytes; a form's `+` is a space.
package func percentDecoded(_ bytes: ArraySlice<UInt8>, plusIsSpace: Bool) -> String? {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var place = bytes.startIndex
    while place < bytes.endIndex {
        let byte = bytes[place]
        if byte == UInt8(ascii: "%") {
            guard bytes.endIndex - place > 2, let high = hexValue(bytes[place + 1]),
                let low = hexValue(bytes[place + 2])
            else { return nil }
            out.append(high << 4 | low)
            place += 3
        } else {
            out.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            place += 1
        }
    }
    return String(validating: out, as: UTF8.self)
}
