import Foundation
package import PortalBase

extension FormDefinition {
    /// Values as they are stored, by input name, and what cannot be stored.
    ///
    /// Bounds come first, on bytes and scalars: nothing outside them is normalised, compared or hashed.
    func stored(_ input: [String: [String]]) -> (values: [String: [String]], refused: [String: FieldError]) {
        var values: [String: [String]] = [:]
        var refused: [String: FieldError] = [:]
        for field in fields where field.type != .attachment {
            for name in field.inputNames {
                guard let given = input[name] else { continue }
                var own: [String] = []
                for text in given {
                    switch field.stored(text, as: name) {
                    case .success(let text): if !text.isEmpty { own.append(text) }
                    case .failure(let error): refused[name] = error
                    }
                }
                values[name] = own
            }
        }
        return (values, refused)
    }

    /// Words as they are stored: NFC, line ends as `\n`, no spaces at the ends; empty where nothing can be seen.
    ///
    /// - Returns: the character that may not stand in them, where there is one.
    package static func stored(
        words text: String, allowsBreaks: Bool
    ) -> Result<String, PublishableText.Forbidden> {
        if isPlain(text, allowsBreaks) { return .success(text) }
        let cleaned = PublishableText.cleaned(text)
        if let found = PublishableText.forbidden(in: cleaned, allowsBreaks: allowsBreaks) { return .failure(found) }
        if PublishableText.isInvisible(cleaned) { return .success("") }
        let normal = cleaned.nfc.trimmingCharacters(in: .whitespacesAndNewlines)
        // NFC takes some letters apart, which makes a run of marks longer.
        if let found = PublishableText.forbidden(in: normal, allowsBreaks: allowsBreaks) { return .failure(found) }
        return .success(normal)
    }

    /// Whether a text is normal already, which nearly all are: Latin letters, Chinese characters and their punctuation
    /// have no other form in NFC and do not combine, and nothing stands at the ends that would go.
    private static func isPlain(_ text: String, _ allowsBreaks: Bool) -> Bool {
        guard let first = text.utf8.first, let last = text.unicodeScalars.last, first > 0x20, last.value > 0x20 else {
            return text.isEmpty
        }
        return text.unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0x20..<0x7F, 0xA1..<0xAD, 0xAE..<0x300, 0x3001..<0x302A, 0x3030..<0x3099, 0x309B..<0x3131,
                0x31C0..<0xA000,
                0xFF01..<0xFF9E:
                true
            case 0x0A: allowsBreaks
            default: false
            }
        }
    }
}

extension PublishableText.Forbidden: Error {}

extension FormDefinition.Field {
    /// Bytes that one value may take before anything else is asked of it.
    fileprivate var mostBytes: Int {
        switch type {
        case .text, .longtext: 4 * (max ?? FormDefinition.defaultMax(type))
        default: 1_024
        }
    }

    /// One value as it is stored: words as they were typed, numbers and codes as their reader means them.
    fileprivate func stored(_ text: String, as name: String) -> Result<String, FieldError> {
        // Line ends and spaces at the ends go.
        guard text.utf8.count <= mostBytes + mostBytes / 4 + 64 else {
            let limit = max ?? FormDefinition.defaultMax(type)
            return .failure(
                type == .text || type == .longtext
                    ? error(.tooLong, "不能超过 \(limit) 个字", "must be \(limit) characters or fewer")
                    : error(.tooLong, "太长", "is too long"))
        }
        let words: String
        switch FormDefinition.stored(words: text, allowsBreaks: type == .longtext) {
        case .success(let stored): words = stored
        case .failure(let found):
            return .failure(
                error(
                    .characters, "含有不能使用的字符（\(found.name)），请删去或重新输入这一处",
                    "holds a character that cannot be used (\(found.name)); delete it or type it anew"))
        }
        switch type {
        case .phone: return .success(TextFolding.folded(words).trimmingCharacters(in: .whitespaces))
        case .email: return .success(TextFolding.folded(words).trimmingCharacters(in: .whitespaces))
        case .number: return .success(Decimal(TextFolding.folded(words))?.text ?? words)
        case .date: return .success(CivilDate(written: words)?.text ?? words)
        case .uscc, .idnumber:
            return .success(TextFolding.folded(words).uppercased().filter { !" -·.\n".contains($0) })
        case .address where name.hasSuffix(".position"): return .success(Address.Position(words)?.text ?? words)
        default: return .success(words)
        }
    }
}

/// A number with a fraction, by its digits: no binary fraction stands between what was typed and what is stored.
struct Decimal: Sendable, Equatable {
    let isNegative: Bool
    let whole: Int
    /// Digits behind the point, without zeros at the end.
    let fraction: String

    /// `80`, `-3`, `80.50`, `1,000`; nil for anything else.
    init?(_ text: String) {
        var rest = text.filter { $0 != " " }[...]
        isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
        let parts = rest.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), rest.utf8.count <= 24 else { return nil }
        let groups = parts[0].split(separator: ",", omittingEmptySubsequences: false)
        let isGrouped =
            groups.count == 1 || (1...3).contains(groups[0].count) && groups.dropFirst().allSatisfy { $0.count == 3 }
        guard isGrouped, let whole = decimal(Array(groups.joined().utf8)), whole < 1_000_000_000_000_000 else {
            return nil
        }
        self.whole = whole
        guard parts.count == 2 else {
            fraction = ""
            return
        }
        var digits = Array(parts[1].utf8)
        guard digits.count <= 12, digits.isEmpty || decimal(digits) != nil else { return nil }
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        fraction = String(decoding: digits, as: UTF8.self)
    }

    var text: String {
        (isNegative && (whole != 0 || !fraction.isEmpty) ? "-" : "") + String(whole)
            + (fraction.isEmpty ? "" : "." + fraction)
    }

    static func < (number: Decimal, bound: Int) -> Bool {
        let signed = number.isNegative ? -number.whole : number.whole
        return signed < bound || (signed == bound && number.isNegative && !number.fraction.isEmpty)
    }

    static func > (number: Decimal, bound: Int) -> Bool {
        let signed = number.isNegative ? -number.whole : number.whole
        return signed > bound || (signed == bound && !number.isNegative && !number.fraction.isEmpty)
    }
}

/// An address as RFC 5321 has it, letters of other scripts included (RFC 6531); without a name, angle brackets or quotes.
func isEmailAddress(_ text: String) -> Bool {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, text.utf8.count <= 254, (1...64).contains(parts[0].utf8.count) else { return false }
    func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x80
            ? scalar.properties.isAlphabetic || (0x30...0x39).contains(scalar.value) : scalar.properties.isAlphabetic
    }
    let atoms = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
    guard labels.count >= 2, let last = labels.last else { return false }
    return atoms.allSatisfy { atom in
        !atom.isEmpty
            && atom.unicodeScalars.allSatisfy { isLetter($0) || "!#$%&'*+/=?^_`{|}~-".unicodeScalars.contains($0) }
    }
        && labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.unicodeScalars.allSatisfy { isLetter($0) || $0 == "-" }
        } && last.unicodeScalars.count >= 2
        && !last.unicodeScalars.allSatisfy { (0x30...0x39).contains($0.value) }
}
