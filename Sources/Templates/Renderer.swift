package import PortalBase

/// A set of compiled templates that may include one another.
package struct TemplateSet: Sendable {
    private let templates: [String: Template]
    fileprivate var metrics: TemplateMetrics?

    package init(_ templates: [Template]) {
        self.templates = Dictionary(templates.map { ($0.name, $0) }) { first, _ in first }
    }

    /// The same templates as objects of their own, for one thread: threads that count references to one object wait for
    /// each other.
    package func unshared() -> TemplateSet {
        var copy = TemplateSet(templates.values.map { $0.unshared() })
        copy.metrics = metrics
        return copy
    }

    package func contains(_ name: String) -> Bool { templates[name] != nil }

    /// In byte order.
    package var names: [String] { templates.keys.sorted(by: bytesPrecede) }

    subscript(name: String) -> Template? { templates[name] }

    var all: [Template] { templates.values.sorted { $0.name < $1.name } }

    /// What one rendering gave: bytes, and the names that no scope knew.
    package struct Result: Sendable {
        package let bytes: [UInt8]
        package let unknownNames: [Diagnostic]
    }

    /// Renders a template over `context`, innermost scope last.
    ///
    /// - Parameter missingPartials: what the Mustache specification asks for (`.empty`), or an error.
    package func render(
        _ name: String, _ context: [Value], missingPartials: MissingPartials = .error
    ) throws(TemplateError) -> Result {
        guard let template = templates[name] else {
            throw TemplateError(code: .missingPartial, position: SourcePosition(path: name), subject: name)
        }
        var renderer = Renderer(set: self, stack: context, missingPartials: missingPartials)
        renderer.out.reserveCapacity(16 * 1024)
        let start = metrics?.start()
        try renderer.render(template.nodes)
        metrics?.stop(name, start)
        return Result(bytes: renderer.out, unknownNames: renderer.unknownNames)
    }

    package enum MissingPartials: Sendable { case empty, error }

    /// The same templates, timing each of them into `metrics`.
    package func measuring(_ metrics: TemplateMetrics) -> TemplateSet {
        var copy = self
        copy.metrics = metrics
        return copy
    }
}

private struct Renderer {
    let set: TemplateSet
    var stack: [Value]
    let missingPartials: TemplateSet.MissingPartials
    var out: [UInt8] = []
    var unknown: Set<UnknownName> = []
    /// Overrides of the parents being rendered, outermost first: the outermost wins.
    var overrides: [[String: [Template.Node]]] = []
    var indent: [UInt8] = []
    var depth = 0

    /// Includes nest no deeper than this: a tree of menus has a handful of levels.
    static let maxDepth = 64

    /// Tags of the templates being included, outermost first.
    var includes: [Template.Place] = []

    struct UnknownName: Hashable {
        let place: Template.Place
        let name: String
        let chain: [String]
    }

    var chain: [String] { includes.reversed().map { "\($0.template):\($0.line)" } }

    init(set: TemplateSet, stack: [Value], missingPartials: TemplateSet.MissingPartials) {
        self.set = set
        self.stack = stack
        self.missingPartials = missingPartials
    }

    var unknownNames: [Diagnostic] {
        unknown.map { name in
            Diagnostic(
                "template-unknown-name",
                SourcePosition(path: name.place.template, line: name.place.line, column: name.place.column),
                problem: Bilingual(
                    zh: "模板中的名称“\(name.name)”不存在" + chainText(name.chain, "，引入自 "),
                    en: "nothing is called `\(name.name)` here" + chainText(name.chain, ", included from ")),
                remedy: Bilingual(zh: "请对照主题说明改正名称", en: "check the name against the theme contract"))
        }.inOrder()
    }

    mutating func render(_ nodes: [Template.Node]) throws(TemplateError) {
        for node in nodes {
            switch node {
            case .text(let bytes): write(bytes)
            case .variable(let path, let escaped):
                if let value = lookup(path) { write(value, escaped: escaped) }
            case .section(let path, let inverted, let children):
                try section(lookup(path) ?? .nothing, inverted: inverted, children)
            case .partial(let name, let indent, let place):
                try include(name, overriding: nil, indent: indent, place)
            case .parent(let name, let blocks, let indent, _, let place):
                try include(name, overriding: blocks, indent: indent, place)
            case .block(let name, let children, let added):
                // A block may stand inside its own override.
                guard depth < Self.maxDepth else {
                    throw TemplateError(
                        code: .recursion, position: SourcePosition(path: name), subject: name, chain: chain)
                }
                depth += 1
                let outerIndent = indent
                beginIndent(added)
                try render(overrides.lazy.compactMap { $0[name] }.first ?? children)
                trimTrailingIndent(added)
                indent = outerIndent
                depth -= 1
            }
        }
    }

