import PortalBase
import PositionedYAML

/// `cascade:` blocks by folder, and what they make of a page's front matter.
struct Cascades: Sendable {
    private let configuration: SiteConfiguration
    private let byFolder: [String: YAMLNode]
    /// Digests of the heads that the cascades stand in.
    private let digests: [String: SHA256Digest]

    init(_ sources: [PageSource], configuration: SiteConfiguration, diagnostics: inout [Diagnostic]) {
        self.configuration = configuration
        var byFolder: [String: YAMLNode] = [:]
        var digests: [String: SHA256Digest] = [:]
        for source in sources {
            guard let cascade = source.head["cascade"] else { continue }
            guard source.place.form == .section, source.place.language == configuration.group.defaultLanguage else {
                diagnostics.append(
                    Diagnostic(
                        "cascade-place", cascade.position,
                        problem: Bilingual(
                            zh: "cascade 只能写在栏目的 _index.md 里", en: "`cascade` belongs into a section's _index.md only"),
                        remedy: Bilingual(
                            zh: "请移到中文的 _index.md，它对两种语言都有效",
                            en: "move it to the original _index.md; it holds for every language")))
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
                    checkTag(tag, node.position, configuration, &diagnostics)
                } else {
                    diagnostics.append(
                        Diagnostic(
                            "wrong-type", node.position,
                            problem: Bilingual(zh: "visibility 应当是一个标签", en: "`visibility` must be one tag"),
                            remedy: Bilingual(zh: "写成 visibility: intranet", en: "write `visibility: intranet`")))
                }
            }
            byFolder["\(source.place.site)/\(source.place.folder)"] = cascade
            digests["\(source.place.site)/\(source.place.folder)"] = source.headDigest
        }
        self.byFolder = byFolder
        self.digests = digests
    }

    /// The page's own keys, then those of the nearest cascade, and so on outwards to the site's.
    func effective(_ source: PageSource) -> YAMLNode {
        var pairs = source.head.pairs ?? []
        var known = Set(pairs.map(\.key))
        for cascade in chain(site: source.place.site, folder: source.place.folder) {
            for pair in cascade.pairs ?? [] where known.insert(pair.key).inserted { pairs.append(pair) }
        }
        if case .scalar = source.head.value, !source.head.isNull { return source.head }
        if case .list = source.head.value { return source.head }
        return YAMLNode(value: .map(pairs), position: source.head.position)
    }

    /// What a page's effective head is made from.
    func identity(of source: PageSource) -> SHA256Digest {
        guard !digests.isEmpty else { return source.headDigest }
        var bytes: [UInt8] = []
        source.headDigest.append(to: &bytes)
        for folder in ContentLayout.foldersAbove(source.place.folder, includingSelf: true) {
            digests["\(source.place.site)/\(folder)"]?.append(to: &bytes)
        }
        return bytes.count == SHA256Digest.byteCount ? source.headDigest : SHA256Digest(of: bytes)
    }

    /// The audience of a file that lies in a folder without being a page.
    func visibility(site: Int, folder: String, of path: String) -> VisibilityTag {
        for cascade in chain(site: site, folder: folder) {
            if let node = cascade["visibility"], !node.isNull {
                // What is there and no tag was reported; it must not open what lies further out.
                return VisibilityTag(tag: node.scalar ?? VisibilityTag.failClosed, position: node.position)
            }
        }
        return VisibilityTag(tag: VisibilityTag.failClosed, position: SourcePosition(path: path))
    }

    /// The cascades that reach a folder, the nearest first.
    func chain(site: Int, folder: String) -> [YAMLNode] {
        ContentLayout.foldersAbove(folder, includingSelf: true).compactMap { byFolder["\(site)/\($0)"] }
            + [configuration.sites[site].cascade].compactMap { $0 }
    }
}
