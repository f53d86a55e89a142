import FlyingFox
import FlyingSocks
import Foundation
import PortalBase

/// Serves one built tree on loopback for an editor's eyes, and tells open pages to reload.
actor PreviewServer {
    private let root: String
    private let port: UInt16
    private var generation = 0

    /// Path that open pages ask; the preview adds the script that asks it, the built tree never has it.
    private static let reloadPath = "/_preview/generation"
    private static let script = """
        <script>(()=>{let g;const ask=async()=>{try{const r=await fetch("\(reloadPath)");const n=await r.text();if(g!==undefined&&g!==n)location.reload();g=n}catch{}setTimeout(ask,500)};ask()})()</script>
        """

    init(root: String, port: UInt16) {
        self.root = root
        self.port = port
    }

    func reload() { generation += 1 }

    nonisolated func run() async throws {
        let server = HTTPServer(address: try .inet(ip4: "127.0.0.1", port: port))
        await server.appendRoute("*") { request in await self.respond(to: request.path) }
        try await server.run()
    }

    private func respond(to path: String) -> HTTPResponse {
        if path == Self.reloadPath {
            return HTTPResponse(
                statusCode: .ok, headers: HTTPHeaders([.contentType: "text/plain"]), body: Data(String(generation).utf8)
            )
        }
        let decoded = percentDecoded(path) ?? path
        guard decoded.hasPrefix("/"), !decoded.split(separator: "/").contains("..") else {
            return HTTPResponse(statusCode: .badRequest)
        }
        let relative = decoded.hasSuffix("/") ? decoded + "index.html" : decoded
        if FileSystem.kind(root + relative) == .directory {
            return HTTPResponse(statusCode: .movedPermanently, headers: HTTPHeaders([.location: path + "/"]))
        }
        // A missing file is the 404 page, not a failure.
        guard let bytes = try? FileSystem.read(root + relative) else {
            let page = (try? FileSystem.read(root + "/404.html")) ?? Array("404".utf8)
            return HTTPResponse(
                statusCode: .notFound, headers: HTTPHeaders([.contentType: "text/html; charset=utf-8"]),
                body: Data(page))
        }
        let type = Self.contentType(relative)
        var body = Data(bytes)
        if type.hasPrefix("text/html") { body += Data(Self.script.utf8) }
        return HTTPResponse(
            statusCode: .ok, headers: HTTPHeaders([.contentType: type, HTTPHeader("Cache-Control"): "no-store"]),
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
        case "txt", "csv": "text/plain; charset=utf-8"
        default: "application/octet-stream"
        }
    }
}
