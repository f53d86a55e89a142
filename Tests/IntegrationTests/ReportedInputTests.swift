import Glibc
import PortalBase
import TestSupport
import Testing

@testable import SiteGen

/// Inputs that once leaked, crashed, hung or were lost, each with what must come of it.
@Suite struct ReportedInputTests {
    private static let home = page("首页", "cascade: {visibility: public}")

    private func site(_ files: [String: String], sites: String = SmallSite.sites) throws -> SmallSite {
        try SmallSite(["portal/_index.md": Self.home, "town/_index.md": Self.home].merging(files) { $1 }, sites: sites)
    }

    private func rules(_ files: [String: String], sites: String = SmallSite.sites) throws -> Set<String> {
        Set(try site(files, sites: sites).findings().map { String($0.prefix { $0 != " " }) })
    }

    // MARK: Names and addresses

    @Test func aNameLongerThanAFileSystemTakesIsCut() throws {
        let name = String(repeating: "关于进一步加强", count: 11)
        let site = try site(["portal/\(name).md": page("长")])
        #expect(try site.build().diagnostics == [])
        let made = try site.folder.contents("out/public").keys.filter { $0.hasPrefix("guan-yu") }
        #expect(made.count == 1 && made.allSatisfy { $0.utf8.count < 255 })
    }

    @Test(arguments: [
        "/x\u{200B}/", "/x y/", "/a　b/", "/a/，/b/",
        "/./", "/news/./", "/./index.html", "/show.aspx?id=3", "/a#b", "/a\\\\b", "/.well-known/x/", "/.htaccess",
    ])
    func anAliasThatNoRequestCanMeanIsAnError(_ alias: String) throws {
        #expect(try rules(["portal/a.md": page("a", "aliases: [\"\(alias)\"]")]) == ["alias"])
    }

    @Test(arguments: ["/login/", "/xz/", "/xz/other/", "/forms/hotline/", "/assets/plain/"])
    func aTownHasNoAddressesOfOthers(_ alias: String) throws {
        #expect(try rules(["town/a.md": page("a", "aliases: [\(alias)]")]).contains("alias-site"))
    }

    @Test func addressesOfTheFormsServiceAreItsOwn() throws {
        #expect(try rules(["portal/forms/_index.md": page("表格")]).contains("reserved-path"))
        #expect(try rules(["portal/a.md": page("a", "aliases: [/api/v1/]")]).contains("reserved-path"))
        #expect(try rules(["portal/a.md": page("a", "slug: assets")]).contains("reserved-path"))
        #expect(try rules(["portal/a.md": page("a", "aliases: [/seals.txt]")]).contains("reserved-path"))
        #expect(try rules(["portal/a.md": page("a", "slug: \"x\\u200b\"")]).contains("wrong-type"))
    }

    // MARK: Files

