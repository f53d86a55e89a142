import PortalBase

/// Which file is what: pages, bundle files, attachments, data and forms, by path alone.
struct ContentLayout {
    final class PagePlace: Sendable, Equatable {
        let file: SourceTree.File
        let site: Int
        let language: String
        let folder: String
        let stem: String
        let form: LoadedPage.Form

        init(
            file: SourceTree.File, site: Int, language: String, folder: String, stem: String, form: LoadedPage.Form
        ) {
            self.file = file
            self.site = site
            self.language = language
            self.folder = folder
            self.stem = stem
            self.form = form
        }

        static func == (a: PagePlace, b: PagePlace) -> Bool {
            a.file == b.file && a.site == b.site && a.language == b.language && a.folder == b.folder && a.stem == b.stem
                && a.form == b.form
        }
    }

    struct FilePlace {
        let file: SourceTree.File
        let site: Int
        let folder: String
        let name: String
        let bundle: String?
    }

    private(set) var pages: [PagePlace] = []
    private(set) var files: [FilePlace] = []
    private(set) var data: [SourceTree.File] = []
    private(set) var forms: [SourceTree.File] = []

    /// What the core alone reads.
    private static let ofTheCore = [
        "Content/processes/", "Content/papers/", "Content/assessment/", "Content/roles.yaml", "Content/units.yaml",
        "Content/hours.yaml",
        "Content/catalogue.yaml", "Content/phrases.yaml",
    ]

    /// Whether a name has another spelling for the same page: a bundle, the main language written out.
    private var mayHaveDoubles = false

    init(tree: SourceTree, configuration: SiteConfiguration, diagnostics: inout [Diagnostic]) {
        let languages = configuration.group.languages
        let sites = configuration.sitesByPrefix
        var bundles: Set<String> = []
        for file in tree.files where file.path.hasSuffix("/index.md") {
            bundles.insert(FileSystem.parent(file.path))
        }
        var seenSites: Set<Int> = []
        var folder: Folder?
        for file in tree.files {
            if file.path == SiteConfiguration.path || Self.ofTheCore.contains(where: file.path.hasPrefix) { continue }
            if file.path.hasPrefix("Content/data/") {
                data.append(file)
                continue
            }
            if file.path.hasPrefix("Content/forms/") {
                forms.append(file)
                continue
            }
            if !(folder?.holds(file.path) ?? false) {
                let directory = FileSystem.parent(file.path)
                folder = sites.first { file.path.hasPrefix($0.prefix) }.map {
                    Folder(directory, site: $0.site, prefix: $0.prefix, bundles)
                }
            }
            guard let folder else {
                diagnostics.append(
                    Diagnostic(
                        "no-site", SourcePosition(path: file.path), severity: .warning,
                        problem: Bilingual(zh: "这个文件不属于任何站点", en: "this file belongs to no site"),
                        remedy: Bilingual(
                            zh: "请移到某个站点的目录，或在 sites.yaml 登记",
                            en: "move it below a site's folder, or list the site in sites.yaml")))
                continue
            }
            seenSites.insert(folder.site)
            place(file, folder, languages, &diagnostics)
        }
        if mayHaveDoubles { checkIdentities(&diagnostics) }
        for (index, site) in configuration.sites.enumerated() where !seenSites.contains(index) {
            diagnostics.append(
                Diagnostic(
                    "site-without-content", site.position, severity: .warning,
                    problem: Bilingual(
                        zh: "没有目录 Content/\(site.folder)", en: "there is no folder Content/\(site.folder)"),
                    remedy: Bilingual(
                        zh: "请建立目录，或从 sites.yaml 删去", en: "make the folder, or take the site out of sites.yaml")))
        }
    }

    /// What the files of one directory have in common.
    private struct Folder {
        /// As in paths, such as `Content/portal/news`.
        let directory: String
        let site: Int
        let prefix: String
        /// Below the site's folder.
        let path: String
        /// The directory of the bundle that it is, or lies in.
        let bundle: String?

        /// Whether a path is one of its files'.
        func holds(_ path: String) -> Bool {
            path.utf8.withContiguousStorageIfAvailable { path in
                directory.utf8.withContiguousStorageIfAvailable { directory in
                    path.count > directory.count && path[directory.count] == UInt8(ascii: "/")
                        && path.find(UInt8(ascii: "/"), from: directory.count + 1) == nil
                        && path[..<directory.count].elementsEqual(directory)
                } ?? false
            } ?? false
        }

        init(_ directory: String, site: Int, prefix: String, _ bundles: Set<String>) {
            self.directory = directory
            self.site = site
            self.prefix = prefix
            path =
                directory.utf8.count < prefix.utf8.count
                ? "" : String(decoding: directory.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
            bundle = bundles.isEmpty ? nil : ContentLayout.bundle(containing: directory, bundles, prefix: prefix)
        }
    }

