import Markdown
import PortalBase
import PositionedYAML
import SiteModel
import Templates

/// Builds the values that templates see, from the point of view of one edition: addresses are as its pages write them,
/// dates as its language does. This file is the contract of the theme language's names.
final class PageValues: Sendable {
    let graph: SiteGraph
    let bodies: PageBodies
    let theme: Theme
    /// The edition whose pages are drawn.
    let edition: Int
    fileprivate let local: LocalText
    fileprivate let language: String
    private let docroot: Int
    private let home: String
    private let ownTaxonomies: [SiteGraph.Taxonomy]
    /// Every term of `ownTaxonomies` as templates see it: pages ask for the same ones again and again.
    private let termValues: [[Value]]
    /// The site's editions in other languages.
    private let others: [OtherEdition]

    private struct OtherEdition {
        let language: String
        let tag: String
        let name: String
        let home: Int
    }

    init(graph: SiteGraph, bodies: PageBodies, theme: Theme, edition: Int) {
        self.graph = graph
        self.bodies = bodies
        self.theme = theme
        self.edition = edition
        let place = graph.editions[edition]
        language = place.language
        docroot = place.docroot
        home = place.path
        ownTaxonomies = place.taxonomies
        let local = LocalText(theme: theme, language: language)
        self.local = local
        termValues = place.taxonomies.map { taxonomy in
            taxonomy.terms.map { Self.term(taxonomy, $0, home: place.path, local) }
        }
        others = graph.editions.filter { $0.site == place.site && $0.language != place.language }.map {
            OtherEdition(
                language: $0.language, tag: LanguageCode.tag($0.language),
                name: Self.languageName($0.language, theme), home: $0.home)
        }
    }

    /// Of every edition; nil where the theme could not be loaded.
    static func all(_ graph: SiteGraph, _ bodies: PageBodies, _ themes: [String: Theme]) -> [PageValues?] {
        graph.editions.indices.map { edition in
            themes[graph.configuration.sites[graph.editions[edition].site].theme].map {
                PageValues(graph: graph, bodies: bodies, theme: $0, edition: edition)
            }
        }
    }

    // Keys of the small scopes that every page makes.
    private static let title = Key("title")
    private static let path = Key("path")
    private static let text = Key("text")
    private static let anchor = Key("anchor")
    private static let isSub = Key("isSub")
    private static let name = Key("name")
    private static let count = Key("count")
    private static let tag = Key("tag")
    private static let url = Key("url")
    private static let language = Key("language")
    private static let isTranslation = Key("isTranslation")
    private static let items = Key("items")
    private static let previous = Key("previous")
    private static let next = Key("next")

    fileprivate var zone: ZoneOffset { graph.configuration.group.zone }

    /// The absolute URL of a path of this edition's docroot.
    func absolute(_ path: String) -> String { graph.href(path, in: docroot, from: -1) }

    fileprivate func own(_ path: String) -> Value { .text(percentEncodedPath(home + path)) }

    fileprivate func href(_ node: Int) -> Value { .text(graph.href(node, from: docroot)) }

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
    func card(_ index: Int) -> Value { .scope(CardScope(values: self, index: index)) }

    private func link(_ index: Int) -> Value {
        .fields(["title": .text(graph.nodes[index].title), "path": href(index)])
    }

    /// The written summary, or the first words of the page.
    func summary(_ index: Int) -> String? {
        if let written = graph.nodes[index].page?.front.summary { return written }
        guard let page = graph.nodes[index].page else { return nil }
        let excerpt = bodies.facts(of: index, page).excerpt
        return excerpt.isEmpty ? nil : excerpt
    }

