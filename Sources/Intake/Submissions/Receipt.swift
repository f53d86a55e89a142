import CMS
package import PortalBase

/// Crockford's base 32: no I, L, O, U, so that codes survive being read out and written down.
enum Crockford {
    static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// Bytes that somebody may type or paste at most.
    static let mostTyped = 120

    /// What somebody typed, as the alphabet writes it: any width, upper case, spaces, hyphens and characters without width
    /// out, O to 0, I and L to 1.
    static func normalised(_ text: String) -> [UInt8]? {
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

    static func random(_ count: Int, _ bytes: [UInt8]) -> String {
        // 256 is a multiple of 32, so the low five bits are unbiased.
        String(decoding: bytes.prefix(count).map { alphabet[Int($0 & 31)] }, as: UTF8.self)
    }
}

/// `XM` + yymmdd + 8 random characters + a check character (Luhn modulo 32): what the citizen quotes.
package struct Receipt: Sendable, Equatable {
    package let text: String

    private static let prefix = "XM"
    private static let length = 17

    /// - Parameter random: 8 bytes.
    package init(date: CivilDate, random: [UInt8]) {
        let day = padded(date.year % 100, 2) + padded(date.month, 2) + padded(date.day, 2)
        let body = Self.prefix + day + Crockford.random(8, random)
        text = body + String(decoding: [Self.check(Array(body.utf8))], as: UTF8.self)
    }

    /// Reads what somebody typed; nil when it cannot be a receipt.
    package init?(typed: String) {
        guard let bytes = Crockford.normalised(typed), bytes.count == Self.length,
            bytes.starts(with: Self.prefix.utf8), Self.check(Array(bytes.dropLast())) == bytes.last
        else { return nil }
        text = String(decoding: bytes, as: UTF8.self)
    }

    private static func check(_ body: [UInt8]) -> UInt8 {
        var sum = 0
        for (i, byte) in body.reversed().enumerated() {
            // Always: normalised and made receipts hold letters of the alphabet only.
            let value = Crockford.alphabet.firstIndex(of: byte)! * (i.isMultiple(of: 2) ? 2 : 1)
            sum += value / 32 + value % 32
        }
        return Crockford.alphabet[(32 - sum % 32) % 32]
    }
}

/// 16 random characters (80 bits): shown once, never stored in clear.
package struct QueryCode: Sendable, Equatable {
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

/// The three keys that receipt and code give. The edge keeps `lookup` only.
package struct CitizenKeys: Sendable {
    package let lookup: [UInt8]
    package let statusKey: [UInt8]
    package let authKey: [UInt8]

    package init(_ receipt: Receipt, _ code: QueryCode) {
        let prk = HKDF.extract(salt: Array(receipt.text.utf8), ikm: Array(code.text.utf8))
        lookup = HKDF.expand(prk: prk, info: "lookup", count: 32)
        statusKey = HKDF.expand(prk: prk, info: "statusKey", count: 32)
        authKey = HKDF.expand(prk: prk, info: "authKey", count: 32)
    }
}
