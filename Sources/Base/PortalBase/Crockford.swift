/// Crockford's base 32: no I, L, O, U, so that codes survive being read out and written down.
package enum Crockford {
    package static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// Bytes that somebody may type or paste at most.
    package static let mostTyped = 120

    /// What somebody typed, as the alphabet writes it: any width, upper case, spaces, hyphens and characters without width
    /// out, O to 0, I and L to 1.
    package static func normalised(_ text: String) -> [UInt8]? {
        guard text.utf8.count <= mostTyped else { return nil }
        var out: [UInt8] = []
        for byte in TextFolding.folded(text).uppercased().utf8 {
            switch byte {
            case 0x20, 0x0A, UInt8(ascii: "-"): continue
            case UInt8(ascii: "O"): out.append(UInt8(ascii: "0"))
            case UInt8(ascii: "I"), UInt8(ascii: "L"): out.append(UInt8(ascii: "1"))
            default:
                guard alphabet.contains(byte) else { return nil }
                out.append(byte)
            }
        }
        return out
    }

    package static func random(_ count: Int, _ bytes: [UInt8]) -> String {
        // 256 is a multiple of 32, so the low five bits are unbiased.
        String(decoding: bytes.prefix(count).map { alphabet[Int($0 & 31)] }, as: UTF8.self)
    }
}

/// 16 random characters (80 bits) that people read out, write down and type.
package struct SpokenCode: Sendable, Equatable {
    package let text: String

    /// - Parameter random: 16 bytes.
    package init(random: [UInt8]) {
        text = Crockford.random(16, random)
    }

    package init?(typed: String) {
        guard let bytes = Crockford.normalised(typed), bytes.count == 16 else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// In groups of four, for reading.
    package var grouped: String {
        let bytes = Array(text.utf8)
        return stride(from: 0, to: bytes.count, by: 4).map {
            String(decoding: bytes[$0..<min($0 + 4, bytes.count)], as: UTF8.self)
        }
        .joined(separator: "-")
    }
}
