package import PortalBase
package import PositionedYAML

/// The typed head of a page, after the cascade. A class, so that the many who pass it on do not copy it.
package final class FrontMatter: Sendable {
    package let title: String
    package let summary: String?
    package let date: Instant?
    package let updated: Instant?
    package let expires: Instant?
    /// Other generators' `publishDate`: not shown before.
    package let notBefore: Instant?
    package let draft: Bool
    package let weight: Int
    package let slug: String?
    package let aliases: [String]
    /// Terms by taxonomy key, in the order of the configuration's taxonomies.
    package let terms: [String: [String]]
    package let type: String?
    package let disclosure: Disclosure?
    package let legalBasis: String?
    package let reviewDue: CivilDate?
    package let source: String?
    package let reprint: Bool
    package let author: String?
    package let reviewedBy: String?
    package let reviewedAt: String?
    package let sites: [String]
    package let layout: String?
    package let inMenu: Bool
    package let form: String?
    package let sample: Bool
    package let cadence: String?
    package let mapReviewNo: String?
    package let avspLicence: String?
    package let document: Document?
    /// How a section's pages are also listed by date.
    package let archive: Archive?
    package let inSearch: Bool
    /// Files beside the page that no page links to and that are published all the same.
    package let files: [ListedFile]
    package let extra: YAMLNode?

    /// Nil on most pages, which write nothing of it.
    private let written: Places?

    /// Where what later stages may have more to say about was written.
    package var places: Places { written ?? .nowhere }

    /// An entry of `files:`.
    package struct ListedFile: Sendable, Equatable {
        /// Path below the page's folder.
        package let name: String
        /// Nil: the page's own.
        package let visibility: String?
        package let position: SourcePosition
    }

    package enum Archive: String, Sendable { case year, month }

    /// 主动公开, 依申请公开, 不予公开 (政府信息公开条例).
    package enum Disclosure: String, Sendable, CaseIterable {
        case proactive
        case onRequest = "on-request"
        case withheld
    }

    /// A 规范性文件 or other official document. A class, since few pages are one.
    package final class Document: Sendable, Equatable {
        /// 文号, such as `新密政〔2026〕1号`.
        package let number: String?
        package let issuer: String?
        /// 索引号
        package let index: String?
        /// 成文日期
        package let formed: CivilDate?
        /// 有效, 废止, 失效 or 修改 as written.
        package let status: String?
        package let replacedBy: String?
        package let interprets: String?

        fileprivate init(_ reader: inout MapReader) {
            number = reader.string("number")
            issuer = reader.string("issuer")
            index = reader.string("index")
            formed = FrontMatter.civilDate("formed", &reader)
            status = reader.string("status")
            replacedBy = reader.string("replaced_by")
            interprets = reader.string("interprets")
        }

        package static func == (a: Document, b: Document) -> Bool {
            a.number == b.number && a.issuer == b.issuer && a.index == b.index && a.formed == b.formed
                && a.status == b.status && a.replacedBy == b.replacedBy && a.interprets == b.interprets
        }
    }

    package final class Places: Sendable {
        package let form: SourcePosition?
        package let sites: SourcePosition?
        package let aliases: SourcePosition?
        package let disclosure: SourcePosition?
        package let layout: SourcePosition?
        package let replacedBy: SourcePosition?
        package let interprets: SourcePosition?

        fileprivate static let nowhere = Places(nil)

        fileprivate init(_ head: YAMLNode?) {
            form = head?["form"]?.position
            sites = head?["sites"]?.position
            aliases = head?["aliases"]?.position
            disclosure = head?["disclosure"]?.position
            layout = head?["layout"]?.position
            let document = head?["document"]
            replacedBy = document?["replaced_by"]?.position
            interprets = document?["interprets"]?.position
        }
    }

    /// Keys with a meaning of their own, which no taxonomy may take.
    static let ownKeys: Set<String> = [
        "title", "summary", "date", "updated", "expires", "draft", "weight", "slug", "aliases", "type", "visibility",
        "disclosure", "legal_basis", "review_due", "source", "reprint", "author", "reviewed_by", "reviewed_at", "sites",
        "layout", "menu", "form", "sample", "cadence", "map_review_no", "avsp_licence", "document", "archive", "search",
        "extra", "cascade", "publishDate", "expiryDate", "files",
    ]

    /// Reads the effective map (own keys first, then the cascade's). The tag comes back apart, since only the
    /// audience filter may act on it.
    init(
        _ node: YAMLNode, configuration: SiteConfiguration, visibility: inout (tag: String?, position: SourcePosition?),
        diagnostics: inout [Diagnostic]
    ) {
        var reader = MapReader(node)
        let zone = configuration.group.zone
        let unknown = configuration.unknownKeys
        title = reader.requiredString("title") ?? ""
        summary = reader.string("summary")
        date = Self.instant("date", zone, &reader)
        updated = Self.instant("updated", zone, &reader)
        expires = Self.end("expires", zone, &reader) ?? Self.end("expiryDate", zone, &reader)
        notBefore = Self.instant("publishDate", zone, &reader)
        draft = reader.bool("draft") ?? false
        weight = reader.integer("weight") ?? 0
        slug = Self.slug(&reader)
        aliases = reader.strings("aliases") ?? []
        var terms: [String: [String]] = [:]
        for taxonomy in configuration.taxonomies {
            guard let written = Self.terms(taxonomy.key, &reader) else { continue }
            let names = Self.unique(written.contains("") ? written.filter { !$0.isEmpty } : written)
            if !names.isEmpty { terms[taxonomy.key] = names }
        }
        self.terms = terms
        type = reader.string("type")
        visibility = (reader.string("visibility").map(VisibilityNames.tag), reader.position(of: "visibility"))
        disclosure = reader.choice("disclosure", Self.disclosures)
        legalBasis = reader.string("legal_basis")
        reviewDue = Self.civilDate("review_due", &reader)
        source = reader.string("source")
        reprint = reader.bool("reprint") ?? false
        author = reader.strings("author")?.joined(separator: " ")
        reviewedBy = reader.string("reviewed_by")
        reviewedAt = reader.string("reviewed_at")
        sites = reader.strings("sites") ?? []
        layout = reader.string("layout")
        inMenu = Self.inMenu(&reader, unknown)
        form = reader.string("form")
        sample = reader.bool("sample") ?? false
        cadence = reader.string("cadence")
        mapReviewNo = reader.string("map_review_no")
        avspLicence = reader.string("avsp_licence")
        document = Self.document(&reader, unknown)
        archive = reader.choice("archive", Self.archives)
        inSearch = reader.bool("search") ?? true
        files = Self.files(&reader, unknown)
        extra = reader.raw("extra")
        extra?.forEachPair { pair in
            guard VisibilityNames.isMeant(by: pair.key) else { return }
            reader.add(
                Diagnostic(
                    "unknown-key", pair.keyPosition,
                    problem: Bilingual(
                        zh: "写在 extra 里的“\(pair.key)”不会隐藏页面", en: "`\(pair.key)` inside `extra` hides nothing"),
                    remedy: Bilingual(zh: "请移到最外层", en: "move it out of `extra`")))
        }
        if reader.position(of: "cascade") != nil { _ = reader.raw("cascade") }
        let isPlain =
            form == nil && sites.isEmpty && aliases.isEmpty && disclosure == nil && layout == nil && document == nil
        written = isPlain ? nil : Places(node)
        diagnostics += reader.finish(unknown: unknown, critical: Self.critical)
    }
}

