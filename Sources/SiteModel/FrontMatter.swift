package import PortalBase
package import PositionedYAML

/// The typed head of a page, after the cascade.
package struct FrontMatter: Sendable, Equatable {
    package var title = ""
    package var summary: String?
    package var date: Instant?
    package var updated: Instant?
    package var expires: Instant?
    /// Other generators' `publishDate`: not shown before.
    package var notBefore: Instant?
    package var draft = false
    package var weight = 0
    package var slug: String?
    package var aliases: [String] = []
    /// Terms by taxonomy key, in the order of the configuration's taxonomies.
    package var terms: [String: [String]] = [:]
    package var type: String?
    package var disclosure: Disclosure?
    package var legalBasis: String?
    package var reviewDue: CivilDate?
    package var source: String?
    package var reprint = false
    package var author: String?
    package var reviewedBy: String?
    package var reviewedAt: String?
    package var sites: [String] = []
    package var layout: String?
    package var inMenu = true
    package var form: String?
    package var sample = false
    package var cadence: String?
    package var mapReviewNo: String?
    package var avspLicence: String?
    package var document: Document?
    /// How a section's pages are also listed by date.
    package var archive: Archive?
    package var inSearch = true
    package var extra: YAMLNode?

    package init() {}

    package enum Archive: String, Sendable { case year, month }

    /// 主动公开, 依申请公开, 不予公开 (政府信息公开条例).
    package enum Disclosure: String, Sendable, CaseIterable {
        case proactive
        case onRequest = "on-request"
        case withheld
    }

    /// A 规范性文件 or other official document.
    package struct Document: Sendable, Equatable {
        /// 文号, such as `新密政〔2026〕1号`.
        package var number: String?
        package var issuer: String?
        /// 索引号
        package var index: String?
        /// 成文日期
        package var formed: CivilDate?
        /// 有效, 废止, 失效 or 修改 as written.
        package var status: String?
        package var replacedBy: String?
        package var interprets: String?
    }

    /// What the loader needs besides the typed values.
    package struct Places: Sendable, Equatable {
        package var visibility: SourcePosition?
        package var form: SourcePosition?
        package var sites: SourcePosition?
        package var aliases: SourcePosition?
        package var disclosure: SourcePosition?
        package var layout: SourcePosition?
        package var replacedBy: SourcePosition?
        package var interprets: SourcePosition?
    }

    /// Keys with a meaning of their own, which no taxonomy may take.
    static let ownKeys: Set<String> = [
        "title", "summary", "date", "updated", "expires", "draft", "weight", "slug", "aliases", "type", "visibility",
        "disclosure", "legal_basis", "review_due", "source", "reprint", "author", "reviewed_by", "reviewed_at", "sites",
        "layout", "menu", "form", "sample", "cadence", "map_review_no", "avsp_licence", "document", "archive", "search",
        "extra", "cascade", "publishDate", "expiryDate",
    ]
}

extension FrontMatter {
    /// Reads the effective map (own keys first, then the cascade's). The tag comes back apart, since only the
    /// audience filter may act on it.
    static func read(
        _ node: YAMLNode, configuration: SiteConfiguration, diagnostics: inout [Diagnostic]
    ) -> (front: FrontMatter, visibility: String?, places: Places) {
        var reader = MapReader(node)
        var front = FrontMatter()
        var places = Places()
        let zone = configuration.group.zone
        let unknown = configuration.unknownKeys
        front.title = reader.requiredString("title") ?? ""
        front.summary = reader.string("summary")
        front.date = instant("date", zone, &reader)
        front.updated = instant("updated", zone, &reader)
        front.expires = instant("expires", zone, &reader) ?? instant("expiryDate", zone, &reader)
        front.notBefore = instant("publishDate", zone, &reader)
        front.draft = reader.bool("draft") ?? false
        front.weight = reader.integer("weight") ?? 0
        front.slug = slug(&reader)
        front.aliases = reader.strings("aliases") ?? []
        places.aliases = node["aliases"]?.position
        for taxonomy in configuration.taxonomies {
            let terms = unique((reader.strings(taxonomy.key) ?? []).filter { !$0.isEmpty })
            if !terms.isEmpty { front.terms[taxonomy.key] = terms }
        }
        front.type = reader.string("type")
        places.visibility = node["visibility"]?.position
        let visibility = reader.string("visibility")
        places.disclosure = node["disclosure"]?.position
        front.disclosure = reader.choice(
            "disclosure", Dictionary(uniqueKeysWithValues: Disclosure.allCases.map { ($0.rawValue, $0) }))
        front.legalBasis = reader.string("legal_basis")
        front.reviewDue = civilDate("review_due", &reader)
        front.source = reader.string("source")
        front.reprint = reader.bool("reprint") ?? false
        front.author = reader.strings("author")?.joined(separator: " ")
        front.reviewedBy = reader.string("reviewed_by")
        front.reviewedAt = reader.string("reviewed_at")
        places.sites = node["sites"]?.position
        front.sites = reader.strings("sites") ?? []
        places.layout = node["layout"]?.position
        front.layout = reader.string("layout")
        front.inMenu = inMenu(&reader, unknown)
        places.form = node["form"]?.position
        front.form = reader.string("form")
        front.sample = reader.bool("sample") ?? false
        front.cadence = reader.string("cadence")
        front.mapReviewNo = reader.string("map_review_no")
        front.avspLicence = reader.string("avsp_licence")
        front.document = document(&reader, unknown)
        places.replacedBy = node["document"]?["replaced_by"]?.position
        places.interprets = node["document"]?["interprets"]?.position
        front.archive = reader.choice("archive", ["year": .year, "month": .month])
        front.inSearch = reader.bool("search") ?? true
        front.extra = reader.raw("extra")
        if node["cascade"] != nil { _ = reader.raw("cascade") }
        diagnostics += reader.finish(unknown: unknown)
        return (front, visibility, places)
    }