    /// One file a page and language: `a.md` beside `a/index.md` or `a.zh.md` would be a matter of chance.
    private func checkIdentities(_ diagnostics: inout [Diagnostic]) {
        struct Identity: Hashable { let site: Int, folder: String, stem: String, language: String }
        var seen: [Identity: SourceTree.File] = [:]
        seen.reserveCapacity(pages.count)
        for page in pages {
            let key = Identity(
                site: page.site, folder: page.folder, stem: page.form == .section ? "_index" : page.stem,
                language: page.language)
            if let first = seen.updateValue(page.file, forKey: key) {
                diagnostics.append(
                    Diagnostic(
                        "duplicate-page", SourcePosition(path: page.file.path),
                        problem: Bilingual(
                            zh: "两个文件是同一个页面的同一种语言", en: "two files are the same page in the same language"),
                        remedy: Bilingual(zh: "请合并，或改其中一个的文件名", en: "merge them, or rename one"),
                        related: SourcePosition(path: first.path)))
            }
        }
    }

    private mutating func place(
        _ file: SourceTree.File, _ place: Folder, _ languages: [String], _ diagnostics: inout [Diagnostic]
    ) {
        let (site, prefix, folder, bundleFolder) = (place.site, place.prefix, place.path, place.bundle)
        let name = String(decoding: file.path.utf8.dropFirst(place.directory.utf8.count + 1), as: UTF8.self)
        if name.hasSuffix(".md") {
            var stem = String(decoding: name.utf8.dropLast(3), as: UTF8.self)
            var language = languages[0]
            if let dot = stem.utf8.lastIndex(of: UInt8(ascii: ".")), dot > stem.startIndex {
                let written = String(stem[stem.utf8.index(after: dot)...])
                let suffix = languages.contains(written) ? written : LanguageCode.canonical(written)
                if languages.contains(suffix) {
                    stem = String(stem[..<dot])
                    language = suffix
                    if suffix == languages[0] || suffix != written { mayHaveDoubles = true }
                }
            }
            if bundleFolder == place.directory, stem == "index", !folder.isEmpty {
                let parent = FileSystem.parent(folder)
                mayHaveDoubles = true
                pages.append(
                    PagePlace(
                        file: file, site: site, language: language, folder: parent == "." ? "" : parent,
                        stem: folder.split(separator: "/").last.map(String.init) ?? "", form: .bundle))
                return
            }
            if stem == "_index", bundleFolder == nil {
                pages.append(
                    PagePlace(file: file, site: site, language: language, folder: folder, stem: "", form: .section))
                return
            }
            if bundleFolder == nil, stem != "index" {
                pages.append(
                    PagePlace(file: file, site: site, language: language, folder: folder, stem: stem, form: .page))
                return
            }
            diagnostics.append(
                Diagnostic(
                    "page-in-bundle", SourcePosition(path: file.path),
                    problem: Bilingual(zh: "这里不能有这个页面", en: "this page cannot be here"),
                    remedy: Bilingual(
                        zh: "栏目首页叫 _index.md；含 index.md 的目录里不放别的页面",
                        en: "a section's page is called _index.md; a folder with index.md holds no other page")))
            return
        }
        // An editor's copy of a page would be served as it is, hidden parts included.
        let lowered = name.lowercased()
        if [".md", ".markdown", ".mdown", ".mkd"].contains(where: lowered.contains) {
            diagnostics.append(
                Diagnostic(
                    "page-name", SourcePosition(path: file.path),
                    problem: Bilingual(
                        zh: "像是页面，但文件名不以 .md 结尾", en: "this looks like a page whose name does not end in .md"),
                    remedy: Bilingual(
                        zh: "改成 名称.md，或从内容目录移走", en: "rename it to name.md, or move it out of the content")))
            return
        }
        // What a browser runs as a page of the site, with the site's own rights.
        let active = [".html", ".htm", ".xhtml", ".xht", ".xml", ".xsl", ".svgz", ".js", ".mjs", ".swf"]
        if active.contains(where: lowered.hasSuffix) {
            diagnostics.append(
                Diagnostic(
                    "active-file", SourcePosition(path: file.path),
                    problem: Bilingual(
                        zh: "这种文件会在浏览器里作为本站的网页运行", en: "a browser would run this file as a page of the site"),
                    remedy: Bilingual(
                        zh: "请改成 Markdown 页面、PDF 或压缩包", en: "make it a Markdown page, a PDF or an archive")))
            return
        }
        let bundleKey = bundleFolder.map { bundle -> String in
            let inside = String(decoding: bundle.utf8.dropFirst(prefix.utf8.count), as: UTF8.self).split(separator: "/")
                .map(String.init)
            return "\(site)/\(inside.dropLast().joined(separator: "/"))/\(inside.last!)"
        }
        let bundleRelative = bundleFolder.map {
            String(decoding: file.path.utf8.dropFirst($0.utf8.count + 1), as: UTF8.self)
        }
        files.append(FilePlace(file: file, site: site, folder: folder, name: bundleRelative ?? name, bundle: bundleKey))
    }

    private static func bundle(containing directory: String, _ bundles: Set<String>, prefix: String) -> String? {
        var current = directory
        while current.utf8.count >= prefix.utf8.count {
            if bundles.contains(current) { return current }
            current = FileSystem.parent(current)
        }
        return nil
    }

    /// Folders from the nearest outwards, ending with the site's own (the empty path).
    static func foldersAbove(_ folder: String, includingSelf: Bool) -> [String] {
        var parts = folder.split(separator: "/").map(String.init)
        var result: [String] = []
        if !includingSelf {
            if parts.isEmpty { return [] }
            parts.removeLast()
        }
        while true {
            result.append(parts.joined(separator: "/"))
            if parts.isEmpty { return result }
            parts.removeLast()
        }
    }
}
