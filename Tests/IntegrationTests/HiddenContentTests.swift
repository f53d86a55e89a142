import PortalBase
import TestSupport
import Testing

@testable import SiteGen

/// Ways in which something meant to be hidden could be shown, each refused.
@Suite struct HiddenContentTests {
    private static let home = page("首页", "cascade: {visibility: public}")

    private func findings(_ files: [String: String]) throws -> [String] {
        let tree = ["portal/_index.md": Self.home, "town/_index.md": Self.home].merging(files) { $1 }
        return try SmallSite(tree).findings()
    }

    @Test func aFileIsNotShownMoreWidelyThanItsSection() throws {
        let found = try findings([
            "portal/in/_index.md": page("in", "visibility: intranet"), "portal/in/list.txt": "x",
            "portal/a.md": page("a", "", "[单](in/list.txt)"),
        ])
        #expect(found == ["public-below-intranet portal/in/list.txt:1"])
    }

    @Test(arguments: [
        ":::notice[通知 :intranet[张某]]\nx\n:::", "::form[:only[x]]{id=f}", ":Intranet[秘密]",
        ":intranet [秘密]", ":only (x) :only [x]{visibility=intranet}",
        ":intranet[内部](http://10.0.0.5/)",
        ":only[x]{visibility=intranet visibility=public}", "a &#1;0&#2; b", "```&#1;x\ncode\n```",
    ])
    func whatOnlyLooksHiddenIsAnError(_ body: String) throws {
        let site = try SmallSite([
            "portal/_index.md": Self.home, "town/_index.md": Self.home, "portal/a.md": page("a", "", body),
        ])
        #expect(try site.build().hasErrors, "\(body)")
    }

    /// A Chinese keyboard's colons and brackets are taken for those that were meant.
    @Test(arguments: [
        ":intranet【秘密】", ":intranet［秘密］", "：intranet[秘密]", "：intranet［秘密］", ":内网[秘密]", "：：：内网\n秘密\n：：：",
        "::: intranet\n秘密\n:::", "　　:::intranet\n秘密\n　　:::",
    ])
    func marksAsPeopleTypeThemHide(_ body: String) throws {
        let site = try SmallSite([
            "portal/_index.md": Self.home, "town/_index.md": Self.home,
            "portal/a.md": page("a", "", "甲\n\n\(body)\n\n乙"),
        ])
        #expect(try site.build().diagnostics == [])
        let (open, inner) = (
            try site.folder.text("out/public/a/index.html"), try site.folder.text("out/intranet/a/index.html")
        )
        #expect(!open.contains("秘密") && open.contains("甲") && open.contains("乙"))
        #expect(inner.contains("秘密"))
    }

    @Test func marksInFrontMatterDataAndFormsAreErrors() throws {
        let found = try findings([
            "portal/a.md": page("\"标题 :intranet[密]\""), "data/x.csv": "name,visibility\n:intranet[密],public\n",
            "forms/f.yaml":
                "id: f\nkind: hotline\nvisibility: public\ntitle: \":only[x]\"\npages: [{id: p, title: P, fields: [{id: a, type: text, label: A}]}]\n",
        ])
        #expect(found.filter { $0.hasPrefix("misplaced-mark") }.count == 3)
    }

    @Test(arguments: ["portal/secret.MD", "portal/a.markdown"])
    func anEditorsCopyOfAPageIsNotServed(_ name: String) throws {
        #expect(try findings([name: page("a", "visibility: intranet")]) == ["page-name \(name):1"])
    }

    @Test(arguments: ["portal/a.md.bak", "portal/a.md.orig", "portal/a.md~", "portal/.a.md.swp"])
    func whatProgramsLeaveBehindIsLeftOut(_ name: String) throws {
        let site = try SmallSite([
            "portal/_index.md": Self.home, "town/_index.md": Self.home, name: page("秘密", "visibility: intranet"),
        ])
        #expect(try !site.build().hasErrors)
        for (path, bytes) in try site.folder.contents("out") {
            #expect(!String(decoding: bytes, as: UTF8.self).contains("秘密"), "\(path)")
        }
    }

