package import Markdown
package import PortalBase
package import PositionedYAML

/// What one audience may see, and nothing else.
///
/// Its initialiser is private to this file: only `AudienceFilter` makes one, and the site graph is made from nothing
/// but this. Search, feeds, menus, sitemaps and templates cannot reach what the filter held back.
package struct VisibleContent: Sendable {
    package let variant: SiteConfiguration.Variant
    /// The configuration without written menus: those of this audience are in `menus`.
    package let configuration: SiteConfiguration
    package let now: Instant
    /// Written menus by site; nil where the top-level sections are the menu.
    package let menus: [[SiteConfiguration.MenuEntry]?]
    package let pages: [VisiblePage]
    package let files: [VisibleFile]
    package let tables: [DataTable]
    package let forms: [VisibleForm]

    fileprivate init(
        variant: SiteConfiguration.Variant, configuration: SiteConfiguration, now: Instant,
        menus: [[SiteConfiguration.MenuEntry]?], pages: [VisiblePage], files: [VisibleFile], tables: [DataTable],
        forms: [VisibleForm]
    ) {
        self.variant = variant
        self.configuration = configuration
        self.now = now
        self.menus = menus
        self.pages = pages
        self.files = files
        self.tables = tables
        self.forms = forms
    }
}

/// Immutable, and shared by everything that is made from it: a class, so that passing it on costs one count.
package final class VisiblePage: Sendable {
    /// Index into the loaded pages: equal for the same page in two audiences, so that one parse can serve both.
    package let loadedIndex: Int
    package var path: String { source.path }
    package var site: Int { source.site }
    package var language: String { source.language }
    package var folder: String { source.folder }
    package var stem: String { source.stem }
    package var form: LoadedPage.Form { source.form }
    package let front: FrontMatter
    package var pairKey: String { source.pairKey }
    /// Whether its file is called `name.md`, and not `name.zh.md`.
    var isNamedWithoutLanguage: Bool {
        let name = form == .section ? "_index" : form == .bundle ? "index" : stem
        let tail = path.utf8.suffix(name.utf8.count + 4)
        return tail.first == UInt8(ascii: "/") && tail.dropFirst().starts(with: name.utf8)
    }
    /// Whether two are one page in two languages.
    func isVersion(of other: VisiblePage) -> Bool { source.isVersion(of: other.source) }
    /// Of the whole file, and of what the typed head is made from.
    package var digest: SHA256Digest? { source.digest }
    package var identity: SHA256Digest { source.identity }
    /// What the page was made from, for the filter alone.
    fileprivate let source: LoadedPage

    fileprivate init(_ page: LoadedPage, index: Int) {
        source = page
        loadedIndex = index
        front = page.front
    }
}

package struct VisibleFile: Sendable {
    package let path: String
    package let location: String
    package let site: Int
    package let folder: String
    package let name: String
    package let bundle: String?
    package let size: Int
}

package struct VisibleForm: Sendable {
    package let path: String
    package let id: String
    package let node: YAMLNode
}

