import Markdown
package import PortalBase
import PositionedYAML

extension SiteConfiguration {
    package static let path = "Content/sites.yaml"

    /// Reads the configuration; nil when too little is there to go on with. Findings go to `diagnostics`.
    package init?(_ text: String, diagnostics: inout [Diagnostic]) {
        guard let node = YAMLNode.parse(text, path: Self.path, diagnostics: &diagnostics) else { return nil }
        var reader = MapReader(node)
        let unknownKeys: Diagnostic.Severity =
            reader.choice("unknownKeys", ["error": .error, "warn": .warning]) ?? .error
        let rawHTML: RawHTMLPolicy = reader.choice("rawHTML", ["error": .error, "escape": .escape]) ?? .error
        let cascade = reader.raw("cascade")
        let group = Self.group(reader.raw("group"), reader: &reader, unknownKeys)
        let groupFooter = Self.footer(reader.raw("footer"), over: Footer(), &reader, unknownKeys)
        let variants = Self.variants(reader.raw("variants"), &reader, unknownKeys)
        let siteNodes = reader.list("sites")
        if variants.isEmpty { reader.missing("variants") }
        if siteNodes.isEmpty { reader.missing("sites") }
        var sites: [Site] = []
        for siteNode in siteNodes {
            guard let site = Self.site(siteNode, cascade, groupFooter, &reader, unknownKeys) else { continue }
            for (field, clash) in [
                ("slug", sites.first { $0.slug == site.slug }), ("address", sites.first { $0.path == site.path }),
            ] {
                guard let clash else { continue }
                reader.add(
                    Diagnostic(
                        "duplicate-site", site.position,
                        problem: Bilingual(zh: "两个站点的 \(field) 相同", en: "two sites have the same \(field)"),
                        remedy: Bilingual(zh: "请改其中一个", en: "change one of them"), related: clash.position))
            }
            sites.append(site)
        }
        diagnostics += reader.finish(unknown: unknownKeys)
        guard let group, !variants.isEmpty, !sites.isEmpty else { return nil }
        self.init(group: group, variants: variants, sites: sites, unknownKeys: unknownKeys, rawHTML: rawHTML)
    }

    private static func group(
        _ node: YAMLNode?, reader outer: inout MapReader, _ unknown: Diagnostic.Severity
    ) -> Group? {
        guard let node else {
            outer.missing("group")
            return nil
        }
        var reader = MapReader(node)
        let name = reader.localized("name")
        let languages = reader.strings("languages") ?? ["zh"]
        let zoneName = reader.string("timezone") ?? "Asia/Shanghai"
        let zone = ZoneOffset(name: zoneName)
        if name == nil { reader.missing("name") }
        if zone == nil, let written = reader.raw("timezone") {
            reader.wrongType(
                written, zh: "Asia/Shanghai、UTC 或 +08:00 这样的时差", en: "Asia/Shanghai, UTC or an offset such as +08:00")
        }
        for diagnostic in reader.finish(unknown: unknown) { outer.add(diagnostic) }
        guard let name, let zone, !languages.isEmpty else { return nil }
        return Group(name: LocalizedText(name), languages: languages, zone: zone)
    }

    private static func variants(
        _ node: YAMLNode?, _ outer: inout MapReader, _ unknown: Diagnostic.Severity
    ) -> [Variant] {
        guard let pairs = node?.pairs else { return [] }
        return pairs.compactMap { pair in
            var reader = MapReader(pair.value)
            let admits = reader.strings("admits")
            let base = reader.requiredString("base")
            let forms = reader.string("forms")
            if admits == nil { reader.missing("admits") }
            if !pair.key.utf8.allSatisfy({ isSlugByte($0) }) {
                reader.wrongType(
                    pair.value, zh: "小写字母、数字和连字符组成的名称", en: "named by lower-case letters, digits and hyphens")
            }
            for diagnostic in reader.finish(unknown: unknown) { outer.add(diagnostic) }
            guard let admits, var base else { return nil }
            while base.hasSuffix("/") { base.removeLast() }
            return Variant(name: pair.key, admits: Set(admits), base: base, forms: forms)
        }
    }