    @Test(arguments: ["x.shtml", "x.php", "x.exe", "x.hta", "x.mht", "x.jsp", "x.docm", "x.rar", "x.kml"])
    func onlyFilesThatMayCrossArePublished(_ name: String) throws {
        #expect(
            try rules(["portal/a/index.md": page("a", "files: [\(name)]"), "portal/a/\(name)": "x"]) == ["file-kind"])
    }

    @Test(arguments: ["~$报名表.docx", "a.tmp", "a.bak", ".DS_Store", "Thumbs.db", "a.crdownload"])
    func whatProgramsLeaveIsNotPublished(_ name: String) throws {
        let site = try site(["portal/a/index.md": page("a"), "portal/a/\(name)": "x"])
        #expect(try site.build().diagnostics == [])
        #expect(try !site.folder.contents("out/public").keys.contains { $0.contains(name) })
    }

    /// As Excel saves it in Chinese.
    @Test func aTableInGB18030IsLookedAtToo() throws {
        let site = try site(["portal/a/index.md": page("a", "files: [x.csv]")])
        try site.folder.write(
            "Content/portal/a/x.csv",
            [0xD0, 0xD5, 0xC3, 0xFB] + Array(",visibility\r\n".utf8) + [0xC0, 0xEE] + Array(",intranet\r\n".utf8))
        #expect(try site.build(output: nil).hasErrors)
    }

    /// A file is shown to whoever sees a place that names it.
    @Test func aFileFollowsThePlaceThatNamesIt() throws {
        let site = try site([
            "portal/a/index.md": page("a", "", "[开](open.txt)\n\n:::intranet\n[密](secret.txt)\n:::"),
            "portal/a/open.txt": "open", "portal/a/secret.txt": "secret",
        ])
        #expect(try site.build().diagnostics == [])
        let (open, inner) = (try site.folder.contents("out/public"), try site.folder.contents("out/intranet"))
        #expect(open["a/open.txt"] != nil && open["a/secret.txt"] == nil)
        #expect(inner["a/open.txt"] != nil && inner["a/secret.txt"] != nil)
        #expect(try rules(["portal/a/index.md": page("a"), "portal/a/forgotten.txt": "x"]) == ["unlinked-file"])
        #expect(try rules(["portal/a/index.md": page("a", "draft: true"), "portal/a/x.txt": "x"]) == [])
    }

    /// Only what is surely a link makes a file public: not code, not an example, not a definition that nothing public uses.
    @Test(arguments: [
        "写法 `[x](secret.txt)`", "``` \n[x](secret.txt)\n```", "> ~~~\n> [x](secret.txt)\n> ~~~", "\\[x](secret.txt)",
        "见[1](secret.txt", "甲[乙\n\n丙](secret.txt)",
        "段\n\n    [x](secret.txt)", "\t[x](secret.txt)", "- 甲\n\n      [x](secret.txt)",
        "1. ```\n   [x](secret.txt)\n   ```",
        "[x](\n\nsecret.txt)", "[t]: secret.txt 后面还有字\n\n[t]", "文[t]\n[t]: secret.txt", "[甲 [乙](open.svg)](secret.txt)",
        "# 标 [甲\n乙](secret.txt)", "- [甲\n- 乙](secret.txt)", "|甲|乙|\n|-|-|\n|[a | b](secret.txt)|",
        "- [x] 完成\n\n[x]: secret.txt",
        "<https://a.cn/[a](secret.txt)>", "```\n- ```\n[x](secret.txt)\n```", "[^1]: 见[方案](secret.txt)",
        "[^1]: 见[方案][t]\n\n[t]: secret.txt", ":::only{visibility=public src=secret.txt}\n甲\n:::", "[s]: secret.txt",
        "::figure[图]{src=open.svg alt=\"secret.txt\"}",
    ])
    func whatIsNoLinkPublishesNoFile(_ text: String) throws {
        let hidden = text.hasPrefix("[s]") ? "[密][s]" : "[密](secret.txt)[^1]"
        let site = try site([
            "portal/a/index.md": page("a", "", ":::intranet\n\(hidden)\n:::\n\n\(text)\n\n![](open.svg)\n"),
            "portal/a/secret.txt": "secret", "portal/a/open.svg": "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            // A draft's file is not published by an example either.
            "portal/d.md": page("d", "draft: true", "[x](draft.txt)"), "portal/draft.txt": "draft",
            "portal/e.md": page(
                "e", "", text.replacing("secret.txt", with: "draft.txt").replacing("open.svg", with: "a/open.svg")),
        ])
        try site.build()
        let files = try site.folder.contents("out/public")
        #expect(files["a/index.html"] != nil && files["a/open.svg"] != nil)
        #expect(files["a/secret.txt"] == nil && files["draft.txt"] == nil)
    }

    /// A link that begins before a hidden part and ends in it is hidden.
    @Test func aLinkThatEndsInAHiddenPartIsHidden() throws {
        let site = try site([
            "portal/a/index.md": page("a", "", "关于印发[通知\n:::intranet\n附件：1](secret.txt)\n:::\n"),
            "portal/a/secret.txt": "s",
        ])
        _ = try site.build()
        #expect(FileSystem.kind(site.folder.path + "/out/public/a/secret.txt") == nil)
    }

    /// In every form of a link.
    @Test(arguments: [
        "[x](s.txt)", "[x](<s.txt>)", "[x](s.txt \"题\")", "[x]( s.txt )", "[**x**](s.txt)", "![`x`](s.txt)",
        "[![x](o.svg)](s.txt)",
        "[x][S]\n\n[s]: s.txt", "[s]\n\n[s]: <s.txt> '题'", "- 甲\n\n  [x](s.txt)", "1. 甲\n\n    - 乙\n\n      [x](s.txt)",
        "段落\n    [x](s.txt)", "[x](s.txt\n'题')",
        "文[^1]。\n\n[^1]: 见[方案](s.txt)", "- 甲` 一\n- [甲](s.txt)\n- 乙` 二", "3~~~5个工作日\n\n[甲](s.txt)",
        "> ```\n> 例\n> ```\n\n[甲](s.txt)", "`` ` `` [x](s.txt)",
        "a ` b [x](s.txt)",
        "[x](./s.txt#p=2)",
        // A backslash that escapes nothing.
        "C:\\temp [x](s.txt) C:\\temp", "[x](s.txt)\\\n下一行", "\\文 [x](s.txt) \\",
    ])
    func everyFormOfLinkNamesItsFile(_ text: String) throws {
        let site = try site([
            "portal/a/index.md": page("a", "", text + "\n\n![](o.svg)"), "portal/a/s.txt": "s",
            "portal/a/o.svg": "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        ])
        try site.build()
        #expect(try site.folder.contents("out/public")["a/s.txt"] != nil)
    }

    /// What `files:` says of a file counts before the links to it.
    @Test func aFileThatIsDeclaredHiddenIsHidden() throws {
        let site = try site([
            "portal/a/index.md": page("a", "files: [{name: s.txt, visibility: intranet}]", "[x](s.txt)"),
            "portal/a/s.txt": "s",
        ])
        #expect(try site.build(output: nil).diagnostics.map(\.rule) == ["link-to-hidden"])
        let quiet = try self.site([
            "portal/a/index.md": page("a", "files: [{name: s.txt, visibility: intranet}]", ":ref[x]{to=s.txt}"),
            "portal/a/s.txt": "s",
        ])
        try quiet.build()
        #expect(
            try quiet.folder.contents("out/public")["a/s.txt"] == nil
                && quiet.folder.contents("out/intranet")["a/s.txt"] != nil)
    }

    /// Copies of pages and tables under other names, in other encodings, with titles above their heads.
    @Test(arguments: [
        ("x.txt", "---\ntitle: x\nvisibility: intranet\n---\n密"), ("x.csv", "名单,\n\nname,visibility\n密,intranet\n"),
        ("x.csv", "name,公开\n密,否\n"), ("x.json", "[{\"\\u53ef\\u89c1\": \"x\"}]"),
        ("x.json", "[{\"name\": \"密\", \"visibility\": \"intranet\"}]"),
        ("x.geojson", "{\"features\": [{\"properties\": {\"可见\": \"内网\"}}]}"), ("x.vtt", "WEBVTT\n\n:intranet[密]\n"),
    ])
    func aCopyUnderAnotherNameIsAnError(_ name: String, _ text: String) throws {
        let found = try rules(["portal/a/index.md": page("a", "files: [\(name)]"), "portal/a/\(name)": text])
        #expect(found.count == 1 && found.isSubset(of: ["attachment-copy", "attachment-mark"]))
        // UTF-16 without its mark.
        let site = try site(["portal/a/index.md": page("a", "files: [\(name)]")])
        try site.folder.write("Content/portal/a/\(name)", text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
        #expect(try site.build(output: nil).hasErrors)
    }

    /// Words of a cell or a sentence are no heads.
    @Test(arguments: [
        ("x.csv", "系统,网络\n办公,内网\n查询,外网\n"), ("x.txt", "坚持公开，公平，公正。\n第二行，也有，逗号。\n"), ("x.csv", "标题,\n序号,名称\n1,公开\n"),
    ])
    func anOrdinaryTableIsNone(_ name: String, _ text: String) throws {
        #expect(try rules(["portal/a/index.md": page("a", "files: [\(name)]"), "portal/a/\(name)": text]) == [])
    }

    @Test func aTagInGB18030IsRead() throws {
        let site = try site(["portal/a/index.md": page("a", "files: [x.txt]")])
        // 可见：内网
        try site.folder.write(
            "Content/portal/a/x.txt", [0xBF, 0xC9, 0xBC, 0xFB, 0xA3, 0xBA, 0xC4, 0xDA, 0xCD, 0xF8, 0x0A])
        #expect(try site.build(output: nil).diagnostics.map(\.rule) == ["attachment-mark"])
    }

    @Test(arguments: ["x.css", "x.gz", "x.avif", "x.woff2", "x.ico", "x.webmanifest", "副本", "x.html.", "x.txt."])
    func whatOnlyTheGeneratorMakesIsNoAttachment(_ name: String) throws {
        #expect(
            try rules(["portal/a/index.md": page("a", "files: [\(name)]"), "portal/a/\(name)": "x"]) == ["file-kind"])
    }

    @Test func aNameLeavesRoomForItsCompressedCopy() throws {
        let name = String(repeating: "附", count: 83) + ".txt"
        #expect(
            try rules(["portal/a/index.md": page("a", "files: [\(name)]"), "portal/a/\(name)": "x"]) == ["file-kind"])
    }

    /// By its address too, from another site.
    @Test func aFileMayBeNamedByItsAddress() throws {
        let site = try site(["portal/p/x.txt": "x", "town/a.md": page("a", "", "[x](/p/x.txt)")])
        #expect(try site.build().diagnostics == [])
        #expect(try site.folder.text("out/public/p/x.txt") == "x")
    }

    // MARK: Text

    /// What no file may hold is not spelt either.
    @Test(arguments: [
        "x&#x202E;y", "&#x85;", "a&#8232;b", "&#x1FFFF;", String(repeating: "&#x301;", count: 40),
        "e" + String(repeating: "&#x301;\u{316}", count: 20),
    ])
    func aReferenceToAForbiddenCharacterIsAnError(_ body: String) throws {
        #expect(try rules(["portal/a.md": page("a", "", body)]) == ["control-character"])
        #expect(try rules(["portal/a.md": page("a", "", "&copy; &#169; e&#x301; &#x4E2D;")]) == [])
    }

    @Test func aKeyHoldsNoForbiddenCharacterEither() throws {
        #expect(
            try rules([
                "data/_data.yaml": "x.yaml: {visibility: public}\n", "data/x.yaml": "- {\"na\\u0001me\": 甲}\n",
            ]).contains("control-character"))
    }

    @Test(arguments: [
        ("title：关于", 2), ("title: a\ndate:2026-09-01", 3), ("title: a\ntags:\n\t- x", 4), ("标题：关于", 2),
    ])
    func aSlipInAHeadIsToldAtItsLine(_ head: String, _ line: Int) throws {
        let found = try site(["portal/a.md": "---\n\(head)\n---\n"]).build(output: nil).diagnostics.filter {
            $0.rule == "yaml"
        }
        #expect(found.map(\.position.line) == [line])
        #expect(
            found.first?.problem.en.contains("mapping") == false && found.first?.problem.en.contains("token") == false)
    }

    @Test(arguments: ["\"a\\u0001\"", "\"a\\uFFFE\"", "\"a\\u2028b\""])
    func aTitleThatFeedsCannotHoldIsAnError(_ title: String) throws {
        #expect(try rules(["portal/a.md": page(title)]) == ["control-character"])
    }

    @Test(arguments: ["身份证 11010519491231002X", "电话13800138000", "１３８００１３８０００"])
    func numbersOfPersonsStopTheBuildUnlessTheyAreListed(_ text: String) throws {
        #expect(try rules(["portal/a.md": page("a", "", text)]) == ["personal-number"])
        #expect(try rules(["portal/a.md": page("a", "visibility: intranet", text)]) == [])
        let listed = SmallSite.sites.replacing("variants:", with: "published_numbers: [\"13800138000\"]\nvariants:")
        #expect(try rules(["portal/a.md": page("a", "", "值班电话 13800138000")], sites: listed) == [])
        #expect(try rules(["portal/值班13800138000.md": page("a")]) == ["personal-number"])
        #expect(try rules(["portal/值班13800138000.md": page("a")], sites: listed) == [])
        #expect(try rules(["portal/值班13800138000/index.md": page("a")]) == ["personal-number"])
        #expect(try rules(["portal/13800138000/a.md": page("a")]) == ["personal-number"])
    }

    @Test func manyMarksCostNoMoreThanManyLetters() throws {
        let marks = "x" + String(repeating: "\u{301}\u{316}", count: 200_000)
        #expect(try rules(["portal/a.md": page("a", "", marks)]) == ["control-character"])
        for opener in ["<!A ", "<? ", "<![CDATA[ "] {
            #expect(
                try rules(["portal/a.md": page("a", "", String(repeating: opener, count: 6_000))]) == ["too-many-tags"])
        }
    }

    /// Four spaces or a tab are how many begin a paragraph: what follows looks like code and is not meant so.
    @Test(arguments: ["    值班电话:intranet[密]", "\t:::内网\n\t密\n\t:::", "    :::内网\n\n密\n\n    :::", "    电话：内网【密】"])
    func anIndentedMarkIsAnError(_ body: String) throws {
        #expect(try site(["portal/a.md": page("a", "", "通知\n\n" + body)]).build(output: nil).hasErrors)
        #expect(try rules(["portal/a.md": page("a", "", "写法：`:intranet[字]`\n\n```\n:::intranet\n```")]) == [])
    }

    /// What may be meant as it stands is neither hidden nor shown without a word.
    @Test(arguments: ["名称：内网【一期】项目招标公告", "注：内网[1]为办公网", "电话:intranet[a][b]", "电话:内网[a]【b】"])
    func whatCanBeReadTwoWaysIsAnError(_ body: String) throws {
        #expect(try site(["portal/a.md": page("a", "", body)]).build(output: nil).hasErrors)
    }

    @Test(arguments: ["[a](", "：内网【", ":内网【", "](<", ":a[:内网【", ":intranet["])
    func whatIsNeverClosedIsReadOnce(_ piece: String) throws {
        let result = try site(["portal/a.md": page("a", "", String(repeating: piece, count: 8_000))]).build(output: nil)
        if piece.contains(":内网") || piece.contains("intranet") { #expect(result.hasErrors) }
    }

    /// A description of RSS is HTML behind XML: escaped twice. Lines of Chinese are joined without a blank, in search too.
    @Test func wordsOfABodyStayWordsInFeedsAndSearch() throws {
        let site = try site([
            "portal/news/_index.md": page("新闻"),
            "portal/news/a.md": page("a", "date: 2026-08-01", "填写 `<姓名>` 和 \\<img src=x>\n便民热\n线服务"),
        ])
        try site.build()
        let files = try site.folder.contents("out/public")
        let rss = String(decoding: try #require(files["news/rss.xml"]), as: UTF8.self)
        #expect(rss.contains("&amp;lt;姓名&amp;gt;") && !rss.contains("<img") && !rss.contains("&lt;img"))
        #expect(rss.contains("便民热线服务"))
        let search = files.filter { $0.key.contains("/t0.") }.values.map { String(decoding: $0, as: UTF8.self) }
            .joined()
        #expect(search.contains("便民热线服务") && !search.contains("便民热 线服务"))
    }

    @Test func aFootnoteLeadsBackInItsOwnLanguage() throws {
        let site = try site([
            "portal/a.md": page("a", "", "文[^1]\n\n[^1]: 注"), "portal/a.en.md": page("a", "", "text[^1]\n\n[^1]: note"),
        ])
        try site.build()
        #expect(try site.folder.text("out/public/a/index.html").contains("aria-label=\"返回正文\""))
        #expect(try site.folder.text("out/public/en/a/index.html").contains("aria-label=\"Back to content\""))
    }

    @Test func anAddressIsAskedForAsABrowserDoes() {
        for (written, asked) in [
            ("https://a.cn/?名=值", "https://a.cn/?%E5%90%8D=%E5%80%BC"),
            ("https://a.cn/a b.pdf", "https://a.cn/a%20b.pdf"),
            ("https://a.cn/?a=[1]", "https://a.cn/?a=[1]"), ("https://a.cn/{x}", "https://a.cn/%7Bx%7D"),
            ("https://a.cn/%E5%90%8D?x=1&y=2", "https://a.cn/%E5%90%8D?x=1&y=2"),
        ] {
            #expect(browserEncodedAddress(written) == asked)
        }
    }

    // MARK: Heads and data

    @Test func aPageIsThereThroughItsLastDay() throws {
        let site = try site([
            "portal/a.md": page("a", "expires: 2026-09-01"), "portal/b.md": page("b", "expiryDate: 2026-08-31"),
        ])
        try site.build()
        let files = try site.folder.contents("out/public")
        #expect(files["a/index.html"] != nil && files["b/index.html"] == nil)
    }

    @Test(arguments: ["[政务，公开]", "［政务, 公开］", "[政务、公开]", "政务,公开", "[政务﹐公开]", "[政务|公开]"])
    func aCommaOfAnotherWidthMakesNoTerm(_ tags: String) throws {
        #expect(try rules(["portal/a.md": page("a", "tags: \(tags)")]).contains("wrong-type"))
    }

    @Test(arguments: [
        "visiblity: intranet", "Visibility: intranet", "可见: 内网部", "公开范围: 内网", "variant: intranet", "level: internal",
        "expires_at: 2026-01-01", "status: draft", "下架: 2026-01-01", "有效期至: 2026-01-01", "headless: true", "zone: 内网",
    ])
    func aMisspeltAudienceIsAnErrorHoweverLenientTheRest(_ line: String) throws {
        let lenient = SmallSite.sites.replacing("variants:", with: "unknownKeys: warn\nvariants:")
        #expect(try site(["portal/a.md": page("a", line)], sites: lenient).build().hasErrors)
    }

    @Test func tablesAreReadAsTheyAreMeant() throws {
        let data = [
            "data/_data.yaml": "x.csv: {visibility: public}\n", "portal/a.md": page("a", "", "::table{src=x.csv}"),
        ]
        #expect(try rules(data.merging(["data/x.csv": "name,phone\n"]) { $1 }) == [])
        #expect(try rules(data.merging(["data/x.csv": "name,phone\n\"甲\"乙,1\n"]) { $1 }) == ["csv-quote"])
        #expect(try rules(data.merging(["data/x.csv": "名称,名称\n甲,乙\n"]) { $1 }).contains("csv-header"))
        #expect(try rules(data.merging(["data/x.csv": "a,,\n1,2,3\n"]) { $1 }).contains("csv-header"))
        #expect(try rules(data.merging(["data/x.csv": "a13800138000,b\n1,2\n"]) { $1 }).contains("personal-number"))
    }

    // MARK: Settings and records

    @Test(arguments: [
        "", "# nothing\n", SmallSite.sites.replacing("[zh, en]", with: "[]"),
        SmallSite.sites.replacing("[zh, en]", with: "[zh, 'en\"><x']"),
        SmallSite.sites.replacing("[public]", with: "[]"),
    ])
    func settingsWithoutSitesAreAnErrorAndNoEmptySite(_ sites: String) throws {
        #expect(try site([:], sites: sites).build(output: nil).hasErrors)
    }

    @Test(arguments: ["UTC", "+00:00"]) func theZoneMayBeThatOfGreenwich(_ zone: String) throws {
        let site = try site(["portal/a.md": page("a")], sites: SmallSite.sites.replacing("Asia/Shanghai", with: zone))
        #expect(try !site.build().hasErrors && !site.build(comparesContent: true).hasErrors)
    }

    /// A journal that somebody planted changes nothing outside the trees, by dots or by a link.
    @Test func aPlantedJournalReachesNothing() throws {
        let site = try site(["portal/a.md": page("甲")])
        try site.build()
        try site.folder.write(["keep/keep.txt": "x"])
        #expect(symlink("../../keep", site.folder.path + "/out/public/lnk") == 0)
        for path in ["../keep/keep.txt", "public/lnk/keep.txt"] {
            let journal = "{\"fmt\":\"xinmi-journal/1\",\"operations\":[[\"delete\",\"\(path)\"]]}"
            try site.folder.write("out/.journal.json", Array(journal.utf8))
            _ = try site.build()
            #expect(try site.folder.text("keep/keep.txt") == "x", "\(path)")
        }
        try site.folder.write("out/.journal.json", Array("garbage".utf8))
        #expect(try site.build().diagnostics == [])
    }

    /// Damaged records cost time, nothing else.
    @Test func damagedRecordsAreForgotten() throws {
        let site = try site(["portal/a.md": page("甲")])
        try site.build()
        let folder = site.folder.path + "/out/.cache/build"
        for entry in try FileSystem.list(folder) where FileSystem.kind(folder + "/" + entry.name) == .file {
            let bytes = try FileSystem.read(folder + "/" + entry.name)
            try FileSystem.write(bytes + [UInt8](repeating: 0xFF, count: 8), to: folder + "/" + entry.name)
        }
        try site.folder.write(["Content/portal/a.md": page("乙")])
        #expect(try site.build().diagnostics == [])
        #expect(try site.folder.text("out/public/a/index.html").contains("乙"))
    }

    @Test func theEndOfTheWorkingCalendarIsToldInTime() throws {
        let folder = TemporaryFolder()
        try folder.write([
            "Content/data/workdays.csv": "date,kind,name\r\n2026/10/1,holiday,国庆节\r\n2026-02-17,holiday,春节\r\n"
        ])
        func found(_ day: String) -> [String] {
            WorkdaysCheck.findings(source: folder.path, on: CivilDate(iso: day)!).map {
                "\($0.rule) \($0.position.line)"
            }
        }
        #expect(
            found("2026-10-30") == [] && found("2026-11-20") == ["workdays-end 2"]
                && found("2027-03-01") == ["workdays-end 2"])
    }
}
