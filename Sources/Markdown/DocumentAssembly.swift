import CCMarkGFM
import Glibc
import PortalBase

/// Turns one cmark tree into a document: links, images and directives become slots, headings get anchors.
///
/// The tree is walked once, and only where the source can hold what must be replaced: links and images get the address
/// `xm:index`, directives become the text `\u{1}index\u{2}`. Everything else is read off the rendered HTML, whose
/// tags are all cmark's own: raw HTML never reaches it. Control characters are refused on loading; what a character
/// reference smuggles in is refused after rendering.
struct DocumentAssembly {
    static let blockMark = "xm-directive:"
    static let conditionalScheme = "xm-ref:"
    static let slotScheme = "xm:"

    let cmark: CMark
    let body: CutBody
    let path: String
    let directives: [MarkdownDocument.Slot]
    let rawHTML: RawHTMLPolicy

    private(set) var diagnostics: [Diagnostic] = []
    private var slots: [MarkdownDocument.Slot] = []

    init(
        cmark: CMark, body: CutBody, path: String, directives: [MarkdownDocument.Slot],
        rawHTML: RawHTMLPolicy
    ) {
        self.cmark = cmark
        self.body = body
        self.path = path
        self.directives = directives
        self.rawHTML = rawHTML
    }

    /// Replaces what becomes slots. Nodes are taken out after the walk, which may still stand on them.
    mutating func prepare(_ tree: borrowing CMarkTree) {
        guard let iterator = cmark.pointee.iter_new(tree.root) else { return }
        var line = 1
        // Images draw the text below them as an attribute, in which links do not show.
        var images = 0
        var replaced: [OpaquePointer] = []
        while true {
            let event = cmark.pointee.iter_next(iterator)
            if event == CMARK_EVENT_DONE { break }
            guard let node = cmark.pointee.iter_get_node(iterator) else { continue }
            let type = cmark.pointee.node_get_type(node)
            if event == CMARK_EVENT_EXIT {
                if type == CMARK_NODE_IMAGE { images -= 1 }
                continue
            }
            switch type {
            case CMARK_NODE_LINK where images == 0: nameLink(node, startLine(node, &line))
            case CMARK_NODE_IMAGE:
                if images == 0 { nameImage(node, startLine(node, &line)) }
                images += 1
            case CMARK_NODE_HTML_BLOCK: replaceBlock(node, startLine(node, &line), &replaced)
            case CMARK_NODE_HTML_INLINE: replaceRawInline(node, startLine(node, &line), &replaced)
            // Inline nodes of some kinds have no line of their own: the block that they stand in has.
            case CMARK_NODE_TEXT, CMARK_NODE_SOFTBREAK: continue
            default: _ = startLine(node, &line)
            }
        }
        for node in replaced { cmark.pointee.node_unlink(node) }
    }

    private func startLine(_ node: OpaquePointer, _ line: inout Int) -> Int {
        let start = Int(cmark.pointee.node_get_start_line(node))
        if start > 0 { line = start }
        return line
    }

    private func position(_ line: Int, _ node: OpaquePointer? = nil) -> SourcePosition {
        let column = node.map { max(1, Int(cmark.pointee.node_get_start_column($0))) } ?? 1
        return SourcePosition(path: path, line: body.originalLine(line - 1), column: column)
    }

    private func text(_ bytes: UnsafePointer<CChar>?) -> String {
        bytes.map { FullWidthEmphasis.stripped(String(cString: $0)) } ?? ""
    }

    /// The number of a new slot.
    private mutating func slot(_ slot: MarkdownDocument.Slot) -> Int {
        slots.append(slot)
        return slots.count - 1
    }

    private mutating func nameLink(_ node: OpaquePointer, _ line: Int) {
        var destination = text(cmark.pointee.node_get_url(node))
        endAutolink(node, &destination)
        let conditional = destination.hasPrefix(Self.conditionalScheme)
        if conditional { destination.removeFirst(Self.conditionalScheme.utf8.count) }
        let title = text(cmark.pointee.node_get_title(node))
        let number = slot(
            .linkOpen(destination: destination, title: title, conditional: conditional, position(line, node)))
        _ = cmark.pointee.node_set_url(node, "\(Self.slotScheme)\(number)")
    }

    /// An address in running Chinese text ends where full-width punctuation begins; the extension ends it at white
    /// space only, which Chinese does not write. What follows the address is moved behind the link.
    private func endAutolink(_ node: OpaquePointer, _ destination: inout String) {
        guard destination.utf8.contains(where: { $0 >= 0x80 }),
            let child = cmark.pointee.node_first_child(node), cmark.pointee.node_get_type(child) == CMARK_NODE_TEXT
        else { return }
        let text = text(cmark.pointee.node_get_literal(child))
        let prefix = destination.hasSuffix(text) ? String(destination.dropLast(text.count)) : nil
        guard let prefix, ["", "http://"].contains(prefix), text.hasPrefix("http") || text.hasPrefix("www."),
            let end = text.unicodeScalars.firstIndex(where: FullWidthEmphasis.isFullWidthPunctuation),
            let rest = cmark.newNode(CMARK_NODE_TEXT)
        else { return }
        _ = cmark.pointee.node_set_literal(rest, String(text[end...]))
        guard cmark.pointee.node_insert_after(node, rest) == 1 else { return }
        _ = cmark.pointee.node_set_literal(child, String(text[..<end]))
        destination = prefix + text[..<end]
    }

