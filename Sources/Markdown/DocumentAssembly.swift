import CCMarkGFM
import Glibc
import PortalBase

/// Turns one cmark tree into a document: links, images and directives become slots, headings get anchors.
///
/// A slot is written into the tree as text `\u{1}index\u{2}`. These control characters are refused on loading; what a
/// character reference smuggles in is refused after rendering.
struct DocumentAssembly {
    static let blockMark = "xm-directive:"
    static let conditionalScheme = "xm-ref:"
    private static let slotStart: UInt8 = 1
    private static let slotEnd: UInt8 = 2
    private static let excerptCharacters = 120

    let cmark: UnsafePointer<xm_cmark>
    let body: CutBody
    let path: String
    let directives: [MarkdownDocument.Slot]
    let rawHTML: RawHTMLPolicy

    private(set) var diagnostics: [Diagnostic] = []
    private var slots: [MarkdownDocument.Slot] = []
    private var headings: [MarkdownDocument.Heading] = []
    private var excerpt = ""
    private var characters = 0
    private var codeLiterals: [[UInt8]] = []
    /// Nodes that went away with the image they were the alternative text of.
    private var gone: Set<OpaquePointer> = []

    init(
        cmark: UnsafePointer<xm_cmark>, body: CutBody, path: String, directives: [MarkdownDocument.Slot],
        rawHTML: RawHTMLPolicy
    ) {
        self.cmark = cmark
        self.body = body
        self.path = path
        self.directives = directives
        self.rawHTML = rawHTML
    }

    /// Reads the tree and replaces what becomes slots.
    mutating func prepare(_ nodes: [OpaquePointer]) {
        collectText(nodes)
        var line = 1
        for node in nodes where !gone.contains(node) {
            let start = Int(cmark.pointee.node_get_start_line(node))
            if start > 0 { line = start }
            switch cmark.pointee.node_get_type(node) {
            case CMARK_NODE_LINK: replaceLink(node, line)
            case CMARK_NODE_IMAGE: replaceImage(node, line)
            case CMARK_NODE_HTML_BLOCK: replaceBlock(node, line)
            case CMARK_NODE_HTML_INLINE: replaceRawInline(node, line)
            default: continue
            }
        }
    }

    private func position(_ line: Int, column: Int = 1) -> SourcePosition {
        SourcePosition(path: path, line: body.originalLine(line - 1), column: column)
    }

    private func literal(_ node: OpaquePointer) -> String {
        text(cmark.pointee.node_get_literal(node))
    }

    private func text(_ bytes: UnsafePointer<CChar>?) -> String {
        bytes.map { FullWidthEmphasis.stripped(String(cString: $0)) } ?? ""
    }

    private mutating func slot(_ slot: MarkdownDocument.Slot) -> String {
        slots.append(slot)
        return "\u{1}\(slots.count - 1)\u{2}"
    }

    /// Headings with their text, the excerpt, and the code that holds literal marks.
    private mutating func collectText(_ nodes: [OpaquePointer]) {
        var taken: [String: Int] = [:]
        var heading: (node: OpaquePointer, level: Int, text: String)?
        func isInside(_ node: OpaquePointer, _ ancestor: OpaquePointer) -> Bool {
            var current: OpaquePointer? = node
            while let n = current {
                if n == ancestor { return true }
                current = cmark.pointee.node_parent(n)
            }
            return false
        }
        var found: [MarkdownDocument.Heading] = []
        func finishHeading() {
            guard let done = heading else { return }
            found.append(.init(level: done.level, text: done.text, anchor: anchor(done.text, &taken)))
            heading = nil
        }
        var excerptCount = 0
        var inExcerpt = true
        for node in nodes {
            if let open = heading, !isInside(node, open.node) { finishHeading() }
            let type = cmark.pointee.node_get_type(node)
            switch type {
            case CMARK_NODE_HEADING:
                heading = (node, Int(cmark.pointee.node_get_heading_level(node)), "")
            case CMARK_NODE_TEXT, CMARK_NODE_CODE:
                let text = literal(node)
                heading?.text += text
                characters += countCharacters(text)
                // A backtick stands before it in the source: what follows does not begin a line.
                if type == CMARK_NODE_CODE { codeLiterals.append([UInt8(ascii: "`")] + text.utf8) }
                if heading == nil, inExcerpt, excerptCount < Self.excerptCharacters, isInParagraph(node) {
                    excerpt += text
                    excerptCount += text.unicodeScalars.count
                }
            case CMARK_NODE_SOFTBREAK, CMARK_NODE_LINEBREAK:
                heading?.text += " "
                if !excerpt.isEmpty, heading == nil { excerpt += " " }
            case CMARK_NODE_CODE_BLOCK: codeLiterals.append(Array(literal(node).utf8))
            case CMARK_NODE_FOOTNOTE_DEFINITION: inExcerpt = false
            case CMARK_NODE_PARAGRAPH where excerptCount > 0 && !excerpt.hasSuffix(" "): excerpt += " "
            default: continue
            }
        }
        finishHeading()
        headings = found
        if excerptCount > Self.excerptCharacters {
            let scalars = excerpt.unicodeScalars.prefix(Self.excerptCharacters)
            excerpt = String(String.UnicodeScalarView(scalars)) + "…"
        }
        while excerpt.hasSuffix(" ") { excerpt.removeLast() }
    }

