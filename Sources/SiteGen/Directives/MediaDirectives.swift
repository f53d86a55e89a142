import Markdown
import PortalBase
import SiteModel

/// `::video[title]{src=clip.mp4 captions=clip.zh.vtt poster=still.jpg transcript=page.md}`
struct VideoDirective {
    let context: DirectiveContext

    private static let types = ["mp4": "video/mp4", "webm": "video/webm", "m4v": "video/mp4"]

    func draw(_ directive: Directive, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        diagnostics += DirectiveContext.unknown(directive, known: ["src", "captions", "poster"])
        // Captions are a duty (WCAG 1.2.2, GB/T 37668): a film without them does not pass.
        guard let source = context.file("src", of: directive, &diagnostics),
            let captions = context.file("captions", of: directive, &diagnostics)
        else { return [] }
        let path = context.graph.files[source].path
        guard let type = Self.types[FileSystem.suffix(path)] else {
            diagnostics.append(
                Diagnostic(
                    "video-type", directive.position,
                    problem: Bilingual(zh: "浏览器不一定能播放“\(path)”", en: "browsers may not play `\(path)`"),
                    remedy: Bilingual(zh: "请转成 .mp4（H.264）或 .webm", en: "convert it to .mp4 (H.264) or .webm")))
            return []
        }
        var out = "<figure class=\"video\"><video controls preload=\"metadata\" playsinline"
        if directive.attributes["poster"] != nil {
            guard let poster = context.file("poster", of: directive, &diagnostics) else { return [] }
            out += attribute("poster", context.href(poster))
        }
        out += "><source" + attribute("src", context.href(source)) + attribute("type", type) + ">"
        out +=
            "<track kind=\"captions\" default" + attribute("src", context.href(captions))
            + attribute("srclang", LanguageCode.tag(context.language))
            + attribute("label", context.string("captions")) + ">"
        out +=
            "<a\(attribute("href", context.href(source)))>\(escapedHTML(context.string("downloadVideo")))</a></video>"
        if !directive.label.isEmpty { out += "<figcaption>\(escapedHTML(directive.label))</figcaption>" }
        return Array((out + "</figure>\n").utf8)
    }
}

/// `::live[title]{src=https://live.example/stream.m3u8 holder=name licence=number}`: an HTTP live stream (RFC 8216) with
/// the holder of its licence (信息网络传播视听节目许可证), which must be shown.
struct LiveDirective {
    let context: DirectiveContext

    func draw(_ directive: Directive, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        diagnostics += DirectiveContext.unknown(directive, known: ["src", "holder", "licence", "captions"])
        guard let source = directive.attributes["src"] else {
            diagnostics.append(context.missing("src", directive))
            return []
        }
        guard let holder = directive.attributes["holder"] else {
            diagnostics.append(context.missing("holder", directive))
            return []
        }
        guard let licence = directive.attributes["licence"] ?? context.page.front.avspLicence else {
            diagnostics.append(context.missing("licence", directive))
            return []
        }
        let origins = context.graph.configuration.mediaOrigins
        let isOwn = source.hasPrefix("/") && !source.hasPrefix("//")
        guard isOwn || origins.contains(where: { source.hasPrefix($0 + "/") }) else {
            diagnostics.append(
                Diagnostic(
                    "media-origin", directive.position,
                    problem: Bilingual(zh: "直播地址的来源没有登记", en: "the stream comes from an origin that is not listed"),
                    remedy: Bilingual(
                        zh: "请在 sites.yaml 写 media: {origins: [https://主机]}",
                        en: "list it in sites.yaml as `media: {origins: [https://host]}`")))
            return []
        }
        var out = "<figure class=\"video\"><video controls preload=\"none\" playsinline><source"
        out += attribute("src", source) + " type=\"application/vnd.apple.mpegurl\">"
        out += "<a\(attribute("href", source))>\(escapedHTML(context.string("openStream")))</a></video><figcaption>"
        out += escapedHTML(directive.label)
        out += " <small>\(escapedHTML(context.string("licenceHolder")))\(escapedHTML(holder)) · "
        out += "\(escapedHTML(context.string("licenceNumber")))\(escapedHTML(licence))</small></figcaption></figure>\n"
        return Array(out.utf8)
    }
}
