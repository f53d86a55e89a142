import PortalBase
import PositionedYAML

/// Texts that officers use again and again (常用语): for each process, by action and input.
package struct Phrases: Sendable, Equatable {
    private var texts: [String: [String: [String: [String]]]] = [:]

    /// Those for an input of an action, in the file's order.
    package func texts(process: String, action: String, input: String) -> [String] {
        texts[process]?[action]?[input] ?? []
    }

    package static let none = Phrases()
    private init() {}

    /// An officer's text is no longer.
    private static let mostCharacters = 4_000

    /// `process: { action: { input: [text, …] } }`; names that no process has, and other shapes, are mistakes.
    init(_ node: YAMLNode, _ processes: [Process], diagnostics: inout [Diagnostic]) {
        func add(_ node: YAMLNode, zh: String, en: String) {
            diagnostics.append(
                Diagnostic(
                    "process-phrase", node.position, problem: Bilingual(zh: zh, en: en),
                    remedy: Bilingual(
                        zh: "请写成 流程: { 操作: { 填写的内容: [文字, …] } }",
                        en: "write `process: { action: { input: [text, …] } }`")))
        }
        /// Entries of a map whose keys are names of a kind.
        func entries(
            of node: YAMLNode, among known: [String], _ kind: (zh: String, en: String)
        ) -> [YAMLNode.Pair] {
            guard let pairs = node.pairs else {
                add(node, zh: "这里要写\(kind.zh)", en: "this is a map of names: \(kind.en)")
                return []
            }
            return pairs.filter { pair in
                if known.contains(pair.key) { return true }
                diagnostics.append(.unknownName(pair.key, kind, among: Set(known), at: pair.keyPosition))
                return false
            }
        }
        for named in entries(of: node, among: processes.map(\.id), ("流程", "process")) {
            guard let process = processes.first(where: { $0.id == named.key }) else { continue }
            for acted in entries(of: named.value, among: process.actions.map(\.id), ("操作", "action")) {
                let writable = process.action(acted.key)?.ask.filter { $0.kind == .longtext }.map(\.id) ?? []
                for given in entries(of: acted.value, among: writable, ("长文本", "long text")) {
                    guard let items = given.value.items else {
                        add(given.value, zh: "常用语要写成列表", en: "phrases are a list")
                        continue
                    }
                    texts[process.id, default: [:]][acted.key, default: [:]][given.key] = items.compactMap { item in
                        guard let text = item.scalar, !text.isEmpty, text.unicodeScalars.count <= Self.mostCharacters
                        else {
                            add(
                                item, zh: "常用语要有文字，不超过 \(Self.mostCharacters) 个字",
                                en: "a phrase is a text of \(Self.mostCharacters) characters at most")
                            return nil
                        }
                        return text
                    }
                }
            }
        }
    }
}

extension Diagnostic {
    /// A name that is none of those that there are.
    static func unknownName(
        _ name: String, _ kind: (zh: String, en: String), among known: Set<String>, at position: SourcePosition
    ) -> Diagnostic {
        Diagnostic(
            "process-name", position,
            problem: Bilingual(zh: "没有\(kind.zh)“\(name)”", en: "there is no \(kind.en) `\(name)`"),
            remedy: didYouMean(nearestName(to: name, among: known.sorted()))
                ?? (known.isEmpty
                    ? Bilingual(zh: "这里一个也没有", en: "there is none here")
                    : Bilingual(
                        zh: "有：\(known.sorted().joined(separator: "、"))",
                        en: "there are: \(known.sorted().joined(separator: ", "))")))
    }
}
