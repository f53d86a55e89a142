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

    enum Node: Sendable {
        case text([UInt8])
        case variable(Path, escaped: Bool)
        case section(Path, inverted: Bool, [Node])
        /// `indent` is put before every line of a standalone partial.
        case partial(PartialName, indent: [UInt8], Place)
        /// A slot with a default. What fills it is indented by `indent`.
        case block(name: String, [Node], indent: [UInt8])
        /// `hasStrays`: tags other than blocks stand directly inside, where nothing ever draws them.
        case parent(PartialName, overrides: [String: [Node]], indent: [UInt8], hasStrays: Bool, Place)
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

    /// Names parted by dots, and where they stand.
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
