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

package func escapedHTML(_ text: String) -> String {
    var out: [UInt8] = []
    appendEscapedHTML(text.utf8, to: &out)
    return String(decoding: out, as: UTF8.self)
}

/// A path for a URL: everything outside unreserved characters, `/` and a few sub-delims is percent-encoded (RFC 3986).
package func percentEncodedPath(_ path: String) -> String {
    var out: [UInt8] = []
    for byte in path.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: "/"), UInt8(ascii: "@"), UInt8(ascii: ","):
            out.append(byte)
        default:
            out.append(UInt8(ascii: "%"))
            out += Array(hexText([byte]).uppercased().utf8)
        }
    }
    return String(decoding: out, as: UTF8.self)
}

/// Undoes percent-encoding; nil for a broken escape or for bytes that are not UTF-8.
package func percentDecoded(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
    var out: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    while let byte = bytes.popFirst() {
        if byte == UInt8(ascii: "%") {
            guard bytes.count >= 2, let high = hexValue(bytes[bytes.startIndex]),
                let low = hexValue(bytes[bytes.startIndex + 1])
            else { return nil }
            bytes = bytes.dropFirst(2)
            out.append(high << 4 | low)
        } else {
            out.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
        }
    }
    return String(validating: out, as: UTF8.self)
}