    private func isInParagraph(_ node: OpaquePointer) -> Bool {
        var current = cmark.pointee.node_parent(node)
        while let n = current {
            if cmark.pointee.node_get_type(n) == CMARK_NODE_PARAGRAPH { return true }
            current = cmark.pointee.node_parent(n)
        }
        return false
    }

    /// Letters and digits of any script stay, the rest becomes single hyphens: stable while the title is.
    private func anchor(_ text: String, _ taken: inout [String: Int]) -> String {
        var slug = PortalBase.slug(of: text)
        if slug.isEmpty { slug = "section" }
        let count = taken[slug, default: 0]
        taken[slug] = count + 1
        if count == 0 { return slug }
        let numbered = "\(slug)-\(count)"
        taken[numbered, default: 0] += 1
        return numbered
    }

    /// Puts text before a node: slots are text, since a table's cell admits no custom node.
    private func insertText(_ text: String, before node: OpaquePointer) {
        guard let inserted = cmark.pointee.node_new(CMARK_NODE_TEXT) else { return }
        _ = cmark.pointee.node_set_literal(inserted, text)
        // A slot that found no place is missed, and reported, by `document`.
        if cmark.pointee.node_insert_before(node, inserted) == 0 { cmark.pointee.node_free(inserted) }
    }

    private func remove(_ node: OpaquePointer) {
        cmark.pointee.node_unlink(node)
        cmark.pointee.node_free(node)
    }

    private func swap(_ node: OpaquePointer, for custom: OpaquePointer) {
        let old = cmark.pointee.node_replace(node, custom) == 1 ? node : custom
        cmark.pointee.node_free(old)
    }

    private mutating func replaceLink(_ node: OpaquePointer, _ line: Int) {
        var destination = text(cmark.pointee.node_get_url(node))
        let title = text(cmark.pointee.node_get_title(node))
        let rest = endAutolink(node, &destination)
        let conditional = destination.hasPrefix(Self.conditionalScheme)
        if conditional { destination.removeFirst(Self.conditionalScheme.count) }
        let place = position(line, column: max(1, Int(cmark.pointee.node_get_start_column(node))))
        insertText(
            slot(.linkOpen(destination: destination, title: title, conditional: conditional, place)), before: node)
        while let child = cmark.pointee.node_first_child(node), cmark.pointee.node_insert_before(node, child) == 1 {}
        insertText(slot(.linkClose), before: node)
        if let rest { insertText(rest, before: node) }
        remove(node)
    }

    /// An address in running Chinese text ends where full-width punctuation begins; the extension ends it at white
    /// space only, which Chinese does not write.
    ///
    /// - Returns: what follows the address, taken out of the link.
    private func endAutolink(_ node: OpaquePointer, _ destination: inout String) -> String? {
        guard let child = cmark.pointee.node_first_child(node), cmark.pointee.node_get_type(child) == CMARK_NODE_TEXT
        else { return nil }
        let text = literal(child)
        let prefix = destination.hasSuffix(text) ? String(destination.dropLast(text.count)) : nil
        guard let prefix, ["", "http://"].contains(prefix), text.hasPrefix("http") || text.hasPrefix("www."),
            let end = text.unicodeScalars.firstIndex(where: FullWidthEmphasis.isFullWidthPunctuation)
        else { return nil }
        _ = cmark.pointee.node_set_literal(child, String(text[..<end]))
        destination = prefix + text[..<end]
        return String(text[end...])
    }

    private mutating func replaceImage(_ node: OpaquePointer, _ line: Int) {
        let source = text(cmark.pointee.node_get_url(node))
        let title = text(cmark.pointee.node_get_title(node))
        let place = position(line, column: max(1, Int(cmark.pointee.node_get_start_column(node))))
        let alternative = plainText(node)
        insertText(slot(.image(source: source, alternative: alternative, title: title, place)), before: node)
        remove(node)
    }

    /// The text below an image; all of it goes away with the image node.
    private mutating func plainText(_ node: OpaquePointer) -> String {
        var text = ""
        let iterator = cmark.pointee.iter_new(node)
        while true {
            let event = cmark.pointee.iter_next(iterator)
            if event == CMARK_EVENT_DONE { break }
            guard event == CMARK_EVENT_ENTER, let child = cmark.pointee.iter_get_node(iterator) else { continue }
            gone.insert(child)
            switch cmark.pointee.node_get_type(child) {
            case CMARK_NODE_TEXT, CMARK_NODE_CODE: text += literal(child)
            case CMARK_NODE_SOFTBREAK, CMARK_NODE_LINEBREAK: text += " "
            default: continue
            }
        }
        cmark.pointee.iter_free(iterator)
        return text
    }

