package import PortalBase
import Yams

/// A YAML value that knows where it stands. Scalars keep their written text: `NO` and `0123` are strings until a
/// reader asks for something else.
package struct YAMLNode: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        case scalar(String, quoted: Bool)
        case list([YAMLNode])
        case map([Pair])
    }

    package struct Pair: Sendable, Equatable {
        package let key: String
        package let keyPosition: SourcePosition
        package let value: YAMLNode
    }

    package let value: Value
    package let position: SourcePosition

    package init(value: Value, position: SourcePosition) {
        self.value = value
        self.position = position
    }

    package var pairs: [Pair]? { if case .map(let pairs) = value { pairs } else { nil } }
    package var items: [YAMLNode]? { if case .list(let items) = value { items } else { nil } }
    package var scalar: String? { if case .scalar(let text, _) = value { text } else { nil } }

    package subscript(key: String) -> YAMLNode? { pairs?.first { $0.key == key }?.value }

    /// True for `~`, `null` and an empty plain scalar.
    package var isNull: Bool {
        if case .scalar(let text, quoted: false) = value {
            ["", "~", "null", "Null", "NULL"].contains(text)
        } else {
            false
        }
    }

    package var bool: Bool? {
        guard case .scalar(let text, quoted: false) = value else { return nil }
        return switch text {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    package var integer: Int? {
        // `0123` and `+1` are texts (codes, phone numbers): only a number's one canonical spelling is a number.
        guard case .scalar(let text, quoted: false) = value, let number = Int(text), String(number) == text else {
            return nil
        }
        return number
    }

    /// The same value as plain JSON: numbers and booleans where YAML 1.2's core schema sees them, no fractions.
    package var json: JSON {
        switch value {
        case .scalar(let text, _):
            if isNull {
                .null
            } else if let bool {
                .bool(bool)
            } else if let integer {
                .integer(integer)
            } else {
                .string(text)
            }
        case .list(let items): .array(items.map(\.json))
        case .map(let pairs): .object(Dictionary(pairs.map { ($0.key, $0.value.json) }) { first, _ in first })
        }
    }

    /// The node of a JSON value, every position at the start of `path`: for readers that serve both notations.
    package init(_ json: JSON, path: String) {
        let position = SourcePosition(path: path)
        let value: Value =
            switch json {
            case .null: .scalar("", quoted: false)
            case .bool(let bool): .scalar(bool ? "true" : "false", quoted: false)
            case .integer(let integer): .scalar(String(integer), quoted: false)
            case .string(let text): .scalar(text, quoted: true)
            case .array(let items): .list(items.map { YAMLNode($0, path: path) })
            case .object(let fields):
                .map(
                    fields.sorted { $0.key < $1.key }.map {
                        Pair(key: $0.key, keyPosition: position, value: YAMLNode($0.value, path: path))
                    })
            }
        self.init(value: value, position: position)
    }
}

extension YAMLNode {
    /// Hands over every text in it, keys left out, in the order of the file.
    package func forEachScalar(_ body: (_ text: String, _ position: SourcePosition) -> Void) {
        switch value {
        case .scalar(let text, _): body(text, position)
        case .list(let items): for item in items { item.forEachScalar(body) }
        case .map(let pairs): for pair in pairs { pair.value.forEachScalar(body) }
        }
    }

    /// Hands over every pair in it, at any depth, in the order of the file.
    package func forEachPair(_ body: (Pair) -> Void) {
        switch value {
        case .scalar: break
        case .list(let items): for item in items { item.forEachPair(body) }
        case .map(let pairs):
            for pair in pairs {
                body(pair)
                pair.value.forEachPair(body)
            }
        }
    }

    /// The same head with `可见: 内网` and the like under the key that they stand for, also inside `cascade`. Where both keys
    /// are written the Chinese one stays, and is reported as unknown.
    package var namingVisibility: YAMLNode {
        guard let pairs, pairs.contains(where: { VisibilityNames.keys.contains($0.key) || $0.key == "cascade" }) else {
            return self
        }
        var isNamed = self["visibility"] != nil
        let renamed = pairs.map { pair -> Pair in
            if pair.key == "cascade" {
                return Pair(key: pair.key, keyPosition: pair.keyPosition, value: pair.value.namingVisibility)
            }
            guard VisibilityNames.keys.contains(pair.key), !isNamed else { return pair }
            isNamed = true
            return Pair(key: "visibility", keyPosition: pair.keyPosition, value: pair.value)
        }
        return YAMLNode(value: .map(renamed), position: position)
    }

    /// Reads a page's head: quickly where it is flat, which is nearly always, else as any YAML document.
    package static func parse(
        head bytes: ArraySlice<UInt8>, path: String, firstLine: Int, diagnostics: inout [Diagnostic]
    ) -> YAMLNode? {
        if let flat = FlatYAML.parse(bytes, path: path, firstLine: firstLine) { return flat }
        let text = String(decoding: bytes, as: UTF8.self)
        let node = parse(text, path: path, firstLine: firstLine, diagnostics: &diagnostics)
        // A single line without a colon that YAML knows is one text.
        if case .scalar? = node?.value, let slip = slip(in: text, upTo: .max, path: path, firstLine: firstLine) {
            diagnostics.append(slip)
            return nil
        }
        return node
    }

    /// What Yams calls a key that is a list or a map.
    private static let keyWithoutText = "<uncovertable>"

    /// Reads one YAML document.
    ///
    /// - Parameters:
    ///   - firstLine: the line of `text`'s first line in its file, for front matter.
    /// - Returns: the node, or nil for an empty document; every refusal is added to `diagnostics`.
    package static func parse(
        _ text: String, path: String, firstLine: Int = 1, diagnostics: inout [Diagnostic]
    ) -> YAMLNode? {
        func position(_ mark: Mark?) -> SourcePosition {
            SourcePosition(path: path, line: (mark?.line ?? 1) + firstLine - 1, column: mark?.column ?? 1)
        }
        // Before the parser sees it: expanding aliases of aliases takes time without bound.
        if let line = lineOfAlias(text) {
            diagnostics.append(
                Diagnostic(
                    "yaml-anchor", SourcePosition(path: path, line: line + firstLine - 1),
                    problem: Bilingual(zh: "不支持锚点（&）和别名（*）", en: "anchors (&) and aliases (*) are not supported"),
                    remedy: Bilingual(zh: "请直接写出内容", en: "write the value out")))
            return nil
        }
        do {
            // The encoding is said, since the parser would look it up in the environment for every text.
            guard let node = try Yams.Parser(yaml: text, encoding: .utf8).singleRoot() else { return nil }
            var reader = NodeReader(path: path, firstLine: firstLine)
            let result = reader.read(node, depth: 0)
            diagnostics += reader.diagnostics
            return result
        } catch {
            let (place, detail): (SourcePosition, String) =
                switch error as? YamlError {
                case .scanner(_, let problem, let mark, _)?, .parser(_, let problem, let mark, _)?,
                    .composer(_, let problem, let mark, _)?:
                    (position(mark), problem)
                case .duplicatedKeysInMapping(let keys, let context)?:
                    // Yams takes the place of the first, and orders keys of one spelling (those that are no texts, and texts
                    // with different tags) by their hashes, which change with every run.
                    (
                        position(
                            Set(keys).count < keys.count || keys.contains(Self.keyWithoutText) ? nil : context.mark),
                        "duplicate key \(keys.sorted().joined(separator: ", "))"
                    )
                default: (position(nil), "\(error)")
                }
            if let slip = slip(in: text, upTo: place.line - firstLine + 1, path: path, firstLine: firstLine) {
                diagnostics.append(slip)
                return nil
            }
            diagnostics.append(
                Diagnostic(
                    "yaml", place, problem: Bilingual(zh: "YAML 写法有误：\(detail)", en: "broken YAML: \(detail)"),
                    remedy: Bilingual(
                        zh: "检查缩进、冒号后的空格和引号；含 : 或 # 的文字请加引号",
                        en: "check indentation, the space after colons and the quotes; quote texts that contain : or #")
                ))
            return nil
        }
    }
}

/// What a person typed who does not know YAML, at the line where the parser gave up or the three before it.
private func slip(in text: String, upTo last: Int, path: String, firstLine: Int) -> Diagnostic? {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (number, line) in lines.enumerated().prefix(max(0, last)).suffix(4).reversed() {
        let blanks = line.prefix { $0 == " " || $0 == "\t" }
        let rest = line[blanks.endIndex...]
        let key = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }
        let problem: Bilingual
        let remedy: Bilingual
        if blanks.contains("\t") {
            problem = Bilingual(zh: "行首用了制表符（Tab）", en: "a tab stands before the text")
            remedy = Bilingual(zh: "请改用空格", en: "use blanks")
        } else if !key.isEmpty, rest[key.endIndex...].hasPrefix("：") {
            problem = Bilingual(zh: "“\(key)”后面是中文冒号", en: "a full-width colon stands behind `\(key)`")
            remedy = Bilingual(zh: "请改成英文冒号加一个空格：\(key): …", en: "write an ASCII colon and a blank: `\(key): …`")
        } else if !key.isEmpty, rest[key.endIndex...].hasPrefix(":"),
            let next = rest[key.endIndex...].dropFirst().first,
            next != " ", next != "/"
        {
            problem = Bilingual(zh: "“\(key):”后面少了一个空格", en: "a blank is missing behind `\(key):`")
            remedy = Bilingual(zh: "请写成 \(key): …", en: "write `\(key): …`")
        } else {
            continue
        }
        return Diagnostic(
            "yaml", SourcePosition(path: path, line: number + firstLine, column: blanks.utf8.count + 1),
            problem: problem,
            remedy: remedy)
    }
    return nil
}

