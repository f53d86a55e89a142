import PortalBase

/// Source to nodes, in one pass over bytes with an explicit stack of open sections.
struct TemplateCompiler {
    private let path: String
    private let source: [UInt8]
    private var i = 0
    private var line = 1
    private var lineStart = 0
    private var open: [UInt8] = Array("{{".utf8)
    private var close: [UInt8] = Array("}}".utf8)
    /// Never empty: the root is not taken away.
    private var stack: [Frame] = [Frame(kind: .root, place: .init(template: "", line: 1, column: 1))]

    private struct Frame {
        enum Kind {
            case root
            case section(Template.Path, inverted: Bool)
            case block(String, indent: [UInt8])
            case parent(Template.PartialName, indent: [UInt8])
        }
        let kind: Kind
        let place: Template.Place
        /// How many columns of white space each line inside loses: block content is indented where it is put.
        var dedent = 0
        var nodes: [Template.Node] = []
        var overrides: [String: [Template.Node]] = [:]
        var closer = ""
    }

    private var top: Frame { stack[stack.count - 1] }

    init(path: String, source: [UInt8]) {
        self.path = path
        self.source = source
    }

    mutating func compile() throws(TemplateError) -> [Template.Node] {
        while let tag = find(open, from: i) {
            try compileTag(at: tag)
        }
        appendText(i..<source.count)
        guard stack.count == 1 else {
            let frame = top
            throw TemplateError(
                code: .unclosedSection,
                position: SourcePosition(path: path, line: frame.place.line, column: frame.place.column),
                subject: frame.closer)
        }
        return stack[0].nodes
    }

