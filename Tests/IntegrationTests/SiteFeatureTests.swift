import PortalBase
import TestSupport
import Testing

@testable import SiteGen

@Suite struct SiteFeatureTests {
    private static let home = page("首页", "cascade: {visibility: public}")

    private func site(_ files: [String: String], sites: String = SmallSite.sites) throws -> SmallSite {
        var all = ["portal/_index.md": Self.home, "town/_index.md": Self.home]
        all.merge(files) { $1 }
        return try SmallSite(all, sites: sites)
    }

    /// sitemaps.org: 50,000 addresses a file.
    @Test func aLargeSitemapIsSeveralFiles() {
        #expect(SitemapWriter.ranges(of: 0) == [0..<0])
        #expect(SitemapWriter.ranges(of: 50_000) == [0..<50_000])
        #expect(SitemapWriter.ranges(of: 100_063) == [0..<50_000, 50_000..<100_000, 100_000..<100_063])
        #expect(SitemapWriter.path("portal", 0) == "/sitemap-portal.xml")
        #expect(SitemapWriter.path("portal", 2) == "/sitemap-portal.3.xml")
    }

    private func built(_ files: [String: String], sites: String = SmallSite.sites) throws -> SmallSite {
        let site = try site(files, sites: sites)
        #expect(try site.build().diagnostics == [])
        return site
    }

    private func sites(adding text: String) -> String {
        SmallSite.sites.replacing("variants:", with: text + "\nvariants:")
    }

    // MARK: Processes