    mutating func section(_ value: Value, inverted: Bool, _ children: [Template.Node]) throws(TemplateError) {
        if inverted {
            if !value.isTruthy { try render(children) }
            return
        }
        guard value.isTruthy else { return }
        if case .list(let items) = value {
            for item in items { try render(children, in: item) }
        } else {
            try render(children, in: value)
        }
    }

    mutating func render(_ nodes: [Template.Node], in value: Value) throws(TemplateError) {
        stack.append(value)
        try render(nodes)
        stack.removeLast()
    }

    mutating func include(
        _ name: Template.PartialName, overriding blocks: [String: [Template.Node]]?, indent added: [UInt8],
        _ place: Template.Place
    ) throws(TemplateError) {
        let position = SourcePosition(path: place.template, line: place.line, column: place.column)
        let fixed: String
        switch name {
        case .fixed(let text): fixed = text
        case .dynamic(let path):
            guard case .text(let text)? = lookup(path) else { return }
            fixed = text
        }
        guard let template = set[fixed] else {
            if missingPartials == .empty { return }
            throw TemplateError(code: .missingPartial, position: position, subject: fixed, chain: chain)
        }
        guard depth < Self.maxDepth else {
            throw TemplateError(code: .recursion, position: position, subject: fixed, chain: Array(chain.prefix(4)))
        }
        depth += 1
        includes.append(place)
        let start = set.metrics?.start()
        defer { set.metrics?.stop(fixed, start) }
        let outerIndent = indent
        let outerOverrides = overrides
        // A plain partial starts afresh: blocks inside it are not reached by the includer's overrides.
        overrides = blocks.map { overrides + [$0] } ?? []
        beginIndent(added)
        try render(template.nodes)
        overrides = outerOverrides
        trimTrailingIndent(added)
        indent = outerIndent
        includes.removeLast()
        depth -= 1
    }

    /// Indents what follows; the line that has begun already, when nothing but outer indent stands on it.
    mutating func beginIndent(_ added: [UInt8]) {
        guard !added.isEmpty else { return }
        if isAtLineStart(indent) { out += added }
        indent += added
    }

    /// The indent of a line that the partial did not write belongs to nobody.
    mutating func trimTrailingIndent(_ added: [UInt8]) {
        guard !added.isEmpty, isAtLineStart(indent) else { return }
        out.removeLast(added.count)
    }

    /// Whether `out` ends with a line that holds exactly this indent.
    func isAtLineStart(_ indent: [UInt8]) -> Bool {
        guard out.count >= indent.count else { return false }
        let start = out.count - indent.count
        return out[start...].elementsEqual(indent) && (start == 0 || out[start - 1] == 0x0A)
    }

    /// Template text: inside an indented partial every new line starts with the indent.
    mutating func write(_ bytes: [UInt8]) {
        guard !indent.isEmpty else {
            out += bytes
            return
        }
        for byte in bytes {
            out.append(byte)
            if byte == 0x0A { out += indent }
        }
    }

    mutating func write(_ value: Value, escaped: Bool) {
        switch value {
        case .nothing, .list, .scope: return
        case .flag(let flag): out += (flag ? "true" : "false").utf8
        case .number(let number): out += String(number).utf8
        case .html(let bytes): out += bytes
        case .text(let text):
            if escaped { appendEscapedHTML(text, to: &out) } else { out += text.utf8 }
        }
    }

    /// The first part is looked up from the innermost scope outwards, the rest strictly inside it.
    mutating func lookup(_ path: Template.Path) -> Value? {
        if path.isDot { return stack.last }
        var found: Value?
        let first = path.keys[0]
        var level = stack.count
        while level > 0, found == nil {
            level -= 1
            found = stack[level].member(first)
        }
        for key in path.keys.dropFirst() {
            guard let outer = found else { break }
            if case .nothing = outer { return .nothing }
            found = outer.member(key)
        }
        if found == nil { unknown.insert(UnknownName(place: path.place, name: path.text, chain: chain)) }
        return found
    }
}