    private mutating func replaceBlock(_ node: OpaquePointer, _ line: Int) {
        let text = literal(node)
        if text.hasPrefix("<!--\(Self.blockMark)"),
            let index = decimal(text.dropFirst(4 + Self.blockMark.count).utf8.prefix { $0 >= 0x30 && $0 <= 0x39 }),
            index < directives.count, text == "<!--\(Self.blockMark)\(index)-->\n"
        {
            guard let custom = cmark.pointee.node_new(CMARK_NODE_CUSTOM_BLOCK) else { return }
            _ = cmark.pointee.node_set_on_enter(custom, slot(directives[index]))
            swap(node, for: custom)
            return
        }
        if rawHTML == .error { reportRawHTML(position(line)) }
        guard let custom = cmark.pointee.node_new(CMARK_NODE_CUSTOM_BLOCK) else { return }
        _ = cmark.pointee.node_set_on_enter(custom, "<p>\(escapedHTML(text))</p>")
        swap(node, for: custom)
    }

    private mutating func replaceRawInline(_ node: OpaquePointer, _ line: Int) {
        let text = literal(node)
        if rawHTML == .error {
            reportRawHTML(position(line, column: max(1, Int(cmark.pointee.node_get_start_column(node)))))
        }
        insertText(text, before: node)
        remove(node)
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
    mutating func compareLiteralMarks(_ source: [UInt8]) {
        let written = VisibilityMarks.find(in: source)
        guard let first = written.first else { return }
        let literal = codeLiterals.reduce(0) { $0 + VisibilityMarks.count(in: $1) }
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

    /// Takes the slot marks out of the rendered HTML and gives headings their anchors.
    ///
    /// A control character in the rendering that is not one of our slots came out of a character reference such as
    /// `&#1;`: it is reported, and nothing it pretends to be is believed.
    mutating func document(_ rendered: [UInt8]) -> MarkdownDocument {
        var seen: Set<Int> = []
        var isForged = false
        var html: [UInt8] = []
        html.reserveCapacity(rendered.count + headings.count * 24)
        var placed: [(offset: Int, slot: MarkdownDocument.Slot)] = []
        var nextHeading = 0
        var i = 0
        while i < rendered.count {
            let byte = rendered[i]
            if byte == Self.slotStart {
                let digits = rendered[(i + 1)...].prefix { $0 >= 0x30 && $0 <= 0x39 }
                let isClosed = digits.endIndex < rendered.count && rendered[digits.endIndex] == Self.slotEnd
                guard isClosed, let index = decimal(digits), index < slots.count, seen.insert(index).inserted else {
                    isForged = true
                    i += 1
                    continue
                }
                placed.append((html.count, slots[index]))
                i = digits.endIndex + 1
                continue
            }
            if byte == FullWidthEmphasis.mark[0], rendered[i...].starts(with: FullWidthEmphasis.mark) {
                i += FullWidthEmphasis.mark.count
                continue
            }
            if byte < 0x20, byte != 0x0A, byte != 0x09 {
                isForged = true
                i += 1
                continue
            }
            // A heading's start tag: nothing else can write one, since raw HTML never passes.
            if byte == UInt8(ascii: "<"), i + 3 < rendered.count, rendered[i + 1] == UInt8(ascii: "h"),
                rendered[i + 2] >= 0x31, rendered[i + 2] <= 0x36, rendered[i + 3] == UInt8(ascii: ">"),
                nextHeading < headings.count
            {
                html += rendered[i..<(i + 3)]
                html += " id=\"".utf8
                appendEscapedHTML(headings[nextHeading].anchor.utf8, to: &html)
                html += "\">".utf8
                nextHeading += 1
                i += 4
                continue
            }
            html.append(byte)
            i += 1
        }
        if isForged || placed.count != slots.count {
            diagnostics.append(
                Diagnostic(
                    "control-character", position(1),
                    problem: Bilingual(
                        zh: "正文里有控制字符的编码（如 &#1;）", en: "a character reference stands for a control character"),
                    remedy: Bilingual(zh: "请删去这种写法", en: "take out references such as `&#1;`")))
        }
        return MarkdownDocument(html: html, slots: placed, headings: headings, excerpt: excerpt, characters: characters)
    }
}

/// Han characters one by one, other letters and digits by runs.
func countCharacters(_ text: String) -> Int {
    var count = 0
    var inWord = false
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case let value where isHan(value):
            count += 1
            inWord = false
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0xC0...0x1FFF:
            if !inWord { count += 1 }
            inWord = true
        default: inWord = false
        }
    }
    return count
}