    private mutating func compileTag(at tag: Int) throws(TemplateError) {
        let place = place(at: tag)
        var inner = tag + open.count
        let sigil = inner < source.count ? source[inner] : 0
        let triple = sigil == UInt8(ascii: "{")
        let closing =
            triple
            ? [UInt8(ascii: "}")] + close
            : sigil == UInt8(ascii: "=") ? [UInt8(ascii: "=")] + close : close
        if "#^/>&!=<$".utf8.contains(sigil) || triple { inner += 1 }
        guard let end = find(closing, from: inner) else { throw error(.unclosedTag, place, "") }
        let after = end + closing.count
        let content = trimmed(inner..<end)
        let isInheritance =
            sigil == UInt8(ascii: "<") || sigil == UInt8(ascii: "$") || closesInheritance(sigil, content)
        let standalone =
            isInheritance
            ? inheritanceRange(tag, after, sigil) : "#^/>!=".utf8.contains(sigil) ? standaloneRange(tag, after) : nil
        // A block on a line with other text still indents what is put into it.
        let isIndented = standalone != nil || sigil == UInt8(ascii: "$")
        let indent = isIndented ? Array(lineIndent(before: tag).dropFirst(top.dedent)) : []
        appendText(i..<(standalone?.lowerBound ?? tag))
        advance(to: standalone?.upperBound ?? after)

        if sigil == UInt8(ascii: "!") { return }
        if sigil == UInt8(ascii: "=") {
            let parts = content.split(separator: " ", omittingEmptySubsequences: true)
            guard parts.count == 2, !content.contains("=") else { throw error(.badDelimiters, place, content) }
            open = Array(parts[0].utf8)
            close = Array(parts[1].utf8)
            return
        }
        let isNamed =
            content == "." || content.utf8.contains { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "*") && $0 != 0x20 }
        guard isNamed else { throw error(.emptyName, place, content) }
        switch sigil {
        case UInt8(ascii: "#"), UInt8(ascii: "^"):
            push(
                .section(Template.Path(content, place), inverted: sigil == UInt8(ascii: "^")), place, closer: content)
        case UInt8(ascii: "$"):
            push(.block(content, indent: indent), place, closer: content)
            // Content that starts on a line of its own: its first line says how far it is indented.
            if let standalone, standalone.upperBound > after {
                let own = i..<(source[i...].firstIndex { $0 != 0x20 && $0 != 0x09 } ?? source.count)
                let outer = stack[stack.count - 2].dedent
                stack[stack.count - 1] = Frame(
                    kind: .block(content, indent: Array(source[own].dropFirst(outer))), place: place, dedent: own.count,
                    closer: content)
            }
        case UInt8(ascii: "<"): push(.parent(partialName(content, place), indent: indent), place, closer: content)
        case UInt8(ascii: ">"): append(.partial(partialName(content, place), indent: indent, place))
        case UInt8(ascii: "/"): try closeFrame(content, place)
        default:
            append(.variable(Template.Path(content, place), escaped: !triple && sigil != UInt8(ascii: "&")))
        }
    }

    private mutating func push(_ kind: Frame.Kind, _ place: Template.Place, closer: String) {
        stack.append(Frame(kind: kind, place: place, dedent: top.dedent, closer: closer))
    }

    private mutating func closeFrame(_ content: String, _ place: Template.Place) throws(TemplateError) {
        guard stack.count > 1, top.closer == content else { throw error(.strayClose, place, content) }
        let frame = stack.removeLast()
        switch frame.kind {
        case .root: throw error(.strayClose, place, content)
        case .section(let path, let inverted):
            append(.section(path, inverted: inverted, frame.nodes))
        case .block(let name, let indent):
            // Directly inside a parent tag a block is an override, anywhere else a slot with a default.
            if case .parent = top.kind {
                stack[stack.count - 1].overrides[name] = frame.nodes
            } else {
                append(.block(name: name, frame.nodes, indent: indent))
            }
        case .parent(let name, let indent):
            let hasStrays = frame.nodes.contains { node in if case .text = node { false } else { true } }
            append(
                .parent(name, overrides: frame.overrides, indent: indent, hasStrays: hasStrays, frame.place))
        }
    }

    private mutating func append(_ node: Template.Node) {
        stack[stack.count - 1].nodes.append(node)
    }

    private mutating func appendText(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let dedent = top.dedent
        guard dedent > 0 else { return append(.text(Array(source[range]))) }
        var text: [UInt8] = []
        var column = range.lowerBound - (source[..<range.lowerBound].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0)
        var isIndent = source[(range.lowerBound - column)..<range.lowerBound].allSatisfy { $0 == 0x20 || $0 == 0x09 }
        for byte in source[range] {
            isIndent = isIndent && (byte == 0x20 || byte == 0x09)
            if !(isIndent && column < dedent) { text.append(byte) }
            column += 1
            if byte == 0x0A { (column, isIndent) = (0, true) }
        }
        append(.text(text))
    }

    /// Whether a closing tag belongs to a parent or a block.
    private func closesInheritance(_ sigil: UInt8, _ content: String) -> Bool {
        guard sigil == UInt8(ascii: "/"), top.closer == content else { return false }
        return switch top.kind {
        case .block, .parent: true
        default: false
        }
    }

    /// White space that begins the line of a tag, where nothing else stands before the tag.
    private func lineIndent(before tag: Int) -> ArraySlice<UInt8> {
        var first = tag
        while first > 0, source[first - 1] == 0x20 || source[first - 1] == 0x09 { first -= 1 }
        guard first == 0 || source[first - 1] == 0x0A else { return [] }
        return source[first..<tag]
    }

    /// The part of a line that tags of inheritance standing alone on it take with them. Several may share the line, as
    /// in `{{<parent}}{{$block}}`; a block that opens and closes on one line keeps that line's end.
    private func inheritanceRange(_ tag: Int, _ after: Int, _ sigil: UInt8) -> Range<Int>? {
        let lineStart = source[..<tag].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let lineEnd = source[after...].firstIndex(of: 0x0A).map { $0 + 1 } ?? source.count
        guard isTagsOnly(lineStart..<tag) else { return nil }
        let isLast = source[after..<lineEnd].allSatisfy { $0 <= 0x20 }
        let isFirst = source[lineStart..<tag].allSatisfy { $0 == 0x20 || $0 == 0x09 }
        if sigil == UInt8(ascii: "/"), case .block = top.kind,
            top.place.line == place(at: tag).line
        {
            return nil
        }
        if isLast { return (isFirst ? max(lineStart, i) : tag)..<lineEnd }
        // A parent whose closing tag is on the same line gives its indent to what it includes.
        if sigil == UInt8(ascii: "<"), isFirst, isTagsOnly(after..<lineEnd) { return max(lineStart, i)..<after }
        return nil
    }

    /// White space and tags of inheritance, nothing else.
    private func isTagsOnly(_ range: Range<Int>) -> Bool {
        var k = range.lowerBound
        while k < range.upperBound {
            if source[k] <= 0x20 {
                k += 1
                continue
            }
            guard source[k...].starts(with: open), k + open.count < source.count,
                "<$/".utf8.contains(source[k + open.count]), let end = find(close, from: k + open.count)
            else { return false }
            k = end + close.count
        }
        return true
    }

    /// The whole line of a tag that stands alone on it, line end included; nil for a tag with company.
    private func standaloneRange(_ tag: Int, _ after: Int) -> Range<Int>? {
        var start = tag
        while start > i, source[start - 1] == 0x20 || source[start - 1] == 0x09 { start -= 1 }
        guard start == 0 || source[start - 1] == 0x0A else { return nil }
        var end = after
        while end < source.count, source[end] == 0x20 || source[end] == 0x09 { end += 1 }
        if end == source.count { return start..<end }
        if source[end] == 0x0A { return start..<(end + 1) }
        if source[end] == 0x0D, end + 1 < source.count, source[end + 1] == 0x0A { return start..<(end + 2) }
        return nil
    }

    private func partialName(_ text: String, _ place: Template.Place) -> Template.PartialName {
        guard text.hasPrefix("*") else { return .fixed(text) }
        return .dynamic(Template.Path(String(text.dropFirst().drop { $0 == " " }), place))
    }

    private func trimmed(_ range: Range<Int>) -> String {
        var slice = source[range]
        while let first = slice.first, first <= 0x20 { slice = slice.dropFirst() }
        while let last = slice.last, last <= 0x20 { slice = slice.dropLast() }
        return String(decoding: slice, as: UTF8.self)
    }

    private func find(_ needle: [UInt8], from start: Int) -> Int? {
        var k = start
        while k + needle.count <= source.count {
            if source[k] == needle[0], source[k..<(k + needle.count)].elementsEqual(needle) { return k }
            k += 1
        }
        return nil
    }

    private mutating func advance(to end: Int) {
        for k in i..<end where source[k] == 0x0A {
            line += 1
            lineStart = k + 1
        }
        i = end
    }

    private func place(at offset: Int) -> Template.Place {
        var line = line
        var start = lineStart
        for k in i..<offset where source[k] == 0x0A {
            line += 1
            start = k + 1
        }
        return .init(template: path, line: line, column: offset - start + 1)
    }

    private func error(_ code: TemplateError.Code, _ place: Template.Place, _ subject: String) -> TemplateError {
        TemplateError(
            code: code, position: SourcePosition(path: path, line: place.line, column: place.column), subject: subject)
    }
}
