import Glibc
import PortalBase
import TestSupport
import Testing

@testable import SiteGen

/// A build that starts from the records of the one before leaves, byte for byte, what a build from nothing leaves, and
/// finds the same.
@Suite struct IncrementalTests {
    private static let sites = """
        group: {name: 群, languages: [zh, en], timezone: Asia/Shanghai}
        taxonomies: {tags: #TAGS#, topics: 主题}
        variants:
          public: {admits: [public], base: https://p.example, forms: /forms}
          intranet: {admits: [public, intranet], base: https://i.example}
        sites:
          - {slug: portal, kind: portal, content: portal, name: {zh: 门户, en: Portal}, theme: plain#MENU#}
          - {slug: town, kind: 镇, content: town, name: {zh: 镇, en: Town}, theme: plain}

        """

    private static func sites(tags: String, menu: String) -> String {
        sites.replacing("#TAGS#", with: tags).replacing("#MENU#", with: menu)
    }

    private static let tree: [String: String] = {
        var files = [
            "portal/_index.md": page("首页", "cascade: {visibility: public}", "欢迎"),
            "portal/_index.en.md": page("Home", "visibility: public"),
            "town/_index.md": page("镇", "cascade: {visibility: public}"),
            "portal/news/_index.md": page("新闻", "archive: month", "栏目的话"),
            "portal/news/_index.en.md": page("News", "visibility: public"),
            "portal/inner/_index.md": page("内部", "visibility: intranet\ncascade: {visibility: intranet}"),
            "portal/inner/i.md": page("内一"), "town/news/_index.md": page("动态"),
            "portal/bundle/index.md": page("带附件", "date: 2026-05-01", "见 [表](form.pdf)。"),
            "portal/bundle/form.pdf": "%PDF one", "data/rows.csv": "name,phone\n甲,1\n乙,2\n",
            "data/_data.yaml": "rows.csv: {visibility: public}\n",
            "portal/table.md": page("表", "", "::table{src=rows.csv}\n\n:::notice[注]\n看 [甲](news/n1.md#一)。\n:::"),
        ]
        for n in 0..<9 {
            files["portal/news/n\(n).md"] = page(
                "新闻\(n)", "date: 2026-0\(1 + n % 8)-11\ntags: [标\(n % 3), 签]", "# 一\n\n正文\(n)。[下](n\((n + 1) % 9).md)")
        }
        files["portal/news/n1.en.md"] = page("One", "date: 2026-02-11\nvisibility: public")
        files["town/news/t.md"] = page("镇闻", "date: 2026-04-04\nsites: [portal]\ntopics: [甲类]")
        return files
    }()

    /// Something that an editor, a designer or an accident may do; says what it was.
    private struct Edits {
        var random: SeededGenerator
        let folder: TemporaryFolder
        var hasMenu = false
        var tags = "标签"

        mutating func pick<T>(_ items: [T]) -> T { items.randomElement(using: &random)! }

        mutating func one(_ step: Int) throws -> String {
            let page = "portal/news/n\(random.next() % 11).md"
            switch random.next() % 17 {
            case 0, 1, 2:
                let body = pick([
                    "# 一\n\n改\(step)", "# 二\n\n[下](n2.md)", "长文。\n\n# 一\n\n[内](../inner/i.md)", "看 [表](../table.md)",
                    "公开\n\n:::intranet\n密\(step)\n:::", "[坏](nowhere.md)", "公开\n\n：：：内网\n密\(step)\n：：：",
                    "一\n\n:::\u{200B}intranet 密\(step)", "[表](../bundle/form.pdf)",
                ])
                return try write(page, post("新闻", "date: 2026-03-11\ntags: [签]", body))
            case 3:
                return try write(
                    page, post("改题\(step)", "date: 2026-0\(1 + step % 8)-12\ntags: [标\(step % 4)]", "# 一\n\n正文"))
            case 4: return try write(page, post("收起\(step)", "visibility: intranet", "# 一\n\n内部"))
            case 5: return try write(page, post("待发", "date: 2026-09-\(pick(["01", "15"]))", "# 一\n\n将来"))
            case 6: return try remove("Content/" + page)
            case 7:
                return try write(
                    "portal/news/_index.md",
                    post("新闻\(step % 3)", pick(["archive: month", "archive: year", "weight: 3"])))
            case 8: return try write("data/rows.csv", "name,phone\n甲,\(step)\n丙,3\n")
            case 9: return try write("portal/bundle/form.pdf", "%PDF " + String(repeating: "x", count: step))
            case 10:
                let name = pick(["more", "chrome/footer", "section", "directives/notice", "term"])
                let path = "Themes/plain/templates/\(name).mustache"
                let old = try folder.text(path)
                try folder.write(path, Array((old.hasPrefix("·") ? String(old.dropFirst()) : "·" + old).utf8))
                return "template \(name)"
            case 11:
                try folder.write("Themes/plain/assets/site.css", Array("a{color:#\(100 + step)}".utf8))
                return "style"
            case 12:
                try folder.write("Themes/plain/i18n/en.yaml", Array("languageName: English\(step)\n".utf8))
                return "strings"
            case 13:
                hasMenu.toggle()
                return try write(
                    "sites.yaml", IncrementalTests.sites(tags: tags, menu: hasMenu ? ", menu: [news/_index.md]" : ""))
            case 14:
                tags = pick(["标签", "标记"])
                return try write(
                    "sites.yaml", IncrementalTests.sites(tags: tags, menu: hasMenu ? ", menu: [news/_index.md]" : ""))
            case 15: return try remove("out/public/news/index.html")
            default:
                if FileSystem.kind(folder.path + "/out/intranet/table") == .directory {
                    try folder.write("out/intranet/table/index.html", Array("tampered".utf8))
                }
                return "tampered"
            }
        }

