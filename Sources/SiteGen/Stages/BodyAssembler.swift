import Markdown
import PortalBase
import SiteModel
import Templates

/// Fills a document's slots for one audience: links resolved, images, directives drawn by the theme.
struct BodyAssembler: Sendable {
    let graph: SiteGraph
    let bodies: PageBodies
    let plan: RenderPlan
    let images: ImagePlan
    let loaded: LoadedContent
    let forms: FormPages

    func replacing(_ graph: SiteGraph, _ bodies: PageBodies, _ loaded: LoadedContent) -> BodyAssembler {
        BodyAssembler(graph: graph, bodies: bodies, plan: plan, images: images, loaded: loaded, forms: forms)
    }

    /// What is still open while a body is put together.
    private enum OpenLink {
        case none
        case plain
        /// A download: its kind and size follow its text.
        case file(Int)
    }

    /// - Returns: the body's HTML; findings go to `diagnostics`.
    func html(
        of node: Int, _ document: MarkdownDocument, theme: Theme, diagnostics: inout [Diagnostic]
    ) -> [UInt8] {
        guard let page = graph.nodes[node].page else { return [] }
        guard !document.slots.isEmpty else { return document.html }
        var out: [UInt8] = []
        out.reserveCapacity(document.html.count + document.slots.count * 48)
        var offset = 0
        var openLinks: [OpenLink] = []
        var openDirectives: [(name: String, directive: Directive, start: Int)] = []
        for index in document.slots.indices {
            let place = document.slots[index].offset
            out += document.html[offset..<place]
            offset = place
            switch document.slots[index].slot {
            case .linkOpen(let destination, let title, let conditional, let position):
                let drawn = openLink(
                    destination, title, conditional, position, page, node, &out, &diagnostics)
                openLinks.append(drawn)
            case .linkClose:
                closeLink(openLinks.popLast() ?? .none, theme, page.language, &out)
            case .image(let source, let alternative, let title, let position):
                image(source, alternative, title, position, page, node, &out, &diagnostics)
            case .directiveOpen(let directive):
                openDirectives.append((directive.name, directive, out.count))
            case .directiveClose:
                guard let open = openDirectives.popLast() else { continue }
                let content = Array(out[open.start...])
                out.removeSubrange(open.start...)
                out += drawDirective(open.directive, content: content, theme: theme, node, &diagnostics)
            case .directiveLeaf(let directive):
                out += drawLeaf(directive, theme: theme, node, &diagnostics)
            }
        }
        out += document.html[offset...]
        return out
    }

    private func openLink(
        _ destination: String, _ title: String, _ conditional: Bool, _ position: SourcePosition, _ page: VisiblePage,
        _ node: Int, _ out: inout [UInt8], _ diagnostics: inout [Diagnostic]
    ) -> OpenLink {
        let docroot = graph.docroot(of: node)
        var kind = OpenLink.plain
        let href: String
        var external = false
        var language: String?
        switch graph.resolve(destination, from: page) {
        case .external(let url):
            href = browserEncodedAddress(url)
            external = url.utf8.prefix(4).elementsEqual("http".utf8) { $0 | 0x20 == $1 }
        case .fragment(let name):
            checkAnchor(name, in: node, position, &diagnostics)
            href = destination
        case .page(let node, let fragment):
            if let fragment { checkAnchor(fragment, in: node, position, &diagnostics) }
            let target = graph.nodes[node]
            let address = graph.href(node, from: docroot)
            href = fragment.map { address + "#" + percentEncodedPath($0) } ?? address
            let targetLanguage = graph.editions[target.edition].language
            if targetLanguage != page.language { language = targetLanguage }
        case .file(let file):
            href = graph.href(graph.files[file].path, in: graph.files[file].docroot, from: docroot)
            kind = .file(file)
        case .path(let path):
            guard isServed(path, docroot) else {
                diagnostics.append(deadLink(destination, position, related: nil))
                return .none
            }
            href = path
        case .notShown(let source):
            if conditional { return .none }
            diagnostics.append(deadLink(destination, position, related: loaded.visibilityPosition(ofSource: source)))
            return .none
        case .forbidden(let scheme):
            diagnostics.append(
                Diagnostic(
                    "link-scheme", position,
                    problem: Bilingual(zh: "链接不能用“\(scheme)”开头", en: "a link may not use `\(scheme)`"),
                    remedy: Bilingual(
                        zh: "请用 https、http、mailto、tel 或站内路径", en: "use https, http, mailto, tel or a path of this site")
                ))
            return .none
        }
        out += "<a href=\"".utf8
        appendEscapedHTML(href, to: &out)
        out += "\"".utf8
        if !title.isEmpty {
            out += " title=\"".utf8
            appendEscapedHTML(title, to: &out)
            out += "\"".utf8
        }
        if external { out += " rel=\"noopener external\" class=\"external\"".utf8 }
        if let language { out += " hreflang=\"\(escapedHTML(language))\"".utf8 }
        out += ">".utf8
        return kind
    }

