package import PortalBase

/// The files of a content tree, overlays laid over it: which exist and where their bytes are.
package struct SourceTree: Sendable {
    package final class File: Sendable, Equatable {
        /// Path below the source folder, such as `Content/portal/news/a.md`: what users see in messages.
        package let path: String
        /// Where to read it: put together when somebody asks, because there is a file for every page.
        package var location: String {
            joined(root.location, "", String(decoding: path.utf8.dropFirst(root.path.utf8.count), as: UTF8.self))
        }

        func appendLocation(to out: inout [UInt8]) {
            out += root.location.utf8
            out += path.utf8.dropFirst(root.path.utf8.count)
        }
        /// Its state when the tree was walked; nil where that could not be told.
        package let mark: FileMark?
        private let root: Root

        /// - Parameter path: is the root's or lies below it.
        init(path: String, below root: Root, mark: FileMark?) {
            self.path = path
            self.root = root
            self.mark = mark
        }

        package static func == (a: File, b: File) -> Bool {
            a.path == b.path && (a.root === b.root || a.location == b.location)
        }
    }

    /// Where the files of one walk lie.
    final class Root: Sendable {
        let location: String
        /// What users see in its place.
        let path: String

        init(location: String, path: String) {
            self.location = location
            self.path = path
        }
    }

    /// In byte order of `path`.
    package let files: [File]
    private let byPath: [String: File]

    /// Walks `root/Content`, then every overlay as if it were another `Content`; a later file replaces an earlier one.
    ///
    /// Symbolic links and special files are reported and left out.
    package init(
        root: String, overlays: [String] = [], jobs: Int = 1, diagnostics: inout [Diagnostic]
    ) throws(FileError) {
        var found: [String: File] = [:]
        var files: [File] = []
        for base in [root + "/Content"] + overlays {
            // The first level side by side: a site's folder each, mostly.
            let root = Root(location: base, path: "Content")
            var top = Walk(root: root)
            let folders = top.level(base, root.path, try FileSystem.list(base, marked: true))
            let below = parallelMap(folders.count, jobs: jobs) { index, _ -> Walk in
                var walk = Walk(root: root)
                walk.folder(folders[index].location, folders[index].path)
                return walk
            }
            for walk in [top] + below {
                if let failure = walk.failure { throw failure }
                diagnostics += walk.diagnostics
                Self.merge(walk.files, into: &found, &diagnostics)
                files += walk.files
            }
        }
        // A walk comes nearly in order, a dictionary in none.
        self.init(found, in: files.count == found.count ? files : Array(found.values))
    }

    private static func merge(_ files: [File], into found: inout [String: File], _ diagnostics: inout [Diagnostic]) {
        for file in files {
            if let known = found.updateValue(file, forKey: file.path), !known.path.utf8.elementsEqual(file.path.utf8) {
                diagnostics.append(
                    Diagnostic(
                        "file-name", SourcePosition(path: file.path),
                        problem: Bilingual(
                            zh: "两个文件名只差在字符的编码方式", en: "two names differ only in how a character is encoded"),
                        remedy: Bilingual(zh: "请改其中一个", en: "rename one of them")))
                // The key keeps the first spelling otherwise.
                found.removeValue(forKey: file.path)
                found[file.path] = file
            }
        }
    }

    static let empty = SourceTree([:])

    private init(_ found: [String: File]) {
        self.init(found, in: Array(found.values))
    }

    /// - Parameter files: the same files; the nearer to their order the better.
    private init(_ found: [String: File], in files: [File]) {
        self.files = files.sorted { bytesPrecede($0.path, $1.path) }
        byPath = found
    }

    /// The tree with files from elsewhere below the source folder laid in. What is there already stays, with an error.
    package func adding(
        _ mounts: [SiteConfiguration.Mount], root: String, diagnostics: inout [Diagnostic]
    ) throws(FileError) -> SourceTree {
        guard !mounts.isEmpty else { return self }
        var found = Dictionary(uniqueKeysWithValues: files.map { ($0.path, $0) })
        for mount in mounts {
            let location = root + "/" + mount.from
            let mounted = Root(location: location, path: "Content/" + mount.to)
            var added: [String: File] = [:]
            let kind = Self.isHiddenOrLinked(mount.from, below: root) ? nil : FileSystem.kind(location)
            switch kind {
            case .file:
                added[mounted.path] = File(path: mounted.path, below: mounted, mark: FileMark(location))
            case .directory:
                var walk = Walk(root: mounted)
                walk.folder(location, mounted.path)
                if let failure = walk.failure { throw failure }
                diagnostics += walk.diagnostics
                Self.merge(walk.files, into: &added, &diagnostics)
            default:
                diagnostics.append(
                    Diagnostic(
                        "mount", mount.position,
                        problem: Bilingual(
                            zh: "没有文件或目录“\(mount.from)”，或者它是隐藏的、经过符号链接",
                            en: "there is no file or folder `\(mount.from)`, or it is hidden or behind a link"),
                        remedy: Bilingual(zh: "请改正 from", en: "correct `from`")))
            }
            for (path, file) in added {
                if found[path] != nil {
                    diagnostics.append(
                        Diagnostic(
                            "mount", mount.position,
                            problem: Bilingual(zh: "“\(path)”已经存在", en: "`\(path)` is there already"),
                            remedy: Bilingual(zh: "请改 to，或移走原来的文件", en: "change `to`, or move the other file away")))
                } else {
                    found[path] = file
                }
            }
        }
        return SourceTree(found)
    }

    /// Whether a part of a mounted path is one that the tree itself would leave out: hidden, left over, or a link.
    private static func isHiddenOrLinked(_ path: String, below root: String) -> Bool {
        var location = root
        for name in path.split(separator: "/") {
            location += "/" + name
            if PublishedFiles.isLeftover(String(name)) || FileSystem.kind(location) == .symlink { return true }
        }
        return false
    }

    package func contains(_ path: String) -> Bool { byPath[path] != nil }

    package func file(_ path: String) -> File? { byPath[path] }

    /// The state of all files, so that another walk can tell whether any changed; nil where one changed so lately that
    /// its state tells nothing yet.
    package var state: SHA256Digest? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(files.count * 128)
        for file in files {
            guard let mark = file.mark, mark.isSettled else { return nil }
            bytes += file.path.utf8
            bytes.append(0)
            file.appendLocation(to: &bytes)
            bytes.append(0)
            mark.append(to: &bytes)
        }
        return SHA256Digest(of: bytes)
    }
}

