import FlyingFox
import FlyingSocks
import Foundation
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
        let server = HTTPServer(address: try .inet(ip4: "127.0.0.1", port: port), logger: .disabled)
        await server.appendRoute("*") { request in await respond(to: request) }
        try await server.run()
    }

    private func respond(to request: HTTPRequest) async -> HTTPResponse {
        let path = percentDecoded(request.path) ?? request.path
        // Another site's page may send a browser here; only our own pages have business with the preview.
        if let host = request.headers[.host], !["127.0.0.1:\(port)", "localhost:\(port)"].contains(host) {
            return HTTPResponse(statusCode: .badRequest)
        }
        if (path + "/").hasPrefix(Self.prefix) { return await ownPage(path, request) }
        guard path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            return HTTPResponse(statusCode: .badRequest)
        }
        let answer = await site.answer(path, variant: variant)
        let type = Self.contentType(answer.path)
        var body = Data(answer.bytes)
        if type.hasPrefix("text/html") {
            // A file, since the pages' own policy allows no inline script.
            body += Data(
                "<script type=\"module\" src=\"\(Self.prefix)preview.js?after=\(answer.generation)\"></script>".utf8)
        }
        return Self.response(answer.isFound ? .ok : .notFound, type, body)
    }

    private func ownPage(_ path: String, _ request: HTTPRequest) async -> HTTPResponse {
        let query = Dictionary(request.query.map { ($0.name, $0.value) }) { first, _ in first }
        switch path.dropFirst(Self.prefix.count) {
        case "preview.js": return Self.response(.ok, "text/javascript", Data(PreviewPages.script.utf8))
        case "errors":
            let found = await site.errors(query["path"] ?? "/", variant: variant)
            let list = JSON.array(
                found.map {
                    .object(["severity": .string($0.severity.rawValue), "line": .string($0.line(language: language))])
                })
            return Self.response(.ok, "application/json", Data(list.canonicalBytes))
        case "events":
            let known = query["after"].flatMap(Int.init) ?? 0
            return HTTPResponse(
                statusCode: .ok,
                headers: HTTPHeaders([.contentType: "text/event-stream", HTTPHeader("Cache-Control"): "no-store"]),
                body: HTTPBodySequence(from: EventStream(site: site, known: known)))
        case "", "side":
            let names = await site.variantNames
            let html = PreviewPages.sideBySide(
                names.enumerated().map { ($1, firstPort + UInt16($0)) }, path: query["path"] ?? "/")
            return Self.response(.ok, "text/html; charset=utf-8", Data(html.utf8))
        case "side.css": return Self.response(.ok, "text/css", Data(PreviewPages.style.utf8))
        default: return HTTPResponse(statusCode: .notFound)
        }
    }

    private static func response(_ status: HTTPStatusCode, _ type: String, _ body: Data) -> HTTPResponse {
        HTTPResponse(
            statusCode: status, headers: HTTPHeaders([.contentType: type, HTTPHeader("Cache-Control"): "no-store"]),
            body: body)
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

/// Server-sent events (WHATWG HTML 9.2): the number of every new state.
private struct EventStream: AsyncBufferedSequence {
    typealias Element = UInt8
    let site: PreviewSite
    let known: Int

    func makeAsyncIterator() -> Iterator { Iterator(site: site, known: known) }

    struct Iterator: AsyncBufferedIteratorProtocol {
        let site: PreviewSite
        var known: Int
        var rest: ArraySlice<UInt8> = Array(": open\n\n".utf8)[...]

        mutating func nextBuffer(suggested count: Int) async throws -> [UInt8]? {
            if rest.isEmpty {
                known = await site.generation(after: known)
                rest = Array("id: \(known)\ndata: \(known)\n\n".utf8)[...]
            }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }

        mutating func next() async throws -> UInt8? { try await nextBuffer(suggested: 1)?.first }
    }
}