    private func closeLink(_ link: OpenLink, _ theme: Theme, _ language: String, _ out: inout [UInt8]) {
        switch link {
        case .none: return
        case .plain: out += "</a>".utf8
        case .file(let file):
            let facts = FileFacts(graph.files[file])
            // A picture is published smaller than it lies here.
            let text = images.picture(file) == nil ? facts.text(theme, language) : facts.kind
            out += "</a> <small class=\"file\">(\(escapedHTML(text)))</small>".utf8
        }
    }

    private func isServed(_ path: String, _ docroot: Int) -> Bool {
        plan.serves(path, docroot: docroot, forms: graph.variant.forms)
    }

    private func checkAnchor(
        _ name: String, in node: Int, _ position: SourcePosition, _ diagnostics: inout [Diagnostic]
    ) {
        guard let page = graph.nodes[node].page, !name.isEmpty, !name.hasPrefix("fn"),
            !bodies.facts(of: node, page).has(anchor: name)
        else { return }
        var known: [Diagnostic] = []
        let hint = nearestName(to: name, among: bodies.document(of: page, &known).headings.map(\.anchor))
        diagnostics.append(
            Diagnostic(
                "dead-anchor", position,
                problem: Bilingual(zh: "目标页没有标题“#\(name)”", en: "the target page has no heading `#\(name)`"),
                remedy: hint.map { Bilingual(zh: "是不是“#\($0)”？", en: "did you mean `#\($0)`?") }
                    ?? Bilingual(zh: "请对照目标页的标题", en: "compare with the target's headings")))
    }

    private func deadLink(_ destination: String, _ position: SourcePosition, related: SourcePosition?) -> Diagnostic {
        guard let related else {
            return Diagnostic(
                "dead-link", position,
                problem: Bilingual(
                    zh: "链接的目标“\(destination)”不存在", en: "the link's target `\(destination)` does not exist"),
                remedy: Bilingual(zh: "请改正路径，或删去链接", en: "correct the path or drop the link"))
        }
        return Diagnostic(
            "link-to-hidden", position,
            problem: Bilingual(
                zh: "“\(graph.variant.name)”版本里看不到链接的目标“\(destination)”",
                en: "the link's target `\(destination)` is not shown in `\(graph.variant.name)`"),
            remedy: Bilingual(
                zh: "请改成 :ref[文字]{to=\(destination)}（看不到时只显示文字），或把链接放进 :intranet[…]",
                en:
                    "write :ref[text]{to=\(destination)}, which is plain text where the target is hidden, or move the link into :intranet[…]"
            ),
            related: related)
    }

