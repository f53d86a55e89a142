import Markdown
import PortalBase

/// Which pages name which files, and for whom: a file is as public as the most public place that names it, unless a
/// `files:` says for whom it is.
struct NamedFiles {
    private let configuration: SiteConfiguration
    /// By source path: tags of each place that is shown to somebody.
    private var grounds: [String: [[String]]] = [:]
    /// Files that any page names, shown or not.
    private var named: Set<String> = []
    /// Tags that a page's `files:` gives to a file: they count wherever else it is named.
    private var decided: [String: [String]] = [:]

    /// - Parameters:
    ///   - pages: all pages, drafts and pages whose time has not come or is over among them.
    ///   - kept: those of them that somebody sees.
    init(
        _ files: [ContentLayout.FilePlace], pages: [LoadedPage], kept: [LoadedPage],
        configuration: SiteConfiguration, diagnostics: inout [Diagnostic]
    ) {
        self.configuration = configuration
        let paths = Set(files.map(\.file.path))
        let addresses = Addresses(files, configuration)
        let shown = Set(kept.map(ObjectIdentifier.init))
        for page in pages {
            let isShown = shown.contains(ObjectIdentifier(page))
            for reference in page.references {
                let decoded = percentDecoded(reference.destination) ?? reference.destination
                for written in [reference.destination, decoded] {
                    guard
                        let path = SiteGraph.sourcePath(written, from: page.path).flatMap({
                            paths.contains($0) ? $0 : nil
                        })
                            ?? addresses.source(written, for: page.site)
                    else { continue }
                    named.insert(path)
                    if isShown { grounds[path, default: []].append([page.visibility.tag] + reference.tags) }
                    break
                }
            }
            for entry in page.front.files {
                guard let path = SiteGraph.sourcePath(entry.name, from: page.path), paths.contains(path) else {
                    diagnostics.append(
                        Diagnostic(
                            "no-file", entry.position,
                            problem: Bilingual(
                                zh: "这里没有文件“\(entry.name)”", en: "there is no file `\(entry.name)` here"),
                            remedy: Bilingual(
                                zh: "files 里写本目录中的文件名", en: "`files` names files of this folder")))
                    continue
                }
                if let tag = entry.visibility {
                    checkTag(tag, entry.position, configuration, &diagnostics)
                    decided[path, default: []].append(tag)
                }
                named.insert(path)
                if isShown {
                    grounds[path, default: []].append([page.visibility.tag])
                }
            }
        }
    }

    /// Files by the address that a browser asks for, where it is made of the names of folders as they stand.
    private struct Addresses {
        private var sources: [String: [(site: Int, path: String)]] = [:]
        private let sites: [SiteConfiguration.Site]

        init(_ files: [ContentLayout.FilePlace], _ configuration: SiteConfiguration) {
            sites = configuration.sites
            for file in files {
                let site = sites[file.site]
                let rest = file.file.path.dropFirst(site.prefix.count)
                let root = site.address.hosts.isEmpty ? site.address.path : "/"
                sources[root + rest, default: []].append((file.site, file.file.path))
            }
        }

        /// The source of an address of the page's own site, or of another on the same host.
        func source(_ address: String, for site: Int) -> String? {
            guard address.hasPrefix("/") else { return nil }
            let isShared = sites[site].address.hosts.isEmpty
            return sources[address]?.first { $0.site == site || isShared && sites[$0.site].address.hosts.isEmpty }?.path
        }
    }

    /// Reports a file that anybody could see and nobody meant to publish.
    func grounds(
        of file: ContentLayout.FilePlace, _ folder: VisibilityTag, _ diagnostics: inout [Diagnostic]
    ) -> [[String]] {
        let path = file.file.path
        if named.contains(path) { return (grounds[path] ?? []).map { $0 + (decided[path] ?? []) } }
        guard configuration.isOpen(folder.tag) else { return [[folder.tag]] }
        diagnostics.append(
            Diagnostic(
                "unlinked-file", SourcePosition(path: path),
                problem: Bilingual(
                    zh: "公开目录里的这个文件没有任何页面链接，任何人猜到地址就能看到", en: "no page links to this file of a public folder"),
                remedy: Bilingual(
                    zh: "请在页面里链接它，或在本目录的 \(file.bundle == nil ? "_index.md" : "index.md") 写 files: [\(file.name)]，或删除它",
                    en:
                        "link to it from a page, or write `files: [\(file.name)]` in the folder's \(file.bundle == nil ? "_index.md" : "index.md"), or delete it"
                ), related: folder.position))
        return []
    }
}
