import PortalBase
import PositionedYAML

/// `cascade:` blocks by folder, and what they make of a page's front matter.
struct Cascades: Sendable {
    private let configuration: SiteConfiguration
    private let byFolder: [Folder: Cascade]
    /// What reaches each folder that holds a page, the nearest first.
    private var chains: [Folder: [Cascade]] = [:]

    private struct Folder: Hashable {
        let site: Int
        let path: String
    }

    private struct Cascade {
        let node: YAMLNode
        /// Of the head that it stands in.
        let digest: SHA256Digest
    }

    /// - Parameters:
    ///   - sources: the pages of all sections.
    ///   - places: of all pages.
    init(
        _ sources: [PageSource], reaching places: [ContentLayout.PagePlace], configuration: SiteConfiguration,
        diagnostics: inout [Diagnostic]
    ) {
        self.configuration = configuration
        var byFolder: [Folder: Cascade] = [:]
        for source in sources {
            guard let cascade = source.head["cascade"] else { continue }
            guard Self.isPlace(source.place, configuration) else {
                diagnostics.append(Self.misplaced(cascade))
                continue
            }
            guard cascade.pairs != nil else {
                diagnostics.append(
                    Diagnostic(
                        "wrong-type", cascade.position,
                        problem: Bilingual(zh: "cascade 应当是 {键: 值}", en: "`cascade` must be a map of key: value"),
                        remedy: Bilingual(
                            zh: "写成 cascade: {visibility: public}", en: "write `cascade: {visibility: public}`")))
                continue
            }
            if let node = cascade["visibility"], !node.isNull {
                if let tag = node.scalar {
                    checkTag(VisibilityNames.tag(tag), node.position, configuration, &diagnostics)
                } else {
                    diagnostics.append(
                        Diagnostic(
                            "wrong-type", node.position,
                            problem: Bilingual(zh: "visibility 应当是一个标签", en: "`visibility` must be one tag"),
                            remedy: Bilingual(zh: "写成 visibility: intranet", en: "write `visibility: intranet`")))
                }
            }
            byFolder[Folder(site: source.place.site, path: source.place.folder)] = Cascade(
                node: cascade, digest: source.headDigest)
        }
        self.byFolder = byFolder
        var last: Folder?
        for place in places {
            let folder = Folder(site: place.site, path: place.folder)
            // Pages of a folder stand side by side.
            if folder != last, chains[folder] == nil { chains[folder] = reaching(folder) }
            last = folder
        }
    }

    private static func isPlace(_ place: ContentLayout.PagePlace, _ configuration: SiteConfiguration) -> Bool {
        place.form == .section && place.language == configuration.group.defaultLanguage
    }

    /// Reports a cascade in a page that is no section's.
    func checkPlace(of source: PageSource, _ diagnostics: inout [Diagnostic]) {
        guard let cascade = source.head["cascade"], !Self.isPlace(source.place, configuration) else { return }
        diagnostics.append(Self.misplaced(cascade))
    }

    private static func misplaced(_ cascade: YAMLNode) -> Diagnostic {
        Diagnostic(
            "cascade-place", cascade.position,
            problem: Bilingual(
                zh: "cascade 只能写在栏目的 _index.md 里", en: "`cascade` belongs into a section's _index.md only"),
            remedy: Bilingual(
                zh: "请移到中文的 _index.md，它对两种语言都有效", en: "move it to the original _index.md; it holds for every language"))
    }

    private func reaching(_ folder: Folder) -> [Cascade] {
        if let known = chains[folder] { return known }
        return ContentLayout.foldersAbove(folder.path, includingSelf: true).compactMap {
            byFolder[Folder(site: folder.site, path: $0)]
        }
    }

    /// The page's own keys, then those of the nearest cascade, and so on outwards to the site's.
    func effective(_ source: PageSource) -> YAMLNode {
        if case .scalar = source.head.value, !source.head.isNull { return source.head }
        if case .list = source.head.value { return source.head }
        var pairs = source.head.pairs ?? []
        for cascade in chain(site: source.place.site, folder: source.place.folder) {
            for pair in cascade.pairs ?? [] where !pairs.contains(where: { $0.key == pair.key }) { pairs.append(pair) }
        }
        return YAMLNode(value: .map(pairs), position: source.head.position)
    }

    /// What a page's effective head is made from.
    func identity(of source: PageSource) -> SHA256Digest {
        let above = reaching(Folder(site: source.place.site, path: source.place.folder))
        guard !above.isEmpty else { return source.headDigest }
        var bytes: [UInt8] = []
        bytes.reserveCapacity((above.count + 1) * SHA256Digest.byteCount)
        source.headDigest.append(to: &bytes)
        for cascade in above { cascade.digest.append(to: &bytes) }
        return SHA256Digest(of: bytes)
    }

    /// The audience of a file that lies in a folder without being a page.
    func visibility(site: Int, folder: String, of path: String) -> VisibilityTag {
        for cascade in chain(site: site, folder: folder) {
            if let node = cascade["visibility"], !node.isNull {
                // What is there and no tag was reported; it must not open what lies further out.
                return VisibilityTag(
                    tag: node.scalar.map(VisibilityNames.tag) ?? VisibilityTag.failClosed, position: node.position)
            }
        }
        return VisibilityTag(tag: VisibilityTag.failClosed, position: SourcePosition(path: path))
    }

    /// The cascades that reach a folder, the nearest first.
    func chain(site: Int, folder: String) -> [YAMLNode] {
        reaching(Folder(site: site, path: folder)).map(\.node)
            + [configuration.sites[site].cascade].compactMap { $0 }
    }
}
