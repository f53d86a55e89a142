package import PortalBase

/// A Markdown body as one audience may see it, and the original line of each of its lines.
package struct CutBody: Sendable, Equatable {
    package let bytes: [UInt8]
    /// Original line number of each line; empty when nothing was cut and lines just count on from `firstLine`.
    let lines: [Int]
    let firstLine: Int
    /// False when the directives of the body were reported as mistaken: what is left of them is no news then.
    let isWellFormed: Bool
    /// Whether it was looked through and holds nothing that could be a visibility mark.
    let isUnmarked: Bool

    package init(uncut bytes: [UInt8], firstLine: Int, isUnmarked: Bool = false) {
        self.init(bytes: bytes, lines: [], firstLine: firstLine, isWellFormed: true, isUnmarked: isUnmarked)
    }

    init(bytes: [UInt8], lines: [Int], firstLine: Int, isWellFormed: Bool, isUnmarked: Bool = false) {
        self.bytes = bytes
        self.lines = lines
        self.firstLine = firstLine
        self.isWellFormed = isWellFormed
        self.isUnmarked = isUnmarked
    }

    /// Where a byte of it stands in its file.
    package func position(ofByte offset: Int, path: String) -> SourcePosition {
        let before = bytes[..<min(offset, bytes.count)]
        let line = before.lineFeeds
        let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return SourcePosition(path: path, line: originalLine(line), column: offset - start + 1)
    }

    /// Original line of a line counted from 0.
    func originalLine(_ index: Int) -> Int {
        lines.isEmpty ? index + firstLine : lines[min(max(index, 0), lines.count - 1)]
    }
}

