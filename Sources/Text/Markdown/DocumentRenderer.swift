import CCMarkGFM
import Glibc
import PortalBase

/// Writes one cmark tree as a document: HTML as cmark's own renderer writes it, with slots for links, images and
/// directives, anchors on headings, and raw HTML as text.
///
/// The tree is walked once. Nothing reaches the HTML but our own markup and escaped text, so there is no text that could
/// be taken for either. Control characters are refused on loading; one that a character reference smuggles in is left
/// out and reported.
struct DocumentRenderer: ~Copyable {
    private let cmark: CMark
    private let functions: UnsafePointer<xm_cmark>
    private let findings: BodyFindings
    private let directives: [MarkdownDocument.Slot]
    private let rawHTML: RawHTMLPolicy
    private let backLabel: String

    private(set) var diagnostics: [Diagnostic] = []

    private var html: HTMLBuffer
    private var slots: [(offset: Int, slot: MarkdownDocument.Slot)] = []
    private var headings: [MarkdownDocument.Heading] = []
    private var text: RunningText

    /// The block that was entered last: inline nodes of some kinds have no line of their own.
    private var block: OpaquePointer?
    /// For every open quote, item and footnote, whether paragraphs directly below it have no element.
    private var tightness: [Bool] = []
    private var isInHeading = false
    private var heading = OpenHeading()
    private var image: OpenImage?
    /// Images around the place, one in another's text included.
    private var imageDepth = 0
    private var table = OpenTable()
    private var footnotes: Footnotes
    /// Where the last slot stands in the HTML.
    private var slotEnd = -1
    private var anchors: [ByteText: Int] = [:]
    private var isPlaced: [Bool]
    private var holdsControl = false

    private struct OpenHeading {
        var start = 0
        var firstSlot = 0
        var text: [UInt8] = []
        /// Of the element, in front of its text.
        var tag: [UInt8] = []
    }

    /// Text below an image is an attribute, in which nothing shows as more than text.
    private struct OpenImage {
        let source: String
        let title: String
        let position: SourcePosition
        var alternative: [UInt8] = []
    }

    private struct OpenTable {
        var alignments: UnsafeMutablePointer<UInt8>?
        var columns = 0
        var column = 0
        var isHead = false
        var hasBody = false
    }

    init(
        cmark: CMark, findings: BodyFindings, directives: [MarkdownDocument.Slot], rawHTML: RawHTMLPolicy,
        backLabel: String, countsCharacters: Bool, capacity: Int
    ) {
        self.cmark = cmark
        functions = cmark.table
        self.findings = findings
        self.directives = directives
        self.rawHTML = rawHTML
        self.backLabel = backLabel
        text = RunningText(counts: countsCharacters)
        isPlaced = [Bool](repeating: false, count: directives.count)
        html = HTMLBuffer(capacity: capacity)
        footnotes = Footnotes(functions)
    }

    mutating func document(_ tree: borrowing CMarkTree) -> MarkdownDocument {
        CMarkTree.walk(tree.root, functions) { node, type, isEntering in
            if imageDepth > 0 {
                isEntering ? enterAlternative(node, type) : leaveAlternative(type)
            } else if isEntering {
                enter(node, type)
            } else {
                leave(node, type)
            }
        }
        if footnotes.isOpen { html.append("</ol>\n</section>\n") }
        if holdsControl { diagnostics.append(findings.controlCharacter) }
        return MarkdownDocument(
            html: html.bytes, slots: slots, headings: headings, excerpt: text.firstWords, characters: text.characters)
    }

    // MARK: Nodes

