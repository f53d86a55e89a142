package import PortalBase

/// Reads the keys of one YAML map into typed values, collecting a diagnostic for everything that does not fit.
///
/// Keys that nobody asked for are reported by `finish()`, with the nearest known key.
package struct MapReader {
    package let node: YAMLNode
    package var diagnostics: [Diagnostic] = []
    /// What was asked for; a list, since it is looked through only where a key is unknown.
    private var known: [String] = []
    private let pairs: [YAMLNode.Pair]
    /// One bit for each key that is there, by a hash of it: most keys that are asked for are not.
    private let present: UInt64

    package init(_ node: YAMLNode) {
        self.node = node
        pairs = node.pairs ?? []
        present = pairs.reduce(0) { $0 | Self.bit($1.key) }
        known.reserveCapacity(40)
        if node.pairs == nil, !node.isNull {
            wrongType(node, zh: "键: 值 的列表", en: "a map of key: value")
        }
    }

    private static func bit(_ key: String) -> UInt64 {
        let bytes = key.utf8
        return 1 << UInt64((bytes.count &* 11 &+ Int(bytes.first ?? 0)) & 63)
    }

    private func value(_ key: String) -> YAMLNode? {
        guard present & Self.bit(key) != 0 else { return nil }
        for pair in pairs where pair.key == key { return pair.value }
        return nil
    }

    package mutating func raw(_ key: String) -> YAMLNode? {
        known.append(key)
        guard let value = value(key), !value.isNull else { return nil }
        return value
    }

    /// Where a key's value stands, if the key is there, empty or not.
    package func position(of key: String) -> SourcePosition? { value(key)?.position }

    package mutating func string(_ key: String) -> String? {
        guard let value = raw(key) else { return nil }
        guard let text = value.scalar else {
            wrongType(value, zh: "文字", en: "a text")
            return nil
        }
        return text
    }

    package mutating func requiredString(_ key: String) -> String? {
        if let text = string(key) { return text }
        if value(key)?.isNull ?? true { missing(key) }
        return nil
    }

    package mutating func bool(_ key: String) -> Bool? {
        guard let value = raw(key) else { return nil }
        guard let bool = value.bool else {
            wrongType(value, zh: "true 或 false", en: "true or false")
            return nil
        }
        return bool
    }

    package mutating func integer(_ key: String) -> Int? {
        guard let value = raw(key) else { return nil }
        guard let integer = value.integer else {
            wrongType(value, zh: "整数", en: "a whole number")
            return nil
        }
        return integer
    }

    /// One word of a closed list.
    package mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, _: Choice.Type
    ) -> Choice? {
        guard let value = raw(key) else { return nil }
        if let choice = value.scalar.flatMap(Choice.init(rawValue:)) { return choice }
        let known = Choice.allCases.map(\.rawValue)
        wrongType(value, zh: known.joined(separator: "、"), en: known.joined(separator: ", "))
        return nil
    }

    /// A list of texts; a single text counts as a list of one.
    package mutating func strings(_ key: String) -> [String]? {
        guard let value = raw(key) else { return nil }
        if let text = value.scalar { return [text] }
        guard let items = value.items else {
            wrongType(value, zh: "文字列表", en: "a list of texts")
            return nil
        }
        return items.compactMap { item in
            if let text = item.scalar { return text }
            wrongType(item, zh: "文字", en: "a text")
            return nil
        }
    }

    package mutating func list(_ key: String) -> [YAMLNode] {
        guard let value = raw(key) else { return [] }
        guard let items = value.items else {
            wrongType(value, zh: "列表", en: "a list")
            return []
        }
        return items
    }

    /// A text by language: `{zh: …, en: …}`, or one text for every language.
    package mutating func localized(_ key: String) -> [String: String]? {
        guard let value = raw(key) else { return nil }
        if let text = value.scalar { return ["": text] }
        guard let pairs = value.pairs else {
            wrongType(value, zh: "按语言的文字 {zh: …, en: …}", en: "a text by language {zh: …, en: …}")
            return nil
        }
        var result: [String: String] = [:]
        for pair in pairs {
            guard let text = pair.value.scalar else {
                wrongType(pair.value, zh: "文字", en: "a text")
                continue
            }
            result[pair.key] = text
        }
        return result
    }

    package mutating func add(_ diagnostic: Diagnostic) { diagnostics.append(diagnostic) }

    package mutating func missing(_ key: String) {
        diagnostics.append(
            Diagnostic(
                "missing-key", node.position, problem: Bilingual(zh: "缺少“\(key)”", en: "`\(key)` is missing"),
                remedy: Bilingual(zh: "请加上 \(key): …", en: "add `\(key): …`")))
    }

    /// The same of the value under a key that was read.
    package mutating func wrongType(_ key: String, zh: String, en: String) {
        wrongType(node[key] ?? node, zh: zh, en: en)
    }

    package mutating func wrongType(_ value: YAMLNode, zh: String, en: String) {
        diagnostics.append(
            Diagnostic(
                "wrong-type", value.position, problem: Bilingual(zh: "这里应当是\(zh)", en: "this must be \(en)"),
                remedy: Bilingual(zh: "请改成\(zh)", en: "write \(en) here")))
    }

    /// Ends the reading: unknown keys become diagnostics of `severity`.
    ///
    /// - Parameter critical: keys that decide who sees what: one within two edits of them is an error in any case, since it
    ///   was meant to hide something.
    package mutating func finish(
        unknown severity: Diagnostic.Severity = .error, critical: [String] = []
    ) -> [Diagnostic] {
        for pair in pairs where !known.contains(pair.key) {
            var severity = severity
            if severity != .error, !critical.isEmpty {
                let written = VisibilityNames.folded(pair.key)
                if critical.contains(where: { editDistance(Array(written.utf8), Array($0.utf8)) <= 2 })
                    || VisibilityNames.isMeant(by: pair.key) || VisibilityNames.mayHide(written)
                    || pair.value.scalar.map(VisibilityNames.isHidingValue) ?? false
                {
                    severity = .error
                }
            }
            let hint = nearestName(to: pair.key, among: known)
            diagnostics.append(
                Diagnostic(
                    "unknown-key", pair.keyPosition, severity: severity,
                    problem: Bilingual(zh: "不认识的键“\(pair.key)”", en: "unknown key `\(pair.key)`"),
                    remedy: didYouMean(hint)
                        ?? Bilingual(
                            zh: "可用：\(known.sorted().joined(separator: "、"))",
                            en: "known here: \(known.sorted().joined(separator: ", "))")))
        }
        return diagnostics
    }
}