/// The parts of a body that carry a tag of their own: `:::only{visibility=TAG}`, `:::intranet` and their inline forms.
///
/// What an audience may not see is cut from the bytes before Markdown reads them, so it leaves no footnote number,
/// heading anchor or count behind.
package struct TaggedBody: Sendable {
    private let source: CutBody
    private let path: String
    private let parts: [Part]

    private struct Part {
        let tag: String
        let whole: Range<Int>
        let content: Range<Int>
        let position: SourcePosition
    }

    /// The tags used in the body, with their places.
    package var tags: [(tag: String, position: SourcePosition)] { parts.map { ($0.tag, $0.position) } }

    /// False where there is nothing that could be a directive.
    package let mayHoldDirectives: Bool

    /// Attributes of directives that name files, each with its place.
    private let attributes: [(offset: Int, text: String)]

    /// Files that the body names, each with the tags of the parts in which its name stands.
    package func references() -> [FileReference] {
        let places =
            FileReferenceScanner.references(in: source.bytes)
            + attributes.filter { FileReferenceScanner.mayBeFile($0.text) }.map {
                .init(places: [$0.offset], text: $0.text)
            }
        return places.map { found in
            let tags = parts.filter { part in found.places.contains { part.whole.contains($0) } }.map(\.tag)
            let isPlain = !found.text.utf8.contains { $0 == UInt8(ascii: "#") || $0 == UInt8(ascii: "&") }
            let text =
                isPlain ? found.text : String(found.text.prefix { $0 != "#" }).replacing("&amp;", with: "&")
            return FileReference(destination: text, tags: tags)
        }
    }

    /// Finds the tagged parts. Mistakes (unclosed, no tag) are added to `diagnostics`, once for all audiences.
    ///
    /// - Parameter isPlain: whether the same bytes were looked through before, and held nothing that could be a directive.
    package init(
        _ body: [UInt8], path: String, firstLine: Int, isPlain: Bool = false, diagnostics: inout [Diagnostic]
    ) {
        self.path = path
        mayHoldDirectives =
            !isPlain
            && (DirectiveScanner.mayContainDirectives(body)
                || body.withUnsafeBufferPointer { VisibilityMarks.mayStand(in: $0) })
        guard mayHoldDirectives else {
            // What a record says of the body is not enough: it is looked through once more where Markdown reads it.
            source = CutBody(uncut: body, firstLine: firstLine, isUnmarked: !isPlain)
            parts = []
            attributes = []
            return
        }
        var scanner = DirectiveScanner(source: body, path: path) { $0 + firstLine }
        scanner.scan()
        diagnostics += scanner.diagnostics
        source = CutBody(bytes: body, lines: [], firstLine: firstLine, isWellFormed: scanner.diagnostics.isEmpty)
        parts = Self.parts(scanner.spans, diagnostics: &diagnostics)
        attributes = scanner.spans.filter { !["only", "intranet"].contains($0.directive.name) }.flatMap { span in
            span.directive.attributes.filter { FileReferenceScanner.attributes.contains($0.key) }
                .sorted { $0.key < $1.key }.map { (span.whole.lowerBound, $0.value) }
        }
    }

    private static func parts(_ spans: [DirectiveSpan], diagnostics: inout [Diagnostic]) -> [Part] {
        spans.compactMap { span -> Part? in
            let directive = span.directive
            let tag: String
            switch directive.name {
            case "intranet": tag = "intranet"
            case "only":
                guard let named = directive.attributes["visibility"] else {
                    diagnostics.append(
                        Diagnostic(
                            "visibility-missing", directive.position,
                            problem: Bilingual(zh: "“only”没有写明给谁看", en: "`only` does not say for whom"),
                            remedy: Bilingual(zh: "写成 {visibility=标签}", en: "add {visibility=TAG}")))
                    // Unknown audiences see nothing.
                    return Part(tag: "", whole: span.whole, content: span.content, position: directive.position)
                }
                tag = VisibilityNames.tag(named)
            default: return nil
            }
            guard span.form != .leaf else {
                diagnostics.append(
                    Diagnostic(
                        "directive-form", directive.position,
                        problem: Bilingual(
                            zh: "“\(directive.name)”要用三个冒号", en: "`\(directive.name)` takes three colons"),
                        remedy: Bilingual(zh: "写成 :::\(directive.name) … :::", en: "write :::\(directive.name) … :::")))
                return nil
            }
            return Part(tag: tag, whole: span.whole, content: span.content, position: directive.position)
        }
    }

    /// The body for an audience. Adds a diagnostic, and cuts, where removing the hidden parts would change how the
    /// rest of the marks read (a code span or list that began inside one, say).
    package func cut(admits: (String) -> Bool, diagnostics: inout [Diagnostic]) -> CutBody {
        guard !parts.isEmpty else { return source }
        let hidden = parts.filter { !admits($0.tag) }.map(\.whole)
        let marks = parts.filter { admits($0.tag) }.flatMap {
            [$0.whole.lowerBound..<$0.content.lowerBound, $0.content.upperBound..<$0.whole.upperBound]
        }
        let result = remove(hidden + marks, from: source)
        if hidden.isEmpty { return result }
        // The law of the leak at this level: the same body with the hidden parts deleted by hand must read the same.
        var ignored: [Diagnostic] = []
        let deleted = remove(hidden, from: source)
        let again = TaggedBody(deleted.bytes, path: path, firstLine: 1, diagnostics: &ignored)
        let remaining = again.remove(
            again.parts.flatMap {
                admits($0.tag)
                    ? [$0.whole.lowerBound..<$0.content.lowerBound, $0.content.upperBound..<$0.whole.upperBound]
                    : [$0.whole]
            }, from: again.source)
        if remaining.bytes != result.bytes || again.parts.contains(where: { !admits($0.tag) }) {
            diagnostics.append(
                Diagnostic(
                    "visibility-ambiguous", parts.first { !admits($0.tag) }!.position,
                    problem: Bilingual(
                        zh: "去掉隐藏部分后，其余内容的读法会改变",
                        en: "without its hidden parts the rest of this page would read differently"),
                    remedy: Bilingual(
                        zh: "请让隐藏部分自成一段，前后空一行，反引号成对",
                        en:
                            "make the hidden part a paragraph of its own, with blank lines around it and paired backticks"
                    )))
        }
        return result
    }

    private func remove(_ ranges: [Range<Int>], from body: CutBody) -> CutBody {
        let sorted = ranges.filter { !$0.isEmpty }.sorted { $0.lowerBound < $1.lowerBound }
        var out: [UInt8] = []
        out.reserveCapacity(body.bytes.count)
        var lines: [Int] = []
        var next = sorted[...]
        var line = 0
        var i = 0
        var atLineStart = true
        while i < body.bytes.count {
            while let range = next.first, range.upperBound <= i { next.removeFirst() }
            if let range = next.first, range.contains(i) {
                for k in i..<range.upperBound where body.bytes[k] == 0x0A { line += 1 }
                i = range.upperBound
                continue
            }
            if atLineStart { lines.append(body.originalLine(line)) }
            let byte = body.bytes[i]
            out.append(byte)
            atLineStart = byte == 0x0A
            if atLineStart { line += 1 }
            i += 1
        }
        return CutBody(bytes: out, lines: lines, firstLine: body.firstLine, isWellFormed: body.isWellFormed)
    }
}