    private mutating func enter(_ node: OpaquePointer, _ type: cmark_node_type) {
        switch type {
        case CMARK_NODE_TEXT: writeText(functions.pointee.node_get_literal(node))
        case CMARK_NODE_SOFTBREAK: breakLine("\n", isSoft: true)
        case CMARK_NODE_PARAGRAPH:
            enterBlock(node)
            if !isTight { openLine("<p>") }
        case CMARK_NODE_STRONG: html.append("<strong>")
        case CMARK_NODE_EMPH: html.append("<em>")
        case CMARK_NODE_LINK: openLink(node)
        case CMARK_NODE_IMAGE:
            imageDepth = 1
            image = OpenImage(
                source: string(functions.pointee.node_get_url(node)),
                title: string(functions.pointee.node_get_title(node)), position: position(node))
        case CMARK_NODE_CODE:
            html.append("<code>")
            writeText(functions.pointee.node_get_literal(node))
            html.append("</code>")
        case CMARK_NODE_HEADING:
            enterBlock(node)
            startLine()
            isInHeading = true
            heading.start = html.count
            heading.firstSlot = slots.count
            heading.text.removeAll(keepingCapacity: true)
            text.aside += 1
        case CMARK_NODE_LIST:
            enterBlock(node)
            openList(node)
        case CMARK_NODE_ITEM:
            enterBlock(node)
            tightness.append(
                functions.pointee.node_parent(node).map { functions.pointee.node_get_list_tight($0) != 0 } ?? false)
            openLine("<li>")
            writeTaskBox(node)
        case CMARK_NODE_LINEBREAK: breakLine("<br />\n")
        case CMARK_NODE_CODE_BLOCK:
            enterBlock(node)
            writeCodeBlock(node)
        case CMARK_NODE_BLOCK_QUOTE:
            enterBlock(node)
            tightness.append(false)
            openLine("<blockquote>\n")
        case CMARK_NODE_THEMATIC_BREAK:
            enterBlock(node)
            openLine("<hr />\n")
        case CMARK_NODE_HTML_BLOCK:
            enterBlock(node)
            writeHTMLBlock(node)
        case CMARK_NODE_HTML_INLINE:
            reportRawHTML(position(node))
            writeText(functions.pointee.node_get_literal(node))
        case CMARK_NODE_FOOTNOTE_DEFINITION:
            enterBlock(node)
            openFootnote(node)
        case CMARK_NODE_FOOTNOTE_REFERENCE: writeFootnoteReference(node)
        case functions.pointee.strikethrough: html.append("<del>")
        case functions.pointee.table:
            enterBlock(node)
            openLine("<table>")
            text.aside += 1
            table = OpenTable(
                alignments: functions.pointee.table_get_alignments(node),
                columns: Int(functions.pointee.table_get_columns(node)))
        case functions.pointee.table_row:
            enterBlock(node)
            openRow(isHead: functions.pointee.table_row_is_header(node) != 0)
        case functions.pointee.table_cell:
            text.endWord()
            openCell()
        default: enterBlock(node)
        }
    }

    private mutating func leave(_ node: OpaquePointer, _ type: cmark_node_type) {
        switch type {
        case CMARK_NODE_PARAGRAPH:
            if !isTight {
                if footnotes.isOpen, functions.pointee.node_next(node) == nil { writeBackReferences(below: node) }
                html.append("</p>\n")
            }
            text.endLine()
        case CMARK_NODE_STRONG: html.append("</strong>")
        case CMARK_NODE_EMPH: html.append("</em>")
        case CMARK_NODE_LINK: addSlot(.linkClose)
        case CMARK_NODE_HEADING: closeHeading(Int(functions.pointee.node_get_heading_level(node)))
        case CMARK_NODE_LIST:
            html.append(functions.pointee.node_get_list_type(node) == CMARK_BULLET_LIST ? "</ul>\n" : "</ol>\n")
        case CMARK_NODE_ITEM:
            tightness.removeLast()
            html.append("</li>\n")
            text.endLine()
        case CMARK_NODE_BLOCK_QUOTE:
            tightness.removeLast()
            openLine("</blockquote>\n")
        case CMARK_NODE_FOOTNOTE_DEFINITION:
            tightness.removeLast()
            if writeBackReferences() { html.append("\n") }
            html.append("</li>\n")
        case functions.pointee.strikethrough: html.append("</del>")
        case functions.pointee.table:
            if table.hasBody { openLine("</tbody>") }
            openLine("</table>\n")
            text.aside -= 1
            text.endLine()
        case functions.pointee.table_row:
            openLine("</tr>")
            if table.isHead { openLine("</thead>") }
        case functions.pointee.table_cell: html.append(table.isHead ? "</th>" : "</td>")
        default: break
        }
    }

    private mutating func enterAlternative(_ node: OpaquePointer, _ type: cmark_node_type) {
        switch type {
        case CMARK_NODE_TEXT, CMARK_NODE_CODE, CMARK_NODE_HTML_INLINE:
            if type == CMARK_NODE_HTML_INLINE { reportRawHTML(position(node)) }
            let bytes = cleaned(functions.pointee.node_get_literal(node))
            image?.alternative.append(contentsOf: bytes)
        case CMARK_NODE_SOFTBREAK, CMARK_NODE_LINEBREAK: image?.alternative.append(0x20)
        case CMARK_NODE_IMAGE: imageDepth += 1
        default: break
        }
    }

