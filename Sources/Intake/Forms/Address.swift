package import PortalBase

/// A place in the city: unit, village or community, the rest, and where a device said it was.
struct Address: Sendable, Equatable {
    /// Value of the field's list.
    let unit: String
    let village: String
    let rest: String
    let position: Position?

    /// WGS-84, as devices give it.
    struct Position: Sendable, Equatable {
        /// Degrees, with at most seven decimals, as they were sent.
        let longitude: String
        let latitude: String
        /// Metres.
        let accuracy: Int
    }

    /// Names of the inputs after the field's own.
    static let parts = ["unit", "village", "rest", "position"]

    private static let longest = ["village": 40, "rest": 120]

    /// Nil where nothing was given.
    static func read(
        _ field: FormDefinition.Field, _ given: [String: [String]]
    ) -> Result<Address?, FieldError> {
        var values: [String: String] = [:]
        for part in parts {
            let own = given["\(field.id).\(part)", default: []]
            guard own.count <= 1 else { return .failure(field.error(.notListed, "只能填一个值", "takes one value only")) }
            values[part] = own.first ?? ""
        }
        func value(_ part: String) -> String { values[part] ?? "" }
        let (unit, position) = (value("unit"), value("position"))
        if parts.allSatisfy({ value($0).isEmpty }) { return .success(nil) }
        guard !unit.isEmpty else {
            return .failure(field.error(.required, "需要选择乡镇（街道）", "needs a town or subdistrict"))
        }
        guard field.options.contains(where: { $0.value == unit }) else {
            return .failure(field.error(.notListed, "只能从选项中选择", "must be one of the choices"))
        }
        for (part, most) in longest.sorted(by: { $0.key < $1.key }) {
            if value(part).unicodeScalars.count > most {
                return .failure(field.error(.tooLong, "不能超过 \(most) 个字", "must be \(most) characters or fewer"))
            }
        }
        guard position.isEmpty || Position(position) != nil else {
            return .failure(
                field.error(
                    .notPosition, "的定位读不出来，已经清除；可以重新定位，也可以不定位",
                    "has a position that cannot be read; it was taken out. Take it again, or leave it out"))
        }
        return .success(
            Address(unit: unit, village: value("village"), rest: value("rest"), position: Position(position)))
    }

    var json: JSON {
        var fields: [String: JSON] = ["unit": .string(unit)]
        if !village.isEmpty { fields["village"] = .string(village) }
        if !rest.isEmpty { fields["rest"] = .string(rest) }
        if let position { fields["position"] = .string(position.text) }
        return .object(fields)
    }

    static func input(_ field: String, _ json: [String: JSON]) -> [String: [String]] {
        Dictionary(
            uniqueKeysWithValues: parts.compactMap { part in
                json[part]?.string.map { ("\(field).\(part)", [$0]) }
            })
    }
}

extension Address.Position {
    /// `longitude,latitude,accuracy`, degrees rounded to seven decimals (a centimetre); nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let longitude = Self.degrees(parts[0], most: 180),
            let latitude = Self.degrees(parts[1], most: 90), let metres = decimal(parts[2].utf8), metres <= 1_000_000
        else { return nil }
        self.init(longitude: longitude, latitude: latitude, accuracy: metres)
    }

    var text: String { "\(longitude),\(latitude),\(accuracy)" }

    /// Degrees as they were written, or rounded where they have more than seven decimals.
    private static func degrees(_ text: String, most: Int) -> String? {
        guard text.utf8.count <= 40 else { return nil }
        let isNegative = text.hasPrefix("-")
        let digits = isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = decimal(parts[0].utf8), whole <= most else { return nil }
        let sign = isNegative ? "-" : ""
        guard parts.count == 2 else { return sign + String(whole) }
        let fraction = Array(parts[1].utf8)
        guard !fraction.isEmpty, fraction.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        guard whole < most || fraction.allSatisfy({ $0 == 0x30 }) else { return nil }
        if fraction.count <= 7 { return sign + String(whole) + "." + parts[1] }
        // Always: seven digits.
        let kept = fraction.prefix(7).reduce(0) { $0 * 10 + Int($1 - 0x30) } + (fraction[7] >= 0x35 ? 1 : 0)
        let (carry, rest) = kept.quotientAndRemainder(dividingBy: 10_000_000)
        return sign + String(whole + carry) + "." + padded(rest, 7)
    }
}

extension FormDefinition.Field {
    /// An answer as people read it.
    package func text(_ value: JSON, _ language: String) -> String {
        func label(_ value: String) -> String { options.first { $0.value == value }?.label.text(language) ?? value }
        switch type {
        case .address:
            let rest = [value["village"]?.string, value["rest"]?.string].compactMap { $0 }
            return ([label(value["unit"]?.string ?? "")] + rest).joined(separator: language == "en" ? ", " : "")
        case .declaration: return language == "en" ? "yes" : "是"
        default:
            let given = value.array?.compactMap(\.string) ?? [value.string ?? ""]
            return given.map(label).joined(separator: language == "en" ? ", " : "、")
        }
    }
}
