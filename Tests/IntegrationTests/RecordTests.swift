import Foundation
import PortalBase
import TestSupport
import Testing

@testable import SiteGen

/// What the records of a build must not let the next one overlook: each edit is built on top, and compared with a build from
/// nothing.
@Suite struct RecordTests {
    private static let home = page("首页", "cascade: {visibility: public}")

    private static func site(_ files: [String: String], sites: String = SmallSite.sites) throws -> SmallSite {
        let site = try SmallSite(
            ["portal/_index.md": home, "town/_index.md": home].merging(files) { $1 }, sites: sites)
        try site.folder.write(
            "Themes/plain/templates/more.mustache", Array("{{#page.twins}}{{name}}{{/page.twins}}".utf8))
        #expect(try site.build().diagnostics.filter { $0.severity == .error } == [])
        #expect(try site.build().changed == 0)
        return site
    }

    private func write(_ site: SmallSite, _ path: String, _ text: String) throws {
        try site.folder.write(path, Array(text.utf8))
    }

    private func check(_ site: SmallSite, place: SourceLocation = #_sourceLocation) throws {
        #expect(try site.build().diagnostics.filter { $0.severity == .error } == [], sourceLocation: place)
        try FileSystem.removeTree(site.folder.path + "/cold")
        try site.build(output: "cold", usesCache: false)
        let (made, cold) = (try site.folder.contents("out"), try site.folder.contents("cold"))
        let differing = Set(made.keys).union(cold.keys).filter { made[$0] != cold[$0] }.sorted()
        #expect(differing == [], sourceLocation: place)
        // By name on the disk: two spellings of é are one key here.
        let names = try [made, cold].map { _ in try FileSystem.filesBelow(site.folder.path + "/out/public").count }
        let expected = try FileSystem.filesBelow(site.folder.path + "/cold/public").count
        #expect(names[0] == expected, sourceLocation: place)
    }

    @Test func aBuildOfOneVariantDoesNotVouchForTheOthers() throws {
        let site = try Self.site([:])
        try write(site, "Content/town/news/new.md", page("新"))
        try site.build(usesCache: false)
        try site.build(variants: ["intranet"])
        try write(site, "Content/town/news/new.md", page("新", "visibility: intranet"))
        try check(site)
    }

    private static func hosted(_ slug: String) -> String {
        SmallSite.sites.replacing(
            "{slug: town, kind: 镇, content: town, name: {zh: 镇, en: Town}, theme: plain",
            with:
                "{slug: \(slug), kind: 镇, content: town, name: {zh: 镇, en: Town}, theme: plain, address: {mode: host, host: {public: t.example.cn}}"
        )
    }

    @Test func noWordOfAPageThatIsGoneStays() throws {
        let words = Array("蓝铁桶漏水".utf8)
        let site = try Self.site(["town/a.md": page("甲"), "town/b.md": page("蓝铁桶漏水", "", "蓝铁桶漏水了")])
        func places() throws -> [String] {
            try FileSystem.filesBelow(site.folder.path + "/out").filter { path in
                try FileSystem.read(site.folder.path + "/out/" + path).firstRange(of: words) != nil
            }
        }
        #expect(try !places().isEmpty)
        try FileSystem.remove(site.folder.path + "/Content/town/b.md")
        try check(site)
        #expect(try places() == [])
    }

    @Test func aSiteThatIsRenamedTakesItsOldTreeAway() throws {
        let site = try Self.site(["town/a.md": page("甲")], sites: Self.hosted("town"))
        #expect(FileSystem.kind(site.folder.path + "/out/public.hosts/town") == .directory)
        try write(site, "Content/sites.yaml", Self.hosted("newtown"))
        try check(site)
        #expect(FileSystem.kind(site.folder.path + "/out/public.hosts/town") == nil)
    }

    @Test func theOrderOfColumnsIsAnInput() throws {
        let site = try Self.site([
            "data/rows.csv": "name,phone\n甲,1\n", "data/_data.yaml": "rows.csv: {visibility: public}\n",
            "portal/t.md": page("表", "", "::table{src=rows.csv}"),
        ])
        try write(site, "Content/data/rows.csv", "phone,name\n1,甲\n")
        try check(site)
    }