/// A walk below one folder.
private struct Walk: Sendable {
    let root: SourceTree.Root
    var files: [SourceTree.File] = []
    var diagnostics: [Diagnostic] = []
    var failure: FileError?

    mutating func folder(_ location: String, _ path: String) {
        do throws(FileError) {
            for inner in level(location, path, try FileSystem.list(location, marked: true)) {
                folder(inner.location, inner.path)
            }
        } catch {
            failure = error
        }
    }

    /// Takes in the files of a folder.
    ///
    /// - Returns: the folders in it.
    mutating func level(
        _ location: String, _ path: String, _ entries: [FileSystem.Entry]
    ) -> [(location: String, path: String)] {
        var folders: [(location: String, path: String)] = []
        for entry in entries {
            // Hidden files are the editors' tools' business, not content.
            if PublishedFiles.isLeftover(entry.name) { continue }
            let childPath = FileSystem.path(path, entry.name)
            // A mark that joins the slash or dot before it would hide that slash from everything that splits paths.
            if joinsWhatStandsBefore(entry.name) {
                diagnostics.append(
                    Diagnostic(
                        "file-name", SourcePosition(path: childPath),
                        problem: Bilingual(
                            zh: "文件名里有附着在前一个字符上的记号", en: "the name holds a mark that joins the character before it"),
                        remedy: Bilingual(zh: "请重新输入文件名", en: "type the name anew")))
                continue
            }
            if let found = PublishableText.forbidden(in: entry.name, allowsBreaks: false) {
                diagnostics.append(
                    Diagnostic(
                        "file-name", SourcePosition(path: path),
                        problem: Bilingual(
                            zh: "这个目录里有文件名含有看不见的字符 \(found.name)",
                            en: "a name in this folder holds the character \(found.name)"),
                        remedy: Bilingual(zh: "请重新输入文件名", en: "rename the file")))
                continue
            }
            switch entry.kind {
            case .directory: folders.append((FileSystem.path(location, entry.name), childPath))
            case .file: files.append(SourceTree.File(path: childPath, below: root, mark: entry.mark))
            case .symlink, .other:
                diagnostics.append(
                    Diagnostic(
                        "not-a-file", SourcePosition(path: childPath),
                        problem: Bilingual(
                            zh: "内容目录里不能有符号链接或特殊文件", en: "a symbolic link or special file in the content tree"),
                        remedy: Bilingual(zh: "请放入真正的文件", en: "put the file itself here")))
            }
        }
        return folders
    }
}

