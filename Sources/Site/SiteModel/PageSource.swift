import Markdown
package import PortalBase
import PositionedYAML

/// One page file as it was read: its head, and what the loader must know of its body. The body itself is not kept: it
/// is read again when it is drawn, so that a large tree does not lie in memory.
struct PageSource: Sendable {
    let place: ContentLayout.PagePlace
    /// The front matter as written.
    let head: YAMLNode
    let headDigest: SHA256Digest
    let headBytes: [UInt8]
    /// Tags of the parts of the body that have their own audience, with their places.
    let tags: [(tag: String, position: SourcePosition)]
    /// Files that the body names; empty for most pages.
    let references: [FileReference]
    /// What need not be looked for when the same bytes are read again.
    let known: SourceFile.Known
    /// Number of the reading in a `PageCache`; 0 outside one.
    var reading = 0

    /// - Parameter takesDigest: false where no record will be kept of what was read.
    static func read(
        _ place: ContentLayout.PagePlace, takesDigest: Bool = true
    ) -> (source: PageSource?, diagnostics: [Diagnostic]) {
        var diagnostics: [Diagnostic] = []
        guard let file = SourceFile.read(place.file, takesDigest: takesDigest, diagnostics: &diagnostics) else {
            return (nil, diagnostics)
        }
        let count = diagnostics.count
        let head = YAMLNode.parse(
            head: file.text[file.head], path: place.file.path, firstLine: 2, diagnostics: &diagnostics)
        if head == nil, diagnostics.count > count { return (nil, diagnostics) }
        let body = file.body(place.file.path, diagnostics: &diagnostics)
        let empty = YAMLNode(value: .map([]), position: SourcePosition(path: place.file.path))
        return (
            PageSource(
                place: place, head: head?.namingVisibility ?? empty, headDigest: SHA256Digest(of: file.text[file.head]),
                headBytes: Array(file.text[file.head]), tags: body.tags, references: body.references(),
                known: .init(
                    digest: file.digest, mark: file.mark, isText: file.isText, isPlain: !body.mayHoldDirectives)),
            diagnostics
        )
    }
}

/// The text of a page file, split into head and body.
struct SourceFile {
    let text: [UInt8]
    let head: Range<Int>
    let bodyStart: Int
    /// Line of the file that the body begins on.
    let bodyLine: Int
    let mark: FileMark
    let digest: SHA256Digest?
    /// Whether the bytes of the file are its text as they are.
    let isText: Bool

    /// What was found out about a file's bytes before.
    struct Known: Sendable {
        /// Of the file's bytes; nil where its mark alone tells whether it is still the same.
        let digest: SHA256Digest?
        let mark: FileMark
        let isText: Bool
        /// Nothing in the body could be a directive.
        let isPlain: Bool
    }

    /// - Returns: nil after adding a diagnostic for a file that cannot be read or is no page.
    static func read(
        _ file: SourceTree.File, known: Known? = nil, takesDigest: Bool = true, diagnostics: inout [Diagnostic]
    ) -> SourceFile? {
        let bytes: [UInt8]
        let mark: FileMark
        do {
            (bytes, mark) = try FileSystem.readMarked(file.location, limit: MarkdownEngine.maxBytes + 65_536)
        } catch {
            diagnostics.append(unreadable(file.path, error))
            return nil
        }
        let isSame = known.map { $0.mark == mark && $0.mark.isSettled } ?? false
        // A mark that has not settled tells nothing yet.
        let digest =
            isSame ? known?.digest : takesDigest || !mark.isSettled ? SHA256Digest(of: bytes) : nil
        var text = bytes
        var isText = known.map { (isSame || $0.digest == digest) && $0.isText } ?? false
        if !isText {
            guard let decoded = decodeSource(bytes, path: file.path, diagnostics: &diagnostics) else { return nil }
            isText = decoded.count == bytes.count
            text = decoded
        }
        guard let parts = split(text) else {
            diagnostics.append(
                Diagnostic(
                    "front-matter", SourcePosition(path: file.path),
                    problem: Bilingual(
                        zh: "文件开头没有完整的 --- 信息块", en: "the file does not start with front matter between two --- lines"),
                    remedy: Bilingual(
                        zh: "第一行写 ---，然后 title: 等，再以 --- 结束", en: "start with ---, then `title:` and so on, then ---")))
            return nil
        }
        return SourceFile(
            text: text, head: parts.head, bodyStart: parts.body, bodyLine: parts.bodyLine, mark: mark,
            digest: digest, isText: isText)
    }

    /// Whether the bytes are those that were read before.
    func isSame(as known: Known) -> Bool {
        guard let digest = known.digest else { return mark == known.mark }
        return digest == self.digest
    }

    func body(_ path: String, isPlain: Bool = false, diagnostics: inout [Diagnostic]) -> TaggedBody {
        TaggedBody(
            Array(text[bodyStart...]), path: path, firstLine: bodyLine, isPlain: isPlain, diagnostics: &diagnostics)
    }

    /// The YAML between the `---` lines and the start of what follows; nil without both lines.
    private static func split(_ text: [UInt8]) -> (head: Range<Int>, body: Int, bodyLine: Int)? {
        text.withUnsafeBufferPointer { text in
            guard text.starts(with: "---\n".utf8) else { return nil }
            var start = 4
            var line = 2
            while start < text.count {
                var end = start
                while end < text.count, text[end] != 0x0A { end += 1 }
                var trimmed = end
                while trimmed > start, text[trimmed - 1] == 0x20 { trimmed -= 1 }
                if trimmed - start == 3, text[start..<trimmed].elementsEqual("---".utf8) {
                    return (4..<start, min(end + 1, text.count), line + 1)
                }
                start = end + 1
                line += 1
            }
            return nil
        }
    }
}

package func unreadable(_ path: String, _ error: FileError) -> Diagnostic {
    Diagnostic(
        "unreadable", SourcePosition(path: path),
        problem: Bilingual(zh: "文件读不出来：\(error)", en: "the file cannot be read: \(error)"),
        remedy: Bilingual(zh: "请检查权限和大小", en: "check its permissions and size"))
}
