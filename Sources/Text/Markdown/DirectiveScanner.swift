import PortalBase

/// Finds the directives of a source, skipping code.
///
/// Code is recognised line by line (fences, indented blocks) and, within a paragraph, by matching backtick runs.
/// Where this reading of "code" and cmark's could differ, `MarkdownEngine` compares afterwards and refuses.
struct DirectiveScanner {
    let source: [UInt8]
    /// Original line number of a line index of `source`.
    let lineNumber: (Int) -> Int
    let path: String

    private(set) var spans: [DirectiveSpan] = []
    private(set) var diagnostics: [Diagnostic] = []

    private var openContainers: [Open] = []
    private var fence: (byte: UInt8, count: Int)?
    private var paragraphStart: Int?
    private var paragraphLine = 0
    private var inList = false
    private var afterBlank = true
    /// By kind of bracket.
    private var closed: [Closed?] = brackets.map { _ in nil }

    private struct Open {
        let colons: Int
        let directive: Directive
        let start: Int
        let contentStart: Int
    }

    init(source: [UInt8], path: String, lineNumber: @escaping (Int) -> Int) {
        self.source = source
        self.path = path
        self.lineNumber = lineNumber
    }

    /// False for sources that cannot hold a directive, which is most of them.
    static func mayContainDirectives(_ source: [UInt8]) -> Bool {
        source.withUnsafeBufferPointer { bytes in
            var start = 0
            while let colon = bytes.find(UInt8(ascii: ":"), from: start) {
                if mayBegin(bytes, colon) { return true }
                start = colon + 1
            }
            return false
        }
    }

    /// Whether the colon at `i` may begin a directive.
    static func mayBegin(_ bytes: UnsafeBufferPointer<UInt8>, _ i: Int) -> Bool {
        guard i + 1 < bytes.count else { return false }
        let next = bytes[i + 1]
        if next == UInt8(ascii: ":") { return true }
        return next >= 0x61 && next <= 0x7A && !isAlphanumeric(i > 0 ? bytes[i - 1] : 0x0A)
    }

    mutating func scan() {
        var start = 0
        var index = 0
        while start < source.count {
            let end = source[start...].firstIndex(of: 0x0A).map { $0 + 1 } ?? source.count
            scanLine(start..<end, index)
            start = end
            index += 1
        }
        endParagraph(at: source.count)
        for open in openContainers {
            report(
                "unclosed-directive", open.directive.position,
                zh: "“:::\(open.directive.name)”没有结束", en: "`:::\(open.directive.name)` is not closed",
                remedyZh: "请另起一行写 \(String(repeating: ":", count: open.colons))",
                remedyEn: "add a line \(String(repeating: ":", count: open.colons))")
        }
        spans.sort { ($0.whole.lowerBound, -$0.whole.upperBound) < ($1.whole.lowerBound, -$1.whole.upperBound) }
    }

    private mutating func scanLine(_ range: Range<Int>, _ index: Int) {
        var textEnd = range.upperBound
        while textEnd > range.lowerBound, source[textEnd - 1] == 0x0A || source[textEnd - 1] == 0x0D { textEnd -= 1 }
        var i = range.lowerBound
        var column = 0
        while i < textEnd, source[i] == 0x20 || source[i] == 0x09 {
            column += source[i] == 0x09 ? 4 - column % 4 : 1
            i += 1
        }
        let blank = i == textEnd
        if let open = fence {
            if runLength(open.byte, i, textEnd) >= open.count, onlySpaces(i + runLength(open.byte, i, textEnd), textEnd)
            {
                fence = nil
            }
            return
        }
        if blank {
            endParagraph(at: range.lowerBound)
            afterBlank = true
            return
        }
        // Four columns after a blank line are code, unless a list item may be going on.
        if column >= 4, afterBlank, !inList, paragraphStart == nil { return }
        if opensFence(i, textEnd) {
            endParagraph(at: range.lowerBound)
            afterBlank = false
            return
        }
        if let mark = blockMark(i, column, textEnd), scanBlockDirective(mark, textEnd, range, index) {
            afterBlank = true
            inList = false
            return
        }
        if column == 0 { inList = startsListItem(i, textEnd) || (inList && !afterBlank) }
        if column > 0, startsListItem(i, textEnd) { inList = true }
        afterBlank = false
        if paragraphStart == nil {
            paragraphStart = range.lowerBound
            paragraphLine = index
        }
    }

