import Markdown
package import PortalBase
import PositionedYAML

/// One page file, read and split into head and body.
struct PageSource: Sendable {
    let place: ContentLayout.PagePlace
    /// The front matter as written.
    let head: YAMLNode
    let body: TaggedBody
    /// Number of the reading in a `PageCache`; 0 outside one.
    var reading = 0

    static func read(_ place: ContentLayout.PagePlace) -> (source: PageSource?, diagnostics: [Diagnostic]) {
        var diagnostics: [Diagnostic] = []
        let path = place.file.path
        let bytes: [UInt8]
        do {
            bytes = try FileSystem.read(place.file.location, limit: MarkdownEngine.maxBytes + 65_536)
        } catch {
            diagnostics.append(unreadable(path, error))
            return (nil, diagnostics)
        }
        guard let text = decodeSource(bytes, path: path, diagnostics: &diagnostics) else { return (nil, diagnostics) }
        guard let parts = split(text) else {
            diagnostics.append(
                Diagnostic(
                    "front-matter", SourcePosition(path: path),
                    problem: Bilingual(
                        zh: "文件开头没有完整的 --- 信息块", en: "the file does not start with front matter between two --- lines"),
                    remedy: Bilingual(
                        zh: "第一行写 ---，然后 title: 等，再以 --- 结束", en: "start with ---, then `title:` and so on, then ---")))
            return (nil, diagnostics)
        }
        let count = diagnostics.count
        let head = YAMLNode.parse(
            String(decoding: text[parts.head], as: UTF8.self), path: path, firstLine: 2, diagnostics: &diagnostics)
        if head == nil, diagnostics.count > count { return (nil, diagnostics) }
        let body = TaggedBody(
            Array(text[parts.body]), path: path, firstLine: parts.bodyLine, diagnostics: &diagnostics)
        let empty = YAMLNode(value: .map([]), position: SourcePosition(path: path))
        return (PageSource(place: place, head: head ?? empty, body: body), diagnostics)
    }

    /// Ranges of the YAML between the `---` lines and of what follows; nil without both lines.
    private static func split(_ text: [UInt8]) -> (head: Range<Int>, body: Range<Int>, bodyLine: Int)? {
        guard text.starts(with: Array("---\n".utf8)) else { return nil }
        var start = 4
        var line = 2
        while start < text.count {
            let end = text[start...].firstIndex(of: 0x0A) ?? text.count
            var trimmed = end
            while trimmed > start, text[trimmed - 1] == 0x20 { trimmed -= 1 }
            if trimmed - start == 3, text[start..<trimmed].elementsEqual("---".utf8) {
                return (4..<start, min(end + 1, text.count)..<text.count, line + 1)
            }
            start = end + 1
            line += 1
        }
        return nil
    }
}

package func unreadable(_ path: String, _ error: FileError) -> Diagnostic {
    Diagnostic(
        "unreadable", SourcePosition(path: path),
        problem: Bilingual(zh: "文件读不出来：\(error)", en: "the file cannot be read: \(error)"),
        remedy: Bilingual(zh: "请检查权限和大小", en: "check its permissions and size"))
}