        private func write(_ path: String, _ text: String) throws -> String {
            try folder.write("Content/" + path, Array(text.utf8))
            return "write \(path)"
        }

        private func remove(_ path: String) throws -> String {
            try FileSystem.remove(folder.path + "/" + path)
            return "remove \(path)"
        }
    }

    private func trees(_ site: SmallSite, _ output: String) throws -> [String: [UInt8]] {
        try site.folder.contents(output)
    }

    @Test(arguments: [3 as UInt64, 17])
    func randomEditsLeaveWhatABuildFromNothingLeaves(_ seed: UInt64) throws {
        let site = try SmallSite(Self.tree, sites: Self.sites(tags: "标签", menu: ""))
        let start = try site.build().diagnostics.map { $0.line(language: "en") }
        #expect(start == [])
        var built = 0
        var edits = Edits(random: SeededGenerator(seed: seed), folder: site.folder)
        for step in 0..<60 {
            let done = try edits.one(step)
            let before = try trees(site, "out")
            // Now and then long enough for the file system's clock to move on, so that states are believed.
            if step % 2 == 0 { usleep(60_000) }
            let now = Instant(seconds: SmallSite.now.seconds + (step % 5 == 4 ? 20 * 86_400 : 0))
            let first = try site.build(now: now, comparesContent: step % 7 == 6)
            let cold = try site.build(output: "cold", now: now, usesCache: false)
            let (found, wanted) = (
                first.diagnostics.map { $0.line(language: "en") }, cold.diagnostics.map { $0.line(language: "en") }
            )
            #expect(found == wanted, "step \(step): \(done)")
            let (left, right) = (try trees(site, "out"), try trees(site, first.hasErrors ? "none" : "cold"))
            let different = Set(left.keys).union(right.keys).filter { left[$0] != right[$0] }.sorted()
            if first.hasErrors {
                let touched = Set(left.keys).union(before.keys).filter { left[$0] != before[$0] }
                #expect(touched == [], "step \(step): \(done)")
                // What was broken is mended, so that the next edit shows something.
                try FileSystem.removeTree(site.folder.path + "/Content/portal/news")
                for (name, text) in Self.tree where name.hasPrefix("portal/news/") {
                    try site.folder.write(["Content/" + name: text])
                }
            } else {
                built += 1
                #expect(different == [], "step \(step): \(done)")
            }
            try FileSystem.removeTree(site.folder.path + "/cold")
        }
        #expect(built > 25)
    }

