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
        let (unit, position) = (values["unit"]!, values["position"]!)
        if parts.dropLast().allSatisfy({ values[$0] == "" }) { return .success(nil) }
        guard !unit.isEmpty else {
            return .failure(field.error(.required, "需要选择乡镇（街道）", "needs a town or subdistrict"))
        }
        guard field.options.contains(where: { $0.value == unit }) else {
            return .failure(field.error(.notListed, "只能从选项中选择", "must be one of the choices"))
        }
        for (part, most) in longest.sorted(by: { $0.key < $1.key }) {
            if values[part]!.count > most {
                return .failure(field.error(.tooLong, "不能超过 \(most) 个字", "must be \(most) characters or fewer"))
            }
            if hasForbiddenCharacters(values[part]!, allowsBreaks: false) {
                return .failure(
                    field.error(.characters, "含有不能使用的字符", "holds characters that cannot be used"))
            }
        }
        // A position that cannot be read is left out: the citizen did not type it.
        return .success(
            Address(unit: unit, village: values["village"]!, rest: values["rest"]!, position: Position(position)))
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
    /// `longitude,latitude,accuracy`; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, Self.isDegrees(parts[0], most: 180), Self.isDegrees(parts[1], most: 90),
            let metres = decimal(parts[2].utf8), metres <= 1_000_000
        else { return nil }
        self.init(longitude: parts[0], latitude: parts[1], accuracy: metres)
    }

    var text: String { "\(longitude),\(latitude),\(accuracy)" }

    private static func isDegrees(_ text: String, most: Int) -> Bool {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = decimal(parts[0].utf8), whole <= most else { return false }
        return parts.count == 1
            || (whole < most && (1...7).contains(parts[1].utf8.count) && decimal(parts[1].utf8) != nil)
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
