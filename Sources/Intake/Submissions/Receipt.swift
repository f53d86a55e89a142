import CMS
package import PortalBase

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

/// Shown once, never stored in clear.
package typealias QueryCode = SpokenCode

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
