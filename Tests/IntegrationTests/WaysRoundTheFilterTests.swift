import Glibc
import PortalBase
import TestSupport
import Testing

@testable import SiteGen

/// Ways round the audience filter that were found by trying: each is closed by an error or by what is left out.
@Suite struct WaysRoundTheFilterTests {
    private static let home = page("首页", "cascade: {visibility: public}")

    private func site(_ files: [String: String], sites: String = SmallSite.sites) throws -> SmallSite {
        try SmallSite(
            ["portal/_index.md": Self.home, "town/_index.md": Self.home].merging(files) { $1 }, sites: sites)
    }

    @Test func twoFilesForOnePageAreAnError() throws {
        #expect(
            try site(["portal/x.md": page("x", "draft: true"), "portal/x/index.md": page("x")]).findings()
                == ["duplicate-page portal/x/index.md:1"])
        #expect(
            try site(["portal/x.md": page("x"), "portal/x.zh-CN.md": page("x", "visibility: intranet")]).findings()
                .contains("duplicate-page portal/x.zh-CN.md:1"))
    }

    @Test(arguments: ["\u{200D}secret.md", "\u{301}a.pdf", "a.\u{301}md"])
    func aNameThatJoinsItsFolderIsAnError(_ name: String) throws {
        let site = try site(["portal/in/_index.md": page("内", "cascade: {visibility: intranet}\nvisibility: intranet")])
        try site.folder.write("Content/portal/in/" + name, Array(page("密").utf8))
        #expect(try site.findings().map { $0.prefix(9) } == ["file-name"])
    }

    @Test func aCascadeThatCannotBeReadOpensNothing() throws {
        let files = [
            "portal/f/_index.md": page("f", "visibility: public\ncascade: {visibility: [intranet]}"),
            "portal/f/s.txt": "密", "portal/a.md": page("a", "", "[s](f/s.txt)"),
        ]
        let list = try site(files)
        #expect(try Set(list.findings()) == ["wrong-type portal/f/_index.md:4", "link-to-hidden portal/a.md:4"])
        #expect(
            try site(["portal/f/_index.md": page("f", "cascade: {visibility: intranett}")]).findings().first
                == "unknown-visibility portal/f/_index.md:3")
        #expect(
            try site(["portal/a.md": page("a", "visibility: \"\"")]).findings() == ["unknown-visibility portal/a.md:3"])
        let open = SmallSite.sites.replacing("variants:", with: "cascade: {visibility: public}\nvariants:")
        #expect(
            try site([:], sites: open.replacing("name: {zh: 镇, en: Town}", with: "name: 镇, cascade: intranet"))
                .findings() == ["wrong-type sites.yaml:8"])
    }

    @Test func columnsThatOnlyHiddenRowsHaveAreHidden() throws {
        let site = try site([
            "data/x.yaml": "- {举报人: 王, visibility: intranet, z: 1}\n- {name: 甲, visibility: public, z: 2}\n",
            "portal/a.md": page("a", "", "::table{src=x.yaml}"),
        ])
        #expect(try site.build().diagnostics == [])
        let shown = try site.folder.text("out/public/a/index.html")
        #expect(shown.contains("<tr><th scope=\"col\">name</th><th scope=\"col\">z</th></tr>"))
        #expect(try site.folder.text("out/intranet/a/index.html").contains("举报人"))
    }

    @Test func spellingsOfOneLetterKeepApartInAddresses() throws {
        let (composed, decomposed) = ("\u{439}", "\u{438}\u{306}")
        let order = SmallSite.sites.replacing(
            "  public:", with: "  first: {admits: [public, intranet], base: https://f.example}\n  public:")
        let whole = try site(
            [
                "portal/a.md": page("a", "visibility: intranet\ntags: [\(decomposed)]"),
                "portal/b.md": page("b", "tags: [\(composed)]"),
            ], sites: order)
        let pruned = try site(["portal/b.md": page("b", "tags: [\(composed)]")], sites: order)
        for site in [whole, pruned] { #expect(try site.build(jobs: 1).diagnostics == []) }
        #expect(try whole.folder.contents("out/public") == pruned.folder.contents("out/public"))
    }

    @Test(arguments: ["a.mdx", "a.md_old", "a.MD", "a.md~1"])
    func whatLooksLikeAPageIsNotServedAsAFile(_ name: String) throws {
        #expect(try site(["portal/" + name: page("a")]).findings() == ["page-name portal/\(name):1"])
    }

    @Test func aMenuNamesNothingThatIsNotThere() throws {
        let written = SmallSite.sites.replacing(
            "en: Portal}, theme: plain",
            with: "en: Portal}, theme: plain, cascade: {visibility: public}, menu: [{to: /mi/, name: 机密}]")
        let found = try site(["portal/mi/_index.md": page("密", "visibility: intranet")], sites: written).findings()
        #expect(found == ["menu sites.yaml:6"])
        #expect(
            try site(
                [:],
                sites: SmallSite.sites.replacing(
                    "name: {zh: 镇, en: Town}", with: "name: 镇, address: {mode: host, host: {publik: t.example.cn}}")
            ).findings()
                == ["wrong-type sites.yaml:7"])
    }

    // MARK: Publishing a part

    @Test func aPartIsNotPublishedOverAnotherSitesLeak() throws {
        let site = try site([:])
        try site.build()
        let before = try site.folder.contents("out")
        try site.folder.write([
            "Content/town/in/_index.md": page("内", "visibility: intranet"),
            "Content/town/in/leak.md": page("泄", "visibility: public"),
        ])
        #expect(try site.build(sites: ["portal"]).hasErrors)
        #expect(try site.folder.contents("out") == before)
    }

    @Test func aSiteInsideAnothersFolderKeepsItsErrors() throws {
        let inside = SmallSite.sites.replacing("content: town", with: "content: portal/town")
        let site = try SmallSite(["portal/_index.md": Self.home, "portal/town/_index.md": Self.home], sites: inside)
        try site.build()
        try site.folder.write(["Content/portal/town/n.md": page("n", "", ":：intranet[绝密]")])
        #expect(try site.build(sites: ["town"]).hasErrors)
    }

    @Test func publishingAPartTwiceKeepsWhatOthersNeed() throws {
        let site = try site(["town/b.md": page("乙")])
        try site.folder.write([
            "Themes/plain/templates/page.mustache": "{{asset.site_css.path}}", "Content/town/b.md": page("乙"),
        ])
        try site.build()
        let sheet = try site.folder.text("out/public/xz/town/b/index.html")
        for style in ["b{}", "c{}"] {
            try site.folder.write(["Themes/plain/assets/site.css": style])
            #expect(try site.build(sites: ["portal"]).diagnostics == [])
            #expect(try site.folder.contents("out/public")[String(sheet.dropFirst())] != nil)
        }
        try site.build()
        #expect(try site.folder.contents("out/public").keys.filter { $0.hasPrefix("assets/") }.count == 1)
    }

    @Test func whatIsWithdrawnIsNotShownElsewhereByAFragmentOrAsAFile() throws {
        let site = try site([
            "portal/a.md": page("a", "", "[n](../town/n.md#节) [s](../town/s.txt)"), "town/n.md": page("n", "", "# 节"),
            "town/s.txt": "x",
        ])
        #expect(try site.build().diagnostics == [])
        try site.folder.write(["Content/town/n.md": page("n", "visibility: intranet", "# 节")])
        #expect(
            try site.build(sites: ["town"]).diagnostics.filter { $0.severity == .error }.map(\.rule) == ["still-shown"])
        try site.folder.write(["Content/town/n.md": page("n", "", "# 节")])
        try FileSystem.remove(site.folder.path + "/Content/town/s.txt")
        #expect(
            try site.build(sites: ["town"]).diagnostics.filter { $0.severity == .error }.map(\.rule) == ["still-shown"])
    }

    @Test func aPartDoesNotPublishWhatWaitsInAnotherSite() throws {
        let site = try site(["portal/a.md": page("甲", "", "旧文"), "town/b.md": page("乙", "", "镇上")])
        try site.build()
        try site.folder.write([
            "Content/portal/new.md": page("未发", "", "还没发"), "Content/portal/a.md": page("甲", "", "改了的"),
            "Content/town/b.md": page("乙", "", "镇上新"),
        ])
        #expect(try site.build(sites: ["town"]).diagnostics == [])
        let texts = try site.folder.contents("out/public").filter { $0.key.hasPrefix("search-index/zh/t") }.values
            .map { String(decoding: $0, as: UTF8.self) }.joined()
        #expect(texts.contains("镇上新"))
        #expect(!texts.contains("还没发") && !texts.contains("改了的"))
        try site.build()
        #expect(try site.folder.text("out/public/search-index/zh/t0.js").contains("还没发"))
    }

    @Test func aPartDoesNotAnnounceWhatWaitsInAnotherSite() throws {
        let site = try site(["portal/news/_index.md": page("新闻"), "town/news/_index.md": page("新闻")])
        try site.build()
        try site.folder.write(["Content/town/news/n.md": page("未发", "sites: [portal]")])
        #expect(
            try site.build(sites: ["portal"]).diagnostics.filter { $0.severity == .error }.map(\.rule) == [
                "not-published-yet"
            ])
        #expect(try site.build(sites: ["portal", "town"]).diagnostics == [])
    }

    @Test func aSiteThatBeginsALanguageHoldsNobodyUp() throws {
        let site = try site(["town/b.md": page("乙")])
        try site.build()
        try site.folder.write(["Content/town/b.en.md": page("B")])
        #expect(try site.build(sites: ["portal"]).diagnostics == [])
    }

    @Test(arguments: ["a.html", "A.XHTML", "x.svgz", "x.js"])
    func aFileThatABrowserRunsIsRefused(_ name: String) throws {
        #expect(try site(["portal/" + name: "x"]).findings() == ["active-file portal/\(name):1"])
    }

    @Test func aSiteThatMovedIsPublishedWithTheRest() throws {
        let hosted = SmallSite.sites.replacing(
            "name: {zh: 镇, en: Town}", with: "name: 镇, address: {mode: host, host: t.example.cn}")
        let site = try site(["portal/a.md": page("甲"), "town/b.md": page("乙")], sites: hosted)
        try site.build()
        let before = try site.folder.contents("out")
        try site.folder.write(["Content/sites.yaml": SmallSite.sites])
        #expect(
            try site.build(sites: ["portal"]).diagnostics.filter { $0.severity == .error }.map(\.rule) == ["site-moved"]
        )
        #expect(try site.folder.contents("out") == before)
        #expect(try site.build(sites: ["portal", "town"]).diagnostics == [])
    }

    @Test func samePathsOfTwoHostsAreNotTakenForOneAnother() throws {
        let hosted = SmallSite.sites.replacing(
            "name: {zh: 镇, en: Town}", with: "name: 镇, address: {mode: host, host: t.example.cn}")
        let site = try site(
            ["portal/n.md": page("甲"), "town/n.md": page("乙"), "portal/b.md": page("b", "", "[n](n.md)")], sites: hosted
        )
        try site.build()
        let portal = try site.folder.contents("out/public")
        try FileSystem.remove(site.folder.path + "/Content/town/n.md")
        #expect(try site.build(sites: ["town"]).diagnostics == [])
        // Nothing of the shared docroot belongs to that site.
        #expect(try site.folder.contents("out/public") == portal)
        #expect(try site.folder.contents("out/public.hosts/town")["n/index.html"] == nil)
    }

    // MARK: Names and places

    @Test func chineseFoldersKeepTheNamesOfTheirFiles() throws {
        let site = try site([
            "portal/公告/index.md": page("公告", "files: [很长的办事指南附件名称.txt]", "[一](附件一.pdf)"),
            "portal/公告/很长的办事指南附件名称.txt": "x", "portal/公告/附件一.pdf": "%PDF-",
        ])
        #expect(try site.build().diagnostics == [])
        let files = try site.folder.contents("out/public").keys.filter { $0.hasPrefix("gong-gao/") }.sorted()
        #expect(files == ["gong-gao/index.html", "gong-gao/很长的办事指南附件名称.txt", "gong-gao/附件一.pdf"])
    }

    @Test func mountsNameAFile() throws {
        let sites = SmallSite.sites.replacing("variants:", with: "mounts: [{from: H.md, to: portal/}]\nvariants:")
        #expect(try site([:], sites: sites).findings().contains("wrong-type sites.yaml:2"))
    }

    /// Hidden files and what lies behind links are no content, by a mount either.
    @Test(arguments: [".git/config", "linked/x.txt", "../x.txt"])
    func aMountObeysTheRulesOfTheTree(_ from: String) throws {
        let sites = SmallSite.sites.replacing(
            "variants:", with: "mounts: [{from: \(from), to: portal/x.txt}]\nvariants:")
        let site = try site(["portal/a.md": page("a", "", "[x](x.txt)")], sites: sites)
        try site.folder.write([".git/config": "secret", "real/x.txt": "secret"])
        #expect(symlink("real", site.folder.path + "/linked") == 0)
        #expect(try site.build().hasErrors)
        #expect(FileSystem.kind(site.folder.path + "/out/public/x.txt") == nil)
    }

    @Test func anAddressKeepsItsFragment() throws {
        let site = try site(["portal/a.md": page("a", "", "[b](/b/#%E8%8A%82?x)"), "portal/b.md": page("b", "", "# 节")])
        try site.build()
        #expect(try site.folder.text("out/public/a/index.html").contains("href=\"/b/#%E8%8A%82?x\""))
    }
}
