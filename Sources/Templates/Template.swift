package import PortalBase

/// One compiled template: Mustache (spec 1.4 with inheritance and dynamic names, without lambdas).
package struct Template: Sendable {
    /// Name by which partials and parents refer to it, such as `layouts/page`.
    package let name: String
    let nodes: [Node]
    /// Of the source.
    let digest: SHA256Digest

    /// A place in a template's source, for messages.
    struct Place: Sendable, Hashable {
        let template: String
        let line: Int
        let column: Int
    }

    /// What most of a page is drawn by is small and lies in the list itself.
    enum Node: Sendable {
        case text([UInt8])
        case variable(Path, escaped: Bool)
        case section(Path, inverted: Bool, [Node])
        /// `indent` is put before every line of a standalone partial.
        indirect case partial(PartialName, indent: [UInt8], Place)
        /// A slot with a default. What fills it is indented by `indent`.
        indirect case block(name: String, [Node], indent: [UInt8])
        /// `hasStrays`: tags other than blocks stand directly inside, where nothing ever draws them.
        indirect case parent(PartialName, overrides: [String: [Node]], indent: [UInt8], hasStrays: Bool, Place)
    }

    enum PartialName: Sendable, Equatable {
        case fixed(String)
        /// `{{>*path}}`: the value of `path` names the partial.
        case dynamic(Path)

        static func == (a: Self, b: Self) -> Bool {
            switch (a, b) {
            case (.fixed(let a), .fixed(let b)): a == b
            case (.dynamic(let a), .dynamic(let b)): a.keys == b.keys
            default: false
            }
        }
    }

    /// Names parted by dots, and where they stand. Shared, so that rendering passes on one reference.
    final class Path: Sendable {
        let keys: [Key]
        let isDot: Bool
        let place: Place

        init(_ text: String, _ place: Place) {
            isDot = text == "."
            keys = isDot ? [] : text.split(separator: ".").map { Key(String($0)) }
            self.place = place
        }

        var text: String { isDot ? "." : keys.map(\.name).joined(separator: ".") }
    }

    /// A template like this one that shares no counted object with it.
    func unshared() -> Template { Template(name: name, nodes: Self.unshared(nodes), digest: digest) }

    private init(name: String, nodes: [Node], digest: SHA256Digest) {
        self.name = name
        self.nodes = nodes
        self.digest = digest
    }

    private static func unshared(_ nodes: [Node]) -> [Node] {
        func path(_ path: Path) -> Path { Path(path.text, path.place) }
        func name(_ name: PartialName) -> PartialName {
            if case .dynamic(let inner) = name { .dynamic(path(inner)) } else { name }
        }
        return nodes.map { node in
            switch node {
            case .text(let bytes): .text(bytes.withUnsafeBufferPointer { Array($0) })
            case .variable(let inner, let escaped): .variable(path(inner), escaped: escaped)
            case .section(let inner, let inverted, let children):
                .section(path(inner), inverted: inverted, unshared(children))
            case .partial(let inner, let indent, let place): .partial(name(inner), indent: indent, place)
            case .block(let name, let children, let indent): .block(name: name, unshared(children), indent: indent)
            case .parent(let inner, let overrides, let indent, let hasStrays, let place):
                .parent(
                    name(inner), overrides: overrides.mapValues(unshared), indent: indent, hasStrays: hasStrays, place)
            }
        }
    }

    /// Compiles a template's source. Throws the first mistake, with its place.
    package init(name: String, path: String, source: [UInt8]) throws(TemplateError) {
        self.name = name
        digest = SHA256Digest(of: source)
        var compiler = TemplateCompiler(path: path, source: source)
        nodes = try compiler.compile()
    }
}

/// A mistake in a template, found while compiling or rendering.
package struct TemplateError: Error, Sendable, Equatable {
    package enum Code: String, Sendable {
        case unclosedTag, unclosedSection, strayClose, emptyName, badDelimiters, missingPartial, recursion
    }
    package let code: Code
    package let position: SourcePosition
    /// The tag or name that is meant.
    package let subject: String
    /// Where the template was included from, innermost first, as `path:line`.
    package var chain: [String] = []

    package var diagnostic: Diagnostic {
        let (zh, en): (String, String) =
            switch code {
            case .unclosedTag: ("标签没有结束", "this tag is not closed")
            case .unclosedSection: ("区块“\(subject)”没有结束", "section `\(subject)` is not closed")
            case .strayClose: ("多余的结束标签“\(subject)”", "`\(subject)` closes nothing that is open here")
            case .emptyName: ("标签里没有名称", "this tag names nothing")
            case .badDelimiters: ("分隔符写法有误", "these delimiters are not valid")
            case .missingPartial: ("找不到模板“\(subject)”", "there is no template `\(subject)`")
            case .recursion: ("模板嵌套过深：\(subject)", "templates include each other too deeply: \(subject)")
            }
        return Diagnostic(
            "template-\(code.rawValue)", position,
            problem: Bilingual(zh: zh + chainText(chain, "，引入自 "), en: en + chainText(chain, ", included from ")),
            remedy: Bilingual(zh: "请修改主题模板", en: "correct the theme's template"))
    }
}

func chainText(_ chain: [String], _ lead: String) -> String {
    chain.isEmpty ? "" : lead + chain.joined(separator: " ← ")
}
