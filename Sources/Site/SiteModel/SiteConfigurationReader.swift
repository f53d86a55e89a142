import Markdown
package import PortalBase
import PositionedYAML

extension SiteConfiguration {
    package static let path = "Content/sites.yaml"

    /// Reads the configuration; nil when too little is there to go on with. Findings go to `diagnostics`.
    package init?(_ text: String, diagnostics: inout [Diagnostic]) {
        let before = diagnostics.count
        guard let node = YAMLNode.parse(text, path: Self.path, diagnostics: &diagnostics) else {
            if diagnostics.count == before {
                diagnostics.append(
                    Diagnostic(
                        "no-configuration", SourcePosition(path: Self.path),
                        problem: Bilingual(zh: "站点清单是空的", en: "the list of sites is empty"),
                        remedy: Bilingual(zh: "请写 group、variants 和 sites", en: "write `group`, `variants` and `sites`"))
                )
            }
            return nil
        }
        var reader = MapReader(node)
        let unknownKeys: Diagnostic.Severity =
            reader.choice("unknownKeys", ["error": .error, "warn": .warning]) ?? .error
        let rawHTML: RawHTMLPolicy = reader.choice("rawHTML", ["error": .error, "escape": .escape]) ?? .error
        let cascade = Self.cascade(&reader)
        let group = Self.group(reader.raw("group"), reader: &reader, unknownKeys)
        let groupFooter = Self.footer(reader.raw("footer"), over: Footer(), &reader, unknownKeys)
        let taxonomies = Self.taxonomies(reader.raw("taxonomies"), &reader, unknownKeys)
        let images = Self.images(reader.raw("images"), &reader, unknownKeys)
        let mediaOrigins = Self.mediaOrigins(&reader)
        let output = Self.output(reader.raw("output"), &reader, unknownKeys)
        let mounts = Self.mounts(&reader, unknownKeys)
        let publishedNumbers = Self.publishedNumbers(&reader)
        let variants = Self.variants(reader.raw("variants"), &reader, unknownKeys)
        let siteNodes = reader.list("sites")
        if variants.isEmpty { reader.missing("variants") }
        if siteNodes.isEmpty { reader.missing("sites") }
        var sites: [Site] = []
        for siteNode in siteNodes {
            guard let site = Self.site(siteNode, cascade, groupFooter, &reader, unknownKeys) else { continue }
            for (field, clash) in [
                ("slug", sites.first { $0.slug == site.slug }),
                ("address", sites.first { Self.clash($0.address, site.address, variants) }),
            ] {
                guard let clash else { continue }
                reader.add(
                    Diagnostic(
                        "duplicate-site", site.position,
                        problem: Bilingual(zh: "两个站点的 \(field) 相同", en: "two sites have the same \(field)"),
                        remedy: Bilingual(zh: "请改其中一个", en: "change one of them"), related: clash.position))
            }
            for variant in site.address.hosts.keys.sorted()
            where !variant.isEmpty && !variants.contains(where: { $0.name == variant }) {
                reader.wrongType(
                    siteNode["address"]?["host"] ?? siteNode, zh: "以版本名为键的主机名（没有版本“\(variant)”）",
                    en: "host names by variant (there is no variant `\(variant)`)")
            }
            if let tag = site.cascade?["visibility"] {
                if !variants.contains(where: { $0.admits.contains(VisibilityNames.tag(tag.scalar ?? "")) }) {
                    reader.wrongType(tag, zh: "某个版本接受的标签", en: "a tag that some variant admits")
                }
            }
            sites.append(site)
        }
        diagnostics += reader.finish(unknown: unknownKeys)
        guard let group, !variants.isEmpty, !sites.isEmpty else { return nil }
        self.init(
            group: group, variants: variants, sites: sites, taxonomies: taxonomies, images: images,
            mediaOrigins: mediaOrigins, output: output, mounts: mounts, publishedNumbers: publishedNumbers,
            unknownKeys: unknownKeys, rawHTML: rawHTML,
            settings: Self.settings(node))
    }

    /// Menus are left out: what each edition's menu shows counts where it is drawn.
    private static func settings(_ node: YAMLNode) -> SHA256Digest {
        guard case .object(var fields) = node.json else { return SHA256Digest(of: []) }
        if let sites = fields["sites"]?.array {
            fields["sites"] = .array(
                sites.map { site in
                    guard case .object(var own) = site else { return site }
                    own["menu"] = nil
                    return .object(own)
                })
        }
        return SHA256Digest(of: JSON.object(fields).canonicalBytes)
    }