    private mutating func leaveAlternative(_ type: cmark_node_type) {
        guard type == CMARK_NODE_IMAGE else { return }
        imageDepth -= 1
        guard imageDepth == 0, let whole = image else { return }
        image = nil
        addSlot(
            .image(source: whole.source, alternative: Self.line(whole.alternative), title: whole.title, whole.position))
    }

    // MARK: Text

    private mutating func addSlot(_ slot: MarkdownDocument.Slot) {
        slots.append((html.count, slot))
        slotEnd = html.count
    }

    /// A new line, unless one has just begun; what a slot stands for does not end with one.
    private mutating func startLine() {
        if html.count > 0, html.last != 0x0A || slotEnd == html.count { html.append(0x0A) }
    }

    private mutating func openLine(_ markup: StaticString) {
        startLine()
        html.append(markup)
    }

    private mutating func breakLine(_ markup: StaticString, isSoft: Bool = false) {
        html.append(markup)
        if isSoft { text.breakSoftly() } else { text.endLine() }
        if isInHeading { heading.text.append(0x20) }
    }

    private mutating func enterBlock(_ node: OpaquePointer) {
        block = node
        text.endLine()
    }

    /// Hands the bytes of a literal to `body`; what it refuses, it gets without control characters and the marks of
    /// `FullWidthEmphasis`.
    @inline(__always)
    private mutating func withText(
        _ literal: UnsafePointer<CChar>?, _ body: (inout Self, UnsafeBufferPointer<UInt8>) -> Bool
    ) {
        guard let literal else { return }
        let count = strlen(literal)
        literal.withMemoryRebound(to: UInt8.self, capacity: count) {
            let bytes = UnsafeBufferPointer(start: $0, count: count)
            if !body(&self, bytes) { _ = cleaned(bytes).withUnsafeBufferPointer { body(&self, $0) } }
        }
    }

    private mutating func cleaned(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        let stripped = FullWidthEmphasis.stripped(bytes)
        let clean = stripped.filter { $0 >= 0x20 || $0 == 0x09 || $0 == 0x0A }
        if clean.count < stripped.count { holdsControl = true }
        return clean
    }

    /// The same of a literal that seldom stands in a page.
    private mutating func cleaned(_ literal: UnsafePointer<CChar>?) -> [UInt8] {
        guard let literal else { return [] }
        let count = strlen(literal)
        return literal.withMemoryRebound(to: UInt8.self, capacity: count) {
            cleaned(UnsafeBufferPointer(start: $0, count: count))
        }
    }

    /// Running text.
    private mutating func writeText(_ literal: UnsafePointer<CChar>?) {
        withText(literal) { renderer, bytes in
            guard renderer.html.appendEscaped(bytes) else { return false }
            renderer.text.add(bytes)
            if renderer.isInHeading { renderer.heading.text.append(contentsOf: bytes) }
            return true
        }
    }

