package import PortalBase

/// A set of compiled templates that may include one another.
package struct TemplateSet: Sendable {
    private let templates: [String: Template]
    fileprivate private(set) var program: TemplateProgram
    fileprivate var metrics: TemplateMetrics?

    package init(_ templates: [Template]) {
        let byName = Dictionary(templates.map { ($0.name, $0) }) { first, _ in first }
        self.templates = byName
        program = TemplateProgram(byName.values.sorted { $0.name < $1.name })
    }

    /// The same templates, linked anew for one thread: threads that count references to one object wait for each other.
    package func unshared() -> TemplateSet {
        var copy = self
        copy.program = TemplateProgram(all)
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
        guard let template = program.indices[name] else {
            throw TemplateError(code: .missingPartial, position: SourcePosition(path: name), subject: name)
        }
        var renderer = Renderer(program, metrics, stack: context, missingPartials: missingPartials)
        renderer.out.reserveCapacity(16 * 1024)
        let start = metrics?.start()
        try renderer.render(program.templates[template])
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
    let program: TemplateProgram
    let metrics: TemplateMetrics?
    var stack: [Value]
    let missingPartials: TemplateSet.MissingPartials
    var out: [UInt8] = []
    var unknown: Set<UnknownName> = []
    /// Parents being rendered, whose blocks fill slots, outermost first: the outermost wins.
    var parents: [TemplateProgram.Include] = []
    var indent: [UInt8] = []
    var depth = 0

    /// Includes nest no deeper than this: a tree of menus has a handful of levels.
    static let maxDepth = 64

    /// Tags of the templates being included, outermost first.
    var includes: [TemplateProgram.Include] = []

    struct UnknownName: Hashable {
        let place: Template.Place
        let name: String
        let chain: [String]
    }

    var chain: [String] { includes.reversed().map { "\($0.place.template):\($0.place.line)" } }

    init(
        _ program: TemplateProgram, _ metrics: TemplateMetrics?, stack: [Value],
        missingPartials: TemplateSet.MissingPartials
    ) {
        self.program = program
        self.metrics = metrics
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

    mutating func render(_ steps: Range<Int>) throws(TemplateError) {
        var next = steps.lowerBound
        while next < steps.upperBound {
            let step = program.steps[next]
            let subject = Int(step.subject)
            next += 1
            switch step.kind {
            case .text: write(subject..<Int(step.end))
            case .variable: if let value = lookup(subject) { write(value, escaped: step.flag) }
            case .section:
                let children = next..<Int(step.end)
                next = children.upperBound
                try section(lookup(subject) ?? .nothing, inverted: step.flag, children)
            case .block:
                let children = next..<Int(step.end)
                next = children.upperBound
                try fill(program.blocks[subject], children)
            case .include:
                next = Int(step.end)
                try include(program.includes[subject])
            }
        }
    }

    mutating func section(_ value: Value, inverted: Bool, _ children: Range<Int>) throws(TemplateError) {
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

    mutating func render(_ steps: Range<Int>, in value: Value) throws(TemplateError) {
        stack.append(value)
        try render(steps)
        stack.removeLast()
    }

    mutating func fill(_ block: TemplateProgram.Block, _ children: Range<Int>) throws(TemplateError) {
        // A block may stand inside its own override.
        guard depth < Self.maxDepth else {
            throw TemplateError(
                code: .recursion, position: SourcePosition(path: block.name), subject: block.name, chain: chain)
        }
        depth += 1
        let outerIndent = indent
        beginIndent(block.indent)
        try render(override(block.key) ?? children)
        trimTrailingIndent(block.indent)
        indent = outerIndent
        depth -= 1
    }

    func override(_ block: Key) -> Range<Int>? {
        for parent in parents {
            for override in parent.overrides ?? [] where override.key == block { return override.steps }
        }
        return nil
    }

    mutating func include(_ include: TemplateProgram.Include) throws(TemplateError) {
        let name: String
        let template: Int?
        switch include.name {
        case .fixed(let text): (name, template) = (text, include.template)
        case .dynamic:
            guard let path = include.path, case .text(let text)? = lookup(path) else { return }
            (name, template) = (text, program.indices[text])
        }
        func error(_ code: TemplateError.Code, _ chain: some Sequence<String>) -> TemplateError {
            let place = include.place
            return TemplateError(
                code: code, position: SourcePosition(path: place.template, line: place.line, column: place.column),
                subject: name, chain: Array(chain))
        }
        guard let template else {
            if missingPartials == .empty { return }
            throw error(.missingPartial, chain)
        }
        guard depth < Self.maxDepth else { throw error(.recursion, chain.prefix(4)) }
        depth += 1
        includes.append(include)
        let start = metrics?.start()
        defer { metrics?.stop(name, start) }
        let outerIndent = indent
        let outerParents = parents
        // A plain partial starts afresh: blocks inside it are not reached by the includer's overrides.
        if include.overrides == nil { parents = [] } else { parents.append(include) }
        beginIndent(include.indent)
        try render(program.templates[template])
        parents = outerParents
        trimTrailingIndent(include.indent)
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
    mutating func write(_ text: Range<Int>) {
        guard !indent.isEmpty else {
            program.bytes.withUnsafeBufferPointer { out.append(contentsOf: UnsafeBufferPointer(rebasing: $0[text])) }
            return
        }
        for byte in program.bytes[text] {
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
    mutating func lookup(_ index: Int) -> Value? {
        let path = program.paths[index]
        if path.isDot { return stack.last }
        var found: Value?
        var level = stack.count
        while level > 0, found == nil {
            level -= 1
            found = stack[level].member(path.first)
        }
        for key in path.rest {
            guard let outer = found else { break }
            if case .nothing = outer { return .nothing }
            found = outer.member(program.keys[Int(key)])
        }
        if found == nil {
            let source = program.sources[index]
            unknown.insert(UnknownName(place: source.place, name: source.text, chain: chain))
        }
        return found
    }
}
