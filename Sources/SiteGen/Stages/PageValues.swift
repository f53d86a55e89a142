import Markdown
import PortalBase
import PositionedYAML
import SiteModel
import Templates

/// Builds the values that templates see, from the point of view of one edition: addresses are as its pages write them,
/// dates as its language does. This file is the contract of the theme language's names.
struct PageValues: Sendable {
    let graph: SiteGraph
    let documents: [MarkdownDocument?]
    let theme: Theme
    /// The edition whose pages are drawn.
    let edition: Int
    private let local: LocalText

    init(graph: SiteGraph, documents: [MarkdownDocument?], theme: Theme, edition: Int) {
        self.graph = graph
        self.documents = documents
        self.theme = theme
        self.edition = edition
        local = LocalText(theme: theme, language: graph.editions[edition].language)
    }

    private var zone: ZoneOffset { graph.configuration.group.zone }
    private var language: String { graph.editions[edition].language }
    private var docroot: Int { graph.editions[edition].docroot }

    /// The absolute URL of a path of this edition's docroot.
    func absolute(_ path: String) -> String { graph.href(path, in: docroot, from: -1) }

    private func own(_ path: String) -> Value { .text(percentEncodedPath(graph.editions[edition].path + path)) }

    private func href(_ node: Int) -> Value { .text(graph.href(node, from: docroot)) }

    // MARK: Site and chrome

    /// `site`: name, home, code and footer duties of the edition's site.
    func site() -> Value {
        let site = graph.configuration.sites[graph.editions[edition].site]
        let footer = site.footer
        let portal = graph.editions.firstIndex {
            graph.configuration.sites[$0.site].kind == .portal && $0.language == language
        }
        var fields: [String: Value] = [
            "name": .text(site.name.text(language)),
            "group": .text(graph.configuration.group.name.text(language)),
            "slug": .text(site.slug), "kind": .text(site.kind.rawValue), "isPortal": .flag(site.kind == .portal),
            "home": own(""), "feed": own("atom.xml"), "sitemap": own("sitemap/"),
            "domain": .text(graph.docroots[docroot].origin.split(separator: "/").last.map(String.init) ?? ""),
            "variant": .text(graph.variant.name), "isPublic": .flag(graph.variant.isOpen),
        ]
        fields["siteCode"] = .optional(footer.siteCode)
        fields["organiser"] = .optional(footer.organiser?.text(language))
        fields["contact"] = .optional(footer.contact?.text(language))
        fields["icp"] = .optional(footer.icp)
        fields["police"] = .optional(footer.police)
        fields["sampleNote"] = .optional(footer.sampleNote?.text(language))
        fields["superior"] = .list(
            footer.superior.map { .fields(["name": .text($0.name.text(language)), "url": .text($0.url)]) })
        fields["codes"] = .list(
            site.codes.map {
                .fields(["system": .text($0.system), "code": .text($0.code), "asOf": .text($0.asOf)])
            })
        fields["portalHome"] = portal.map { href(graph.editions[$0].home) } ?? .nothing
        fields["portalName"] = .optional(
            portal.map { graph.configuration.sites[graph.editions[$0].site].name.text(language) })
        for (name, page) in [("badge", footer.badge), ("reportError", footer.reportError)] {
            fields[name] = page.flatMap { graph.node(of: $0, in: language) }.map(href) ?? .nothing
        }
        fields["hasTags"] = .flag(graph.editions[edition].taxonomies.contains { $0.key == "tags" })
        fields["tags"] = own("tags/")
        fields["search"] = theme.has("search") ? own("search/") : .nothing
        // For the page's own policy: streams may come from listed origins only.
        fields["mediaSources"] = .text(graph.configuration.mediaOrigins.map { " " + $0 }.joined())
        return .fields(fields)
    }

    func menu() -> Value {
        .list(
            graph.editions[edition].menu.map { item in
                switch item.target {
                case .node(let node):
                    .fields(["title": .text(item.title), "path": href(node), "isExternal": .flag(false)])
                case .address(let address):
                    .fields([
                        "title": .text(item.title), "path": .text(address),
                        "isExternal": .flag(!address.hasPrefix("/")),
                    ])
                }
            })
    }

