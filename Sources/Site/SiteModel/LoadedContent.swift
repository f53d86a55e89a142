import Markdown
package import PortalBase
package import PositionedYAML

/// Everything read from a content tree, for all audiences together. Only `AudienceFilter` may look inside for
/// rendering; other readers use it for messages about things that an audience does not see.
package struct LoadedContent: Sendable {
    package let configuration: SiteConfiguration
    package let now: Instant
    /// The first instant after `now` at which a page becomes due or ends by its own dates; nil where none does.
    package private(set) var nextChange: Instant?
    package internal(set) var pages: [LoadedPage]
    package let files: [LoadedFile]
    package let tables: [LoadedTable]
    package let forms: [LoadedForm]
    let cascades: Cascades

    /// The same content with one page in the place of its earlier state.
    package func replacing(_ index: Int, with page: LoadedPage) -> LoadedContent {
        var copy = self
        copy.pages[index] = page
        copy.nextChange = Self.earlier(nextChange, page.front, after: now)
        return copy
    }

    /// An instant, or an earlier one at which a page becomes due or ends.
    static func earlier(_ instant: Instant?, _ front: FrontMatter, after now: Instant) -> Instant? {
        [instant, front.date, front.notBefore, front.expires].compactMap(\.self).filter { $0 > now }.min()
    }

    /// Where a source path gets its audience from, for the second position of link errors; nil for what does not exist.
    package func visibilityPosition(ofSource path: String) -> SourcePosition? {
        if let page = pages.first(where: { $0.path == path }) { return page.visibility.position }
        if files.contains(where: { $0.path == path }) { return SourcePosition(path: path) }
        return nil
    }
}

/// A tag, and where it was written (the nearest cascade, or the page for "nothing was written").
package struct VisibilityTag: Sendable, Equatable {
    /// What a thing without any tag is: nothing unmarked ever becomes public.
    package static let failClosed = "intranet"

    package let tag: String
    package let position: SourcePosition
}

/// Immutable, and shared by every later stage: a class, so that passing it on costs one count.
package final class LoadedPage: Sendable {
    package enum Form: Sendable, Equatable { case page, section, bundle }

    /// Source path, such as `Content/portal/news/a.en.md`.
    package var path: String { place.file.path }
    /// Index into the configuration's sites.
    package var site: Int { place.site }
    package var language: String { place.language }
    /// Folder below the site's, without slashes at the ends; empty for the site's own. A bundle's parent folder.
    package var folder: String { place.folder }
    /// File or bundle name without language and extension; empty for a section.
    package var stem: String { place.stem }
    package var form: Form { place.form }
    package let front: FrontMatter
    package let visibility: VisibilityTag
    /// What translations of one page share.
    package var pairKey: String { "\(site)/\(folder)/\(form == .section ? "_index" : stem)" }
    let place: ContentLayout.PagePlace
    /// Of the written head.
    package let headDigest: SHA256Digest
    /// Of the whole file; nil where no record is kept.
    package var digest: SHA256Digest? { known.digest }
    /// Of everything that the typed head is made from: the written head and those whose cascades reach it.
    package let identity: SHA256Digest
    /// What reading the file told about its bytes.
    let known: SourceFile.Known
    /// Files that the body names.
    let references: [FileReference]

    init(
        _ source: PageSource, identity: SHA256Digest, front: FrontMatter, visibility: VisibilityTag
    ) {
        place = source.place
        headDigest = source.headDigest
        self.identity = identity
        known = source.known
        references = source.references
        self.front = front
        self.visibility = visibility
    }

    /// Whether two are one page in two languages, or one and the same.
    func isVersion(of other: LoadedPage) -> Bool {
        site == other.site && (form == .section) == (other.form == .section) && stem == other.stem
            && folder == other.folder
    }
}

/// A file that is not Markdown: copied as it is.
package struct LoadedFile: Sendable {
    package let path: String
    package let location: String
    package let site: Int
    package let folder: String
    package let name: String
    /// The bundle's `pairKey` when the file lies in one.
    package let bundle: String?
    /// In bytes.
    package let size: Int
    /// The audience of its folder, or of its bundle's page: nobody else sees the file.
    package let visibility: VisibilityTag
    /// Why it is published: tags of each place that names it, all of which an audience must admit. Nobody sees a file that no
    /// shown place names.
    package let grounds: [[String]]
}

package struct LoadedTable: Sendable {
    package let path: String
    package let table: DataTable
    /// Of the whole file, where `_data.yaml` says it: a table without rows is shown by it alone.
    let visibility: VisibilityTag?
    /// The audience of each row.
    package let rowVisibility: [VisibilityTag]
    /// The keys that each row wrote, where rows have keys of their own (YAML, JSON); nil where a header names the
    /// columns.
    let rowKeys: [[String]]?
}

package struct LoadedForm: Sendable {
    package let path: String
    package let id: String
    package let node: YAMLNode
    package let visibility: VisibilityTag
}