/// Line of the first `*name` for which an `&name` stands before it; nil for texts without aliases.
private func lineOfAlias(_ text: String) -> Int? {
    guard text.utf8.contains(UInt8(ascii: "&")) else { return nil }
    var anchors: Set<String> = []
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        for token in line.split(whereSeparator: { " \t[]{},:".contains($0) }) where token.utf8.count > 1 {
            if token.hasPrefix("&") { anchors.insert(String(token.dropFirst())) }
            if token.hasPrefix("*"), anchors.contains(String(token.dropFirst())) { return number + 1 }
        }
    }
    return nil
}

private struct NodeReader {
    let path: String
    let firstLine: Int
    var diagnostics: [Diagnostic] = []

    /// Deeper nesting than any real document has; a bound, so that hostile input cannot exhaust the stack.
    static let maxDepth = 64

    init(path: String, firstLine: Int) {
        self.path = path
        self.firstLine = firstLine
    }

    /// An escape may spell what the file's own bytes may not hold.
    private mutating func checkCharacters(_ text: String, _ position: SourcePosition) {
        guard let found = PublishableText.forbidden(in: text) else { return }
        diagnostics.append(
            Diagnostic(
                "control-character", position,
                problem: Bilingual(
                    zh: "这里写出了不能使用的字符 \(found.name)",
                    en: "this spells the character \(found.name), which no text may hold"),
                remedy: Bilingual(zh: "请删去这个字符", en: "take it out")))
    }