    /// Where the colons of a block directive begin: behind at most three columns, or behind the wide spaces with which
    /// Chinese paragraphs begin.
    private func blockMark(_ i: Int, _ column: Int, _ end: Int) -> Int? {
        var mark = i
        while mark < end {
            if let wide = wideSpace(mark, end) {
                mark += wide
            } else if source[mark] == 0x20, mark > i {
                mark += 1
            } else {
                break
            }
        }
        let (count, _) = colons(mark, end)
        if mark == i, column < 4, count > 0, source[i] == UInt8(ascii: ":") { return i }
        return count >= 3 ? mark : nil
    }

    /// Bytes of a space, or of a character without width, outside ASCII; nil for anything else.
    private func wideSpace(_ i: Int, _ end: Int) -> Int? {
        guard i < end else { return nil }
        if source[i] == 0xC2, i + 1 < end, source[i + 1] == 0xA0 { return 2 }
        guard i + 2 < end else { return nil }
        switch (source[i], source[i + 1], source[i + 2]) {
        case (0xE3, 0x80, 0x80), (0xE2, 0x80, 0x80...0x8B), (0xE2, 0x80, 0xAF), (0xE2, 0x81, 0x9F...0xA0),
            (0xEF, 0xBB, 0xBF):
            return 3
        default: return nil
        }
    }

    /// How many colons of either width stand at `i`, and where they end.
    private func colons(_ i: Int, _ end: Int) -> (count: Int, end: Int) {
        var (count, i) = (0, i)
        while i < end {
            if source[i] == UInt8(ascii: ":") {
                i += 1
            } else if isWideColon(i, end) {
                i += 3
            } else {
                break
            }
            count += 1
        }
        return (count, i)
    }

    private func isWideColon(_ i: Int, _ end: Int) -> Bool {
        i + 2 < end && source[i] == 0xEF && source[i + 1] == 0xBC && source[i + 2] == 0x9A
    }

    /// Where 内网 or 仅内网, the Chinese names of `intranet`, end.
    private func chineseName(_ i: Int, _ end: Int) -> Int? {
        ["内网", "仅内网"].lazy.map { Array($0.utf8) }.first { source[i..<end].starts(with: $0) }.map { i + $0.count }
    }