extension FrontMatter {
    /// Whether a page with this head stands where one with the other does: in the same lists, in the same order, under
    /// the same address, for as long. Only what is read when a page or a list is drawn may differ.
    func isPlaced(like other: FrontMatter) -> Bool {
        date == other.date && expires == other.expires && notBefore == other.notBefore && draft == other.draft
            && weight == other.weight && slug == other.slug && aliases == other.aliases && terms == other.terms
            && type == other.type && disclosure == other.disclosure && legalBasis == other.legalBasis
            && reviewDue == other.reviewDue && reprint == other.reprint && reviewedBy == other.reviewedBy
            && reviewedAt == other.reviewedAt && sites == other.sites && layout == other.layout
            && inMenu == other.inMenu && form == other.form && sample == other.sample && cadence == other.cadence
            && mapReviewNo == other.mapReviewNo && avspLicence == other.avspLicence && document == other.document
            && archive == other.archive && inSearch == other.inSearch && files == other.files && extra == other.extra
    }

    private static let disclosures = Dictionary(
        uniqueKeysWithValues: Disclosure.allCases.map { ($0.rawValue, $0) } + [
            ("主动公开", .proactive), ("依申请公开", .onRequest), ("不予公开", .withheld),
        ])

    /// Keys that decide who sees a page and until when.
    private static let critical = ["visibility", "draft", "expires"]

