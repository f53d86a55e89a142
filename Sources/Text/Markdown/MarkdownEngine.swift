import CCMarkGFM
import Glibc
package import PortalBase

/// Renders Markdown bodies: GFM with all its extensions and footnotes, directives, no raw HTML.
package struct MarkdownEngine: Sendable, Equatable {
    /// Names that may be used as containers and as leaves, besides `only` and `intranet`.
    private let containers: Set<String>
    private let leaves: Set<String>
    private let rawHTML: RawHTMLPolicy
    private let countsCharacters: Bool

    /// Bounds that keep one document from taking the machine: cmark needs 31 s for one table of 1,000 columns.
    package static let maxBytes = 4 << 20

    package init(
        containers: Set<String>, leaves: Set<String>, rawHTML: RawHTMLPolicy = .error, countsCharacters: Bool = true
    ) {
        self.containers = containers
        self.leaves = leaves
        self.rawHTML = rawHTML
        self.countsCharacters = countsCharacters
    }

    /// Bare GFM with raw HTML passed through, as the GFM specification's suite expects it.
    package static func gfm(_ source: [UInt8]) -> [UInt8] {
        CMarkPool.shared.withCopy { cmark in
            CMarkTree(source, with: cmark, options: CMARK_OPT_UNSAFE).withHTML { Array($0) }
        }
    }

    /// Renders one body. Findings go to `diagnostics`; the document is whole in any case.
    ///
    /// - Parameter backLabel: what links back from a note are called, for those who hear the page.
    package func render(
        _ body: CutBody, path: String, backLabel: String = "Back to content", diagnostics: inout [Diagnostic]
    ) -> MarkdownDocument {
        let scanned = MarkdownSource(body.bytes, isUnmarked: body.isUnmarked)
        if let refusal = refusal(scanned, body, path) {
            diagnostics.append(refusal)
            return .empty
        }
        let before = diagnostics.count
        let (source, directives) =
            scanned.has(.directive) ? substituteDirectives(body, path, &diagnostics) : (body.bytes, [])
        // Directives that were refused stay in the source and would be reported a second time.
        let isWhole = body.isWellFormed && diagnostics.count == before
        let findings = BodyFindings(body: body, path: path)
        let (document, found) = CMarkPool.shared.withCopy { cmark in
            let tree = CMarkTree(
                scanned.has(.delimiters) ? FullWidthEmphasis.marked(source) ?? source : source, with: cmark,
                options: scanned.options, extensions: scanned.extensions)
            let unread = isWhole && scanned.has(.visibilityMark) ? findings.unreadMark(source, tree) : nil
            var renderer = DocumentRenderer(
                cmark: cmark, findings: findings, directives: directives, rawHTML: rawHTML, backLabel: backLabel,
                countsCharacters: countsCharacters, capacity: source.count + source.count / 4 + 256)
            let document = renderer.document(tree)
            return (document, renderer.diagnostics + [unread].compactMap { $0 })
        }
        diagnostics += found
        return document
    }

    private func refusal(_ source: MarkdownSource, _ body: CutBody, _ path: String) -> Diagnostic? {
        func make(_ rule: String, _ line: Int, zh: String, en: String) -> Diagnostic {
            Diagnostic(
                rule, SourcePosition(path: path, line: body.originalLine(line)),
                problem: Bilingual(zh: zh, en: en),
                remedy: Bilingual(zh: "请拆分或简化这部分内容", en: "split or simplify this part"))
        }
        if body.bytes.count > Self.maxBytes {
            return make("too-large", 0, zh: "正文超过 4 MiB", en: "the body is larger than 4 MiB")
        }
        return switch source.refusal {
        case nil: nil
        case .tooWide(let line): make("table-too-wide", line, zh: "表格超过 100 列", en: "a table has more than 100 columns")
        case .tooDeep(let line): make("nested-too-deep", line, zh: "引用嵌套过深", en: "quotes are nested too deeply")
        case .tooManyOpeners(let line):
            make("too-many-tags", line, zh: "“<!”“<?”“](<”太多", en: "there are too many of `<!`, `<?` and `](<`")
        case .control(let line):
            make("control-character", line, zh: "正文里有控制字符", en: "the body holds a control character")
        }
    }

    /// Replaces block directives by comment lines that cmark keeps as blocks of their own, and `:ref` by a link.
    private func substituteDirectives(
        _ body: CutBody, _ path: String, _ diagnostics: inout [Diagnostic]
    ) -> ([UInt8], [MarkdownDocument.Slot]) {
        var scanner = DirectiveScanner(source: body.bytes, path: path) { body.originalLine($0) }
        scanner.scan()
        // Mistakes in the syntax were reported when the tagged parts were found.
        var edits: [(range: Range<Int>, text: String)] = []
        var slots: [MarkdownDocument.Slot] = []
        for span in scanner.spans {
            let directive = span.directive
            switch span.form {
            case .container where containers.contains(directive.name):
                edits.append((span.whole.lowerBound..<span.content.lowerBound, DirectiveMark.line(slots.count)))
                slots.append(.directiveOpen(directive))
                edits.append((span.content.upperBound..<span.whole.upperBound, DirectiveMark.line(slots.count)))
                slots.append(.directiveClose(name: directive.name))
            case .leaf where leaves.contains(directive.name):
                edits.append((span.whole, DirectiveMark.line(slots.count)))
                slots.append(.directiveLeaf(directive))
            case .inline where directive.name == "ref":
                guard let target = directive.attributes["to"],
                    !target.utf8.contains(where: { "<>\n".utf8.contains($0) })
                else {
                    diagnostics.append(
                        Diagnostic(
                            "ref-target", directive.position,
                            problem: Bilingual(zh: "“:ref”没有写明目标", en: "`:ref` does not say where to"),
                            remedy: Bilingual(zh: "写成 :ref[文字]{to=页面.md}", en: "write :ref[text]{to=page.md}")))
                    continue
                }
                edits.append((span.whole.lowerBound..<span.content.lowerBound, "["))
                edits.append(
                    (
                        span.content.upperBound..<span.whole.upperBound,
                        "](<\(DirectiveMark.conditionalScheme)\(target)>)"
                    ))
            default: diagnostics.append(unknown(directive, span.form))
            }
        }
        return (apply(edits, to: body.bytes), slots)
    }

    private func apply(_ edits: [(range: Range<Int>, text: String)], to source: [UInt8]) -> [UInt8] {
        guard !edits.isEmpty else { return source }
        var out: [UInt8] = []
        var i = 0
        for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            out += source[i..<max(i, edit.range.lowerBound)]
            out += edit.text.utf8
            i = max(i, edit.range.upperBound)
        }
        return out + source[i...]
    }

    private func unknown(_ directive: Directive, _ form: DirectiveSpan.Form) -> Diagnostic {
        let written: String
        let known: Set<String>
        switch form {
        case .container: (written, known) = (":::\(directive.name)", containers.union(["only", "intranet"]))
        case .leaf: (written, known) = ("::\(directive.name)", leaves)
        case .inline: (written, known) = (":\(directive.name)[…]", ["only", "intranet", "ref"])
        }
        let hint = nearestName(to: directive.name, among: known.sorted())
        return Diagnostic(
            "unknown-directive", directive.position,
            problem: Bilingual(zh: "不认识的指令“\(written)”", en: "unknown directive `\(written)`"),
            remedy: hint.map {
                Bilingual(
                    zh: "是不是“\($0)”？不是指令的文字请放进反引号",
                    en: "did you mean `\($0)`? Text that is no directive goes into backticks")
            }
                ?? Bilingual(
                    zh: "可用：\(known.sorted().joined(separator: "、"))；不是指令的文字请放进反引号",
                    en:
                        "known here: \(known.sorted().joined(separator: ", ")); text that is no directive goes into backticks"
                ))
    }
}
