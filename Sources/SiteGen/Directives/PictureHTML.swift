import Markdown
import PortalBase
import SiteModel

/// `<picture>` with WebP in several widths and a fallback; a plain `<img>` for drawings and unknown formats.
struct PictureHTML {
    let graph: SiteGraph
    let images: ImagePlan
    let docroot: Int

    func html(file: Int, alternative: String, title: String) -> String {
        let published = graph.files[file]
        func href(_ path: String) -> String { graph.href(path, in: published.docroot, from: docroot) }
        guard let picture = images.picture(file) else {
            return "<img" + attribute("src", href(published.path)) + attribute("alt", alternative)
                + (title.isEmpty ? "" : attribute("title", title)) + " loading=\"lazy\">"
        }
        let sizes = picture.webp.map { "\(href($0.path)) \($0.width)w" }.joined(separator: ", ")
        let last = picture.fallback
        return "<picture><source type=\"image/webp\"" + attribute("srcset", sizes)
            + attribute("sizes", "(max-width: \(last.width)px) 100vw, \(last.width)px") + "><img"
            + attribute("src", href(last.path))
            + " width=\"\(last.width)\" height=\"\(last.height)\"" + attribute("alt", alternative)
            + (title.isEmpty ? "" : attribute("title", title)) + " loading=\"lazy\" decoding=\"async\"></picture>"
    }
}

/// `::figure[caption]{src=photo.jpg alt="what is to be seen" credit=name}`
struct FigureDirective {
    let context: DirectiveContext

    func draw(_ directive: Directive, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        diagnostics += DirectiveContext.unknown(directive, known: ["src", "alt", "credit"])
        guard let file = context.file("src", of: directive, &diagnostics) else { return [] }
        // A caption beside a picture is no text alternative to it (WCAG 1.1.1); an empty one must be meant.
        guard let alternative = directive.attributes["alt"] else {
            diagnostics.append(context.missing("alt", directive))
            return []
        }
        var out = "<figure>"
        out += PictureHTML(graph: context.graph, images: context.images, docroot: context.docroot)
            .html(file: file, alternative: alternative, title: "")
        if !directive.label.isEmpty || directive.attributes["credit"] != nil {
            out += "<figcaption>" + escapedHTML(directive.label)
            if let credit = directive.attributes["credit"] {
                out += " <small>\(escapedHTML(context.string("credit")))\(escapedHTML(credit))</small>"
            }
            out += "</figcaption>"
        }
        return Array((out + "</figure>\n").utf8)
    }
}