    fileprivate func neighbours(_ node: SiteGraph.Node) -> Value {
        .scope(
            Fields([
                (Self.previous, node.previous.map(card) ?? .nothing), (Self.next, node.next.map(card) ?? .nothing),
            ]))
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

    /// `page` for what no source file stands for: a title and a place.
    func blankPage(title: String, path: String) -> Value {
        .scope(BlankScope(values: self, title: title, path: path))
    }

    /// `page`: everything about the page itself, made as a template asks for it.
    func page(_ index: Int, path: String, content: [UInt8], document: MarkdownDocument?) -> Value {
        .scope(PageScope(values: self, index: index, path: path, content: content, document: document))
    }

    /// A list that is written with a frame round it: nothing where it is empty, so that the frame goes too.
    fileprivate static func items(_ values: [Value]) -> Value {
        values.isEmpty ? .nothing : .scope(Fields([(Self.items, .list(values))]))
    }

    fileprivate func terms(_ key: String, _ terms: [String: [String]]) -> [Value] {
        guard let names = terms[key], let number = ownTaxonomies.firstIndex(where: { $0.key == key }) else { return [] }
        return names.compactMap { name in ownTaxonomies[number].index[name].map { termValues[number][$0] } }
    }

    fileprivate func taxonomies(_ own: [String: [String]]) -> [Value] {
        graph.configuration.taxonomies.compactMap { taxonomy in
            let terms = terms(taxonomy.key, own)
            guard !terms.isEmpty else { return nil }
            return .fields([
                "key": .text(taxonomy.key), "name": .text(taxonomy.name.text(language)), "terms": .list(terms),
            ])
        }
    }

    /// The terms of a taxonomy of this edition.
    func terms(_ taxonomy: Int) -> [Value] { termValues[taxonomy] }

    private static func term(
        _ taxonomy: SiteGraph.Taxonomy, _ term: SiteGraph.Term, home: String, _ local: LocalText
    ) -> Value {
        .scope(
            Fields([
                (Self.name, .text(term.name)),
                (Self.path, .text(percentEncodedPath("\(home)\(taxonomy.key)/\(term.slug)/"))),
                (Self.count, .text(local.number(term.nodes.count))),
            ]))
    }

    fileprivate func attachments(_ node: SiteGraph.Node) -> [Value] {
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

    fileprivate func crumb(_ index: Int) -> Value {
        let node = graph.nodes[index]
        let title = node.kind == .home ? graph.site(of: node).name.text(language) : node.title
        return .scope(Fields([(Self.title, .text(title)), (Self.path, href(index))]))
    }

    /// Headings of levels 2 and 3, where there are enough to be worth a list.
    fileprivate func tableOfContents(_ document: MarkdownDocument) -> Value {
        guard document.headings.count(where: Self.isListed) >= 3 else { return .nothing }
        return Self.items(
            document.headings.lazy.filter(Self.isListed).map { heading in
                .scope(
                    Fields([
                        (Self.text, .text(heading.text)), (Self.anchor, .text(heading.anchor)),
                        (Self.isSub, .flag(heading.level == 3)),
                    ]))
            })
    }

    private static func isListed(_ heading: MarkdownDocument.Heading) -> Bool {
        heading.level == 2 || heading.level == 3
    }

    fileprivate func languageName(_ language: String) -> String { Self.languageName(language, theme) }

    private static func languageName(_ language: String, _ theme: Theme) -> String {
        theme.strings[language]?["languageName"] ?? LanguageCode.tag(language)
    }

    /// The same page in other languages; the other languages' home pages where there is no translation.
    fileprivate func twins(_ index: Int) -> [Value] {
        let twins = graph.nodes[index].twins
        return others.map { other in
            let twin = twins.first { $0.language == other.language }?.node
            return .scope(
                Fields([
                    (Self.language, .text(other.language)), (Self.tag, .text(other.tag)),
                    (Self.name, .text(other.name)), (Self.path, href(twin ?? other.home)),
                    (Self.isTranslation, .flag(twin != nil)),
                ]))
        }
    }

    /// `hreflang` links: only where a real translation exists, itself included, so that they are reciprocal.
    fileprivate func alternates(_ index: Int) -> [Value] {
        graph.versions(index).map { version -> Value in
            .scope(
                Fields([
                    (Self.tag, .text(LanguageCode.tag(version.language))),
                    (Self.url, .text(graph.canonical(version.node))),
                ]))
        }
    }

    /// The column (栏目) that the page tags name: the nearest section, or the site's home.
    fileprivate func column(_ index: Int) -> Value {
        let section = graph.nodes[index].kind == .page ? graph.nodes[index].parent ?? index : index
        let node = graph.nodes[section]
        let name = node.kind == .home ? graph.site(of: node).name.text(language) : node.title
        let tags = node.page?.front.terms["tags"] ?? []
        return .fields([
            "name": .text(name), "description": .text(summary(section) ?? name),
            "keywords": .text(tags.isEmpty ? name : tags.joined(separator: ",")),
            "type": .text(node.page?.front.extra?["column_type"]?.scalar ?? name),
        ])
    }

    fileprivate func document(_ node: SiteGraph.Node) -> Value {
        guard let document = node.page?.front.document else { return .nothing }
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
    fileprivate func archive(_ index: Int) -> Value {
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
    fileprivate static func plain(_ node: YAMLNode) -> Value {
        switch node.value {
        case .scalar(let text, _): node.isNull ? .nothing : .text(text)
        case .list(let items): .list(items.map(plain))
        case .map(let pairs): .fields(Dictionary(pairs.map { ($0.key, plain($0.value)) }) { first, _ in first })
        }
    }
}

/// What a list shows of a page.
private final class CardScope: Scope {
    private enum Field: String, CaseIterable { case title, path, summary, date, isoDate, sample, weight, foreign }
    private static let table = Field.byKey()

    private let values: PageValues
    private let index: Int

    init(values: PageValues, index: Int) {
        self.values = values
        self.index = index
    }

    func value(_ key: Key) -> Value? {
        guard key.number < Self.table.count, let field = Self.table[key.number] else { return nil }
        let node = values.graph.nodes[index]
        switch field {
        case .title: return .text(node.title)
        case .path: return values.href(index)
        case .summary: return .optional(values.summary(index))
        case .date: return .optional(node.page?.front.date.map { values.local.date($0.date(in: values.zone)) })
        case .isoDate: return .optional(node.page?.front.date.map { $0.date(in: values.zone).text })
        case .sample: return .flag(node.page?.front.sample ?? false)
        case .weight: return .flag((node.page?.front.weight ?? 0) != 0)
        // Set where the page has no version in this language.
        case .foreign:
            let other = values.graph.editions[node.edition].language
            return other == values.language
                ? .nothing
                : .fields(["tag": .text(LanguageCode.tag(other)), "name": .text(values.languageName(other))])
        }
    }
}

/// The names of `page`.
private enum PageField: String, CaseIterable {
    case title, path, canonical, isHome, isSection, isArticle, sample, hasTerms, hasForm, twins, column, trail, content,
        summary
    case type, date, isoDate, pubDate, updated, isoUpdated, source, author, reviewedBy, reviewedAt, legalBasis
    case disclosure, keywords, neighbours, toc, document, extra, characters, minutes, mapReviewNo, archive, related
    case attachments, tags, taxonomies, alternates

    private static let table = byKey()

    init?(_ key: Key) {
        guard key.number < Self.table.count, let field = Self.table[key.number] else { return nil }
        self = field
    }
}

/// `page` where no source file stands for it: the home page's place, and nothing of an article.
private final class BlankScope: Scope {
    private let values: PageValues
    private let title: String
    private let path: String

    init(values: PageValues, title: String, path: String) {
        self.values = values
        self.title = title
        self.path = path
    }

    func value(_ key: Key) -> Value? {
        guard let field = PageField(key) else { return nil }
        let home = values.graph.editions[values.edition].home
        switch field {
        case .title: return .text(title)
        case .path: return .text(percentEncodedPath(path))
        case .canonical: return .text(values.absolute(path))
        case .isSection: return .flag(true)
        case .isHome, .isArticle, .sample, .hasTerms, .hasForm: return .flag(false)
        case .twins: return .list(values.twins(home))
        case .column: return values.column(home)
        case .trail: return .list([values.crumb(home)])
        case .content: return .html([])
        case .tags, .taxonomies, .alternates: return .list([])
        default: return .nothing
        }
    }
}

/// `page` of a node.
private final class PageScope: Scope {
    private static let noTerms: [String: [String]] = [:]

    private let values: PageValues
    private let index: Int
    private let path: String
    private let content: [UInt8]
    private let document: MarkdownDocument?

    init(values: PageValues, index: Int, path: String, content: [UInt8], document: MarkdownDocument?) {
        self.values = values
        self.index = index
        self.path = path
        self.content = content
        self.document = document
    }

    /// The page's own body; pages of a list after the first read it when a theme asks.
    private var body: MarkdownDocument {
        if let document { return document }
        var ignored: [Diagnostic] = []
        return values.graph.nodes[index].page.map { values.bodies.document(of: $0, &ignored) } ?? .empty
    }

    func value(_ key: Key) -> Value? {
        guard let field = PageField(key) else { return nil }
        let node = values.graph.nodes[index]
        // Asked member by member: copying a whole head for each name would cost more than the rest.
        let page = node.page
        let zone = values.zone
        switch field {
        case .title: return .text(node.title)
        case .path: return .text(percentEncodedPath(path))
        case .canonical: return .text(path == node.path ? values.graph.canonical(index) : values.absolute(path))
        case .summary: return .optional(values.summary(index))
        case .content: return .html(content)
        case .isHome: return .flag(node.kind == .home)
        case .isSection: return .flag(node.kind == .section)
        case .isArticle: return .flag(node.kind == .page)
        case .type: return .optional(page?.front.type)
        case .sample: return .flag(page?.front.sample ?? false)
        case .date: return .optional(page?.front.date.map { values.local.date($0.date(in: zone)) })
        case .isoDate: return .optional(page?.front.date?.date(in: zone).text)
        case .pubDate: return .optional((page?.front.date ?? page?.front.updated)?.minuteText(in: zone))
        case .updated: return .optional(page?.front.updated.map { values.local.date($0.date(in: zone)) })
        case .isoUpdated: return .optional(page?.front.updated?.date(in: zone).text)
        case .source: return .optional(page?.front.source)
        case .author: return .optional(page?.front.author)
        case .reviewedBy: return .optional(page?.front.reviewedBy)
        case .reviewedAt: return .optional(page?.front.reviewedAt)
        case .legalBasis: return .optional(page?.front.legalBasis)
        case .disclosure: return .optional(page?.front.disclosure?.rawValue)
        case .mapReviewNo: return .optional(page?.front.mapReviewNo)
        case .tags: return .list(values.terms("tags", page?.front.terms ?? Self.noTerms))
        case .taxonomies: return .list(values.taxonomies(page?.front.terms ?? Self.noTerms))
        case .hasTerms: return .flag(!(page?.front.terms.isEmpty ?? true))
        case .hasForm: return .flag(page?.front.form != nil)
        case .keywords:
            let tags = page?.front.terms["tags"] ?? []
            return .optional(tags.isEmpty ? nil : tags.joined(separator: ","))
        case .trail: return .list(values.graph.trail(index).dropLast().map(values.crumb))
        case .twins: return .list(values.twins(index))
        case .alternates: return .list(values.alternates(index))
        case .neighbours:
            guard node.previous != nil || node.next != nil else { return .nothing }
            return values.neighbours(node)
        case .related:
            return PageValues.items(node.kind == .page ? values.graph.related(index).map(values.card) : [])
        case .attachments: return PageValues.items(values.attachments(node))
        case .toc: return values.tableOfContents(body)
        case .characters, .minutes:
            guard let characters = body.characters, characters > 0 else { return .nothing }
            // People read about 400 Chinese characters a minute.
            return .text(values.local.number(field == .characters ? characters : max(1, (characters + 200) / 400)))
        case .document: return values.document(node)
        case .column: return values.column(index)
        case .archive: return values.archive(index)
        case .extra: return page?.front.extra.map(PageValues.plain) ?? .nothing
        }
    }
}