    /// The picture on a page is that of the definition; a changed definition draws the page anew.
    @Test func aPageShowsAProcess() throws {
        let site = try site([
            "portal/guide.md": page("指南", "", "::process[流程图]{id=small}"), "portal/other.md": page("别的"),
            "roles.yaml": "clerk: { zh: 经办人 }\n", "units.yaml": "office: { zh: 办公室 }\n",
            "processes/small.yaml": """
            id: small
            title: { zh: 小流程, en: Small }
            retention: 2y
            begin: { state: new, by: citizen }
            states: { new: { zh: 收到, citizen: received }, done: { zh: 办结, citizen: answered, final: true } }
            actions: { finish: { zh: 了结, from: [new], by: { role: clerk }, do: [{ enter: done }] } }

            """,
        ])
        #expect(try site.build().diagnostics == [])
        let guide = try site.folder.text("out/public/guide/index.html")
        #expect(guide.contains("<figure class=\"process\"><svg") && guide.contains("了结: 收到 → 办结"))
        #expect(guide.contains("<figcaption>流程图</figcaption>"))
        let text = try site.folder.text("Content/processes/small.yaml")
        try site.folder.write("Content/processes/small.yaml", Array(text.replacing("了结", with: "办完").utf8))
        #expect(try site.build().diagnostics == [])
        #expect(try site.folder.text("out/public/guide/index.html").contains("办完: 收到 → 办结"))
        try site.folder.write("Content/processes/small.yaml", Array(text.replacing("[new]", with: "[nwe]").utf8))
        let found = try site.build().diagnostics.map { "\($0.rule) \($0.position.path):\($0.position.line)" }
        #expect(
            found.contains("process-name Content/processes/small.yaml:6")
                && found.contains("process Content/portal/guide.md:4"))
    }

    // MARK: Links

    @Test func aLinkGoesToTheReadersLanguageUnlessItNamesOne() throws {
        let links = "[1](a.md) [2](a.en.md) [3](b.zh.md) [4](c.md) [5](d/index.md)"
        let site = try built([
            "portal/a.md": page("甲"), "portal/a.en.md": page("A"), "portal/b.zh.md": page("乙"),
            "portal/b.en.md": page("B"),
            "portal/c.md": page("丙"), "portal/d/index.md": page("丁"), "portal/d/index.en.md": page("D"),
            "portal/x.md": page("子", "", links), "portal/x.en.md": page("X", "", links + " [6](b.md)"),
        ])
        func targets(_ path: String) throws -> [Substring] {
            try site.folder.text("out/public/" + path).matches(of: #/<a href="([^"]*)"[^>]*>\d</a>/#).map(\.1)
        }
        #expect(try targets("x/index.html") == ["/a/", "/en/a/", "/b/", "/c/", "/d/"])
        #expect(try targets("en/x/index.html") == ["/en/a/", "/en/a/", "/b/", "/c/", "/en/d/", "/en/b/"])
    }

    // MARK: Sites

    private static let hosted = SmallSite.sites.replacing(
        "name: {zh: 镇, en: Town}, theme: plain",
        with: "name: {zh: 镇, en: Town}, theme: plain, address: {mode: host, host: {public: t.example.cn}}")

    /// The same files; what could be released by mistake goes, and nothing is left for the next build to start from.
    @Test func aTreeWithoutManifestIsTheSameTree() throws {
        let site = try built(["portal/a.md": page("甲", "", "一 [乙](/town/b.md)"), "town/b.md": page("乙")])
        let listed = try site.folder.contents("out")
        #expect(listed["public.manifest.json"] != nil)
        #expect(try site.build(usesCache: false, writesManifest: false).diagnostics == [])
        let bare = try site.folder.contents("out")
        #expect(bare == listed.filter { !$0.key.hasSuffix(".manifest.json") })
        #expect(try site.build().diagnostics == [])
        #expect(try site.folder.contents("out") == listed)
    }

    /// formsapi answers in the dress of the site whose page a form stands on.
    @Test func aFormNamesItsSite() throws {
        let site = try built([
            "forms/f.yaml":
                "id: f\nkind: hotline\nvisibility: public\ntitle: F\npages: [{id: p, title: P, fields: [{id: a, type: text, label: A}]}]\n",
            "portal/ask.md": page("问", "form: f"), "town/ask.md": page("问", "form: f"),
        ])
        let places = [
            "out/public/ask/index.html": "/forms/f", "out/public/xz/town/ask/index.html": "/forms/site/town/f",
        ]
        for (place, action) in places {
            #expect(try site.folder.text(place).contains("<form class=\"form\" method=\"post\" action=\"\(action)\""))
        }
    }

    @Test func aSiteWithItsOwnHostHasItsOwnDocroot() throws {
        let site = try built(
            [
                "portal/a.md": page("甲", "", "[镇](/town/b.md) ![图](../town/f.svg)"),
                "town/b.md": page("乙", "", "[甲](/portal/a.md)"),
                "town/f.svg": "<svg/>",
            ], sites: Self.hosted)
        #expect(
            try site.folder.text("out/public/a/index.html").contains(
                "<a href=\"https://t.example.cn/b/\">镇</a> <img src=\"https://t.example.cn/f.svg\""))
        let page = try site.folder.text("out/public.hosts/town/b/index.html")
        #expect(page.contains("<a href=\"https://p.example/a/\">甲</a>"))
        #expect(page.contains("H 镇\n"))
        let files = try site.folder.contents("out/public.hosts/town")
        #expect(files["sitemap.xml"] != nil && files["robots.txt"] != nil && files["404.html"] != nil)
        #expect(files["search-index/zh/meta.js"] != nil)
        #expect(files.keys.contains { $0.hasPrefix("assets/plain/site.") })
        #expect(try site.folder.contents("out/public").keys.filter { $0.hasPrefix("xz/") } == [])
        // No host for the intranet: there the site lies below the portal.
        #expect(try site.folder.text("out/intranet/xz/town/b/index.html").contains("<a href=\"/a/\">甲</a>"))
        let manifest = try JSON(parsing: Array(try site.folder.text("out/public.manifest.json").utf8))
        #expect(manifest["hosts"]?["town"]?["b/index.html"]?["site"]?.string == "town")
    }

    @Test func aSiteThatLosesItsHostLeavesNothingBehind() throws {
        let site = try built(["town/b.md": page("乙")], sites: Self.hosted)
        try site.folder.write("Content/sites.yaml", Array(SmallSite.sites.utf8))
        try site.build()
        #expect(FileSystem.kind(site.folder.path + "/out/public.hosts/town/b/index.html") == nil)
        #expect(try site.folder.contents("out/public")["xz/town/b/index.html"] != nil)
    }

    @Test func aWrittenMenuIsShownAsFarAsItsAudienceGoes() throws {
        let written = SmallSite.sites.replacing(
            "name: {zh: 门户, en: Portal}, theme: plain",
            with:
                "name: {zh: 门户, en: Portal}, theme: plain, cascade: {visibility: public}, menu: [news/_index.md, law/_index.md, {to: /news/, name: {zh: 别名, en: Other}}, {to: /law/, name: 内, visibility: intranet}]"
        )
        let site = try built(
            ["portal/news/_index.md": page("新闻"), "portal/law/_index.md": page("法", "visibility: intranet")],
            sites: written)
        #expect(try site.folder.text("out/public/index.html").contains("H 门户 /news/ /news/\n"))
        #expect(try site.folder.text("out/intranet/index.html").contains("H 门户 /news/ /law/ /news/ /law/\n"))
        let broken = written.replacing("law/_index.md", with: "lav/_index.md").replacing(
            "{to: /law/", with: "{to: /news/")
        #expect(try self.site(["portal/news/_index.md": page("新闻")], sites: broken).findings() == ["menu sites.yaml:6"])
    }

    @Test func partOfTheSitesIsPublishedWithoutTouchingTheOthers() throws {
        let site = try built(["portal/a.md": page("甲"), "town/b.md": page("乙"), "town/c.md": page("丙")])
        let before = try site.folder.contents("out/public")
        try site.folder.write(["Content/portal/a.md": page("改"), "Content/town/b.md": page("新")])
        try FileSystem.remove(site.folder.path + "/Content/town/c.md")
        #expect(try site.build(sites: ["town"]).diagnostics == [])
        let after = try site.folder.contents("out/public")
        let changed = Set(before.keys).union(after.keys).filter { before[$0] != after[$0] }
        #expect(
            changed.filter { !$0.hasPrefix("xz/town/") && !$0.hasPrefix("search-index/") && $0 != "sitemap-town.xml" }
                == [])
        #expect(after["xz/town/c/index.html"] == nil)
        let manifest = try JSON(parsing: Array(try site.folder.text("out/public.manifest.json").utf8))
        for (path, bytes) in after {
            #expect(manifest["files"]?[path]?["sha256"]?.string == SHA256Digest(of: bytes).hex, "\(path)")
        }
        try site.build()
        #expect(try site.folder.text("out/public/a/index.html").contains("改"))
    }

    @Test func withdrawingWhatAnotherSiteShowsIsRefused() throws {
        let site = try built([
            "portal/news/_index.md": page("新闻"), "portal/a.md": page("甲", "", "[乙](/town/news/b.md)"),
            "town/news/_index.md": page("新闻"), "town/news/b.md": page("乙"),
        ])
        let before = try site.folder.contents("out")
        try site.folder.write(["Content/town/news/b.md": page("乙", "visibility: intranet")])
        let report = try site.build(sites: ["town"])
        #expect(report.diagnostics.filter { $0.severity == .error }.map(\.rule) == ["still-shown"])
        #expect(try site.folder.contents("out") == before)
        #expect(try site.build(sites: ["nowhere"]).diagnostics.map(\.rule) == ["unknown-site"])
    }

    @Test func anotherSitesMistakeDoesNotHoldUpThisOne() throws {
        let site = try built(["town/b.md": page("乙")])
        try site.folder.write(["Content/portal/a.md": page("甲", "", "[x](no.md)"), "Content/town/b.md": page("新")])
        let report = try site.build(sites: ["town"])
        #expect(report.diagnostics.map { "\($0.severity) \($0.rule)" } == ["warning dead-link"])
        #expect(try site.folder.text("out/public/xz/town/b/index.html").contains("新"))
    }

    @Test func aFileFromElsewhereIsMounted() throws {
        let site = try site(
            [:], sites: sites(adding: "mounts: [{from: Docs/h.md, to: portal/h.md}]"))
        try site.folder.write(["Docs/h.md": page("手册")])
        #expect(try site.build().diagnostics == [])
        #expect(try site.folder.text("out/public/h/index.html").contains("手册"))
        // Messages name the file that its author knows.
        try site.folder.write(["Docs/h.md": page("手册", "", "[x](no.md)")])
        #expect(try site.findings() == ["dead-link Docs/h.md:4"])
        try FileSystem.remove(site.folder.path + "/Docs/h.md")
        #expect(try site.findings() == ["mount sites.yaml:2"])
    }

    // MARK: Languages

    @Test func untranslatedPagesAreListedWithAMark() throws {
        let files = [
            "portal/news/_index.md": page("新闻"), "portal/news/_index.en.md": page("News"),
            "portal/news/a.md": page("甲"),
            "portal/news/b.md": page("乙"), "portal/news/b.en.md": page("B"),
        ]
        let site = try built(files)
        let list = try site.folder.text("out/public/en/news/index.html")
        #expect(list.contains("/en/news/b/ B"))
        #expect(list.contains("/news/a/ 甲"))
        #expect(list.contains("(zh-CN)"))
        let plain = try built(
            files, sites: SmallSite.sites.replacing("languages: [zh, en]", with: "languages: [zh, en], fallback: false")
        )
        #expect(try !plain.folder.text("out/public/en/news/index.html").contains("甲"))
    }

    @Test func aThirdLanguageNeedsOnlyData() throws {
        let three = SmallSite.sites.replacing("languages: [zh, en]", with: "languages: [zh-CN, en, pt-BR]")
        let site = try site(
            [
                "portal/_index.pt-BR.md": page("Início"), "portal/a.zh-Hans.md": page("甲", "date: 2026-08-01"),
                "portal/a.pt-br.md": page("A", "date: 2026-08-01"),
            ], sites: three)
        try site.folder.write([
            "Themes/plain/i18n/pt-BR.yaml":
                "months: jan, fev, mar, abr, mai, jun, jul, ago, set, out, nov, dez\ndateFormat: \"{day} de {monthName} de {year}\"\n",
            "Themes/plain/templates/page.mustache":
                "{{lang}} {{page.date}}{{#page.alternates}} {{tag}}{{/page.alternates}}",
        ])
        #expect(try site.build().diagnostics == [])
        #expect(try site.folder.text("out/public/pt-br/a/index.html") == "pt-BR 1 de ago de 2026 pt-BR zh-CN")
        #expect(try site.folder.text("out/public/a/index.html") == "zh-CN 2026-08-01 pt-BR zh-CN")
    }

    @Test func chineseNamesBecomePinyinAddresses() throws {
        let site = try built([
            "portal/超化镇.md": page("超化", "tags: [市场, 是场]"), "portal/Two Words.md": page("two"),
            "portal/！.md": page("标点"),
        ])
        let files = try site.folder.contents("out/public").keys
        #expect(files.contains("chao-hua-zhen/index.html") && files.contains("two-words/index.html"))
        // Two tags that read alike keep apart.
        #expect(files.filter { $0.hasPrefix("tags/shi-chang") }.count == 2)
        #expect(files.contains { $0.hasPrefix("x") && $0.hasSuffix("/index.html") && !$0.hasPrefix("xz/") })
    }

    // MARK: Relations between pages

    @Test func taxonomiesAreWhatTheConfigurationSays() throws {
        let site = try built(
            ["portal/a.md": page("甲", "topics: [农业]\ntags: [x]")],
            sites: sites(adding: "taxonomies: {tags: {zh: 标签, en: Tags}, topics: {zh: 主题, en: Topics}}"))
        #expect(try site.folder.text("out/public/topics/nong-ye/index.html") == "主题 农业 /a/")
        #expect(
            try self.site([:], sites: sites(adding: "taxonomies: {title: x}")).findings() == ["wrong-type sites.yaml:2"]
        )
        #expect(try self.site(["portal/a.md": page("甲", "topics: [x]")]).findings() == ["unknown-key portal/a.md:3"])
    }

    @Test func relatedPagesShareRareTerms() throws {
        var files: [String: String] = [:]
        for n in 1...6 {
            files["portal/p\(n).md"] = page("p\(n)", "date: 2026-07-0\(n)\ntags: [common\(n < 3 ? ", rare" : "")]")
        }
        let site = try built(files)
        let text = try site.folder.text("out/public/p1/index.html")
        #expect(text.contains("R/p2/ R/p6/ R/p5/ R/p4/ R/p3/ "))
    }

    @Test func aSectionIsArchivedByYearAndMonth() throws {
        let site = try built([
            "portal/news/_index.md": page("新闻", "archive: month"), "portal/news/a.md": page("a", "date: 2026-08-01"),
            "portal/news/b.md": page("b", "date: 2025-12-31 23:59"), "portal/news/c.md": page("c"),
        ])
        let files = try site.folder.contents("out/public").keys.filter { $0.hasPrefix("news/archive/") }.sorted()
        #expect(
            files == [
                "news/archive/2025/12/index.html", "news/archive/2025/index.html", "news/archive/2026/08/index.html",
                "news/archive/2026/index.html",
            ])
        #expect(try site.folder.text("out/public/news/archive/2025/12/index.html") == "新闻 2025-12 /news/b/")
        #expect(
            try site.folder.text("out/public/news/index.html").contains(
                "/news/archive/2026/ 1 /news/archive/2026/08/ 1 "))
    }

    @Test func documentsKnowTheirSuccessorsAndExplanations() throws {
        let files = [
            "portal/old.md": page("旧", "document: {number: 1号, replaced_by: new.md}"),
            "portal/new.md": page("新", "document: {number: 2号}"),
            "portal/why.md": page("解读", "document: {interprets: new.md}"),
        ]
        let site = try built(files)
        #expect(try site.folder.text("out/public/old/index.html").contains(">/new/ "))
        #expect(try site.folder.text("out/public/new/index.html").contains("</old/ ~/why/ "))
        #expect(try site.folder.text("out/public/why/index.html").contains("=/new/ "))
        var hidden = files
        hidden["portal/new.md"] = page("新", "visibility: intranet\ndocument: {number: 2号}")
        #expect(
            try self.site(hidden).findings() == [
                "document-relation portal/old.md:3", "document-relation portal/why.md:3",
            ])
    }

    @Test func disclosureForbidsWhatTheRegulationForbids() throws {
        let found = try site([
            "portal/a.md": page("a", "disclosure: withheld\nlegal_basis: x"),
            "portal/b.md": page("b", "disclosure: on-request"),
            "portal/c.md": page("c", "disclosure: withheld\nvisibility: intranet"),
            "portal/d.md": page("d", "disclosure: proactive"),
            "portal/e.md": page("e", "disclosure: proactive\nreviewed_by: x\nreviewed_at: 2026-08-01"),
            "portal/f.md": page("f", "disclosure: on-request\nvisibility: intranet"),
        ]).findings()
        #expect(
            found == [
                "disclosure-public portal/a.md:3", "disclosure-public portal/b.md:3", "disclosure-basis portal/c.md:3",
                "disclosure-review portal/d.md:3",
            ])
    }

    @Test func dataMayBeYAMLOrJSONAndReachesTemplates() throws {
        let site = try site([
            "data/_data.yaml": "a.yaml: {visibility: public}\nb.json: {visibility: public}\n",
            "data/a.yaml": "- {name: 甲, count: 1}\n- {name: 乙, visibility: intranet}\n",
            "data/b.json": "[{\"k\": \"v\"}]",
            "portal/p.md": page("p", "", "::table{src=a.yaml columns=\"name\"}"),
        ])
        try site.folder.write([
            "Themes/plain/templates/home.mustache":
                "{{#data.a_yaml}}{{name}}{{count}} {{/data.a_yaml}}{{#data.b_json}}{{k}}{{/data.b_json}}"
        ])
        #expect(try site.build().diagnostics == [])
        #expect(try site.folder.text("out/public/index.html") == "甲1 v")
        #expect(try site.folder.text("out/intranet/index.html") == "甲1 乙 v")
        #expect(try site.folder.text("out/public/p/index.html").contains("<td>甲</td>"))
        #expect(try self.site(["data/c.yaml": "- [x]\n"]).findings() == ["data-shape data/c.yaml:1"])
    }

    // MARK: Trees of other generators

    @Test func aTreeOfAnotherGeneratorNeedsOnlyTheListOfSites() throws {
        let sites = """
            group: {name: Blog, languages: [en]}
            variants: {public: {admits: [public], base: https://b.example}}
            cascade: {visibility: public}
            unknownKeys: warn
            rawHTML: escape
            sites: [{slug: blog, content: ., name: Blog, theme: plain, address: {path: /}}]

            """
        let site = try SmallSite(
            [
                "_index.md": "---\ntitle: Home\n---\n", "posts/_index.md": "---\ntitle: Posts\ncategories: [x]\n---\n",
                "posts/one.md":
                    "---\ntitle: One\ndate: 2024-01-02T03:04:05Z\nmenu: {main: {weight: 1}}\nlayout: single\nauthor: A\ntags: [go]\naliases: [old-one]\nurl: /x/\n---\n<b>raw</b> [two](../two/) [md](two.md)\n\n{{< figure src=\"x\" >}}\n",
                "posts/two.md": "---\ntitle: Two\n---\n",
                "posts/bundle/index.md": "---\ntitle: Bundle\n---\n[f](f.txt)\n",
                "posts/bundle/f.txt": "x",
                "posts/later.md": "---\ntitle: Later\npublishDate: 2099-01-01\n---\n",
                "posts/gone.md":
                    "---\ntitle: Gone\ndate: 2020-01-02 15:04:05 +0800\nauthor: [a, b]\nexpiryDate: 2021-01-01\n---\n",
                "posts/up.md": "---\ntitle: Up\n---\n[a](../../posts/two/) [h](../../)\n",
            ], sites: sites)
        let report = try site.build()
        #expect(report.diagnostics.filter { $0.severity == .error } == [])
        #expect(Set(report.diagnostics.map(\.rule)) == ["unknown-key", "wrong-type", "unknown-layout"])
        #expect(try site.folder.contents("out/public")["posts/old-one/index.html"] != nil)
        #expect(try site.folder.contents("out/public")["posts/later/index.html"] == nil)
        #expect(try site.folder.contents("out/public")["posts/gone/index.html"] == nil)
        let one = try site.folder.text("out/public/posts/one/index.html")
        #expect(one.contains("&lt;b&gt;raw"))
        #expect(one.contains("<a href=\"/posts/two/\">two</a> <a href=\"/posts/two/\">md</a>"))
        #expect(try site.folder.contents("out/public")["posts/bundle/f.txt"] != nil)
    }
}