    /// All sites of the group in the language, for the portal's front and the footer.
    func sites() -> Value {
        .list(
            graph.editions.filter { $0.language == language && graph.configuration.sites[$0.site].kind != .portal }
                .map { edition in
                    let site = graph.configuration.sites[edition.site]
                    return .fields([
                        "name": .text(site.name.text(language)), "path": href(edition.home),
                        "kind": .text(site.kind.rawValue), "slug": .text(site.slug),
                    ])
                })
    }

    /// `data`: the rows of every data file, by its name with underscores (`units_csv`).
    static func data(_ tables: [DataTable]) -> Value {
        .fields(
            Dictionary(
                tables.map { table in
                    (
                        String(table.name.map { $0 == "." || $0 == "/" || $0 == "-" ? "_" : $0 }),
                        Value.list(
                            table.rows.map { row in
                                .fields(Dictionary(zip(table.columns, row.map(Value.text))) { first, _ in first })
                            })
                    )
                }
            ) { first, _ in first })
    }

    // MARK: Lists

    /// What a list shows of a page.
    func card(_ index: Int) -> Value {
        let node = graph.nodes[index]
        let front = node.page?.front
        let date = front?.date?.date(in: zone)
        let other = graph.editions[node.edition].language
        return .fields([
            "title": .text(node.title), "path": href(index), "summary": .optional(summary(index)),
            "date": .optional(date.map(local.date)), "isoDate": .optional(date?.text),
            "sample": .flag(front?.sample ?? false), "weight": .flag((front?.weight ?? 0) != 0),
            // Set where the page has no version in this language.
            "foreign": other == language
                ? .nothing
                : .fields(["tag": .text(LanguageCode.tag(other)), "name": .text(languageName(other))]),
        ])
    }

    private func link(_ index: Int) -> Value {
        .fields(["title": .text(graph.nodes[index].title), "path": href(index)])
    }

    /// The written summary, or the first words of the page.
    func summary(_ index: Int) -> String? {
        if let written = graph.nodes[index].page?.front.summary { return written }
        guard let excerpt = documents[index]?.excerpt, !excerpt.isEmpty else { return nil }
        return excerpt
    }

    /// A subsection with its newest pages.
    func section(_ index: Int, limit: Int) -> Value {
        let node = graph.nodes[index]
        return .fields([
            "title": .text(node.title), "path": href(index), "summary": .optional(summary(index)),
            "items": .list(node.children.prefix(limit).map(card)),
            "hasEntries": .flag(!node.children.isEmpty || !node.sections.isEmpty),
            "sections": .list(
                node.sections.map { inner in
                    .fields([
                        "title": .text(graph.nodes[inner].title), "path": href(inner),
                        "summary": .optional(summary(inner)),
                    ])
                }),
        ])
    }

    // MARK: Pages

    /// Every name of `page` with nothing in it: what pages without a source file start from.
    func blankPage(title: String, path: String) -> [String: Value] {
        let home = graph.editions[edition].home
        var fields: [String: Value] = [
            "title": .text(title), "path": .text(percentEncodedPath(path)), "canonical": .text(absolute(path)),
            "isHome": .flag(false), "isSection": .flag(true), "isArticle": .flag(false), "sample": .flag(false),
            "hasTerms": .flag(false), "twins": .list(twins(home)), "column": column(home),
            "trail": .list([crumb(home)]),
            "content": .html([]),
        ]
        for name in [
            "summary", "type", "date", "isoDate", "pubDate", "updated", "isoUpdated", "source", "author", "reviewedBy",
            "reviewedAt", "legalBasis", "disclosure", "keywords", "neighbours", "toc", "document", "extra",
            "characters", "minutes", "mapReviewNo", "archive", "related", "attachments",
        ] { fields[name] = .nothing }
        for name in ["tags", "taxonomies", "alternates"] { fields[name] = .list([]) }
        return fields
    }

