import Foundation
import PortalBase

/// Draws a page as PDF by a browser that reaches no network and runs no script. A process and a user of its own run it, whose memory the
/// system bounds.
package struct PaperRenderer: Sendable {
    let browser: String
    let scratch: String
    let seconds: Int
    let withoutSandbox: Bool

    /// Seconds that drawing a paper may take.
    package static let patience = 20

    /// - Parameters:
    ///   - browser: Chromium.
    ///   - scratch: folder for what is there while a paper is drawn; of this renderer alone, in memory where it can be.
    ///   - withoutSandbox: whether the browser's own sandbox is left out, which it cannot build for root.
    package init(browser: String, scratch: String, seconds: Int = PaperRenderer.patience, withoutSandbox: Bool) {
        self.browser = browser
        self.scratch = scratch
        self.seconds = seconds
        self.withoutSandbox = withoutSandbox
    }

    /// The folder holds what no renderer wrote.
    package struct ForeignFolder: Error {}

    private static let mark = "of-a-renderer"

    /// Takes the folder, and takes away what a killed renderer left in it.
    package func begin() throws {
        if FileSystem.kind(scratch) != nil, try !FileSystem.list(scratch).isEmpty,
            FileSystem.kind(scratch + "/" + Self.mark) != .file
        {
            throw ForeignFolder()
        }
        try clean()
    }

    private func clean() throws(FileError) {
        try FileSystem.removeTree(scratch)
        try FileSystem.makeDirectories(scratch, mode: 0o700)
        try FileSystem.replaceDurably(scratch + "/" + Self.mark, with: [])
    }

    package func draw(_ html: [UInt8]) throws(PaperExchange.Failure) -> [UInt8] {
        // A folder of its own: a browser that outlived its renderer writes into no other's.
        let place = scratch + "/" + UUID().uuidString
        let (page, paper) = (place + "/page.html", place + "/paper.pdf")
        guard let html = Self.bounded(html) else { throw .template }
        let status: Int32
        var bytes: [UInt8] = []
        do throws(FileError) {
            // A profile for each paper: nothing of one is there for the next.
            try clean()
            try FileSystem.makeDirectories(place, mode: 0o700)
            try FileSystem.replaceDurably(page, with: html, mode: 0o600)
            status = try ChildProcess.run(
                arguments(page, paper, place), errors: place + "/errors", seconds: seconds, isGroup: true)
            if status == 0, FileSystem.size(paper) ?? 0 <= PaperExchange.maxPaper { bytes = try FileSystem.read(paper) }
        } catch {
            Self.tell("\(error)")
            _ = try? clean()
            throw .notDrawn
        }
        let said = status == 0 ? [] : (try? FileSystem.head(place + "/errors", count: 2_000)) ?? []
        _ = try? clean()
        guard status == 0 else {
            Self.tell("the browser ended with \(status): \(String(decoding: said, as: UTF8.self))")
            throw .notDrawn
        }
        guard Self.isPDF(bytes) else { throw .unusable }
        return bytes
    }

    /// For the service's own log.
    private static func tell(_ text: String) { FileHandle.standardError.write(Data("render: \(text)\n".utf8)) }

    /// What the page may use: its own styles and pictures. No script runs, and nothing is fetched.
    private static let policy =
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"

    /// The page under the policy; nil for one without a head.
    private static func bounded(_ html: [UInt8]) -> [UInt8]? {
        let text = String(decoding: html, as: UTF8.self)
        guard let head = text.firstRange(of: "<head>") else { return nil }
        return Array((text[..<head.upperBound] + policy + text[head.upperBound...]).utf8)
    }

    private func arguments(_ page: String, _ paper: String, _ place: String) -> [String] {
        var arguments = [
            browser, "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
            "--disable-extensions", "--disable-background-networking", "--disable-component-update",
            "--disable-breakpad", "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9",
            "--user-data-dir=\(place)/profile", "--no-pdf-header-footer", "--print-to-pdf=\(paper)",
        ]
        if withoutSandbox { arguments.append("--no-sandbox") }
        return arguments + ["file://" + percentEncodedPath(page)]
    }

    package static func isPDF(_ bytes: [UInt8]) -> Bool {
        bytes.count <= PaperExchange.maxPaper && bytes.starts(with: "%PDF-1.".utf8)
            && String(decoding: bytes.suffix(16), as: UTF8.self).contains("%%EOF")
    }
}
