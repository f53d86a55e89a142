import PortalBase
import TestSupport
import Testing

@testable import SiteGen

@Suite struct SiteBuildTests {
    static let tree: [String: String] = [
        "portal/_index.md": page("首页", "cascade: {visibility: public}", "欢迎"),
        "portal/_index.en.md": page("Home"),
        "portal/news/_index.md": page("新闻", "weight: 1"),
        "portal/news/_index.en.md": page("News"),
        "portal/news/a.md": page(
            "甲", "date: 2026-08-01\ntags: [路]\naliases: [/old/a/]",
            "见 [乙](b.md#一) 和 [附件](f.txt)。\n\n:::intranet\n密 [丙](c.md)\n:::\n"),
        "portal/news/a.en.md": page("A", "date: 2026-08-01", "See [b](b.md)."),
        "portal/news/b.md": page("乙", "date: 2026-08-02\nsites: [town]", "# 一\n\n:ref[丙]{to=c.md} :intranet[内]。"),
        "portal/news/c.md": page("丙", "date: 2026-08-03\nvisibility: intranet\ntags: [密]"),
        "portal/news/d.md": page("丁", "draft: true"),
        "portal/news/e.md": page("戊", "date: 2026-09-02"),
        "portal/news/g.md": page("己", "expires: 2026-08-30"),
        "portal/news/f.txt": "x",
        "town/_index.md": page("镇", "cascade: {visibility: public}"),
        "town/news/_index.md": page("新闻"),
    ]