    /// Two sites must not share a place in any variant.
    private static func clash(_ a: Address, _ b: Address, _ variants: [Variant]) -> Bool {
        variants.contains { variant in
            switch (a.host(in: variant), b.host(in: variant)) {
            case (nil, nil): a.path == b.path
            case (let left?, let right?): left == right
            default: false
            }
        }
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
        let languages = (reader.strings("languages") ?? ["zh"]).map(LanguageCode.canonical)
        let fallback = reader.bool("fallback") ?? true
        let zoneName = reader.string("timezone") ?? "Asia/Shanghai"
        let zone = ZoneOffset(name: zoneName)
        if name == nil { reader.missing("name") }
        if let written = reader.node["languages"], let wrong = languages.first(where: { !LanguageCode.isCode($0) }) {
            reader.wrongType(
                written, zh: "语言代码，如 zh、en、pt-BR（“\(wrong)”不是）",
                en: "language codes such as zh, en, pt-BR; `\(wrong)` is none")
        }
        if languages.isEmpty, let written = reader.node["languages"] {
            reader.wrongType(written, zh: "至少一种语言，如 [zh, en]", en: "one language at least, such as [zh, en]")
        }
        if zone == nil, let written = reader.raw("timezone") {
            reader.wrongType(
                written, zh: "Asia/Shanghai、UTC 或 +08:00 这样的时差", en: "Asia/Shanghai, UTC or an offset such as +08:00")
        }
        for diagnostic in reader.finish(unknown: unknown) { outer.add(diagnostic) }
        guard let name, let zone, !languages.isEmpty else { return nil }
        return Group(name: LocalizedText(name), languages: languages, zone: zone, fallback: fallback)
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
            if let admits, admits.isEmpty, let written = reader.node["admits"] {
                reader.wrongType(written, zh: "至少一个标签，如 [public]", en: "one tag at least, such as [public]")
            }
            if !pair.key.utf8.allSatisfy({ isSlugByte($0) }) {
                reader.wrongType(
                    pair.value, zh: "小写字母、数字和连字符组成的名称", en: "named by lower-case letters, digits and hyphens")
            }
            for diagnostic in reader.finish(unknown: unknown) { outer.add(diagnostic) }
            if let base, !isOrigin(base) {
                outer.wrongType(
                    pair.value["base"] ?? pair.value, zh: "https://主机 形式的网址",
                    en: "an origin such as https://www.example.gov.cn")
            }
            if let forms,
                !forms.hasPrefix("/") || forms.hasSuffix("/") || !forms.dropFirst().utf8.allSatisfy(isSlugByte)
            {
                outer.wrongType(
                    pair.value["forms"] ?? pair.value, zh: "一段路径，如 /forms", en: "one path segment such as /forms")
            }
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
        let cascade = Self.cascade(&reader)
        let footer = footer(reader.raw("footer"), over: groupFooter, &reader, unknown)
        let codes = reader.list("codes").map { code in
            var codeReader = MapReader(code)
            let value = AdministrativeCode(
                system: codeReader.requiredString("system") ?? "", code: codeReader.requiredString("code") ?? "",
                asOf: codeReader.requiredString("as_of") ?? "")
            for diagnostic in codeReader.finish(unknown: unknown) { reader.add(diagnostic) }
            return value
        }
        let address = Self.address(
            reader.raw("address"), slug ?? "", isPortal: kindNode?.scalar == "portal", &reader, unknown)
        let menu = reader.raw("menu") == nil ? nil : Self.menu(&reader, unknown)
        let kind = kindNode?.scalar.map { Site.Kind(rawValue: $0) } ?? .department
        if let kindNode, kind == nil {
            reader.wrongType(
                kindNode, zh: Site.Kind.allCases.map(\.rawValue).joined(separator: "、"),
                en: "one of " + Site.Kind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        if name == nil { reader.missing("name") }
        if let slug, slug.isEmpty || !slug.utf8.allSatisfy({ isSlugByte($0) }) {
            reader.wrongType("slug", zh: "小写字母、数字和连字符", en: "lower-case letters, digits and hyphens")
        }
        for diagnostic in reader.finish(unknown: unknown) { outer.add(diagnostic) }
        guard let slug, let folder, let name, let kind else { return nil }
        return Site(
            slug: slug, kind: kind, folder: folder == "." ? "" : folder, name: LocalizedText(name), theme: theme,
            address: address, cascade: merged(cascade, over: groupCascade), footer: footer, codes: codes, menu: menu,
            position: node.position)
    }

    /// `address: {mode: path, path: /xz/a/}` or `{mode: host, host: a.example}`, the host for all variants or by name.
    private static func address(
        _ node: YAMLNode?, _ slug: String, isPortal: Bool, _ outer: inout MapReader, _ unknown: Diagnostic.Severity
    ) -> Address {
        let standard = isPortal ? "/" : "/xz/\(slug)/"
        guard let node else { return Address(path: standard, hosts: [:]) }
        var reader = MapReader(node)
        let isHost = reader.choice("mode", ["path": false, "host": true]) ?? false
        let path = reader.string("path") ?? standard
        if !path.hasPrefix("/") || !path.hasSuffix("/") || path.contains("..") || path.contains("//") {
            reader.wrongType(node, zh: "以 / 开头和结尾的 path", en: "a `path` that starts and ends with /")
        }
        let hosts = reader.localized("host") ?? [:]
        if isHost, hosts.isEmpty { reader.missing("host") }
        for host in hosts.values.sorted() where !isHostName(host) {
            reader.wrongType(
                node["host"] ?? node, zh: "主机名，如 a.example.gov.cn", en: "a host name such as a.example.gov.cn")
        }
        for diagnostic in reader.finish(unknown: unknown) { outer.add(diagnostic) }
        return Address(path: path, hosts: isHost ? hosts : [:])
    }

    /// `https://host` or `http://host:port`, perhaps with a slash.
    private static func isOrigin(_ text: String) -> Bool {
        guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else { return false }
        let host = text.dropFirst(scheme.count)
        return !host.isEmpty
            && host.utf8.allSatisfy {
                ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || ".-:/[]_".utf8.contains($0)
            }
    }

    private static func isHostName(_ text: String) -> Bool {
        let labels = text.split(separator: ":").first?.split(separator: ".", omittingEmptySubsequences: false) ?? []
        return labels.count > 1
            && labels.allSatisfy { label in
                !label.isEmpty && label.utf8.allSatisfy { isSlugByte($0) && $0 != UInt8(ascii: "_") }
            }
    }

    private static func menu(_ reader: inout MapReader, _ unknown: Diagnostic.Severity) -> [MenuEntry] {
        reader.list("menu").compactMap { item in
            if let target = item.scalar {
                return MenuEntry(target: target, name: nil, visibility: nil, position: item.position)
            }
            var inner = MapReader(item)
            let target = inner.requiredString("to")
            let name = inner.localized("name").map(LocalizedText.init)
            let tag = inner.string("visibility").map(VisibilityNames.tag).map {
                VisibilityTag(tag: $0, position: item["visibility"]?.position ?? item.position)
            }
            for diagnostic in inner.finish(unknown: unknown, critical: ["visibility"]) { reader.add(diagnostic) }
            return target.map { MenuEntry(target: $0, name: name, visibility: tag, position: item.position) }
        }
    }

    private static func taxonomies(
        _ node: YAMLNode?, _ outer: inout MapReader, _ unknown: Diagnostic.Severity
    ) -> [Taxonomy] {
        let tags = Taxonomy(key: "tags", name: LocalizedText(["zh": "标签", "en": "Tags"]))
        guard let node else { return [tags] }
        guard let pairs = node.pairs else {
            outer.wrongType(node, zh: "{键: {zh: 名称, en: name}}", en: "a map such as {tags: {zh: 标签, en: Tags}}")
            return [tags]
        }
        return pairs.compactMap { pair in
            var reader = MapReader(node)
            let isFree = pair.key.utf8.allSatisfy { isSlugByte($0) } && !FrontMatter.ownKeys.contains(pair.key)
            if !isFree {
                outer.wrongType(
                    pair.value, zh: "以小写字母命名、不与页面已有的键重名的分类",
                    en: "a taxonomy named by lower-case letters and not like another key of a page")
            }
            let name = reader.localized(pair.key)
            for diagnostic in reader.diagnostics { outer.add(diagnostic) }
            return isFree ? Taxonomy(key: pair.key, name: LocalizedText(name ?? ["": pair.key])) : nil
        }
    }

    private static func images(
        _ node: YAMLNode?, _ outer: inout MapReader, _ unknown: Diagnostic.Severity
    ) -> ImagePolicy {
        guard let node else { return ImagePolicy(widths: [480, 960, 1600], quality: 80) }
        var reader = MapReader(node)
        let widths = reader.list("widths").compactMap(\.integer).filter { (16...8192).contains($0) }.sorted()
        let quality = reader.integer("quality") ?? 80
        if !(1...100).contains(quality) {
            reader.wrongType(node, zh: "1 到 100 的 quality", en: "a `quality` from 1 to 100")
        }
        for diagnostic in reader.finish(unknown: unknown) { outer.add(diagnostic) }
        return ImagePolicy(widths: widths.isEmpty ? [480, 960, 1600] : widths, quality: min(100, max(1, quality)))
    }

    /// `media: {origins: [https://live.example]}`
    private static func mediaOrigins(_ outer: inout MapReader) -> [String] {
        guard let node = outer.raw("media") else { return [] }
        var reader = MapReader(node)
        let origins = reader.strings("origins") ?? []
        for origin in origins {
            let rest = origin.hasPrefix("https://") ? String(origin.dropFirst(8)) : ""
            if !isHostName(rest) {
                reader.wrongType(node, zh: "https://主机 形式的来源", en: "origins such as https://live.example.cn")
            }
        }
        for diagnostic in reader.finish() { outer.add(diagnostic) }
        return origins
    }

    private static func output(
        _ node: YAMLNode?, _ outer: inout MapReader, _ unknown: Diagnostic.Severity
    ) -> OutputPolicy {
        guard let node else { return OutputPolicy(minify: false, precompress: []) }
        var reader = MapReader(node)
        let minify = reader.bool("minify") ?? false
        let encodings = (reader.strings("precompress") ?? []).compactMap { name -> OutputPolicy.Encoding? in
            if let encoding = OutputPolicy.Encoding(rawValue: name) { return encoding }
            reader.wrongType(node["precompress"] ?? node, zh: "gz、br", en: "gz or br")
            return nil
        }
        for diagnostic in reader.finish(unknown: unknown) { outer.add(diagnostic) }
        return OutputPolicy(minify: minify, precompress: Set(encodings))
    }

    /// Numbers that anybody may see: of a duty telephone, say.
    private static func publishedNumbers(_ reader: inout MapReader) -> Set<String> {
        Set((reader.strings("published_numbers") ?? []).map { $0.filter { ("0"..."9").contains($0) } })
    }

    private static func mounts(_ outer: inout MapReader, _ unknown: Diagnostic.Severity) -> [Mount] {
        outer.list("mounts").compactMap { item in
            var reader = MapReader(item)
            let from = reader.requiredString("from")
            let to = reader.requiredString("to")
            for path in [from, to].compactMap({ $0 })
            where path.split(separator: "/", omittingEmptySubsequences: false).contains(where: {
                $0.isEmpty || $0 == ".."
            }) {
                reader.wrongType(item, zh: "源目录内的相对路径", en: "paths inside the source folder")
            }
            for diagnostic in reader.finish(unknown: unknown) { outer.add(diagnostic) }
            guard let from, let to else { return nil }
            return Mount(from: from, to: to, position: item.position)
        }
    }

    /// Front matter for a whole site: a map, its audience one tag. What is neither must not fall through to what is
    /// said further out.
    private static func cascade(_ reader: inout MapReader) -> YAMLNode? {
        guard let node = reader.raw("cascade")?.namingVisibility else { return nil }
        guard node.pairs != nil else {
            reader.wrongType(node, zh: "{键: 值}", en: "a map such as {visibility: public}")
            return nil
        }
        if let tag = node["visibility"], tag.scalar == nil || tag.isNull {
            reader.wrongType(tag, zh: "一个标签", en: "one tag")
        }
        return node
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
        footer.badge = reader.string("badge") ?? outer.badge
        footer.reportError = reader.string("report_error") ?? outer.reportError
        footer.sampleNote = reader.localized("sample_note").map(LocalizedText.init) ?? outer.sampleNote
        let superior = reader.list("superior").compactMap { item -> Footer.Superior? in
            var itemReader = MapReader(item)
            let name = itemReader.localized("name")
            let url = itemReader.requiredString("url")
            for diagnostic in itemReader.finish(unknown: unknown) { reader.add(diagnostic) }
            if let url, !["https://", "http://", "/"].contains(where: url.hasPrefix) {
                reader.wrongType(item["url"] ?? item, zh: "https 或 http 网址", en: "an https or http address")
                return nil
            }
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
