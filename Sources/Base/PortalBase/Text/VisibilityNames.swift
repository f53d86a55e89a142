/// Names that editors give to audiences in Chinese, and what they stand for.
package enum VisibilityNames {
    private static let tags = [
        "内网": "intranet", "仅内网": "intranet", "仅限内网": "intranet", "内网可见": "intranet", "仅内网可见": "intranet",
        "內網": "intranet", "内部": "intranet", "公开": "public", "外网": "public",
    ]

    /// A tag as variants know it; anything else is returned as it is.
    package static func tag(_ written: String) -> String { tags[written] ?? written }

    /// Keys of a head or a table that say for whom it is, besides `visibility`.
    package static let keys: Set<String> = ["可见", "可见性", "可见范围"]

    /// Keys by which other programs hide pages, and their Chinese names.
    private static let hidingWords: Set<String> = [
        "draft", "drafts", "is_draft", "isdraft", "private", "hidden", "hide", "secret", "internal", "unlisted",
        "audience",
        "params", "variant", "level", "access", "end_date", "headless", "build", "_build", "render", "草稿", "发布", "隐藏",
        "内部", "过期",
        "失效", "到期", "下线", "访问级别", "公开", "是否公开", "不公开", "公开范围", "公开属性", "public", "not_public", "权限", "截止",
    ]

    /// Parts of such keys, whatever stands round them.
    private static let hidingParts = [
        "publish", "pubdate", "expir", "visib", "intranet", "下架", "撤下", "有效期", "内网",
    ]

    /// Whether a folded key is, in some other program or in plain Chinese, one that hides or ends a page.
    package static func mayHide(_ folded: String) -> Bool {
        hidingWords.contains(folded) || folded != "publisher" && hidingParts.contains(where: folded.contains)
    }

    /// Whether a value says by itself that something is not for everybody.
    package static func isHidingValue(_ text: String) -> Bool {
        guard text.utf8.count <= 32 else { return false }
        let word = folded(text)
        return tag(word) == "intranet"
            || ["internal", "private", "draft", "hidden", "secret", "草稿", "保密", "不公开"].contains(word)
    }

    /// Heads of columns and keys of `extra` by which editors mean that a row or a page is not for everybody.
    private static let tellingNames: Set<String> = [
        "内网", "仅内网", "是否内网", "仅限内网", "仅限内部", "是否内部", "hidden", "draft", "草稿", "密级", "是否公开", "不公开",
        "private", "secret",
    ]

    /// The beginning of a key, of one width and case.
    package static func folded(_ key: String) -> String { TextFolding.folded(String(key.prefix(64))).lowercased() }

    /// Whether a cell is `visibility` or one of `keys`, in any width and case, with or without quotes.
    package static func isKey(_ cell: String) -> Bool {
        guard cell.utf8.count <= 64 else { return false }
        let folded = folded(cell).filter { !$0.isWhitespace && !"\"'“”".contains($0) }
        return folded == "visibility" || keys.contains(folded)
    }

    /// Whether a key or the head of a column was meant to say for whom something is: `visibility` or one of `keys` in any
    /// width and case, within two edits, or with words beside it, as in `visibility（内网）` and 可见对象.
    package static func isMeant(by key: String) -> Bool {
        let traditional: [Character: Character] = ["見": "见", "網": "网", "內": "内", "隱": "隐"]
        let folded = String(
            folded(key).filter { !$0.isWhitespace && !"\"'“”`*_?？".contains($0) }.map { traditional[$0] ?? $0 })
        if keys.contains(folded) || tellingNames.contains(folded) { return true }
        // Distances at which something is seen, and words of physics and arithmetic.
        guard !["距离", "km", "(m", "米)", "invisib", "divisib"].contains(where: folded.contains) else { return false }
        if folded.contains("visib") { return true }
        if folded.contains("可见") { return !["可见度", "可见光", "可见物", "肉眼", "随处"].contains(where: folded.contains) }
        return editDistance(Array(folded.utf8), Array("visibility".utf8)) <= 2
    }
}