    /// `page`: everything about the page itself.
    func page(_ index: Int, path: String, content: [UInt8]) -> Value {
        let node = graph.nodes[index]
        let front = node.page?.front ?? FrontMatter()
        var fields = blankPage(title: node.title, path: path)
        fields["summary"] = .optional(summary(index))
        fields["content"] = .html(content)
        fields["isHome"] = .flag(node.kind == .home)
        fields["isSection"] = .flag(node.kind == .section)
        fields["isArticle"] = .flag(node.kind == .page)
        fields["type"] = .optional(front.type)
        fields["sample"] = .flag(front.sample)
        let date = front.date?.date(in: zone)
        let updated = front.updated?.date(in: zone)
        fields["date"] = .optional(date.map(local.date))
        fields["isoDate"] = .optional(date?.text)
        fields["pubDate"] = .optional((front.date ?? front.updated)?.minuteText(in: zone))
        fields["updated"] = .optional(updated.map(local.date))
        fields["isoUpdated"] = .optional(updated?.text)
        fields["source"] = .optional(front.source)
        fields["author"] = .optional(front.author)
        fields["reviewedBy"] = .optional(front.reviewedBy)
        fields["reviewedAt"] = .optional(front.reviewedAt)
        fields["legalBasis"] = .optional(front.legalBasis)
        fields["disclosure"] = .optional(front.disclosure?.rawValue)
        fields["mapReviewNo"] = .optional(front.mapReviewNo)
        fields["tags"] = .list(terms("tags", front))
        fields["taxonomies"] = .list(taxonomies(front))
        fields["hasTerms"] = .flag(!front.terms.isEmpty)
        let tags = front.terms["tags"] ?? []
        fields["keywords"] = .optional(tags.isEmpty ? nil : tags.joined(separator: ","))
        fields["trail"] = .list(graph.trail(index).dropLast().map(crumb))
        fields["twins"] = .list(twins(index))
        fields["alternates"] = .list(alternates(index))
        if node.previous != nil || node.next != nil {
            fields["neighbours"] = .fields([
                "previous": node.previous.map(card) ?? .nothing, "next": node.next.map(card) ?? .nothing,
            ])
        }
        fields["related"] = Self.items(node.kind == .page ? graph.related(index).map(card) : [])
        fields["attachments"] = Self.items(attachments(node))
        fields["toc"] = tableOfContents(index)
        if let characters = documents[index]?.characters, characters > 0 {
            fields["characters"] = .text(local.number(characters))
            // People read about 400 Chinese characters a minute.
            fields["minutes"] = .text(local.number(max(1, (characters + 200) / 400)))
        }
        fields["document"] = document(node, front)
        fields["column"] = column(index)
        fields["archive"] = archive(index)
        fields["extra"] = front.extra.map(Self.plain) ?? .nothing
        return .fields(fields)
    }

    /// A list that is written with a frame round it: nothing where it is empty, so that the frame goes too.
    private static func items(_ values: [Value]) -> Value {
        values.isEmpty ? .nothing : .fields(["items": .list(values)])
    }

    private func terms(_ key: String, _ front: FrontMatter) -> [Value] {
        guard let taxonomy = graph.editions[edition].taxonomies.first(where: { $0.key == key }) else { return [] }
        return (front.terms[key] ?? []).compactMap { name in
            taxonomy.index[name].map { term(taxonomy, taxonomy.terms[$0]) }
        }
    }

    private func taxonomies(_ front: FrontMatter) -> [Value] {
        graph.configuration.taxonomies.compactMap { taxonomy in
            let terms = terms(taxonomy.key, front)
            guard !terms.isEmpty else { return nil }
            return .fields([
                "key": .text(taxonomy.key), "name": .text(taxonomy.name.text(language)), "terms": .list(terms),
            ])
        }
    }

    func term(_ taxonomy: SiteGraph.Taxonomy, _ term: SiteGraph.Term) -> Value {
        .fields([
            "name": .text(term.name), "path": own("\(taxonomy.key)/\(term.slug)/"),
            "count": .text(local.number(term.nodes.count)),
        ])
    }

    private func attachments(_ node: SiteGraph.Node) -> [Value] {
        node.attachments.map { graph.files[$0] }
            .filter { !FileFacts($0).isShownInPages }
            .map { file in
                .fields([
                    "name": .text(file.path.split(separator: "/").last.map(String.init) ?? ""),
                    "path": .text(graph.href(file.path, in: file.docroot, from: docroot)),
                    "facts": .text(FileFacts(file).text(theme, language)),
                ])
            }
    }

    private func crumb(_ index: Int) -> Value {
        let node = graph.nodes[index]
        let title = node.kind == .home ? graph.site(of: node).name.text(language) : node.title
        return .fields(["title": .text(title), "path": href(index)])
    }

    /// Headings of levels 2 and 3, where there are enough to be worth a list.
    private func tableOfContents(_ index: Int) -> Value {
        let headings = (documents[index]?.headings ?? []).filter { $0.level == 2 || $0.level == 3 }
        guard headings.count >= 3 else { return .nothing }
        return Self.items(
            headings.map {
                .fields(["text": .text($0.text), "anchor": .text($0.anchor), "isSub": .flag($0.level == 3)])
            })
    }

