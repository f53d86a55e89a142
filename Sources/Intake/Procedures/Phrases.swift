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

    /// `process: { action: { input: [text, …] } }`; names that no process has are mistakes.
    init(_ node: YAMLNode, _ processes: [Process], diagnostics: inout [Diagnostic]) {
        func unknown(_ zh: String, _ en: String, _ name: String, _ node: YAMLNode, among known: [String]) {
            diagnostics.append(
                Diagnostic(
                    "process-name", node.position,
                    problem: Bilingual(zh: "没有\(zh)“\(name)”", en: "there is no \(en) `\(name)`"),
                    remedy: didYouMean(nearestName(to: name, among: known.sorted()))
                        ?? Bilingual(
                            zh: "有：\(known.sorted().joined(separator: "、"))",
                            en: "there are: \(known.sorted().joined(separator: ", "))")))
        }
        for (id, actions) in (node.pairs ?? []).map({ ($0.key, $0.value) }) {
            guard let process = processes.first(where: { $0.id == id }) else {
                unknown("流程", "process", id, actions, among: processes.map(\.id))
                continue
            }
            for (name, inputs) in (actions.pairs ?? []).map({ ($0.key, $0.value) }) {
                guard let action = process.action(name) else {
                    unknown("操作", "action", name, inputs, among: process.actions.map(\.id))
                    continue
                }
                for (input, list) in (inputs.pairs ?? []).map({ ($0.key, $0.value) }) {
                    let writable = action.ask.filter { $0.kind == .longtext }.map(\.id)
                    guard writable.contains(input) else {
                        unknown("长文本", "long text", input, list, among: writable)
                        continue
                    }
                    texts[id, default: [:]][name, default: [:]][input] = (list.items ?? []).compactMap { item in
                        guard let text = item.scalar, !text.isEmpty, text.unicodeScalars.count <= Self.mostCharacters
                        else {
                            diagnostics.append(
                                Diagnostic(
                                    "process-phrase", item.position,
                                    problem: Bilingual(
                                        zh: "常用语要有文字，不超过 \(Self.mostCharacters) 个字",
                                        en: "a phrase is a text of \(Self.mostCharacters) characters at most"),
                                    remedy: Bilingual(zh: "请改正", en: "correct it")))
                            return nil
                        }
                        return text
                    }
                }
            }
        }
    }
}