    @Test func whatDidNotChangeIsNotTouched() throws {
        var tree = Self.tree
        tree["portal/news/n4.md"] = page("新闻4", "date: 2026-05-11\nsummary: 摘要", "# 一\n\n正文")
        let site = try SmallSite(tree, sites: Self.sites(tags: "标签", menu: ""))
        func marks() throws -> [String: FileMark] {
            Dictionary(
                uniqueKeysWithValues: try FileSystem.filesBelow(site.folder.path + "/out").filter {
                    !$0.hasPrefix(".") && !$0.contains("search-index/")
                }.map { ($0, FileMark(site.folder.path + "/out/" + $0)!) })
        }
        try site.build()
        usleep(60_000)
        let first = try marks()
        #expect(try site.build().changed == 0)
        try site.folder.write([
            "Content/portal/news/n4.md": page("新闻4", "date: 2026-05-11\nsummary: 摘要", "# 一\n\n换了")
        ])
        usleep(60_000)
        try site.build()
        let second = try marks()
        let touched = Set(first.keys).union(second.keys).filter { first[$0] != second[$0] }.sorted()
        #expect(
            touched == [
                "intranet.manifest.json", "intranet/news/n4/index.html", "public.manifest.json",
                "public/news/n4/index.html",
            ])
    }

    @Test func aTemplateIsDrawnWhereItIsUsed() throws {
        let site = try SmallSite(Self.tree, sites: Self.sites(tags: "标签", menu: ""))
        try site.build(variants: ["public"])
        usleep(60_000)
        try site.folder.write("Themes/plain/templates/terms.mustache", Array("T{{#terms}}{{name}}{{/terms}}".utf8))
        usleep(60_000)
        let report = try site.build(variants: ["public"])
        // One list of tags for the portal, one of topics for the town, and the manifest.
        #expect(report.changed == 3)
    }

    @Test func damagedRecordsOnlyCostTime() throws {
        let site = try SmallSite(Self.tree, sites: Self.sites(tags: "标签", menu: ""))
        try site.build()
        usleep(60_000)
        let whole = try trees(site, "out")
        for name in ["pages", "public.outputs", "tree"] {
            let path = site.folder.path + "/out/.cache/build/" + name
            var bytes = try FileSystem.read(path)
            bytes[bytes.count / 2] ^= 0x40
            try FileSystem.write(bytes, to: path)
            #expect(try site.build().hasErrors == false)
            #expect(try trees(site, "out") == whole)
            usleep(60_000)
            try FileSystem.write(Array(try FileSystem.read(path).dropLast(5)), to: path)
            #expect(try site.build().hasErrors == false)
            #expect(try trees(site, "out") == whole)
            usleep(60_000)
        }
    }

    @Test func pagesBecomeDueWithoutAnEdit() throws {
        var tree = Self.tree
        tree["portal/news/later.md"] = page("以后", "date: 2026-09-10")
        tree["portal/news/ends.md"] = page("到期", "date: 2026-01-10\nexpires: 2026-09-20")
        let site = try SmallSite(tree, sites: Self.sites(tags: "标签", menu: ""))
        func shows(_ name: String) throws -> Bool { try trees(site, "out")["public/news/\(name)/index.html"] != nil }
        try site.build()
        #expect(try [shows("later"), shows("ends")] == [false, true])
        usleep(60_000)
        try site.build(now: Instant(seconds: SmallSite.now.seconds + 12 * 86_400))
        #expect(try [shows("later"), shows("ends")] == [true, true])
        usleep(60_000)
        try site.build(now: Instant(seconds: SmallSite.now.seconds + 25 * 86_400))
        #expect(try [shows("later"), shows("ends")] == [true, false])
        usleep(60_000)
        try site.build()
        #expect(try [shows("later"), shows("ends")] == [false, true])
    }

    /// What was public when its head was read may have been hidden since: nothing of the new text is shown.
    @Test func aFileThatChangesDuringTheBuildStopsIt() throws {
        let site = try SmallSite(Self.tree, sites: Self.sites(tags: "标签", menu: ""))
        let request = BuildRequest(source: site.folder.path, output: nil, now: SmallSite.now, jobs: 1)
        var found: [Diagnostic] = []
        let assembler = SiteAssembler(request: request, clock: .silent)
        let tree = try assembler.scan(&found)
        let assembly = try #require(try assembler.assemble(tree, &found))
        try site.folder.write([
            "Content/portal/news/n3.md": page("新闻3", "date: 2026-04-11\nvisibility: intranet", "秘密")
        ])
        let variant = assembly.variants[0]
        let output = try #require(variant.plan.owner("news/n3/index.html", docroot: 0))
        let rendered = try variant.renderer.render(variant.plan.outputs[output])
        #expect(rendered.diagnostics.map(\.rule) == ["changed-meanwhile"])
        #expect(!String(decoding: rendered.bytes, as: UTF8.self).contains("秘密"))
    }

    /// Whatever left no record, the next build takes away what is withdrawn.
    @Test(arguments: ["fresh", "part", "killed"])
    func whatARecordDoesNotNameIsFoundOnTheDisk(_ how: String) throws {
        let site = try SmallSite(Self.tree, sites: Self.sites(tags: "标签", menu: ""))
        try site.build()
        try site.folder.write(["Content/town/news/new.md": page("新来", "date: 2026-05-05")])
        switch how {
        case "fresh": try site.build(usesCache: false)
        case "part": try site.build(sites: ["town"])
        default:
            // The state of the records when a build dies after its commit.
            let records = try site.folder.contents("out/.cache/build")
            try site.build()
            for (name, bytes) in records { try site.folder.write("out/.cache/build/" + name, bytes) }
            try BuildCache.leaveOpen(site.folder.path + "/out")
        }
        #expect(try trees(site, "out")["public/xz/town/news/new/index.html"] != nil)
        try FileSystem.remove(site.folder.path + "/Content/town/news/new.md")
        usleep(60_000)
        try site.build()
        #expect(try trees(site, "out")["public/xz/town/news/new/index.html"] == nil)
    }

    /// A file that keeps its size and time but not its words is seen by a build that compares content.
    @Test func comparingContentSeesWhatStatesHide() throws {
        let site = try SmallSite(Self.tree, sites: Self.sites(tags: "标签", menu: ""))
        try site.build()
        try site.folder.write("out/public/stray.html", Array("x".utf8))
        try site.build(comparesContent: true)
        #expect(try trees(site, "out")["public/stray.html"] == nil)
    }
}

private func post(_ title: String, _ more: String, _ body: String = "") -> String { page(title, more, body) }
