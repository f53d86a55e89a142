import CCMarkGFM
import PortalBase

/// What can be wrong with a body once it is parsed, and where it stands in its file.
struct BodyFindings {
    let body: CutBody
    let path: String

    /// - Parameter line: in the body, from 1.
    func position(_ line: Int, column: Int = 1) -> SourcePosition {
        SourcePosition(path: path, line: body.originalLine(line - 1), column: column)
    }

    func rawHTML(_ place: SourcePosition) -> Diagnostic {
        Diagnostic(
            "raw-html", place, problem: Bilingual(zh: "正文里不能写 HTML", en: "raw HTML is not allowed in a page"),
            remedy: Bilingual(
                zh: "请用 Markdown 或指令来写；要显示 < 请放进反引号",
                en: "use Markdown or a directive; put a literal < into backticks"))
    }

    var controlCharacter: Diagnostic {
        Diagnostic(
            "control-character", position(1),
            problem: Bilingual(
                zh: "正文里有控制字符的编码（如 &#1;）", en: "a character reference stands for a control character"),
            remedy: Bilingual(zh: "请删去这种写法", en: "take out references such as `&#1;`"))
    }

    /// Fails closed where our reading of code and cmark's differ: every literal mark left in the source must have
    /// ended up inside code.
    func unreadMark(_ source: [UInt8], _ tree: borrowing CMarkTree) -> Diagnostic? {
        let written = VisibilityMarks.find(in: source)
        guard let first = written.first else { return nil }
        var literal = 0
        let functions = tree.cmark.table
        CMarkTree.walk(tree.root, functions) { node, type, isEntering in
            guard isEntering, type == CMARK_NODE_CODE || type == CMARK_NODE_CODE_BLOCK,
                let bytes = functions.pointee.node_get_literal(node)
            else { return }
            // Four spaces or a tab before a paragraph are a habit of editors: an indented block may hold no mark.
            var (length, offset, mark) = (Int32(0), Int32(0), CChar(0))
            if type == CMARK_NODE_CODE_BLOCK, functions.pointee.node_get_fenced(node, &length, &offset, &mark) == 0 {
                return
            }
            let text = FullWidthEmphasis.stripped(String(cString: bytes)).utf8
            // A backtick stands before a span in the source: what follows does not begin a line.
            literal += VisibilityMarks.count(in: (type == CMARK_NODE_CODE ? [UInt8(ascii: "`")] : []) + text)
        }
        guard written.count != literal else { return nil }
        let line = 1 + source[..<first].lineFeeds
        return Diagnostic(
            "unread-directive", position(line),
            problem: Bilingual(
                zh: "这里像是指令，但没有读成指令，内容可能被公开",
                en: "this looks like a directive but is not read as one; it could be shown to anybody"),
            remedy: Bilingual(
                zh: "指令用半角冒号和方括号，从行首写起，不放在列表或引用里；要原样显示请放进反引号",
                en:
                    "use ASCII colons and brackets, at the start of a line, outside lists and quotes; backticks show it literally"
            ))
    }
}