    mutating func read(_ node: Node, depth: Int) -> YAMLNode {
        let position = SourcePosition(
            path: path, line: (node.mark?.line ?? 1) + firstLine - 1, column: node.mark?.column ?? 1)
        guard depth < Self.maxDepth else {
            refuse("yaml-depth", position, zh: "嵌套过深", en: "nested too deeply")
            return YAMLNode(value: .scalar("", quoted: true), position: position)
        }
        if node.anchor != nil {
            // An alias arrives as its anchor's node: reading on would walk what a few lines can make endless.
            refuse(
                "yaml-anchor", position, zh: "不支持锚点（&）和别名（*）", en: "anchors (&) and aliases (*) are not supported")
            return YAMLNode(value: .scalar("", quoted: true), position: position)
        }
        switch node {
        case .scalar(let scalar):
            checkCharacters(scalar.string, position)
            return YAMLNode(
                value: .scalar(scalar.string, quoted: scalar.style != .plain && scalar.style != .any),
                position: position)
        case .sequence(let sequence):
            var items: [YAMLNode] = []
            for item in sequence { items.append(read(item, depth: depth + 1)) }
            return YAMLNode(value: .list(items), position: position)
        case .mapping(let mapping):
            var pairs: [YAMLNode.Pair] = []
            for (key, value) in mapping {
                let keyPosition = SourcePosition(
                    path: path, line: (key.mark?.line ?? 1) + firstLine - 1, column: key.mark?.column ?? 1)
                guard case .scalar(let scalar) = key else {
                    refuse("yaml-key", keyPosition, zh: "键必须是文字", en: "a key must be a plain text")
                    continue
                }
                checkCharacters(scalar.string, keyPosition)
                pairs.append(.init(key: scalar.string, keyPosition: keyPosition, value: read(value, depth: depth + 1)))
            }
            return YAMLNode(value: .map(pairs), position: position)
        case .alias:
            refuse("yaml-anchor", position, zh: "不支持锚点（&）和别名（*）", en: "anchors (&) and aliases (*) are not supported")
            return YAMLNode(value: .scalar("", quoted: true), position: position)
        }
    }

    mutating func refuse(_ rule: String, _ position: SourcePosition, zh: String, en: String) {
        diagnostics.append(
            Diagnostic(
                rule, position, problem: Bilingual(zh: zh, en: en),
                remedy: Bilingual(zh: "请直接写出内容", en: "write the value out")))
    }
}