    private static func files(_ reader: inout MapReader, _ unknown: Diagnostic.Severity) -> [ListedFile] {
        reader.list("files").compactMap { item in
            if let name = item.scalar { return ListedFile(name: name, visibility: nil, position: item.position) }
            var inner = MapReader(item)
            let name = inner.requiredString("name")
            let tag = inner.string("visibility").map(VisibilityNames.tag)
            for diagnostic in inner.finish(unknown: unknown, critical: ["visibility"]) { reader.add(diagnostic) }
            return name.map { ListedFile(name: $0, visibility: tag, position: item.position) }
        }
    }

    /// Terms of a list; a comma of another width would make one term of two.
    private static func terms(_ key: String, _ reader: inout MapReader) -> [String]? {
        guard let names = reader.strings(key) else { return nil }
        let node = reader.node[key]
        for item in node?.items ?? [node].compactMap(\.self) {
            guard case .scalar(let text, quoted: false) = item.value,
                text.contains(where: { "，、；;［］【】﹐､|｜".contains($0) })
                    || node?.items == nil && text.contains(",")
            else { continue }
            reader.wrongType(
                item, zh: "用半角逗号分开的列表，如 [政务, 公开]；确实是一个词请加引号",
                en: "a list with ASCII commas such as [a, b]; quote a term that holds such a mark")
        }
        return names
    }
    private static let archives = ["year": Archive.year, "month": .month]

    private static func instant(_ key: String, _ zone: ZoneOffset, _ reader: inout MapReader) -> Instant? {
        guard let node = reader.raw(key) else { return nil }
        if let text = node.scalar, let instant = Instant(iso: text, zone: zone) ?? Instant(iso: spelt(text), zone: zone)
        {
            return instant
        }
        if let text = node.scalar, let day = CivilDate(written: text) { return Instant(iso: day.text, zone: zone) }
        reader.wrongType(
            node, zh: "日期，如 2026-09-01 或 2026-09-01 09:00", en: "a date such as 2026-09-01 or 2026-09-01 09:00")
        return nil
    }

    /// The end of something: a date alone is shown through its day.
    private static func end(_ key: String, _ zone: ZoneOffset, _ reader: inout MapReader) -> Instant? {
        guard let instant = instant(key, zone, &reader) else { return nil }
        let isDay = reader.node[key]?.scalar.map { CivilDate(written: $0) != nil } ?? false
        return isDay ? instant.adding(seconds: 86_400) : instant
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
        if let text = node.scalar, let date = CivilDate(iso: text) ?? CivilDate(written: text) { return date }
        reader.wrongType(node, zh: "日期，如 2026-09-01", en: "a date such as 2026-09-01")
        return nil
    }

    private static func slug(_ reader: inout MapReader) -> String? {
        guard let slug = reader.string("slug") else { return nil }
        if slug.isEmpty || slug.hasPrefix(".") || !slug.utf8.allSatisfy({ isSlugByte($0) || $0 >= 0x80 })
            || slug.unicodeScalars.contains(where: PublishableText.isInvisible)
        {
            reader.wrongType(
                "slug", zh: "不含斜杠和空格的网址片段", en: "one URL segment of lower-case letters, digits, hyphens")
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
        let document = Document(&inner)
        for diagnostic in inner.finish(unknown: unknown, critical: critical) { reader.add(diagnostic) }
        return document
    }

    private static func unique(_ texts: [String]) -> [String] {
        guard texts.count > 16 else {
            let isUnique = texts.indices.allSatisfy { !texts[..<$0].contains(texts[$0]) }
            return isUnique
                ? texts : texts.reduce(into: []) { known, text in if !known.contains(text) { known.append(text) } }
        }
        var seen: Set<String> = []
        return texts.filter { seen.insert($0).inserted }
    }
}
