import PortalBase
import Testing
import Workflow

@Suite struct MaskingTests {
    private let secrets = [
        Masking.Secret(label: "姓名", text: "王小明"), .init(label: "姓名", text: "阿卜杜·热合曼"),
        .init(label: "姓名", text: "吕小兰"), .init(label: "姓名", text: "曾丽丽"), .init(label: "姓名", text: "李一"),
        .init(label: "姓名", text: "王晓明"),
        .init(label: "邮箱", text: "wang@b.example"),
        .init(label: "电话", text: "137 1234 5678"),
    ]

    @Test(arguments: [
        ("王小明说", Masking.Finding.Kind.secret), ("王 小明说", .secret), ("王\u{200B}小明", .secret), ("王\n小\u{2060}明", .secret),
        ("阿卜杜热合曼", .secret), ("阿卜杜•热合曼", .secret), ("阿卜杜．热合曼", .secret), ("13800000000", .number),
        ("１３８００００００００", .number), ("①③⑧⓪⓪⓪⓪⓪⓪⓪⓪", .number), ("一三八零零零零零零零零", .number), ("138OOOOOOOO", .number),
        ("138000\n00000", .number), ("138-0000-0000", .number), ("li @ c.example", .email), ("li＠c.example", .email),
        ("豫A12345", .plate), ("豫Ａ·D12345", .plate), ("3号楼2单元501", .dwelling), ("三单元", .dwelling), ("5栋12", .dwelling),
        ("1ー3ー8ー0ー0ー0ー0", .number), ("幺三八洞洞洞洞洞洞洞洞", .number), ("写信到 a＠b。com。", .email),
        ("住在501房", .dwelling), ("三号院3-2-501", .dwelling), ("请拨137年1234转5678", .secret),
        ("王曉明", .secret), ("Wang Xiaoming", .secret), ("XIAO MING WANG", .secret), ("Wáng Xiǎomíng 说", .secret),
        ("Lü Xiaolan", .secret), ("Lv Xiaolan", .secret), ("LYU XIAOLAN", .secret), ("Lǚ Xiǎolán", .secret),
        ("Xiaolan Lu", .secret), ("Zeng Lili", .secret),
        ("138a0000b0000", .number), ("一三八，后面零零零零，再零零零零", .number), ("138然后0000然后0000", .number),
        ("豫A一二三四五", .plate), ("豫Ａ１贰3肆5", .plate),
    ])
    func whatLeadsToAPersonIsFound(_ text: String, _ kind: Masking.Finding.Kind) {
        #expect(Masking.finding(in: text, secrets: secrets)?.kind == kind)
    }

    @Test(arguments: [
        "2026年9月1日，文化广场西侧路灯不亮", "王女士反映", "罚款500元，一二三组", "第十五条第（三）项", "热线69812", "京广路与航海路口", "@所有人",
        "两房一厅", "涵洞口积水。", "请@管理员。谢谢", "2026-9-1 已修复", "投入1-2年", "分12-15批",
        "补贴150元，2025年、2026年各发一次", "137路公交改道，1200米后1500人受益", "The li yi of it", "wangxiao", "三段管网分别长180m、1200m、1350m",
    ])
    func plainAnswersPass(_ text: String) { #expect(Masking.finding(in: text, secrets: secrets) == nil) }
}

@Suite struct WorkdaysFileTests {
    private func rows(_ text: String) throws -> [WorkingCalendar.Row] {
        try WorkingCalendar.rows(csv: Array(text.utf8))
    }

    private func problem(_ text: String) -> Int? {
        do throws(WorkingCalendar.Problem) {
            _ = try WorkingCalendar.rows(csv: Array(text.utf8))
            return nil
        } catch { return error.line }
    }

    /// As Excel saves it: a mark, CR LF, quotes, another way to write a day.
    @Test func anyProgramsFileIsRead() throws {
        let read = try rows("\u{FEFF}date,kind,name\r\n2026/10/1,holiday,\"国庆节\"\r\n2026-10-10,上班,\r\n\r\n")
        #expect(read.map(\.date.text) == ["2026-10-01", "2026-10-10"])
        #expect(read.map(\.kind) == ["holiday", "workday-adjusted"])
        #expect(try rows("2026-01-01,holiday,").count == 1, "no head line, no last line end")
    }

    @Test func whatCannotBeIsSaidWithItsLine() {
        #expect(problem("date,kind,name\n2026-10-01,holliday,\n") == 2)
        #expect(problem("date,kind,name\n2026-02-30,holiday,\n") == 2)
        #expect(problem("2026-10-01,holiday,\n2026-10-01,holiday,\n") == 2, "twice")
        #expect(problem("2026-10-01,workday-adjusted,\n") == 1, "a Thursday")
    }

    @Test func aNewNoticeJoinsTheOld() throws {
        let (old, new) = (try rows("2026-10-01,holiday,\n"), try rows("2026-10-10,上班,\n2027-01-01,holiday,\n"))
        #expect(
            try WorkingCalendar.merged(old, with: new, replaces: false).map(\.date.text) == [
                "2026-10-01", "2026-10-10", "2027-01-01",
            ])
        let other = try rows("2026-10-03,holiday,\n"), against = try rows("2026-10-03,上班,\n")
        #expect(throws: WorkingCalendar.Problem.self) {
            try WorkingCalendar.merged(other, with: against, replaces: false)
        }
        #expect(try WorkingCalendar.merged(other, with: against, replaces: true).map(\.kind) == ["workday-adjusted"])
    }

    @Test func theScheduleEndsWithItsYear() throws {
        let calendar = try WorkingCalendar(csv: Array("2026-10-01,holiday,\n".utf8))
        #expect(calendar.daysLeft(on: CivilDate(iso: "2026-12-01")!) == 30)
    }
}
