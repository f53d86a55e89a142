import Markdown
import PortalBase
import PositionedYAML
import SiteModel
import Templates

/// Builds the values that templates see. This file is the contract of the theme language's names.
struct PageValues: Sendable {
    let graph: SiteGraph
    let documents: [MarkdownDocument?]

    private var zone: ZoneOffset { graph.configuration.group.zone }

    func language(_ edition: Int) -> String { graph.editions[edition].language }

    /// The HTML `lang` of a language code.
    static func tag(_ language: String) -> String { language == "zh" ? "zh-CN" : language }

    func absolute(_ path: String) -> String { graph.variant.base + percentEncodedPath(path) }

    /// A date as people of the language write it.
    func dateText(_ date: CivilDate, _ language: String) -> String {
        guard language == "en" else { return "\(date.year)年\(date.month)月\(date.day)日" }
        let months = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November",
            "December",
        ]
        return "\(date.day) \(months[date.month - 1]) \(date.year)"
    }

    /// `site`: name, home, code and footer duties of an edition's site.
    func site(_ edition: Int) -> Value {
        let language = language(edition)
        let site = graph.configuration.sites[graph.editions[edition].site]
        let footer = site.footer
        let domain = graph.variant.base.split(separator: "/").last.map(String.init) ?? ""
        let portal = graph.editions.firstIndex {
            graph.configuration.sites[$0.site].kind == .portal && $0.language == language
        }
        return .fields([
            "name": .text(site.name.text(language)),
            "group": .text(graph.configuration.group.name.text(language)),
            "slug": .text(site.slug),
            "kind": .text(site.kind.rawValue),
            "isPortal": .flag(site.kind == .portal),
            "home": .text(percentEncodedPath(graph.editions[edition].path)),
            "domain": .text(domain),
            "siteCode": .optional(footer.siteCode),
            "organiser": .optional(footer.organiser?.text(language)),
            "contact": .optional(footer.contact?.text(language)),
            "icp": .optional(footer.icp),
            "police": .optional(footer.police),
            "sampleNote": .optional(footer.sampleNote?.text(language)),
            "superior": .list(
                footer.superior.map { .fields(["name": .text($0.name.text(language)), "url": .text($0.url)]) }),
            "codes": .list(
                site.codes.map {
                    .fields(["system": .text($0.system), "code": .text($0.code), "asOf": .text($0.asOf)])
                }),
            "portalHome": .optional(portal.map { percentEncodedPath(graph.editions[$0].path) }),
            "portalName": .optional(
                portal.map { graph.configuration.sites[graph.editions[$0].site].name.text(language) }),
            "feed": .text(percentEncodedPath(graph.editions[edition].path + "atom.xml")),
            "sitemap": .text(percentEncodedPath(graph.editions[edition].path + "sitemap/")),
            "tags": .text(percentEncodedPath(graph.editions[edition].path + "tags/")),
            "hasTags": .flag(!graph.editions[edition].terms.isEmpty),
            "variant": .text(graph.variant.name),
            "isPublic": .flag(graph.variant.admits == ["public"]),
        ])
    }

    /// Top-level sections as a menu.
    func menu(_ edition: Int) -> Value {
        let home = graph.nodes[graph.editions[edition].home]
        return .list(
            home.sections.filter { graph.nodes[$0].page?.front.inMenu ?? true }.map { section in
                let node = graph.nodes[section]
                return .fields(["title": .text(node.title), "path": .text(percentEncodedPath(node.path))])
            })
    }

    /// All sites of the group in the language, for the portal's front and the footer.
    func sites(_ language: String) -> Value {
        .list(
            graph.editions.filter { $0.language == language && graph.configuration.sites[$0.site].kind != .portal }.map
            { edition in
                let site = graph.configuration.sites[edition.site]
                return .fields([
                    "name": .text(site.name.text(language)), "path": .text(percentEncodedPath(edition.path)),
                    "kind": .text(site.kind.rawValue), "slug": .text(site.slug),
                ])
            })
    }

    /// What a list shows of a page.
    func card(_ index: Int) -> Value {
        let node = graph.nodes[index]
        let language = language(node.edition)
        let front = node.page?.front
        let date = front?.date?.date(in: zone)
        return .fields([
            "title": .text(node.title),
            "path": .text(percentEncodedPath(node.path)),
            "summary": .optional(summary(index)),
            "date": .optional(date.map { dateText($0, language) }),
            "isoDate": .optional(date?.text),
            "sample": .flag(front?.sample ?? false),
            "weight": .flag((front?.weight ?? 0) != 0),
        ])
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
            "title": .text(node.title),
            "path": .text(percentEncodedPath(node.path)),
            "summary": .optional(summary(index)),
            "items": .list(node.children.prefix(limit).map(card)),
            "sections": .list(
                node.sections.map { inner in
                    .fields([
                        "title": .text(graph.nodes[inner].title),
                        "path": .text(percentEncodedPath(graph.nodes[inner].path)),
                        "summary": .optional(summary(inner)),
                    ])
                }),
        ])
    }

    /// `page`: everything about the page itself, its body apart.
    func page(_ index: Int, path: String, content: [UInt8]) -> Value {
        let node = graph.nodes[index]
        let language = language(node.edition)
        let front = node.page?.front ?? FrontMatter()
        let date = front.date?.date(in: zone)
        let updated = front.updated?.date(in: zone)
        let trail = graph.trail(index)
        var fields: [String: Value] = [
            "title": .text(node.title), "path": .text(percentEncodedPath(path)), "canonical": .text(absolute(path)),
            "summary": .optional(summary(index)), "content": .html(content), "isHome": .flag(node.kind == .home),
            "isSection": .flag(node.kind == .section), "isArticle": .flag(node.kind == .page),
            "type": .optional(front.type), "sample": .flag(front.sample),
        ]
        fields["date"] = .optional(date.map { dateText($0, language) })
        fields["isoDate"] = .optional(date?.text)
        fields["pubDate"] = .optional((front.date ?? front.updated)?.minuteText(in: zone))
        fields["updated"] = .optional(updated.map { dateText($0, language) })
        fields["isoUpdated"] = .optional(updated?.text)
        fields["source"] = .optional(front.source)
        fields["author"] = .optional(front.author)
        fields["reviewedBy"] = .optional(front.reviewedBy)
        fields["tags"] = tags(front.tags, node.edition)
        fields["keywords"] = .optional(front.tags.isEmpty ? nil : front.tags.joined(separator: ","))
        fields["trail"] = .list(trail.dropLast().map(crumb))
        fields["twins"] = .list(twins(index))
        fields["alternates"] = .list(alternates(index))
        fields["previous"] = node.previous.map(card) ?? .nothing
        fields["next"] = node.next.map(card) ?? .nothing
        fields["toc"] = tableOfContents(index)
        fields["document"] = document(front, language)
        fields["column"] = column(index)
        fields["extra"] = front.extra.map(Self.plain) ?? .nothing
        return .fields(fields)
    }

    private func tags(_ names: [String], _ edition: Int) -> Value {
        .list(
            names.compactMap { name -> Value? in
                guard let term = graph.editions[edition].terms.first(where: { $0.name == name }) else { return nil }
                return .fields(["name": .text(name), "path": .text(percentEncodedPath(termPath(edition, term)))])
            })
    }

    private func crumb(_ index: Int) -> Value {
        .fields(["title": .text(trailTitle(index)), "path": .text(percentEncodedPath(graph.nodes[index].path))])
    }

    /// Headings of levels 2 and 3, where there are enough to be worth a list.
    private func tableOfContents(_ index: Int) -> Value {
        let headings = (documents[index]?.headings ?? []).filter { $0.level == 2 || $0.level == 3 }
        guard headings.count >= 3 else { return .nothing }
        return .list(
            headings.map {
                .fields(["text": .text($0.text), "anchor": .text($0.anchor), "isSub": .flag($0.level == 3)])
            })
    }

    private func trailTitle(_ index: Int) -> String {
        let node = graph.nodes[index]
        guard node.kind == .home else { return node.title }
        return graph.site(of: node).name.text(language(node.edition))
    }

    /// The same page in other languages; the other languages' home pages where there is no translation.
    private func twins(_ index: Int) -> [Value] {
        let node = graph.nodes[index]
        let edition = graph.editions[node.edition]
        return graph.editions.enumerated().filter {
            $0.element.site == edition.site && $0.element.language != edition.language
        }
        .map { other, value in
            let twin = node.twins.first { $0.language == value.language }?.node
            return .fields([
                "language": .text(value.language), "tag": .text(Self.tag(value.language)),
                "name": .text(value.language == "en" ? "English" : value.language == "zh" ? "中文" : value.language),
                "path": .text(percentEncodedPath(twin.map { graph.nodes[$0].path } ?? value.path)),
                "isTranslation": .flag(twin != nil),
            ])
        }
    }

    /// `hreflang` links: only where a real translation exists, itself included, so that they are reciprocal.
    private func alternates(_ index: Int) -> [Value] {
        let node = graph.nodes[index]
        guard !node.twins.isEmpty else { return [] }
        let all: [(language: String, node: Int)] = node.twins + [(language(node.edition), index)]
        return all.sorted { $0.language < $1.language }.map { version -> Value in
            .fields(["tag": .text(Self.tag(version.language)), "url": .text(absolute(graph.nodes[version.node].path))])
        }
    }

    /// The column (栏目) that the page tags name: the nearest section, or the site's home.
    private func column(_ index: Int) -> Value {
        let section = graph.nodes[index].kind == .page ? graph.nodes[index].parent ?? index : index
        let node = graph.nodes[section]
        let front = node.page?.front
        let name = node.kind == .home ? graph.site(of: node).name.text(language(node.edition)) : node.title
        return .fields([
            "name": .text(name),
            "description": .text(summary(section) ?? name),
            "keywords": .text(front.flatMap { $0.tags.isEmpty ? nil : $0.tags.joined(separator: ",") } ?? name),
            "type": .text(front?.extra?["column_type"]?.scalar ?? name),
        ])
    }

    private func document(_ front: FrontMatter, _ language: String) -> Value {
        guard let document = front.document else { return .nothing }
        let valid = document.status == nil || document.status == "有效"
        return .fields([
            "number": .optional(document.number), "issuer": .optional(document.issuer),
            "index": .optional(document.index),
            "formed": .optional(document.formed.map { dateText($0, language) }), "status": .optional(document.status),
            "isValid": .flag(valid), "isInvalid": .flag(!valid),
        ])
    }

    func termPath(_ edition: Int, _ term: SiteGraph.Term) -> String {
        graph.editions[edition].path + "tags/" + term.slug + "/"
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
