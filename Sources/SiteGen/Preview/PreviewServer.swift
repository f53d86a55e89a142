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
    /// A file, since the pages' own policy allows no inline script.
    private static let scriptPath = "/_preview/reload.js"
    private static let script = """
        let known;
        const ask = async () => {
          try {
            const generation = await (await fetch("\(reloadPath)")).text();
            if (known !== undefined && known !== generation) location.reload();
            known = generation;
          } catch {}
          setTimeout(ask, 300);
        };
        ask();
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
        if path == Self.scriptPath {
            return HTTPResponse(
                statusCode: .ok, headers: HTTPHeaders([.contentType: "text/javascript"]), body: Data(Self.script.utf8))
        }
        let decoded = percentDecoded(path) ?? path
        guard decoded.hasPrefix("/"), !decoded.split(separator: "/").contains("..") else {
            return HTTPResponse(statusCode: .badRequest)
        }
        // The server library drops the slash at the end of a path, so a folder is known by looking.
        var relative = decoded
        if FileSystem.kind(root + relative) == .directory {
            relative += relative.hasSuffix("/") ? "index.html" : "/index.html"
        }
        // A missing file is the 404 page, not a failure.
        let found = try? FileSystem.read(root + relative)
        let bytes = found ?? (try? FileSystem.read(root + "/404.html")) ?? Array("404".utf8)
        if found == nil { relative = "/404.html" }
        let type = Self.contentType(relative)
        var body = Data(bytes)
        if type.hasPrefix("text/html") {
            body += Data("<script type=\"module\" src=\"\(Self.scriptPath)\"></script>".utf8)
        }
        return HTTPResponse(
            statusCode: found == nil ? .notFound : .ok,
            headers: HTTPHeaders([.contentType: type, HTTPHeader("Cache-Control"): "no-store"]),
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