    private func image(
        _ source: String, _ alternative: String, _ title: String, _ position: SourcePosition, _ page: VisiblePage,
        _ node: Int, _ out: inout [UInt8], _ diagnostics: inout [Diagnostic]
    ) {
        let docroot = graph.docroot(of: node)
        var path = ""
        var published: Int?
        switch graph.resolve(source, from: page) {
        case .file(let file): published = file
        case .path(let given) where isServed(given, docroot): path = given
        case .external:
            diagnostics.append(
                Diagnostic(
                    "external-image", position,
                    problem: Bilingual(zh: "图片来自别的网站", en: "the image is on another site"),
                    remedy: Bilingual(zh: "请把图片放到本页旁边再引用", en: "put the image beside the page and refer to it there")))
            return
        case .notShown(let source):
            diagnostics.append(deadLink(source, position, related: loaded.visibilityPosition(ofSource: source)))
            return
        default:
            diagnostics.append(deadLink(source, position, related: nil))
            return
        }
        if alternative.isEmpty {
            diagnostics.append(
                Diagnostic(
                    "image-alternative", position, severity: .warning,
                    problem: Bilingual(zh: "图片没有文字说明", en: "the image has no text alternative"),
                    remedy: Bilingual(zh: "写成 ![说明](图片)", en: "write ![description](image)")))
        }
        if let published {
            out +=
                PictureHTML(graph: graph, images: images, docroot: docroot)
                .html(file: published, alternative: alternative, title: title).utf8
            return
        }
        out += "<img src=\"".utf8
        appendEscapedHTML(path, to: &out)
        out += "\" alt=\"".utf8
        appendEscapedHTML(alternative, to: &out)
        if !title.isEmpty {
            out += "\" title=\"".utf8
            appendEscapedHTML(title, to: &out)
        }
        out += "\" loading=\"lazy\">".utf8
    }

    private func drawDirective(
        _ directive: Directive, content: [UInt8], theme: Theme, _ node: Int, _ diagnostics: inout [Diagnostic]
    ) -> [UInt8] {
        let language = graph.editions[graph.nodes[node].edition].language
        let shape = theme.directives[directive.name] ?? Theme.DirectiveShape()
        diagnostics += DirectiveContext.unknown(directive, known: shape.attributes)
        for key in shape.required where directive.attributes[key] == nil {
            diagnostics.append(context(node, theme).missing(key, directive))
        }
        var fields: [String: Value] = [
            "label": .optional(directive.label.isEmpty ? nil : directive.label), "content": .html(content),
            "t": theme.stringValues(language),
        ]
        for key in shape.attributes { fields[key] = .optional(directive.attributes[key]) }
        do {
            let result = try theme.templates.render("directives/" + directive.name, [.fields(fields)])
            diagnostics += result.unknownNames
            return result.bytes
        } catch {
            diagnostics.append(error.diagnostic)
            return []
        }
    }

    private func context(_ node: Int, _ theme: Theme) -> DirectiveContext {
        DirectiveContext(
            graph: graph, images: images, loaded: loaded, page: graph.nodes[node].page!, node: node, theme: theme)
    }

    private func drawLeaf(
        _ directive: Directive, theme: Theme, _ node: Int, _ diagnostics: inout [Diagnostic]
    ) -> [UInt8] {
        let context = context(node, theme)
        switch directive.name {
        case "table":
            return DataTableDirective(tables: graph.tables, language: context.language).draw(directive, &diagnostics)
        case "form":
            return forms.link(directive, graph: graph, from: node, language: context.language, &diagnostics)
        case "figure": return FigureDirective(context: context).draw(directive, &diagnostics)
        case "video": return VideoDirective(context: context).draw(directive, &diagnostics)
        case "live": return LiveDirective(context: context).draw(directive, &diagnostics)
        case "process": return forms.processes.draw(directive, context, &diagnostics)
        case "map": return TileMapDirective(context: context).draw(directive, &diagnostics)
        default: return drawDirective(directive, content: [], theme: theme, node, &diagnostics)
        }
    }
}
