import Markdown
import PortalBase
import Procedures
import Synchronization

/// `::process[caption]{id=approval}`: the picture of a process, drawn from the definition that the core runs.
///
/// Definitions are read when the first picture is drawn: most trees have none.
final class ProcessDirective: Sendable {
    private let source: String
    private let library = Mutex<[Process]?>(nil)
    /// Of the files that a picture may depend on.
    let inputs: SHA256Digest

    /// - Parameter source: the folder that holds `Content`.
    init(source: String) {
        self.source = source
        var bytes: [UInt8] = []
        let folder = source + "/" + ProcessLibrary.folder
        let files = FileSystem.kind(folder) == .directory ? (try? FileSystem.list(folder).map(\.name)) ?? [] : []
        for file in files.sorted(by: bytesPrecede) {
            bytes += file.utf8
            // What cannot be read is told when a picture is drawn.
            SHA256Digest(of: (try? FileSystem.read(folder + "/" + file, limit: 1 << 20)) ?? []).append(to: &bytes)
        }
        inputs = SHA256Digest(of: bytes)
    }

    func draw(_ directive: Directive, _ context: DirectiveContext, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        diagnostics += DirectiveContext.unknown(directive, known: ["id"])
        guard let id = directive.attributes["id"] else {
            diagnostics.append(context.missing("id", directive))
            return []
        }
        var found: [Diagnostic] = []
        let processes = library.withLock { known -> [Process] in
            if let known { return known }
            let read = ProcessLibrary(source: source, diagnostics: &found).processes
            known = read
            return read
        }
        diagnostics += found
        guard let process = processes.first(where: { $0.id == id }) else {
            let hint = nearestName(to: id, among: processes.map(\.id))
            diagnostics.append(
                Diagnostic(
                    "process", directive.position,
                    problem: Bilingual(
                        zh: "没有流程“\(id)”，或定义有误", en: "there is no process `\(id)`, or its definition is wrong"),
                    remedy: didYouMean(hint)
                        ?? Bilingual(
                            zh: "请看 Content/processes，用 sitegen check 检查",
                            en: "look into Content/processes and run `sitegen check`")))
            return []
        }
        var out = Array("<figure class=\"process\">".utf8)
        out += ProcessDrawing(process, language: context.language).svg
        if !directive.label.isEmpty { out += "<figcaption>\(escapedHTML(directive.label))</figcaption>".utf8 }
        return out + "</figure>\n".utf8
    }
}