    private static func instant(_ key: String, _ zone: ZoneOffset, _ reader: inout MapReader) -> Instant? {
        guard let node = reader.raw(key) else { return nil }
        if let text = node.scalar, let instant = Instant(iso: text, zone: zone) ?? Instant(iso: spelt(text), zone: zone)
        {
            return instant
        }
        reader.wrongType(
            node, zh: "日期，如 2026-09-01 或 2026-09-01 09:00", en: "a date such as 2026-09-01 or 2026-09-01 09:00")
        return nil
    }

    /// `2020-01-02 15:04:05 +0800`, as other programs write it, in the way of RFC 3339.
    private static func spelt(_ text: String) -> String {
        guard let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }) else { return text }
        let offset = text[sign...]
        let hasColon = offset.contains(":")
        var time = text[..<sign]
        while time.last == " " { time.removeLast() }
        return time + (hasColon ? String(offset) : offset.prefix(3) + ":" + offset.dropFirst(3))
    }

    private static func civilDate(_ key: String, _ reader: inout MapReader) -> CivilDate? {
        guard let node = reader.raw(key) else { return nil }
        if let text = node.scalar, let date = CivilDate(iso: text) { return date }
        reader.wrongType(node, zh: "日期，如 2026-09-01", en: "a date such as 2026-09-01")
        return nil
    }

    private static func slug(_ reader: inout MapReader) -> String? {
        guard let slug = reader.string("slug") else { return nil }
        if slug.isEmpty || slug.hasPrefix(".") || !slug.utf8.allSatisfy({ isSlugByte($0) || $0 >= 0x80 }) {
            reader.wrongType(
                reader.node["slug"]!, zh: "不含斜杠和空格的网址片段", en: "one URL segment of lower-case letters, digits, hyphens")
            return nil
        }
        return slug
    }

    /// Other generators put menu names here: with `unknownKeys: warn` those are only worth a warning.
    private static func inMenu(_ reader: inout MapReader, _ unknown: Diagnostic.Severity) -> Bool {
        guard let node = reader.raw("menu") else { return true }
        if let flag = node.bool { return flag }
        reader.add(
            Diagnostic(
                "wrong-type", node.position, severity: unknown,
                problem: Bilingual(zh: "menu 应当是 true 或 false", en: "`menu` must be true or false"),
                remedy: Bilingual(zh: "菜单写在 sites.yaml 里", en: "menus are written in sites.yaml")))
        return true
    }

    private static func document(_ reader: inout MapReader, _ unknown: Diagnostic.Severity) -> Document? {
        guard let node = reader.raw("document") else { return nil }
        var inner = MapReader(node)
        let document = Document(
            number: inner.string("number"), issuer: inner.string("issuer"), index: inner.string("index"),
            formed: civilDate("formed", &inner), status: inner.string("status"),
            replacedBy: inner.string("replaced_by"),
            interprets: inner.string("interprets"))
        for diagnostic in inner.finish(unknown: unknown) { reader.add(diagnostic) }
        return document
    }

    private static func unique(_ texts: [String]) -> [String] {
        var seen: Set<String> = []
        return texts.filter { seen.insert($0).inserted }
    }
}
