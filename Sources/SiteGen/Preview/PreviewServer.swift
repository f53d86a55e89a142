import PortalBase

/// Serves one audience's tree of a `PreviewSite` on loopback, tells open pages when something changed, and lays what is
/// wrong over them.
struct PreviewServer {
    let site: PreviewSite
    let variant: Int
    let port: UInt16
    /// Port of the first audience; the others follow it.
    let firstPort: UInt16
    let language: String

    /// Paths of the preview's own; the built tree never has them.
    private static let prefix = "/_preview/"

    func run() async throws {
        try await PreviewHTTP.serve(port: port) { request in await respond(to: request) }
    }

    private func respond(to request: PreviewHTTP.Request) async -> PreviewHTTP.Response {
        let path = request.path
        // Another site's page may send a browser here; only our own pages have business with the preview.
        guard ["127.0.0.1:\(port)", "localhost:\(port)"].contains(request.host) else {
            return Self.response(.badRequest)
        }
        if (path + "/").hasPrefix(Self.prefix) { return await ownPage(request) }
        guard !path.split(separator: "/").contains("..") else { return Self.response(.badRequest) }
        let answer = await site.answer(path, variant: variant)
        let type = Self.contentType(answer.path)
        var body = answer.bytes
        if type.hasPrefix("text/html") {
            // A file, since the pages' own policy allows no inline script.
            body += "<script type=\"module\" src=\"\(Self.prefix)preview.js?after=\(answer.generation)\"></script>".utf8
        }
        return PreviewHTTP.Response(status: answer.isFound ? .ok : .notFound, type: type, body: .bytes(body))
    }

    private func ownPage(_ request: PreviewHTTP.Request) async -> PreviewHTTP.Response {
        let shown = request.query["path"]?.first ?? "/"
        switch request.path.dropFirst(Self.prefix.count) {
        case "preview.js": return Self.response(.ok, "text/javascript", PreviewPages.script)
        case "errors":
            let found = await site.errors(shown, variant: variant)
            let list = JSON.array(
                found.map {
                    .object(["severity": .string($0.severity.rawValue), "line": .string($0.line(language: language))])
                })
            return PreviewHTTP.Response(status: .ok, type: "application/json", body: .bytes(list.canonicalBytes))
        case "events":
            // Server-sent events (WHATWG HTML 9.2): the number of every state after the one that the page shows.
            let changes = StateNumbers(site: site, known: request.query["after"]?.first.flatMap { Int($0) } ?? 0)
            return PreviewHTTP.Response(
                status: .ok, type: "text/event-stream", body: .stream { await changes.event($0) })
        case "", "side":
            let names = await site.variantNames
            let html = PreviewPages.sideBySide(
                names.enumerated().map { ($1, firstPort + UInt16($0)) }, path: shown)
            return Self.response(.ok, "text/html; charset=utf-8", html)
        case "side.css": return Self.response(.ok, "text/css", PreviewPages.style)
        default: return Self.response(.notFound)
        }
    }

    private static func response(
        _ status: PreviewHTTP.Status, _ type: String = "text/plain", _ text: String = ""
    ) -> PreviewHTTP.Response {
        PreviewHTTP.Response(status: status, type: type, body: .bytes(Array(text.utf8)))
    }

    private static func contentType(_ path: String) -> String {
        switch path.split(separator: ".").last ?? "" {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "xml": "application/xml; charset=utf-8"
        case "json": "application/json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "jpg", "jpeg": "image/jpeg"
        case "webp": "image/webp"
        case "pdf": "application/pdf"
        case "mp4", "m4v": "video/mp4"
        case "webm": "video/webm"
        case "vtt": "text/vtt; charset=utf-8"
        case "txt", "csv": "text/plain; charset=utf-8"
        default: "application/octet-stream"
        }
    }
}

/// What an open page has been told.
private actor StateNumbers {
    private let site: PreviewSite
    private var known: Int

    init(site: PreviewSite, known: Int) {
        self.site = site
        self.known = known
    }

    func event(_ count: Int) async -> [UInt8] {
        // Something at once, so that the browser knows the stream as open.
        if count == 0 { return Array(": open\n\n".utf8) }
        known = await site.generation(after: known)
        return Array("id: \(known)\ndata: \(known)\n\n".utf8)
    }
}
