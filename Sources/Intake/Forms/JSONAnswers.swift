package import PortalBase

extension FormDefinition {
    /// Answers of a program as they would be posted. What has another type than its field is an error of that field: it
    /// would be lost in silence.
    ///
    /// A number may stand where digits are typed, `true` where a box is ticked, `null` where nothing is answered.
    package func input(json: [String: JSON]) -> (input: [String: [String]], errors: [FieldError]) {
        var input: [String: [String]] = [:]
        var errors: [FieldError] = []
        for (name, value) in json.sorted(by: { $0.key < $1.key }) {
            guard let field = fields.first(where: { $0.id == name }), field.type != .attachment else {
                // Names that no field has are reported by `validate`.
                input[name] = value == .null ? [] : [value.string ?? "?"]
                continue
            }
            if let posted = field.posted(value) {
                input.merge(posted) { first, _ in first }
            } else {
                errors.append(
                    field.error(
                        .wrongType, "的值类型不对，应当是\(field.jsonShape.zh)",
                        "has a value of the wrong type; it takes \(field.jsonShape.en)")
                )
            }
        }
        return (input, errors)
    }
}

extension FormDefinition.Field {
    fileprivate var jsonShape: Bilingual {
        switch type {
        case .multiple: Bilingual(zh: "字符串的数组", en: "an array of strings")
        case .address:
            Bilingual(
                zh: "对象 {unit, village, rest, position}，各为字符串",
                en: "an object {unit, village, rest, position} of strings")
        case .declaration: Bilingual(zh: "\"yes\" 或 true", en: "\"yes\" or true")
        case .number: Bilingual(zh: "数字或字符串", en: "a number or a string")
        default: Bilingual(zh: "字符串", en: "a string")
        }
    }

    /// Inputs by name; nil for a value of a type that the field does not take.
    fileprivate func posted(_ value: JSON) -> [String: [String]]? {
        switch (type, value) {
        case (_, .null): return [id: []]
        case (.address, .object(let parts)):
            var posted: [String: [String]] = [:]
            for (part, value) in parts {
                guard Address.parts.contains(part), value == .null || value.string != nil else { return nil }
                posted["\(id).\(part)"] = value.string.map { [$0] } ?? []
            }
            return posted
        case (.address, _): return nil
        case (.multiple, .array(let items)):
            let texts = items.compactMap(\.string)
            return texts.count == items.count ? [id: texts] : nil
        case (.multiple, .string(let text)): return [id: [text]]
        case (.declaration, .bool(let isTicked)): return [id: isTicked ? ["yes"] : []]
        case (.number, .integer(let number)), (.phone, .integer(let number)), (.text, .integer(let number)):
            return [id: [String(number)]]
        case (_, .string(let text)): return [id: [text]]
        default: return nil
        }
    }
}
