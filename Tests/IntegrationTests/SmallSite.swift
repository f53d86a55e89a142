import PortalBase
import TestSupport
import Testing

@testable import SiteGen

/// A source folder with the smallest theme that the contract allows.
struct SmallSite {
    let folder = TemporaryFolder()

    static let now = Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)!

    static let sites = """
        group: {name: 群, languages: [zh, en], timezone: Asia/Shanghai}
        variants:
          public: {admits: [public], base: https://p.example, forms: /forms}
          intranet: {admits: [public, intranet], base: https://i.example}
        sites:
          - {slug: portal, kind: portal, content: portal, name: {zh: 门户, en: Portal}, theme: plain}
          - {slug: town, kind: 镇, content: town, name: {zh: 镇, en: Town}, theme: plain}

        """

    private static let theme: [String: String] = [
        "theme.yaml": "name: plain\npageSize: 2\n",
        "i18n/zh.yaml": "tags: 标签\nsitemap: 地图\nnotFound: 无\nhotline: 热线\nsearch: 搜索\narchive: 存档\n",
        "i18n/en.yaml": "languageName: English\n",
        "templates/chrome/header.mustache": "H {{site.name}}{{#menu}} {{path}}{{/menu}}\n",
        "templates/chrome/footer.mustache": "F{{#sites}} {{path}}{{/sites}}\n",
        "templates/base.mustache":
            "{{lang}} {{page.title}}{{#page.alternates}} {{tag}}={{url}}{{/page.alternates}}\n{{chrome_header}}{{$main}}{{/main}}{{chrome_footer}}",
        "templates/home.mustache":
            "{{<base}}{{$main}}\n{{page.content}}{{#sections}}S {{path}}{{#items}} {{path}}{{/items}}\n{{/sections}}{{/main}}{{/base}}",
        "templates/section.mustache":
            "{{<base}}{{$main}}\n{{page.content}}{{#items}}{{path}} {{title}} {{summary}}{{#foreign}} ({{tag}}){{/foreign}}\n{{/items}}{{#pager}}{{current}}/{{count}}{{/pager}}{{#page.archive}}{{#periods}}{{path}} {{count}} {{/periods}}{{/page.archive}}\n{{/main}}{{/base}}",
        "templates/page.mustache":
            "{{<base}}{{$main}}\n{{#page.trail}}{{path}} {{/page.trail}}\n{{page.content}}{{#page.tags}}{{path}} {{/page.tags}}{{#page.neighbours}}{{#previous}}P{{path}}{{/previous}}{{#next}}N{{path}}{{/next}}{{/page.neighbours}}{{>more}}\n{{/main}}{{/base}}",
        "templates/more.mustache":
            "{{#page.related}}{{#items}}R{{path}} {{/items}}{{/page.related}}{{#page.attachments}}{{#items}}A{{path}} {{facts}} {{/items}}{{/page.attachments}}{{#page.document}}{{#replacedBy}}>{{path}} {{/replacedBy}}{{#replaces}}<{{path}} {{/replaces}}{{#interprets}}={{path}} {{/interprets}}{{#interpretedBy}}~{{path}} {{/interpretedBy}}{{/page.document}}{{#page.characters}} {{page.characters}}字{{/page.characters}}",
        "templates/search.mustache":
            "{{search.index}} {{#branches}}{{path}} {{/branches}}{{#terms}}{{path}} {{/terms}}",
        "templates/archive.mustache": "{{page.title}}{{#items}} {{path}}{{/items}}",
        "templates/terms.mustache": "{{#terms}}{{name}} {{count}}\n{{/terms}}",
        "templates/term.mustache": "{{page.title}}{{#items}} {{path}}{{/items}}",
        "templates/sitemap.mustache": "{{#branches}}{{path}}\n{{/branches}}",
        "templates/notfound.mustache": "404",
        "templates/redirect.mustache": "→ {{target}}",
        "templates/shell.mustache": "{{<base}}{{$main}}{{main}}{{/main}}{{/base}}",
        "templates/directives/notice.mustache": "<aside>{{label}} {{content}}</aside>",
        "assets/site.css": "a{}",
    ]

    init(_ content: [String: String], sites: String = SmallSite.sites) throws {
        for (name, text) in Self.theme { try folder.write("Themes/plain/" + name, Array(text.utf8)) }
        try folder.write("Content/sites.yaml", Array(sites.utf8))
        for (name, text) in content { try folder.write("Content/" + name, Array(text.utf8)) }
    }

    @discardableResult
    func build(
        variants: [String] = [], sites: [String] = [], output: String? = "out", overlays: [String] = [], jobs: Int = 2,
        now: Instant = SmallSite.now, usesCache: Bool = true, writesManifest: Bool = true,
        comparesContent: Bool = false
    ) throws -> BuildReport {
        let request = BuildRequest(
            source: folder.path, output: output.map { folder.path + "/" + $0 }, variants: variants, sites: sites,
            overlays: overlays.map { folder.path + "/" + $0 }, now: now, jobs: jobs, usesCache: usesCache,
            writesManifest: writesManifest, comparesContent: comparesContent)
        return try SiteBuilder(request: request, clock: .silent).run()
    }

    /// `rule path:line` of every finding.
    func findings(now: Instant = SmallSite.now) throws -> [String] {
        try build(output: nil, now: now).diagnostics.map {
            "\($0.rule) \($0.position.path.replacing("Content/", with: "")):\($0.position.line)"
        }
    }
}

func page(_ title: String, _ more: String = "", _ body: String = "") -> String {
    "---\ntitle: \(title)\n\(more)\(more.isEmpty || more.hasSuffix("\n") ? "" : "\n")---\n\(body)\n"
}
