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

    /// By its address too, from another site.
    @Test func aFileMayBeNamedByItsAddress() throws {
        let site = try site(["portal/p/x.txt": "x", "town/a.md": page("a", "", "[x](/p/x.txt)")])
        #expect(try site.build().diagnostics == [])
        #expect(try site.folder.text("out/public/p/x.txt") == "x")
    }

    // MARK: Text

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
    }

    @Test func manyMarksCostNoMoreThanManyLetters() throws {
        let marks = "x" + String(repeating: "\u{301}\u{316}", count: 200_000)
        #expect(try rules(["portal/a.md": page("a", "", marks)]) == ["control-character"])
        #expect(
            try rules(["portal/a.md": page("a", "", String(repeating: "<!A ", count: 60_000))]) == ["too-many-tags"])
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

    // MARK: Heads and data

    @Test func aPageIsThereThroughItsLastDay() throws {
        let site = try site([
            "portal/a.md": page("a", "expires: 2026-09-01"), "portal/b.md": page("b", "expires: 2026-08-31"),
        ])
        try site.build()
        let files = try site.folder.contents("out/public")
        #expect(files["a/index.html"] != nil && files["b/index.html"] == nil)
    }

    @Test(arguments: ["[政务，公开]", "［政务, 公开］", "[政务、公开]"])
    func aCommaOfAnotherWidthMakesNoTerm(_ tags: String) throws {
        #expect(try rules(["portal/a.md": page("a", "tags: \(tags)")]).contains("wrong-type"))
    }

    @Test(arguments: ["visiblity: intranet", "Visibility: intranet", "可见: 内网部"])
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
    }

    // MARK: Settings and records

    @Test(arguments: ["", "# nothing\n", "group: {name: 群, languages: []}\n"])
    func settingsWithoutSitesAreAnErrorAndNoEmptySite(_ sites: String) throws {
        #expect(try site([:], sites: sites).build(output: nil).hasErrors)
    }

    @Test(arguments: ["UTC", "+00:00"]) func theZoneMayBeThatOfGreenwich(_ zone: String) throws {
        let site = try site(["portal/a.md": page("a")], sites: SmallSite.sites.replacing("Asia/Shanghai", with: zone))
        #expect(try !site.build().hasErrors && !site.build(comparesContent: true).hasErrors)
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