    private static func site(
        _ node: YAMLNode, _ groupCascade: YAMLNode?, _ groupFooter: Footer, _ outer: inout MapReader,
        _ unknown: Diagnostic.Severity
    ) -> Site? {
        var reader = MapReader(node)
        let slug = reader.requiredString("slug")
        let kindNode = reader.raw("kind")
        let folder = reader.string("content") ?? slug
        let name = reader.localized("name")
        let theme = reader.string("theme") ?? "xinmi"
        let cascade = reader.raw("cascade")
        let footer = footer(reader.raw("footer"), over: groupFooter, &reader, unknown)
        let codes = reader.list("codes").map { code in
            var codeReader = MapReader(code)
            let value = AdministrativeCode(
                system: codeReader.requiredString("system") ?? "", code: codeReader.requiredString("code") ?? "",
                asOf: codeReader.requiredString("as_of") ?? "")
            for diagnostic in codeReader.finish(unknown: unknown) { reader.add(diagnostic) }
            return value
        }
        var mode = Site.AddressMode.path
        var path = "/xz/\(slug ?? "")/"
        if let address = reader.raw("address") {
            var addressReader = MapReader(address)
            mode = addressReader.choice("mode", ["path": .path, "host": .host]) ?? .path
            path = addressReader.string("path") ?? path
            for diagnostic in addressReader.finish(unknown: unknown) { reader.add(diagnostic) }
        } else if kindNode?.scalar == "portal" {
            path = "/"
        }
        if mode == .host, let address = reader.raw("address") {
            // Until host mode is built, a silent path-mode site would be the wrong answer.
            reader.wrongType(address, zh: "mode: path（尚不支持 host）", en: "`mode: path`; host mode is not supported yet")
        }
        let kind = kindNode?.scalar.map { Site.Kind(rawValue: $0) } ?? .department
        if let kindNode, kind == nil {
            reader.wrongType(
                kindNode, zh: Site.Kind.allCases.map(\.rawValue).joined(separator: "、"),
                en: "one of " + Site.Kind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        if name == nil { reader.missing("name") }
        if let slug, slug.isEmpty || !slug.utf8.allSatisfy({ isSlugByte($0) }) {
            reader.wrongType(node["slug"]!, zh: "小写字母、数字和连字符", en: "lower-case letters, digits and hyphens")
        }
        if !path.hasPrefix("/") || !path.hasSuffix("/") || path.contains("..") || path.contains("//") {
            reader.wrongType(node, zh: "以 / 开头和结尾的 path", en: "a site whose path starts and ends with /")
        }
        for diagnostic in reader.finish(unknown: unknown) { outer.add(diagnostic) }
        guard let slug, let folder, let name, let kind else { return nil }
        return Site(
            slug: slug, kind: kind, folder: folder, name: LocalizedText(name), theme: theme, mode: mode, path: path,
            cascade: merged(cascade, over: groupCascade), footer: footer, codes: codes, position: node.position)
    }

    private static func merged(_ site: YAMLNode?, over group: YAMLNode?) -> YAMLNode? {
        guard let site, let pairs = site.pairs else { return group }
        guard let outer = group?.pairs else { return site }
        return YAMLNode(
            value: .map(pairs + outer.filter { pair in !pairs.contains { $0.key == pair.key } }),
            position: site.position)
    }

    private static func footer(
        _ node: YAMLNode?, over outer: Footer, _ outerReader: inout MapReader, _ unknown: Diagnostic.Severity
    ) -> Footer {
        guard let node else { return outer }
        var reader = MapReader(node)
        var footer = outer
        footer.organiser = reader.localized("organiser").map(LocalizedText.init) ?? outer.organiser
        footer.contact = reader.localized("contact").map(LocalizedText.init) ?? outer.contact
        footer.siteCode = reader.string("site_code") ?? outer.siteCode
        footer.icp = reader.string("icp") ?? outer.icp
        footer.police = reader.string("police") ?? outer.police
        footer.sampleNote = reader.localized("sample_note").map(LocalizedText.init) ?? outer.sampleNote
        let superior = reader.list("superior").compactMap { item -> Footer.Superior? in
            var itemReader = MapReader(item)
            let name = itemReader.localized("name")
            let url = itemReader.requiredString("url")
            for diagnostic in itemReader.finish(unknown: unknown) { reader.add(diagnostic) }
            return name.flatMap { name in url.map { Footer.Superior(name: LocalizedText(name), url: $0) } }
        }
        if !superior.isEmpty { footer.superior = superior }
        for diagnostic in reader.finish(unknown: unknown) { outerReader.add(diagnostic) }
        return footer
    }
}

extension MapReader {
    /// A value out of a closed list of words.
    mutating func choice<T>(_ key: String, _ choices: [String: T]) -> T? {
        guard let value = raw(key) else { return nil }
        guard let text = value.scalar, let choice = choices[text] else {
            let words = choices.keys.sorted()
            wrongType(value, zh: words.joined(separator: "、") + " 之一", en: "one of " + words.joined(separator: ", "))
            return nil
        }
        return choice
    }
}

func isSlugByte(_ byte: UInt8) -> Bool {
    (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x30 && byte <= 0x39) || byte == UInt8(ascii: "-")
        || byte == UInt8(ascii: "_")
}