    @Test func theTreeOfEachAudienceIsWhatItShouldBe() throws {
        let site = try SmallSite(Self.tree)
        let report = try site.build()
        #expect(report.diagnostics == [])
        let files = try site.folder.contents("out/public")
        #expect(
            Set(files.keys.filter { !$0.hasPrefix("assets/") && !$0.hasSuffix(".xml") }) == [
                "index.html", "en/index.html", "news/index.html", "en/news/index.html", "news/a/index.html",
                "en/news/a/index.html",
                "news/b/index.html", "news/f.txt", "old/a/index.html", "tags/index.html", "tags/lu/index.html",
                "sitemap/index.html",
                "en/sitemap/index.html", "404.html", "en/404.html", "robots.txt", "xz/town/index.html",
                "xz/town/news/index.html",
                "xz/town/sitemap/index.html", "xz/town/404.html",
                "search/index.html", "en/search/index.html", "xz/town/search/index.html", "search-index/zh/meta.js",
                "search-index/zh/s0.js", "search-index/zh/t0.js", "search-index/en/meta.js", "search-index/en/s0.js",
                "search-index/en/t0.js",
            ])
        let article = try site.folder.text("out/public/news/a/index.html")
        #expect(
            article == """
                zh-CN 甲 en=https://p.example/en/news/a/ zh-CN=https://p.example/news/a/
                H 门户 /news/
                / /news/ 
                <p>见 <a href="/news/b/#%E4%B8%80">乙</a> 和 <a href="/news/f.txt">附件</a> <small class="file">(TXT, 1 B)</small>。</p>
                /tags/lu/ P/news/b/ 5字
                F /xz/town/

                """)
        #expect(try site.folder.text("out/public/news/b/index.html").contains("丙 。"))
        #expect(try site.folder.text("out/intranet/news/b/index.html").contains("<a href=\"/news/c/\">丙</a> 内。"))
        #expect(try site.folder.text("out/intranet/news/a/index.html").contains("密 <a href=\"/news/c/\">丙</a>"))
        // By reference: listed in the town under its one URL.
        #expect(try site.folder.text("out/public/xz/town/news/index.html").contains("/news/b/ 乙"))
        let redirect = try site.folder.text("out/public/old/a/index.html")
        #expect(redirect == "→ /news/a/")
        #expect(
            try site.folder.text("out/public/sitemap-portal.xml").contains(
                "hreflang=\"zh-CN\" href=\"https://p.example/news/a/\""))
        #expect(try site.folder.text("out/intranet/robots.txt").contains("Disallow: /"))
        #expect(try site.folder.text("out/public.runtime/shell.portal.zh.html").contains(VariantRenderer.mainSlot))
    }

    @Test func theManifestListsEveryFileWithItsDigest() throws {
        let site = try SmallSite(Self.tree)
        try site.build()
        let manifest = try JSON(parsing: Array(try site.folder.text("out/public.manifest.json").utf8))
        let listed = try #require(manifest["files"]?.object)
        let files = try site.folder.contents("out/public")
        #expect(Set(listed.keys) == Set(files.keys))
        for (path, bytes) in files { #expect(listed[path]?["sha256"]?.string == SHA256Digest(of: bytes).hex) }
        #expect(manifest["now"]?.string == "2026-09-01T09:00:00+08:00")
    }

    @Test func buildingTwiceGivesTheSameBytesAndTouchesNothing() throws {
        let site = try SmallSite(Self.tree)
        try site.build()
        let first = try site.folder.contents("out")
        let report = try site.build(jobs: 1)
        #expect(report.changed == 0)
        #expect(report.deleted == 0)
        let second = try site.folder.contents("out")
        #expect(first == second)
    }

    @Test func aWithdrawnPageIsGoneFromTheTree() throws {
        let site = try SmallSite(Self.tree)
        try site.build()
        try site.folder.write([
            "Content/portal/news/a.md": page("甲", "visibility: intranet"),
            "Content/portal/news/a.en.md": page("A", "visibility: intranet"),
            "Content/portal/news/_index.md": page("新闻", "weight: 1\nfiles: [f.txt]"),
        ])
        #expect(try site.build().diagnostics == [])
        let files = try site.folder.contents("out/public")
        let traces = files.keys.filter { $0.hasPrefix("news/a/") || $0.contains("old/a") || $0.contains("lu/") }
        #expect(traces == [])
    }

    @Test func anErrorLeavesWhatIsServed() throws {
        let site = try SmallSite(Self.tree)
        try site.build()
        let before = try site.folder.contents("out")
        try site.folder.write([
            "Content/portal/news/b.md": page("乙", "", "[x](nowhere.md)"),
            "Content/portal/news/a.md": page("改", "date: 2026-08-01"),
        ])
        let report = try site.build()
        #expect(report.hasErrors)
        #expect(try site.folder.contents("out") == before)
    }

    @Test func aKilledCommitIsFinishedByTheNextBuild() throws {
        let site = try SmallSite(Self.tree)
        try site.build(output: "whole")
        try site.build()
        // What a process leaves that dies after writing its journal and moving some of its files.
        let staged = try site.folder.contents("out/public")
        try site.folder.write("out/.stage/public/index.html", Array("new".utf8))
        let journal =
            #"{"fmt":"xinmi-journal/1","operations":[["delete","public/news/a/index.html"],["put","public/404.html"],["put","public/index.html"]]}"#
        try site.folder.write("out/.journal.json", Array(journal.utf8))
        _ = try OutputTransaction(root: site.folder.path + "/out")
        let after = try site.folder.contents("out/public")
        #expect(after["index.html"] == Array("new".utf8))
        #expect(after["news/a/index.html"] == nil)
        #expect(after["404.html"] == staged["404.html"])
        try site.build()
        #expect(try site.folder.contents("out/public") == site.folder.contents("whole/public"))
    }

    @Test func aStageWithoutAJournalIsRolledBack() throws {
        let site = try SmallSite(Self.tree)
        try site.build()
        let before = try site.folder.contents("out/public")
        try site.folder.write("out/.stage/public/index.html", Array("half".utf8))
        _ = try OutputTransaction(root: site.folder.path + "/out")
        #expect(try site.folder.contents("out/public") == before)
        #expect(FileSystem.kind(site.folder.path + "/out/.stage") == nil)
    }

    @Test func twoBuildsAtOnceAreRefused() throws {
        let site = try SmallSite(Self.tree)
        let first = try OutputTransaction(root: site.folder.path + "/out")
        #expect(throws: FileError.self) { try site.build() }
        withExtendedLifetime(first) {}
    }

    @Test func anOverlayAddsAndReplacesPages() throws {
        let site = try SmallSite(Self.tree)
        try site.folder.write(["over/portal/news/h.md": page("庚"), "over/portal/news/b.md": page("新乙", "", "# 一")])
        #expect(try site.build(overlays: ["over"]).diagnostics == [])
        #expect(try site.folder.text("out/public/news/h/index.html").contains("庚"))
        #expect(try site.folder.text("out/public/news/b/index.html").contains("新乙"))
    }

    @Test func listsArePaged() throws {
        var tree = Self.tree
        for n in 1...5 { tree["portal/news/n\(n).md"] = page("页\(n)", "date: 2026-07-0\(n)") }
        let site = try SmallSite(tree)
        try site.build()
        let files = try site.folder.contents("out/public")
        #expect(
            files.keys.filter { $0.hasPrefix("news/page/") }.sorted() == [
                "news/page/2/index.html", "news/page/3/index.html", "news/page/4/index.html",
            ])
        #expect(try site.folder.text("out/public/news/page/4/index.html").contains("/news/n1/ 页1"))
    }
}