    private func languageName(_ language: String) -> String {
        theme.strings[language]?["languageName"] ?? LanguageCode.tag(language)
    }

    /// The same page in other languages; the other languages' home pages where there is no translation.
    private func twins(_ index: Int) -> [Value] {
        let node = graph.nodes[index]
        let edition = graph.editions[node.edition]
        return graph.editions.filter { $0.site == edition.site && $0.language != edition.language }.map { other in
            let twin = node.twins.first { $0.language == other.language }?.node
            return .fields([
                "language": .text(other.language), "tag": .text(LanguageCode.tag(other.language)),
                "name": .text(languageName(other.language)), "path": href(twin ?? other.home),
                "isTranslation": .flag(twin != nil),
            ])
        }
    }

    /// `hreflang` links: only where a real translation exists, itself included, so that they are reciprocal.
    private func alternates(_ index: Int) -> [Value] {
        let node = graph.nodes[index]
        guard !node.twins.isEmpty else { return [] }
        let all: [(language: String, node: Int)] = node.twins + [(graph.editions[node.edition].language, index)]
        return all.sorted { $0.language < $1.language }.map { version -> Value in
            .fields(["tag": .text(LanguageCode.tag(version.language)), "url": .text(graph.canonical(version.node))])
        }
    }

    /// The column (栏目) that the page tags name: the nearest section, or the site's home.
    private func column(_ index: Int) -> Value {
        let section = graph.nodes[index].kind == .page ? graph.nodes[index].parent ?? index : index
        let node = graph.nodes[section]
        let front = node.page?.front
        let name = node.kind == .home ? graph.site(of: node).name.text(language) : node.title
        let tags = front?.terms["tags"] ?? []
        return .fields([
            "name": .text(name), "description": .text(summary(section) ?? name),
            "keywords": .text(tags.isEmpty ? name : tags.joined(separator: ",")),
            "type": .text(front?.extra?["column_type"]?.scalar ?? name),
        ])
    }

    private func document(_ node: SiteGraph.Node, _ front: FrontMatter) -> Value {
        guard let document = front.document else { return .nothing }
        let isValid = (document.status == nil || document.status == "有效") && node.relations.replacedBy == nil
        var fields: [String: Value] = [
            "number": .optional(document.number), "issuer": .optional(document.issuer),
            "index": .optional(document.index), "formed": .optional(document.formed.map(local.date)),
            "status": .optional(document.status), "isValid": .flag(isValid), "isInvalid": .flag(!isValid),
        ]
        fields["replacedBy"] = node.relations.replacedBy.map(link) ?? .nothing
        fields["interprets"] = node.relations.interprets.map(link) ?? .nothing
        fields["replaces"] = .list(node.relations.replaces.map(link))
        fields["interpretedBy"] = .list(node.relations.interpretedBy.map(link))
        fields["hasFacts"] = .flag(
            document.number != nil || document.issuer != nil || document.index != nil || document.formed != nil
                || document.status != nil)
        fields["hasRelations"] = .flag(
            node.relations.interprets != nil || !node.relations.interpretedBy.isEmpty
                || !node.relations.replaces.isEmpty)
        return .fields(fields)
    }

    /// A section's years and months with their counts.
    private func archive(_ index: Int) -> Value {
        let periods = graph.archive(of: index)
        guard !periods.isEmpty else { return .nothing }
        return .fields([
            "periods": .list(
                periods.map { period in
                    .fields([
                        "title": .text(periodTitle(period)), "isMonth": .flag(period.month != nil),
                        "count": .text(local.number(period.nodes.count)),
                        "path": .text(percentEncodedPath(graph.nodes[index].path + period.path)),
                    ])
                })
        ])
    }

    func periodTitle(_ period: SiteGraph.ArchivePeriod) -> String {
        period.month.map { local.month(period.year, $0) } ?? local.year(period.year)
    }

    /// Free front matter as template values.
    private static func plain(_ node: YAMLNode) -> Value {
        switch node.value {
        case .scalar(let text, _): node.isNull ? .nothing : .text(text)
        case .list(let items): .list(items.map(plain))
        case .map(let pairs): .fields(Dictionary(pairs.map { ($0.key, plain($0.value)) }) { first, _ in first })
        }
    }
}