    /// Text as one line: a character reference may stand for a line feed.
    private static func line(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.contains(0x0A) ? bytes.map { $0 == 0x0A ? 0x20 : $0 } : bytes, as: UTF8.self)
    }

    /// A node's address or title.
    private mutating func string(_ literal: UnsafePointer<CChar>?) -> String {
        guard let literal, literal.pointee != 0 else { return "" }
        let count = strlen(literal)
        return literal.withMemoryRebound(to: UInt8.self, capacity: count) {
            let bytes = UnsafeBufferPointer(start: $0, count: count)
            // 0xEF: the first byte of `FullWidthEmphasis.mark`.
            var isPlain = true
            for byte in bytes where byte < 0x20 || byte == 0xEF { isPlain = false }
            return isPlain ? String(decoding: bytes, as: UTF8.self) : String(decoding: cleaned(bytes), as: UTF8.self)
        }
    }

    private func isASCII(_ literal: UnsafePointer<CChar>?) -> Bool {
        guard var next = literal else { return true }
        while next.pointee > 0 { next += 1 }
        return next.pointee == 0
    }

    private func position(_ node: OpaquePointer) -> SourcePosition {
        var line = Int(functions.pointee.node_get_start_line(node))
        if line == 0, let block { line = Int(functions.pointee.node_get_start_line(block)) }
        return findings.position(max(1, line), column: max(1, Int(functions.pointee.node_get_start_column(node))))
    }

    private mutating func reportRawHTML(_ place: SourcePosition) {
        if rawHTML == .error { diagnostics.append(findings.rawHTML(place)) }
    }

    // MARK: Blocks

    private var isTight: Bool { tightness.last ?? false }

    private mutating func openList(_ node: OpaquePointer) {
        if functions.pointee.node_get_list_type(node) == CMARK_BULLET_LIST { return openLine("<ul>\n") }
        let start = functions.pointee.node_get_list_start(node)
        if start == 1 { return openLine("<ol>\n") }
        openLine("<ol start=\"")
        html.append(number: Int(start))
        html.append("\">\n")
    }

    private mutating func writeTaskBox(_ node: OpaquePointer) {
        guard let kind = functions.pointee.node_get_type_string(node), strcmp(kind, "tasklist") == 0 else { return }
        html.append(
            functions.pointee.tasklist_item_is_checked(node)
                ? "<input type=\"checkbox\" checked=\"\" disabled=\"\" /> "
                : "<input type=\"checkbox\" disabled=\"\" /> ")
    }

    private mutating func writeCodeBlock(_ node: OpaquePointer) {
        openLine("<pre><code")
        let info = cleaned(functions.pointee.node_get_fence_info(node))
        if !info.isEmpty {
            html.append(" class=\"language-")
            _ = info.prefix { $0 != 0x20 && ($0 < 0x09 || $0 > 0x0D) }.withUnsafeBufferPointer {
                html.appendEscaped($0)
            }
            html.append("\"")
        }
        html.append(">")
        withText(functions.pointee.node_get_literal(node)) { $0.html.appendEscaped($1) }
        html.append("</code></pre>\n")
    }

    /// A line that stands for a directive becomes its slot; anything else is shown as text.
    private mutating func writeHTMLBlock(_ node: OpaquePointer) {
        startLine()
        let literal = functions.pointee.node_get_literal(node)
        // One that was written by hand takes another's place, which is then raw HTML in its turn.
        if let index = DirectiveMark.index(in: string(literal)), index < directives.count, !isPlaced[index] {
            isPlaced[index] = true
            addSlot(directives[index])
            return html.append("\n")
        }
        reportRawHTML(findings.position(max(1, Int(functions.pointee.node_get_start_line(node)))))
        html.append("<p>")
        writeText(literal)
        html.append("</p>\n")
    }

    /// Gives the heading that ends here its anchor, which its text makes.
    private mutating func closeHeading(_ level: Int) {
        isInHeading = false
        let text = Self.line(heading.text)
        let anchor = anchor(text)
        headings.append(.init(level: level, text: text, anchor: anchor))
        let digit = UInt8(ascii: "0") + UInt8(level)
        heading.tag.removeAll(keepingCapacity: true)
        heading.tag.append(contentsOf: [UInt8(ascii: "<"), UInt8(ascii: "h"), digit])
        heading.tag.append(contentsOf: " id=\"".utf8)
        appendEscapedHTML(anchor, to: &heading.tag)
        heading.tag.append(contentsOf: "\">".utf8)
        html.insert(heading.tag, at: heading.start)
        for index in heading.firstSlot..<slots.count { slots[index].offset += heading.tag.count }
        html.append("</h")
        html.append(digit)
        html.append(">\n")
        self.text.aside -= 1
        self.text.endLine()
    }

    /// Letters and digits of any script stay, the rest becomes single hyphens: stable while the title is.
    private mutating func anchor(_ text: String) -> String {
        var slug = PortalBase.slug(of: text)
        if slug.isEmpty { slug = "section" }
        func countOne(_ count: inout Int) -> Int {
            count += 1
            return count - 1
        }
        let count = countOne(&anchors[ByteText(slug), default: 0])
        if count == 0 { return slug }
        let numbered = "\(slug)-\(count)"
        anchors[ByteText(numbered), default: 0] += 1
        return numbered
    }

    private mutating func openRow(isHead: Bool) {
        if isHead {
            openLine("<thead>")
        } else if !table.hasBody {
            openLine("<tbody>")
            table.hasBody = true
        }
        table.isHead = isHead
        table.column = 0
        openLine("<tr>")
    }

    private mutating func openCell() {
        openLine(table.isHead ? "<th" : "<td")
        if let alignments = table.alignments, table.column < table.columns {
            switch alignments[table.column] {
            case UInt8(ascii: "l"): html.append(" align=\"left\"")
            case UInt8(ascii: "c"): html.append(" align=\"center\"")
            case UInt8(ascii: "r"): html.append(" align=\"right\"")
            default: break
            }
        }
        html.append(">")
        table.column += 1
    }

    // MARK: Links

    private mutating func openLink(_ node: OpaquePointer) {
        let address = functions.pointee.node_get_url(node)
        var destination = string(address)
        if !isASCII(address) { endAutolink(node, &destination) }
        let conditional = destination.hasPrefix(DirectiveMark.conditionalScheme)
        if conditional { destination.removeFirst(DirectiveMark.conditionalScheme.utf8.count) }
        addSlot(
            .linkOpen(
                destination: destination, title: string(functions.pointee.node_get_title(node)),
                conditional: conditional, position(node)))
    }

    /// An address in running Chinese text ends where full-width punctuation begins; the extension ends it at white
    /// space only, which Chinese does not write. What follows the address is moved behind the link.
    private mutating func endAutolink(_ node: OpaquePointer, _ destination: inout String) {
        guard let child = functions.pointee.node_first_child(node),
            functions.pointee.node_get_type(child) == CMARK_NODE_TEXT
        else { return }
        let text = string(functions.pointee.node_get_literal(child))
        let prefix = destination.hasSuffix(text) ? String(destination.dropLast(text.count)) : nil
        guard let prefix, ["", "http://"].contains(prefix) else { return }
        let pieces = AddressRun.pieces(of: text)
        guard pieces.count > 1, pieces[0].isAddress else { return }
        // Splits the run once, so that time stays linear.
        var last = node
        for piece in pieces.dropFirst() {
            guard let added = piece.isAddress ? autolink(piece.text) : textNode(piece.text),
                functions.pointee.node_insert_after(last, added) == 1
            else { break }
            last = added
        }
        _ = functions.pointee.node_set_literal(child, pieces[0].text)
        destination = prefix + pieces[0].text
    }

    private func textNode(_ text: String) -> OpaquePointer? {
        let node = cmark.newNode(CMARK_NODE_TEXT)
        if let node { _ = functions.pointee.node_set_literal(node, text) }
        return node
    }

    private func autolink(_ address: String) -> OpaquePointer? {
        guard let link = cmark.newNode(CMARK_NODE_LINK), let text = textNode(address) else { return nil }
        let isNamed = address.utf8.prefix(8).contains(UInt8(ascii: ":"))
        _ = functions.pointee.node_set_url(link, isNamed ? address : "http://" + address)
        return functions.pointee.node_append_child(link, text) == 1 ? link : nil
    }

    // MARK: Footnotes

    private mutating func writeFootnoteReference(_ node: OpaquePointer) {
        text.endWord()
        let (number, use) = footnotes.refer(node)
        html.append("<sup class=\"footnote-ref\"><a href=\"#fn:")
        html.append(number: number)
        html.append("\" id=\"fnref:")
        html.append(number: number)
        appendUse(use)
        html.append("\" data-footnote-ref>")
        html.append(number: number)
        html.append("</a></sup>")
    }

    private mutating func openFootnote(_ node: OpaquePointer) {
        tightness.append(false)
        let number = footnotes.open(node)
        if number == 1 {
            html.append("<section class=\"footnotes\" data-footnotes>\n<ol>\n")
            text.aside += 1
        }
        html.append("<li id=\"fn:")
        html.append(number: number)
        html.append("\">\n")
    }

    /// In the last paragraph of a footnote, a paragraph in a list or quote apart.
    private mutating func writeBackReferences(below paragraph: OpaquePointer) {
        guard let parent = functions.pointee.node_parent(paragraph),
            functions.pointee.node_get_type(parent) == CMARK_NODE_FOOTNOTE_DEFINITION
        else { return }
        html.append(" ")
        writeBackReferences()
    }

    /// - Returns: whether there were any left to write.
    @discardableResult
    private mutating func writeBackReferences() -> Bool {
        guard let (number, uses) = footnotes.takeReferences() else { return false }
        for use in 1...uses {
            if use > 1 { html.append(" ") }
            html.append("<a href=\"#fnref:")
            html.append(number: number)
            appendUse(use)
            html.append("\" class=\"footnote-backref\" data-footnote-backref aria-label=\"")
            Array(backLabel.utf8).withUnsafeBufferPointer { _ = html.appendEscaped($0) }
            html.append("\">↩")
            if use > 1 {
                html.append("<sup class=\"footnote-ref\">")
                html.append(number: use)
                html.append("</sup>")
            }
            html.append("</a>")
        }
        return true
    }

    /// What tells further references to a footnote from the first.
    private mutating func appendUse(_ use: Int) {
        guard use > 1 else { return }
        html.append("-")
        html.append(number: use)
    }
}