    /// A fence may open inside list items and quotes too; a directive there would be refused later in any case.
    private mutating func opensFence(_ start: Int, _ end: Int) -> Bool {
        var i = start
        while i < end {
            let byte = source[i]
            if byte == UInt8(ascii: "`") || byte == UInt8(ascii: "~") {
                let count = runLength(byte, i, end)
                guard count >= 3 else { return false }
                if byte == UInt8(ascii: "`"), source[(i + count)..<end].contains(byte) { return false }
                fence = (byte, count)
                return true
            }
            guard byte == UInt8(ascii: ">") || byte == 0x20 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "*")
            else {
                return false
            }
            i += 1
        }
        return false
    }

    private func startsListItem(_ i: Int, _ end: Int) -> Bool {
        if [UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "+")].contains(source[i]) {
            return i + 1 < end && source[i + 1] == 0x20
        }
        var k = i
        while k < end, source[k] >= 0x30, source[k] <= 0x39 { k += 1 }
        return k > i && k < end && (source[k] == UInt8(ascii: ".") || source[k] == UInt8(ascii: ")"))
    }

    private mutating func scanBlockDirective(_ i: Int, _ end: Int, _ line: Range<Int>, _ index: Int) -> Bool {
        var (colons, afterColons) = colons(i, end)
        guard colons >= 2 else { return false }
        let position = SourcePosition(path: path, line: lineNumber(index), column: i - line.lowerBound + 1)
        if colons >= 3, onlySpaces(afterColons, end) {
            endParagraph(at: line.lowerBound)
            closeContainer(colons, line, position)
            return true
        }
        // `::: intranet` can mean nothing else.
        while colons >= 3, afterColons < end, source[afterColons] == 0x20 { afterColons += 1 }
        let chinese = colons >= 3 ? chineseName(afterColons, end) : nil
        guard afterColons < end, chinese != nil || (source[afterColons] >= 0x61 && source[afterColons] <= 0x7A) else {
            return false
        }
        endParagraph(at: line.lowerBound)
        let head =
            chinese.map { (Directive(name: "intranet", label: "", attributes: [:], position: position), $0) }
            ?? parseHead(afterColons, end, position)
        guard let (directive, next) = head, onlySpaces(next, end) else {
            report(
                "directive-syntax", position, zh: "指令写法有误", en: "this directive is not well formed",
                remedyZh: "写成 :::名称{键=值}，后面不要有别的文字", remedyEn: "write :::name{key=value} and nothing after it")
            return true
        }
        if VisibilityMarks.count(in: source[afterColons..<end], linesAreText: false) > 0 {
            report(
                "misplaced-mark", position, zh: "指令的标题和属性里不能写 :intranet 或 :only，内容会原样公开",
                en: "`:intranet` and `:only` do nothing in a directive's label or attributes; the text would be shown",
                remedyZh: "请移到正文", remedyEn: "move it into the content")
        }
        if colons == 2 {
            spans.append(
                DirectiveSpan(
                    form: .leaf, directive: directive, whole: line, content: line.upperBound..<line.upperBound))
            return true
        }
        if openContainers.contains(where: { $0.colons == colons }) {
            report(
                "directive-nesting", position, zh: "嵌套的指令用了同样多的冒号",
                en: "a nested directive has as many colons as its outer one",
                remedyZh: "外层请多写一个冒号（开头和结尾）", remedyEn: "give the outer directive one more colon, at both ends")
        }
        openContainers.append(
            Open(colons: colons, directive: directive, start: line.lowerBound, contentStart: line.upperBound))
        return true
    }

    private mutating func closeContainer(_ colons: Int, _ line: Range<Int>, _ position: SourcePosition) {
        guard let last = openContainers.last, last.colons == colons else {
            report(
                "directive-close", position, zh: "这个结束标记没有对应的开头", en: "this closes no open directive",
                remedyZh: "结尾的冒号数须与开头相同；内层要先结束",
                remedyEn: "use as many colons as the opening line; close inner ones first")
            return
        }
        openContainers.removeLast()
        spans.append(
            DirectiveSpan(
                form: .container, directive: last.directive, whole: last.start..<line.upperBound,
                content: last.contentStart..<line.lowerBound))
    }

    /// `name[label]{attributes}` from the name on.
    private mutating func parseHead(_ start: Int, _ end: Int, _ position: SourcePosition) -> (Directive, Int)? {
        var i = start
        while i < end, isNameByte(source[i]) { i += 1 }
        let name = String(decoding: source[start..<i], as: UTF8.self)
        var label = ""
        if i < end, source[i] == UInt8(ascii: "[") {
            guard let close = matchingBracket(i + 1, end, 0) else { return nil }
            label = String(decoding: source[(i + 1)..<close], as: UTF8.self)
            i = close + 1
        }
        var attributes: [String: String] = [:]
        if i < end, source[i] == UInt8(ascii: "{") {
            guard let parsed = parseAttributes(source[i..<end]) else { return nil }
            attributes = parsed.attributes
            i = parsed.end
        }
        return (Directive(name: name, label: label, attributes: attributes, position: position), i)
    }

    private mutating func endParagraph(at end: Int) {
        guard let start = paragraphStart else { return }
        paragraphStart = nil
        scanInline(start..<end)
    }

    private mutating func scanInline(_ range: Range<Int>) {
        var i = range.lowerBound
        var line = paragraphLine
        var lineStart = range.lowerBound
        // Brackets of each kind that are open, those of directives too, and the last mark that hides something.
        var depths = Self.brackets.map { _ in 0 }
        var mark: (position: SourcePosition, kind: Int)?
        func opened(_ span: DirectiveSpan, before i: Int, _ position: SourcePosition) {
            guard
                let kind = Self.brackets.firstIndex(where: { source[..<i].suffix($0.open.count).elementsEqual($0.open) }
                )
            else { return }
            depths[kind] += 1
            if ["intranet", "only"].contains(span.directive.name) { mark = (position, kind) }
        }
        while i < range.upperBound {
            if let (kind, opens) = bracket(at: i, range.upperBound) {
                let pair = Self.brackets[kind]
                if !opens, depths[kind] == 0, let (position, marked) = mark, marked == kind, !endsInterval(i) {
                    let close = String(decoding: pair.close, as: UTF8.self)
                    report(
                        "mark-ends-early", position, zh: "隐藏的内容在第一个 \(close) 就结束了，后面的会公开",
                        en: "the hidden text ends at its first \(close), and what follows is shown",
                        remedyZh: "内容里的 \(close) 请写成 \\\(close)", remedyEn: "write a \(close) inside it as \\\(close)")
                    mark = nil
                }
                depths[kind] = max(0, depths[kind] + (opens ? 1 : -1))
                i += (opens ? pair.open : pair.close).count
                continue
            }
            switch source[i] {
            case 0x0A:
                line += 1
                lineStart = i + 1
                i += 1
            case UInt8(ascii: "\\"): i += source[i...].dropFirst().first == 0x0A ? 1 : 2
            case UInt8(ascii: "`"):
                let end = codeSpanEnd(i, range.upperBound)
                for k in i..<end where source[k] == 0x0A {
                    line += 1
                    lineStart = k + 1
                }
                i = end
            case UInt8(ascii: ":"):
                let position = SourcePosition(path: path, line: lineNumber(line), column: i - lineStart + 1)
                let known = spans.count
                i = scanInlineDirective(i, range, position) ?? scanChineseMark(i, range, position) ?? i + 1
                if spans.count > known { opened(spans[known], before: i, position) }
            case 0xEF where isWideColon(i, range.upperBound):
                let position = SourcePosition(path: path, line: lineNumber(line), column: i - lineStart + 1)
                let known = spans.count
                i = scanChineseMark(i, range, position) ?? i + 3
                if spans.count > known { opened(spans[known], before: i, position) }
            default: i += 1
            }
        }
    }

    /// Where scanning goes on after an inline directive's head: its content is scanned too, for nested ones.
    private mutating func scanInlineDirective(_ i: Int, _ range: Range<Int>, _ position: SourcePosition) -> Int? {
        if i > range.lowerBound, isAlphanumeric(source[i - 1]) || source[i - 1] == UInt8(ascii: ":") { return nil }
        var nameEnd = i + 1
        guard nameEnd < range.upperBound, source[nameEnd] >= 0x61, source[nameEnd] <= 0x7A else { return nil }
        while nameEnd < range.upperBound, isNameByte(source[nameEnd]) { nameEnd += 1 }
        guard nameEnd < range.upperBound, source[nameEnd] == UInt8(ascii: "[") else { return nil }
        let name = String(decoding: source[(i + 1)..<nameEnd], as: UTF8.self)
        guard let close = matchingBracket(nameEnd + 1, range.upperBound, 0) else {
            report(
                "unclosed-directive", position, zh: "“:\(name)[”没有结束", en: "`:\(name)[` is not closed",
                remedyZh: "请在同一段内补上 ]", remedyEn: "add ] within the same paragraph")
            return nameEnd
        }
        guard let (directive, end) = parseHead(i + 1, range.upperBound, position) else {
            report(
                "directive-syntax", position, zh: "“:\(name)”的属性写法有误",
                en: "the attributes of `:\(name)` are not well formed",
                remedyZh: "写成 {键=值}", remedyEn: "write {key=value}")
            return close
        }
        if ["only", "intranet"].contains(name), end < range.upperBound,
            source[end] == UInt8(ascii: "(") || source[end] == UInt8(ascii: "[")
        {
            report(
                "directive-syntax", position, zh: "“:\(name)[…]”后面的括号不会隐藏",
                en: "what follows `:\(name)[…]` in brackets is not hidden",
                remedyZh: "把整个链接放进方括号：:\(name)[[文字](地址)]",
                remedyEn: "put the whole link inside: :\(name)[[text](address)]")
        }
        spans.append(DirectiveSpan(form: .inline, directive: directive, whole: i..<end, content: (nameEnd + 1)..<close))
        return nameEnd + 1
    }

    /// Brackets that may stand in the place of `[` and `]`.
    private static let brackets = [("[", "]"), ("［", "］"), ("【", "】")].map {
        (open: Array($0.utf8), close: Array($1.utf8))
    }

    /// The kind of bracket at `i`, and whether it opens.
    private func bracket(at i: Int, _ end: Int) -> (kind: Int, opens: Bool)? {
        switch source[i] {
        case UInt8(ascii: "["): return (0, true)
        case UInt8(ascii: "]"): return (0, false)
        case 0xE3, 0xEF:
            for (kind, pair) in Self.brackets.enumerated().dropFirst() {
                if source[i..<end].starts(with: pair.open) { return (kind, true) }
                if source[i..<end].starts(with: pair.close) { return (kind, false) }
            }
            return nil
        default: return nil
        }
    }

    /// Whether the bracket at `i` ends a half-open interval, as in `(60,80]`.
    private func endsInterval(_ i: Int) -> Bool {
        let before = source[..<i].suffix(24)
        guard let open = before.lastIndex(of: UInt8(ascii: "(")) else { return false }
        let between = before[(open + 1)...]
        return between.contains(UInt8(ascii: ",")) && !between.contains { "[]:\n".utf8.contains($0) }
    }

    /// `：intranet［…］`, `:内网[…]` and the like, as Chinese keyboards write `:intranet[…]`.
    ///
    /// - Returns: the offset where scanning goes on; nil where no such mark begins at `i`.
    private mutating func scanChineseMark(_ i: Int, _ range: Range<Int>, _ position: SourcePosition) -> Int? {
        let end = range.upperBound
        let isWide = isWideColon(i, end)
        if !isWide, i > range.lowerBound, isAlphanumeric(source[i - 1]) || source[i - 1] == UInt8(ascii: ":") {
            return nil
        }
        let nameStart = i + (isWide ? 3 : 1)
        // “名称：内网【一期】” may be plain text or a mark: the scanner leaves it alone, and `BodyFindings` reports it.
        if isWide, chineseName(nameStart, end) != nil { return nil }
        let latin = Array("intranet".utf8)
        guard
            let nameEnd = chineseName(nameStart, end)
                ?? (source[nameStart..<end].starts(with: latin) ? nameStart + latin.count : nil),
            let kind = Self.brackets.firstIndex(where: { source[nameEnd..<end].starts(with: $0.open) })
        else { return nil }
        let (open, close) = Self.brackets[kind]
        let contentStart = nameEnd + open.count
        guard let k = matchingBracket(contentStart, end, kind) else {
            report(
                "unclosed-directive", position, zh: "这个内网标记没有结束", en: "this mark is not closed",
                remedyZh: "请在同一段内补上 \(String(decoding: close, as: UTF8.self))",
                remedyEn: "add \(String(decoding: close, as: UTF8.self)) within the same paragraph")
            return contentStart
        }
        let whole = k + close.count
        if ["(", "（", "[", "［", "【"].contains(where: { source[whole..<end].starts(with: $0.utf8) }) {
            report(
                "directive-syntax", position, zh: "内网标记后面的括号不会隐藏",
                en: "what follows the mark in brackets is not hidden",
                remedyZh: "把整个链接放进方括号：:intranet[[文字](地址)]",
                remedyEn: "put the whole link inside: :intranet[[text](address)]")
        }
        spans.append(
            DirectiveSpan(
                form: .inline, directive: Directive(name: "intranet", label: "", attributes: [:], position: position),
                whole: i..<whole, content: contentStart..<k))
        return contentStart
    }

    /// Bytes that an inline directive or a code span may reach; whatever is longer was not closed.
    private static let reach = 16_384

    /// The brackets of one kind that are closed between an offset and the end of a paragraph or line.
    private struct Closed {
        let region: Range<Int>
        /// Offset behind an opening bracket → offset of the bracket that closes it.
        let closings: [Int: Int]
    }

    /// Where the bracket of a kind stands that closes what begins at `start`.
    ///
    /// Nested brackets, escapes and code spans are passed over. A region is read once however many brackets it opens.
    private mutating func matchingBracket(_ start: Int, _ end: Int, _ kind: Int) -> Int? {
        if closed[kind].map({ $0.region.upperBound != end || start < $0.region.lowerBound }) ?? true {
            closed[kind] = Closed(region: start..<max(start, end), closings: closings(start, end, kind))
        }
        guard let close = closed[kind]?.closings[start], close < start + Self.reach else { return nil }
        return close
    }

    private func closings(_ start: Int, _ end: Int, _ kind: Int) -> [Int: Int] {
        let pair = Self.brackets[kind]
        var open = [start]
        var closings: [Int: Int] = [:]
        var i = start
        while i < end {
            switch source[i] {
            case UInt8(ascii: "\\"): i += 2
            case UInt8(ascii: "`"): i = codeSpanEnd(i, end)
            case pair.open[0] where source[i..<end].starts(with: pair.open):
                i += pair.open.count
                open.append(i)
            case pair.close[0] where source[i..<end].starts(with: pair.close):
                if let last = open.popLast() { closings[last] = i }
                i += pair.close.count
            default: i += 1
            }
        }
        return closings
    }

    /// The end of a code span that starts at a backtick run; the end of the run where nothing matches it.
    private func codeSpanEnd(_ start: Int, _ end: Int) -> Int {
        let count = runLength(UInt8(ascii: "`"), start, end)
        var i = start + count
        let limit = min(end, i + Self.reach)
        while i < limit {
            guard source[i] == UInt8(ascii: "`") else {
                i += 1
                continue
            }
            let run = runLength(UInt8(ascii: "`"), i, end)
            i += run
            if run == count { return i }
        }
        return start + count
    }

    private func runLength(_ byte: UInt8, _ start: Int, _ end: Int) -> Int {
        var i = start
        while i < end, source[i] == byte { i += 1 }
        return i - start
    }

    private func onlySpaces(_ start: Int, _ end: Int) -> Bool {
        var i = start
        while i < end {
            if source[i] == 0x20 || source[i] == 0x09 || source[i] == 0x0D {
                i += 1
            } else if let wide = wideSpace(i, end) {
                i += wide
            } else {
                return false
            }
        }
        return true
    }

    private mutating func report(
        _ rule: String, _ position: SourcePosition, zh: String, en: String, remedyZh: String, remedyEn: String
    ) {
        diagnostics.append(
            Diagnostic(
                rule, position, problem: Bilingual(zh: zh, en: en), remedy: Bilingual(zh: remedyZh, en: remedyEn)))
    }
}

private func isAlphanumeric(_ byte: UInt8) -> Bool {
    (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || (byte >= 0x30 && byte <= 0x39)
}
