/// What a published tree may hold: the one list for the generator, which refuses anything else where it stands, and for
/// the release, which lets nothing else cross.
package enum PublishedFiles {
    /// Endings of files that editors put beside pages.
    package static let attachments: Set<String> = [
        "txt", "csv", "json", "geojson", "vtt", "svg", "png", "jpg", "jpeg", "gif", "webp", "mp4", "webm", "mp3", "ogg",
        "m4a", "m3u8", "ts", "m4s", "pdf", "ofd", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "wps", "et", "dps",
        "odt",
        "ods", "odp", "rtf", "zip",
    ]

    /// Endings of what the generator and themes make besides.
    private static let generated: Set<String> = [
        "html", "xml", "js", "css", "webmanifest", "avif", "ico", "woff2", "gz", "br",
    ]

    /// Why a path below a docroot may not be published; nil for one that may.
    package static func problem(_ path: String) -> Bilingual? {
        let ending = FileSystem.suffix(path)
        guard attachments.contains(ending) || generated.contains(ending) else {
            return ending.isEmpty
                ? Bilingual(zh: "文件名没有扩展名", en: "its name has no ending")
                : Bilingual(zh: "不能发布 .\(ending) 文件", en: "files ending in .\(ending) are not published")
        }
        if isPlain(path) { return nil }
        if path.utf8.count > 1_000 { return Bilingual(zh: "路径超过 1000 字节", en: "its path is longer than 1,000 bytes") }
        for name in path.split(separator: "/", omittingEmptySubsequences: false) {
            if name.isEmpty || name.hasPrefix(".") {
                return Bilingual(zh: "路径里有空的或以点开头的一段", en: "a part of its path is empty or begins with a dot")
            }
            // A file system takes 255, and compressed copies add an ending.
            if name.utf8.count > 250 { return Bilingual(zh: "文件名超过 250 字节", en: "a name is longer than 250 bytes") }
            if let found = PublishableText.forbidden(in: String(name), allowsBreaks: false) {
                return Bilingual(zh: "文件名里有不能使用的字符 \(found.name)", en: "a name holds the character \(found.name)")
            }
            if name.utf8.contains(UInt8(ascii: "\\")) {
                return Bilingual(zh: "文件名里有反斜杠", en: "a name holds a backslash")
            }
        }
        return nil
    }

    /// Whether a path is short and made of the bytes of which the generator makes addresses, as nearly every one is.
    private static func isPlain(_ path: String) -> Bool {
        var last = UInt8(ascii: "/")
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
            case UInt8(ascii: "."), UInt8(ascii: "/"): if last == UInt8(ascii: "/") { return false }
            default: return false
            }
            last = byte
        }
        return last != UInt8(ascii: "/") && path.utf8.count <= 250
    }

    /// Why a file that an editor put beside a page may not be published: what only generator and themes make is nobody's to bring.
    package static func problem(attachment name: String) -> Bilingual? {
        let ending = FileSystem.suffix(name)
        guard generated.contains(ending) else { return nil }
        return Bilingual(zh: "附件不能是 .\(ending) 文件", en: "attachments may not end in .\(ending)")
    }

    /// What office programs and systems leave beside files, and nobody means to publish.
    package static func isLeftover(_ name: String) -> Bool {
        let lowered = name.lowercased()
        return lowered.hasPrefix("~$") || lowered.hasPrefix("~wr") || lowered.hasSuffix("~") || lowered.hasPrefix(".")
            || ["thumbs.db", "desktop.ini", "ehthumbs.db", "ehthumbs_vista.db", "__macosx", "folder.htt"].contains(
                lowered)
            || [".tmp", ".bak", ".orig", ".rej", ".swp", ".swo", ".part", ".crdownload", ".lnk", ".asd", ".wbk"]
                .contains(where: lowered.hasSuffix)
    }

    /// First bytes of the kinds that their names must not lie about.
    private static let heads: [(endings: Set<String>, head: [UInt8])] = [
        (["pdf"], Array("%PDF".utf8)),
        (["docx", "xlsx", "pptx", "odt", "ods", "odp", "ofd", "zip"], Array("PK".utf8)),
        (["png"], [0x89, 0x50, 0x4E, 0x47]), (["gif"], Array("GIF8".utf8)), (["jpg", "jpeg"], [0xFF, 0xD8]),
    ]

    /// Whether a file's first bytes contradict its name. Pictures may carry one another's endings: they are told by content.
    package static func isMislabelled(_ name: String, head: [UInt8]) -> Bool {
        let ending = FileSystem.suffix(name)
        guard let own = heads.first(where: { $0.endings.contains(ending) }) else {
            // A picture under another ending would escape the cleaning of pictures.
            return pictureKind(head) != nil && !["png", "jpg", "jpeg", "webp", "gif"].contains(ending)
        }
        if ["png", "jpg", "jpeg", "gif"].contains(ending), pictureKind(head) != nil { return false }
        return !head.starts(with: own.head)
    }

    /// The kind of picture that a file's first bytes show; nil where they show none.
    ///
    /// - Parameter head: 12 bytes at least, else some kinds are not told.
    package static func pictureKind(_ head: [UInt8]) -> String? {
        func has(_ text: String, at place: Int) -> Bool {
            head.count >= place + text.utf8.count && head[place...].starts(with: text.utf8)
        }
        if head.starts(with: [0xFF, 0xD8, 0xFF]) { return "JPEG" }
        if head.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return "PNG" }
        if has("GIF8", at: 0) { return "GIF" }
        if has("RIFF", at: 0), has("WEBP", at: 8) { return "WebP" }
        if head.starts(with: [0x49, 0x49, 0x2A, 0]) || head.starts(with: [0x4D, 0x4D, 0, 0x2A]) { return "TIFF" }
        if has("BM", at: 0), head.count >= 14, head[6...9].allSatisfy({ $0 == 0 }) { return "BMP" }
        if has("8BPS", at: 0) { return "PSD" }
        if head.starts(with: [0, 0, 0, 0x0C, 0x6A, 0x50]) || head.starts(with: [0xFF, 0x0A]) { return "JPEG 2000" }
        if has("ftyp", at: 4) {
            let brand = String(decoding: head[8..<min(12, head.count)], as: UTF8.self)
            if brand.hasPrefix("hei") || brand.hasPrefix("hev") || ["mif1", "msf1"].contains(brand) { return "HEIC" }
            if brand.hasPrefix("avi") { return "AVIF" }
        }
        return nil
    }
}
