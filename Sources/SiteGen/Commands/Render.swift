import ArgumentParser
import Glibc
import Markdown
import PortalBase
import SiteModel

struct Render: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Prints the HTML of one Markdown document.")

    @Argument(help: "A file, or - for standard input.")
    var file: String

    @Flag(help: "Bare GFM with raw HTML passed through, no anchors, no directives (for the official suite).")
    var gfm = false

    func run() throws {
        let bytes = file == "-" ? readStandardInput() : try FileSystem.read(file)
        if gfm {
            writeStandardOutput(MarkdownEngine.gfm(bytes))
            return
        }
        var diagnostics: [Diagnostic] = []
        guard let source = decodeSource(bytes, path: file, diagnostics: &diagnostics) else {
            return try fail(diagnostics)
        }
        let body = TaggedBody(source, path: file, firstLine: 1, diagnostics: &diagnostics)
        let cut = body.cut(admits: { $0 == "public" }, diagnostics: &diagnostics)
        let document = MarkdownEngine(containers: [], leaves: []).render(cut, path: file, diagnostics: &diagnostics)
        if diagnostics.hasErrors { return try fail(diagnostics) }
        // Without a site, links stay as written.
        var out: [UInt8] = []
        var offset = 0
        for (place, slot) in document.slots {
            out += document.html[offset..<place]
            offset = place
            switch slot {
            case .linkOpen(let destination, _, _, _): out += "<a href=\"\(escapedHTML(destination))\">".utf8
            case .linkClose: out += "</a>".utf8
            case .image(let source, let alternative, _, _):
                out += "<img src=\"\(escapedHTML(source))\" alt=\"\(escapedHTML(alternative))\">".utf8
            default: continue
            }
        }
        writeStandardOutput(out + document.html[offset...])
    }

    private func fail(_ diagnostics: [Diagnostic]) throws {
        printError(
            DiagnosticReport.text.render(
                diagnostics.inOrder(), language: operatorLanguage(environment: environmentVariable)))
        throw ExitCode(1)
    }
}

private func readStandardInput() -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let n = read(0, &buffer, buffer.count)
        if n <= 0 { return bytes }
        bytes += buffer[..<n]
    }
}