    @Test(arguments: ["name, visibility", "name,Visibility", "visibility,visibility"])
    func aMisspeltAudienceColumnIsAnError(_ header: String) throws {
        let found = try findings([
            "data/x.csv": "\(header)\na,intranet\n", "data/_data.yaml": "x.csv: {visibility: public}\n",
        ])
        #expect(found.contains { $0.hasPrefix("csv-visibility data/x.csv") })
    }

    @Test func aRowIsNotShownMoreWidelyThanItsFile() throws {
        let found = try findings([
            "data/x.csv": "name,visibility\na,public\n", "data/_data.yaml": "x.csv: {visibility: intranet}\n",
        ])
        #expect(found == ["public-below-intranet data/x.csv:2"])
    }

    @Test func aDraftTranslationWithholdsItselfOnly() throws {
        let site = try SmallSite([
            "portal/_index.md": Self.home, "town/_index.md": Self.home, "portal/a.md": page("甲"),
            "portal/a.en.md": page("A", "draft: true"),
        ])
        #expect(try site.build().diagnostics == [])
        let files = try site.folder.contents("out/public")
        #expect(files["a/index.html"] != nil && files["en/a/index.html"] == nil)
    }

    @Test func theFrameOfAWithdrawnSiteGoes() throws {
        let site = try SmallSite(["portal/_index.md": Self.home, "town/_index.md": Self.home])
        try site.build()
        #expect(try site.folder.contents("out/public.runtime")["shell.town.zh.html"] != nil)
        try site.folder.write(["Content/town/_index.md": page("镇", "visibility: intranet")])
        try site.build()
        #expect(try site.folder.contents("out/public.runtime").keys.filter { $0.contains("town") } == [])
    }

    @Test func linksInTablesAreKeptAndChecked() throws {
        let site = try SmallSite([
            "portal/_index.md": Self.home, "town/_index.md": Self.home, "portal/b.md": page("乙"),
            "portal/a.md": page("甲", "", "| a | b |\n|---|---|\n| [文字](b.md) | x |"),
        ])
        #expect(try site.build().diagnostics == [])
        #expect(try site.folder.text("out/public/a/index.html").contains("<td><a href=\"/b/\">文字</a></td>"))
        #expect(
            try findings(["portal/a.md": page("甲", "", "| a |\n|---|\n| [x](no.md) |")]) == ["dead-link portal/a.md:6"])
    }

    @Test func aFileWhereAFolderIsWantedIsAnError() throws {
        #expect(
            try findings(["portal/a.md": page("a", "aliases: [/sitemap.xml/]")]).contains {
                $0.hasPrefix("duplicate-url")
            })
    }

    @Test func aliasesOfYAMLCannotTakeTheMachine() throws {
        var head = "a0: &a0 x\n"
        for n in 1...24 {
            head += "a\(n): &a\(n) [\(Array(repeating: "*a\(n - 1)", count: 9).joined(separator: ", "))]\n"
        }
        #expect(try findings(["portal/a.md": page("a", head)]).contains { $0.hasPrefix("yaml-anchor") })
    }

    @Test func aPathMayChangeBetweenFileAndFolderAndBack() throws {
        let site = try SmallSite([
            "portal/_index.md": Self.home, "town/_index.md": Self.home, "portal/a.md": page("a", "aliases: [/x.pdf/]"),
        ])
        try site.build()
        for _ in 0..<2 {
            try site.folder.write(["Content/portal/a.md": page("a", "files: [x.pdf]"), "Content/portal/x.pdf": "%PDF-"])
            try site.build()
            #expect(try site.folder.text("out/public/x.pdf") == "%PDF-")
            try FileSystem.remove(site.folder.path + "/Content/portal/x.pdf")
            try site.folder.write(["Content/portal/a.md": page("a", "aliases: [/x.pdf/]")])
            try site.build()
            #expect(try site.folder.contents("out/public")["x.pdf/index.html"] != nil)
        }
    }
}