    private mutating func nameImage(_ node: OpaquePointer, _ line: Int) {
        let source = text(cmark.pointee.node_get_url(node))
        let title = text(cmark.pointee.node_get_title(node))
        let number = slot(.image(source: source, alternative: "", title: title, position(line, node)))
        _ = cmark.pointee.node_set_url(node, "\(Self.slotScheme)\(number)")
    }

    private mutating func replaceBlock(_ node: OpaquePointer, _ line: Int, _ replaced: inout [OpaquePointer]) {
        let text = text(cmark.pointee.node_get_literal(node))
        guard let custom = cmark.newNode(CMARK_NODE_CUSTOM_BLOCK) else { return }
        if text.hasPrefix("<!--\(Self.blockMark)"),
            let index = decimal(text.dropFirst(4 + Self.blockMark.count).utf8.prefix { $0 >= 0x30 && $0 <= 0x39 }),
            index < directives.count, text == "<!--\(Self.blockMark)\(index)-->\n"
        {
            _ = cmark.pointee.node_set_on_enter(custom, "\u{1}\(slot(directives[index]))\u{2}")
        } else {
            if rawHTML == .error { reportRawHTML(position(line)) }
            _ = cmark.pointee.node_set_on_enter(custom, "<p>\(escapedHTML(text))</p>")
        }
        put(custom, before: node, &replaced)
    }

    private mutating func replaceRawInline(_ node: OpaquePointer, _ line: Int, _ replaced: inout [OpaquePointer]) {
        if rawHTML == .error { reportRawHTML(position(line, node)) }
        guard let inserted = cmark.newNode(CMARK_NODE_TEXT) else { return }
        // As text, so that it is escaped.
        _ = cmark.pointee.node_set_literal(inserted, text(cmark.pointee.node_get_literal(node)))
        put(inserted, before: node, &replaced)
    }

    /// A node that found no place is missed, and reported, by `document`.
    private func put(_ new: OpaquePointer, before node: OpaquePointer, _ replaced: inout [OpaquePointer]) {
        _ = cmark.pointee.node_insert_before(node, new)
        replaced.append(node)
    }

    private mutating func reportRawHTML(_ place: SourcePosition) {
        diagnostics.append(
            Diagnostic(
                "raw-html", place, problem: Bilingual(zh: "正文里不能写 HTML", en: "raw HTML is not allowed in a page"),
                remedy: Bilingual(
                    zh: "请用 Markdown 或指令来写；要显示 < 请放进反引号",
                    en: "use Markdown or a directive; put a literal < into backticks")))
    }

    /// Fails closed where our reading of code and cmark's differ: every literal mark left in the source must have
    /// ended up inside code.
    mutating func compareLiteralMarks(_ source: [UInt8], _ tree: borrowing CMarkTree) {
        let written = VisibilityMarks.find(in: source)
        guard let first = written.first else { return }
        let literal = codeLiterals(tree).reduce(0) { $0 + VisibilityMarks.count(in: $1) }
        guard written.count != literal else { return }
        let line = source[..<first].reduce(1) { $0 + ($1 == 0x0A ? 1 : 0) }
        diagnostics.append(
            Diagnostic(
                "unread-directive", position(line),
                problem: Bilingual(
                    zh: "这里像是指令，但没有读成指令，内容可能被公开",
                    en: "this looks like a directive but is not read as one; it could be shown to anybody"),
                remedy: Bilingual(
                    zh: "指令用半角冒号和方括号，从行首写起，不放在列表或引用里；要原样显示请放进反引号",
                    en:
                        "use ASCII colons and brackets, at the start of a line, outside lists and quotes; backticks show it literally"
                )
            ))
    }

    private func codeLiterals(_ tree: borrowing CMarkTree) -> [[UInt8]] {
        guard let iterator = cmark.pointee.iter_new(tree.root) else { return [] }
        var literals: [[UInt8]] = []
        while true {
            let event = cmark.pointee.iter_next(iterator)
            if event == CMARK_EVENT_DONE { return literals }
            guard event == CMARK_EVENT_ENTER, let node = cmark.pointee.iter_get_node(iterator) else { continue }
            switch cmark.pointee.node_get_type(node) {
            // A backtick stands before it in the source: what follows does not begin a line.
            case CMARK_NODE_CODE:
                literals.append([UInt8(ascii: "`")] + text(cmark.pointee.node_get_literal(node)).utf8)
            case CMARK_NODE_CODE_BLOCK: literals.append(Array(text(cmark.pointee.node_get_literal(node)).utf8))
            default: continue
            }
        }
    }

    /// The document of the rendered HTML.
    ///
    /// A control character in the rendering that is not one of our slots came out of a character reference such as
    /// `&#1;`: it is reported, and nothing it pretends to be is believed.
    mutating func document(_ rendered: UnsafeBufferPointer<UInt8>) -> MarkdownDocument {
        var reader = RenderedHTML(rendered, slots: slots)
        reader.read()
        if reader.isForged {
            diagnostics.append(
                Diagnostic(
                    "control-character", position(1),
                    problem: Bilingual(
                        zh: "正文里有控制字符的编码（如 &#1;）", en: "a character reference stands for a control character"),
                    remedy: Bilingual(zh: "请删去这种写法", en: "take out references such as `&#1;`")))
        }
        return MarkdownDocument(
            html: reader.html, slots: reader.placed, headings: reader.headings, excerpt: reader.excerptText,
            characters: reader.characters)
    }
}