/// Text of a source file: UTF-8 checked, byte-order mark dropped, line ends made `\n`.
///
/// - Returns: nil after adding a diagnostic for bytes that are no UTF-8 text.
package func decodeSource(_ bytes: [UInt8], path: String, diagnostics: inout [Diagnostic]) -> [UInt8]? {
    if isPlainSource(bytes) { return bytes }
    var text = bytes
    if text.starts(with: [0xEF, 0xBB, 0xBF]) { text.removeFirst(3) }
    if text.contains(0x0D) {
        var out: [UInt8] = []
        out.reserveCapacity(text.count)
        for (i, byte) in text.enumerated() where byte != 0x0D || i + 1 >= text.count || text[i + 1] != 0x0A {
            out.append(byte)
        }
        text = out
    }
    func position(_ offset: Int) -> SourcePosition {
        let before = text[..<offset]
        let line = 1 + before.lineFeeds
        let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return SourcePosition(path: path, line: line, column: offset - start + 1)
    }
    if let offset = firstInvalidUTF8(text) {
        diagnostics.append(
            Diagnostic(
                "utf8", position(offset), problem: Bilingual(zh: "文件不是 UTF-8 编码", en: "the file is not UTF-8"),
                remedy: Bilingual(zh: "请另存为 UTF-8", en: "save it as UTF-8")))
        return nil
    }
    if let found = text.withUnsafeBufferPointer({ PublishableText.forbidden(in: $0) }) {
        let isRun = !PublishableText.isForbidden(found.scalar)
        diagnostics.append(
            Diagnostic(
                "control-character", position(found.offset),
                problem: isRun
                    ? Bilingual(zh: "一个字符上叠了太多记号", en: "more than \(StreamSafe.maxMarks) marks stand on one character")
                    : Bilingual(
                        zh: "文件里有不能使用的字符 \(found.name)（看不见）",
                        en: "the file holds the character \(found.name), which nobody sees"),
                remedy: Bilingual(zh: "请删除这个字符，或重新输入这一处", en: "delete this character, or type the place anew")))
        return nil
    }
    return text
}

/// Whether a character that begins with E2, E3 or F0 may be a mark that combines or a noncharacter.
private func mayForbid(_ bytes: UnsafeBufferPointer<UInt8>, _ i: Int) -> Bool {
    let (second, third) = (bytes[i + 1], i + 2 < bytes.count ? bytes[i + 2] : 0)
    return switch bytes[i] {
    // U+20D0 on, and marks of Coptic, Tifinagh and Slavonic.
    case 0xE2: second == 0x83 && third >= 0x90 || second == 0xB3 || second == 0xB5 || second == 0xB7
    case 0xE3: second == 0x80 && (0xAA...0xAF).contains(third) || second == 0x82 && (0x99...0x9A).contains(third)
    case 0xF0: third == 0xBF && i + 3 < bytes.count && bytes[i + 3] >= 0xBE
    default: false
    }
}

/// Whether a text is as it should be: UTF-8 without byte-order mark, control characters and foreign line ends. One pass,
/// since every page goes through it.
private func isPlainSource(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBufferPointer { bytes in
        var i = 0
        while i < bytes.count {
            i += bytes.plainTextCount(from: i)
            guard i < bytes.count else { break }
            let byte = bytes[i]
            if byte < 0x80 {
                guard byte >= 0x20 && byte != 0x7F || byte == 0x0A || byte == 0x09 else { return false }
                i += 1
                continue
            }
            // Table 3-7 of the Unicode standard.
            let (length, low, high): (Int, UInt8, UInt8) =
                switch byte {
                // U+0080 to U+009F are controls, and marks begin at U+0300.
                case 0xC2: (2, 0xA0, 0xBF)
                case 0xC3...0xCB: (2, 0x80, 0xBF)
                // Scripts with marks of their own before U+1E00 are looked at in the slow way.
                case 0xE2...0xE9, 0xEB, 0xEC, 0xEE: (3, 0x80, 0xBF)
                // U+FDD0, U+FEFF and their neighbours are looked at in the slow way.
                case 0xEF: (3, 0xBC, 0xBE)
                // U+1F000 on: emoji; and U+20000 on: ideographs.
                case 0xF0: (4, 0x9F, 0xBF)
                default: (0, 0, 0)
                }
            guard length > 0, i + length <= bytes.count, bytes[i + 1] >= low, bytes[i + 1] <= high else { return false }
            if mayForbid(bytes, i) { return false }
            // Separators, and what turns the direction of text.
            if byte == 0xE2, bytes[i + 1] <= 0x81,
                PublishableText.isForbidden(
                    Unicode.Scalar(
                        0x2000 | UInt16(bytes[i + 1] & 1) << 6 | UInt16(bytes[min(i + 2, bytes.count - 1)] & 0x3F))
                        ?? " ")
            {
                return false
            }
            var k = 2
            while k < length {
                guard bytes[i + k] & 0xC0 == 0x80 else { return false }
                k += 1
            }
            i += length
        }
        return true
    }
}

/// Whether a combining mark or joiner stands at the start of a name or after one of its dots.
private func joinsWhatStandsBefore(_ name: String) -> Bool {
    let isASCII = name.utf8.withContiguousStorageIfAvailable { bytes in
        var all: UInt8 = 0
        for byte in bytes { all |= byte }
        return all < 0x80
    }
    if isASCII ?? false { return false }
    let text = "/" + name
    let marks = text.unicodeScalars.count { $0 == "/" || $0 == "." }
    return text.count { $0 == "/" || $0 == "." } != marks
}

private func firstInvalidUTF8(_ bytes: [UInt8]) -> Int? {
    if String(validating: bytes, as: UTF8.self) != nil { return nil }
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var offset = 0
    while true {
        switch decoder.decode(&iterator) {
        case .scalarValue(let scalar): offset += UTF8.width(scalar)
        case .emptyInput: return nil
        case .error: return offset
        }
    }
}
