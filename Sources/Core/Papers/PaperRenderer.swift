package import PortalBase

/// Draws a page as PDF by a browser that reaches no network and runs no script. A process and a user of its own run it, whose memory the
/// system bounds.
package struct PaperRenderer: Sendable {
    let browser: String
    let scratch: String
    let seconds: Int
    let isContained: Bool

    /// Seconds that drawing a paper may take.
    package static let patience = 20

    /// - Parameters:
    ///   - browser: Chromium.
    ///   - scratch: folder for what is there while a paper is drawn; of this renderer alone, in memory where it can be.
    ///   - isContained: whether the browser's own sandbox is left out, which it cannot build for root.
    package init(browser: String, scratch: String, seconds: Int = PaperRenderer.patience, isContained: Bool) {
        self.browser = browser
        self.scratch = scratch
        self.seconds = seconds
        self.isContained = isContained
    }

    /// Takes away what a killed renderer left.
    package func clean() throws(FileError) {
        try FileSystem.removeTree(scratch)
        try FileSystem.makeDirectories(scratch, mode: 0o700)
    }

    package func draw(_ html: [UInt8]) throws(PaperExchange.Failure) -> [UInt8] {
        let (page, paper) = (scratch + "/page.html", scratch + "/paper.pdf")
        guard let html = Self.bounded(html) else { throw .template }
        let status: Int32
        let bytes: [UInt8]
        do throws(FileError) {
            // A profile for each paper: nothing of one is there for the next.
            try clean()
            try FileSystem.replaceDurably(page, with: html, mode: 0o600)
            status = try ChildProcess.run(
                arguments(page, paper), errors: scratch + "/errors", seconds: seconds, isGroup: true)
            bytes = status == 0 ? try FileSystem.read(paper, limit: PaperExchange.maxPaper) : []
        } catch {
            _ = try? clean()
            throw .notDrawn
        }
        _ = try? clean()
        guard status == 0 else { throw .notDrawn }
        guard Self.isPDF(bytes) else { throw .unusable }
        return bytes
    }

    /// What the page may use: its own styles and pictures. No script runs, and nothing is fetched.
    private static let policy =
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"

    /// The page under the policy; nil for one without a head.
    private static func bounded(_ html: [UInt8]) -> [UInt8]? {
        let text = String(decoding: html, as: UTF8.self)
        guard let head = text.firstRange(of: "<head>") else { return nil }
        return Array((text[..<head.upperBound] + policy + text[head.upperBound...]).utf8)
    }

    private func arguments(_ page: String, _ paper: String) -> [String] {
        var arguments = [
            browser, "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
            "--disable-extensions", "--disable-background-networking", "--disable-component-update",
            "--disable-breakpad", "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9",
            "--user-data-dir=\(scratch)/profile", "--no-pdf-header-footer", "--print-to-pdf=\(paper)",
        ]
        if isContained { arguments.append("--no-sandbox") }
        return arguments + ["file://" + percentEncodedPath(page)]
    }

    package static func isPDF(_ bytes: [UInt8]) -> Bool {
        bytes.count <= PaperExchange.maxPaper && bytes.starts(with: "%PDF-1.".utf8)
            && String(decoding: bytes.suffix(16), as: UTF8.self).contains("%%EOF")
    }
}