    @Test func firstWordsStandInForASummaryThatGoes() throws {
        let site = try Self.site([
            "portal/news/_index.md": page("新闻", "cascade: {summary: 概要}"), "portal/news/a.md": page("甲", "", "第一句话。"),
        ])
        try write(site, "Content/portal/news/_index.md", page("新闻"))
        try check(site)
    }

    @Test func namesOfOtherLanguagesAreInputs() throws {
        let site = try Self.site(["portal/a.md": page("甲"), "portal/a.en.md": page("A")])
        try write(site, "Themes/plain/i18n/en.yaml", "languageName: In English\n")
        try check(site)
    }

    @Test func theHourMovesAPageInTheIndex() throws {
        let site = try Self.site([
            "portal/news/a.md": page("甲", "date: 2026-08-01 09:00", "一"),
            "portal/news/b.md": page("乙", "date: 2026-08-01 10:00", "二"),
        ])
        try write(site, "Content/portal/news/a.md", page("甲", "date: 2026-08-01 11:00", "一"))
        try check(site)
    }

    @Test func laterPagesOfAListMayShowTheSectionsOwnBody() throws {
        var files = ["portal/news/_index.md": page("新闻", "summary: 概要", "短。")]
        for n in 1...3 { files["portal/news/n\(n).md"] = page("新闻\(n)") }
        let site = try Self.site(files)
        try write(site, "Themes/plain/templates/section.mustache", "{{page.characters}} {{#items}}{{path}} {{/items}}")
        try check(site)
        try write(site, "Content/portal/news/_index.md", page("新闻", "summary: 概要", "长得多的一句话。"))
        try check(site)
    }

    /// What the journal names is still to be done, by whoever comes next.
    @Test func aFailureWhileApplyingIsFinishedByTheNextBuild() throws {
        let site = try Self.site(["portal/news/a.md": page("甲"), "portal/z.md": page("末")])
        try write(site, "Content/portal/news/a.md", page("甲二"))
        try write(site, "Content/portal/z.md", page("末二"))
        let news = site.folder.path + "/out/public/news"
        try FileSystem.removeTree(news)
        // A link to itself: nothing can be moved below it.
        #expect(symlink("news", news) == 0)
        #expect(throws: FileError.self) { try site.build() }
        try FileSystem.remove(news)
        // Even one that finds mistakes and changes nothing of its own.
        try write(site, "Content/portal/bad.md", page("坏", "date: gestern"))
        #expect(try site.build().hasErrors)
        #expect(try site.folder.text("out/public/news/a/index.html").contains("甲二"))
        #expect(try site.folder.text("out/public/z/index.html").contains("末二"))
        try FileSystem.remove(site.folder.path + "/Content/portal/bad.md")
        try check(site)
    }

    @Test func aThemeBehindALinkIsSeen() throws {
        let site = try Self.site(["portal/a.md": page("甲")])
        let (themes, elsewhere) = (site.folder.path + "/Themes", site.folder.path + "/elsewhere")
        try FileSystem.rename(themes, elsewhere)
        #expect(symlink(elsewhere, themes) == 0)
        // Files that changed a moment ago are read in any case.
        usleep(100_000)
        try check(site)
        #expect(try site.build().changed == 0)
        try write(site, "elsewhere/plain/templates/page.mustache", "anders {{page.title}}")
        try check(site)
    }

    @Test func anotherSpellingOfANameIsAnotherFile() throws {
        let site = try Self.site([
            "portal/b/index.md": page("乙", "", "[一](caf%C3%A9.pdf)"), "portal/b/caf\u{E9}.pdf": "%PDF one",
        ])
        try FileSystem.rename(
            site.folder.path + "/Content/portal/b/caf\u{E9}.pdf", site.folder.path + "/Content/portal/b/cafe\u{301}.pdf"
        )
        try check(site)
    }

    @Test func filesFromTheFarFutureAndBrokenBytesAreNoHindrance() throws {
        let site = try Self.site(["portal/a.md": page("甲")])
        #expect(try run(["touch", "-d", "2300-01-01", site.folder.path + "/Content/portal/a.md"]).status == 0)
        try check(site)
        var bytes = Array(page("乙").utf8)
        bytes += [0xFF, 0x00, 0x80, 0x80, 0x80]
        try site.folder.write("Content/portal/b.md", bytes)
        #expect(try site.findings().contains { $0.hasPrefix("utf8 ") })
    }
}