package enum AudienceFilter {
    /// One page as `variant` sees it; nil where it may not see it.
    package static func page(
        _ index: Int, of loaded: LoadedContent, for variant: SiteConfiguration.Variant
    ) -> VisiblePage? {
        let page = loaded.pages[index]
        return variant.admits.contains(page.visibility.tag) ? VisiblePage(page, index: index) : nil
    }

    /// The body of a page, for all audiences together: only `cut` lets anybody look inside.
    package struct UncutBody: Sendable {
        fileprivate let tagged: TaggedBody
    }

    /// Reads the body of a page again.
    ///
    /// - Returns: nil after adding a diagnostic, above all where the file is not what it was when its head was read: what
    ///   is hidden now might not have been hidden then.
    package static func body(of page: VisiblePage, diagnostics: inout [Diagnostic]) -> UncutBody? {
        let place = page.source.place
        guard let file = SourceFile.read(place.file, known: page.source.known, diagnostics: &diagnostics) else {
            return nil
        }
        guard file.isSame(as: page.source.known) else {
            diagnostics.append(
                Diagnostic(
                    "changed-meanwhile", SourcePosition(path: place.file.path),
                    problem: Bilingual(zh: "构建期间文件有改动", en: "the file changed while the site was being built"),
                    remedy: Bilingual(zh: "请再构建一次", en: "build once more")))
            return nil
        }
        // Mistakes in the marks were reported when the head was read.
        var known: [Diagnostic] = []
        return UncutBody(
            tagged: file.body(place.file.path, isPlain: page.source.known.isPlain, diagnostics: &known))
    }

    /// What `variant` sees of a body.
    package static func cut(
        _ body: UncutBody, for variant: SiteConfiguration.Variant, diagnostics: inout [Diagnostic]
    ) -> CutBody {
        body.tagged.cut(admits: { variant.admits.contains($0) }, diagnostics: &diagnostics)
    }

    /// Holds back everything that `variant` does not admit: pages, parts of pages, files, rows, forms, and sites that
    /// have no page left.
    package static func apply(
        _ variant: SiteConfiguration.Variant, to loaded: LoadedContent
    ) -> VisibleContent {
        func admits(_ tag: String) -> Bool { variant.admits.contains(tag) }
        var pages: [VisiblePage] = []
        for (index, page) in loaded.pages.enumerated() where admits(page.visibility.tag) {
            pages.append(VisiblePage(page, index: index))
        }
        let files = loaded.files.filter { file in
            admits(file.visibility.tag) && file.grounds.contains { $0.allSatisfy(admits) }
        }.map {
            VisibleFile(
                path: $0.path, location: $0.location, site: $0.site, folder: $0.folder, name: $0.name,
                bundle: $0.bundle,
                size: $0.size)
        }
        let tables = loaded.tables.compactMap { table(of: $0, admits) }
        let forms = loaded.forms.filter { admits($0.visibility.tag) }.map {
            VisibleForm(path: $0.path, id: $0.id, node: $0.node)
        }
        var configuration = loaded.configuration
        let hasMenus = configuration.sites.contains { $0.menu != nil }
        let shown = hasMenus ? Set(pages.map(\.path)) : []
        let known = hasMenus ? Set(loaded.pages.map(\.path)) : []
        let menus = configuration.sites.map { site in
            site.menu?.filter { entry in
                if let tag = entry.visibility { return admits(tag.tag) }
                // An entry for a page has the page's audience; any other has its site's.
                let path = site.source(entry.target)
                if known.contains(path) { return shown.contains(path) }
                return entry.target.hasSuffix(".md")
                    || admits(site.cascade?["visibility"]?.scalar ?? VisibilityTag.failClosed)
            }
        }
        for index in configuration.sites.indices { configuration.sites[index].menu = nil }
        return VisibleContent(
            variant: variant, configuration: configuration, now: loaded.now, menus: menus, pages: pages, files: files,
            tables: tables, forms: forms)
    }

    private static func table(of loaded: LoadedTable, _ admits: (String) -> Bool) -> DataTable? {
        let rows = loaded.rowVisibility.indices.filter { admits(loaded.rowVisibility[$0].tag) }
        guard !rows.isEmpty || loaded.visibility.map({ admits($0.tag) }) ?? false else { return nil }
        // Columns that only hidden rows have are hidden, and the order is that of the rows that are shown.
        var columns = loaded.table.columns
        if let keys = loaded.rowKeys {
            columns = []
            for row in rows { for key in keys[row] where !columns.contains(key) { columns.append(key) } }
        }
        // The tag column itself would tell that rows are missing.
        columns.removeAll { $0 == "visibility" }
        // Always: each is a column of the table.
        let picked = columns.map { loaded.table.column($0)! }
        return DataTable(
            name: loaded.table.name, columns: columns,
            rows: rows.map { row in picked.map { loaded.table.rows[row][$0] } })
    }
}
