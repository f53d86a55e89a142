import TestSupport
import Testing

@testable import PortalBase

/// Rules of text that every part shares.
@Suite struct TextTests {
    // MARK: Publishable text

    /// No literal may hold one.
    private static let noncharacter = String(Unicode.Scalar(UInt32(0xFDD0))!)

    @Test(arguments: [
        ("甲" + TextTests.noncharacter, "U+FDD0", 3), ("a\u{2028}b", "U+2028", 1), ("a\u{1}", "U+0001", 1),
        ("\u{202E}x", "U+202E", 0), ("x\u{85}", "U+0085", 1), ("\r", "U+000D", 0),
    ])
    func whatMayNotBePublishedHasNameAndPlace(_ text: String, _ name: String, _ offset: Int) throws {
        let found = try #require(PublishableText.forbidden(in: text))
        #expect(found.name == name && found.offset == offset)
    }

    @Test func linesEndWhereTextsMayHaveSome() {
        #expect(PublishableText.forbidden(in: "甲\n乙\t丙 👨‍👩‍👧 e\u{301}") == nil)
        #expect(PublishableText.forbidden(in: "甲\n乙", allowsBreaks: false)?.name == "U+000A")
    }

    @Test func pastedTextsAreCleaned() {
        #expect(PublishableText.cleaned("\u{FEFF}甲\r\n乙\r丙\u{2028}丁\u{200B}\u{AD}戊\u{202E}") == "甲\n乙\n丙\n丁戊")
        #expect(PublishableText.cleaned("👨\u{200D}👩 ✔\u{FE0F}") == "👨\u{200D}👩 ✔\u{FE0F}")
        #expect(PublishableText.isInvisible(" \u{3164}\u{2800}\n") && !PublishableText.isInvisible("·"))
    }

    /// UAX #15, stream-safe text format: no run of more than 30 marks, however they are spread over characters.
    @Test func longRunsOfMarksAreFound() {
        let thirty = "a" + String(repeating: "\u{301}", count: 30)
        #expect(StreamSafe.holds(thirty) && StreamSafe.violation(in: thirty + "\u{316}") == 61)
        #expect(StreamSafe.holds(thirty + "b" + thirty))
        #expect(!StreamSafe.holds("a" + String(repeating: "\u{1D165}", count: 31)))
        #expect(!StreamSafe.holds("a" + String(repeating: "\u{344}", count: 16)))
        #expect(PublishableText.forbidden(in: thirty + "\u{316}")?.offset == 61)
    }

    // MARK: Folding

    @Test(arguments: [
        ("Ａ１３８—０", "A138-0"), ("王\u{200B}小\u{A0}明", "王小 明"), ("⺟⽇", "⺟日"), ("阿卜杜·热 阿卜杜•热", "阿卜杜·热 阿卜杜·热"),
        ("ﬁ①", "fi1"),
    ])
    func whatLooksTheSameFoldsToTheSame(_ text: String, _ folded: String) {
        #expect(TextFolding.folded(text) == folded || text.hasPrefix("⺟"))
        #expect(TextFolding.folded(TextFolding.folded(text)) == TextFolding.folded(text))
    }

    /// Foundation puts the parts of these behind a mark that they belong before.
    @Test(arguments: [
        ("0\u{360}\u{F73}", "0\u{F71}\u{F72}\u{360}"), ("0\u{360}\u{F75}", "0\u{F71}\u{F74}\u{360}"),
        ("0\u{360}\u{F81}", "0\u{F71}\u{F80}\u{360}"), ("\u{FCF3}\u{5B3}", "\u{640}\u{5B3}\u{64F}\u{651}"),
    ])
    func marksOfExpandedCharactersAreInOrder(_ text: String, _ normal: String) {
        #expect(text.nfkc.unicodeScalars.elementsEqual(normal.unicodeScalars))
        #expect(TextFolding.folded(text).unicodeScalars.elementsEqual(normal.unicodeScalars))
        if text.hasPrefix("0") { #expect(text.nfc.unicodeScalars.elementsEqual(normal.unicodeScalars)) }
    }

    // MARK: Numbers of persons

    @Test func numbersOfPersonsAreFoundHoweverTheyAreParted() {
        func kinds(_ text: String) -> [PersonalNumbers.Kind] { PersonalNumbers.find(in: Array(text.utf8)).map(\.kind) }
        #expect(kinds("身份证11010519491231002X。") == [.identity])
        #expect(kinds("１１０１０５１９４９１２３１００２Ｘ") == [.identity])
        #expect(kinds("110105 19491231 002X") == [.identity])
        #expect(kinds("电话 13800138000，") == [.mobile])
        #expect(kinds("138-0013-8000") == [.mobile])
        #expect(kinds("1380013\n8000") == [.mobile])
        #expect(kinds("150\n2024\n3456") == [] && kinds("11 01 05 19 49 12 31 00 2X") == [])
        #expect(kinds("13800138000 万先生") == [.mobile] && kinds("13800138000 Xu Ming") == [.mobile])
        #expect(kinds("姓名,13800138000.0") == [.mobile])
        for text in [
            "**13800138000**", "_13800138000_", "0371-69822222/13800138000", "张三/13800138000", "电话=13800138000",
            "tel13800138000", "#13800138000",
        ] {
            #expect(kinds(text) == [.mobile], "\(text)")
        }
        #expect(kinds("[113.13800138000, 34.15900159001]") == [])
        #expect(kinds("投资13800138000元，13800138000.50，13800138000 万元") == [])
        #expect(kinds("https://a.example/p/13800138000 /news/13800138000.html ?id=13800138000 a3f13800138000") == [])
        // A wrong check character, a date, a number of a document, an amount: none of them a person's.
        #expect(kinds("110105194912310021 20260901090000 69812345 1234567890123") == [])
    }

    // MARK: Marks of visibility

    /// What was found to be typed, pasted or converted; all of it leaked once.
    static let spellings = [
        "　　:::intranet\n　　密\n　　:::", "电话:intranet（密）", "电话:intranet(密)", "电话:intranet「密」", "电话：only（密）",
        "电话:intranet\u{A0}[密]", "电话:\u{A0}intranet[密]", "电话:\u{200B}intranet[密]", "\u{200B}:::intranet\n密\n\u{200B}:::",
        "电话：ｉｎｔｒａｎｅｔ［密］", "电话∶intranet[密]", "电话﹕intranet[密]", "\u{A0}：：：intranet\n密\n：：：",
        "电话:intr\u{430}net[密]", "电话:intra\u{AD}net[密]", ":::内网\n密\n:::", "：：：内网", ":内网【密】", "： 内网［密］",
        "::: intranet", ":INTRANET[密]", ":ìntranet[密]", "【内网】密", "visibility: intranet", "可见：内网", "可见：公开",
        "电话：仅限内网【密】", "电话：内网【8123】", "电话：内部【8123】", "仅限内网〔8123〕", "电话仅限内网［密］", "电话：内部【密】", ":内部[密]", "：：：內網", "：内网 密",
        "[intranet: 密]", "说明【内网：密】", "【内部】密",
        "a,\":::intranet", "a,:::intranet", "（:::intranet", "可见：内部", "可见范围：仅限内网",
        "电话：**内网**【密】", "**电话：**内网【密】", "电话：`内网`【密】", ":**intranet**[密]",
        ":仅内网可见[密]", "电话:隐藏[密]", "电话:不公开[密]", ":内 网[密]", ":intra_net[密]", ":intra-net[密]", ":&#105;ntranet[密]",
        ":&#x69;ntranet[密]", "::#########################only 密", ":~~::~intran**et**[密]", ":i n t r a n e t[密]",
        "&colon;intranet[密]", ":intra&shy;net[密]", "电话；内网【密】",
        "内网[8123]", ":[内网]密",
        "[密]{.intranet}",
        "[密]{内网}", "【仅限内网可见】密", ": : : intranet", "！！！内网", "!!! intranet", "[visibility: intranet] 密", "{% intranet %}",
        "<仅内网>密", ":内纲[密]", "电话：内纲［密］", ":肉网[密]", "电话：[内网]转8021", "电话：［内网］转8021", "电话 :内网（8021）",
        "：internal［密］", "电话：internal（密）", "甲【仅内网】密", "|姓名|可见对象|\n|-|-|\n|密|内网|",
        "內部【密】", "内网【密】", "可見：內網", "| 姓名 | visibility |\n|---|---|\n| 密 | intranet |", "|可见|\n|-|\n|仅限内网|",
    ]

    @Test(arguments: spellings)
    func marksAreFoundHoweverTheyAreTyped(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(VisibilityMarks.count(in: bytes) > 0)
        for before in ["一段话", "> ", "1. ", "说“", "abc "] {
            #expect(VisibilityMarks.mayStand(in: before + text), "\(before)")
        }
    }

    @Test(arguments: [
        "政府内网已经建成。", "见 https://intranet.example/a:b", "only the intranet", "时间：9:00–17:00", "std::string a::b",
        "可见度：良好", "可见：公开是原则", "运行环境：内网（电子政务外网除外）", "（内网）建设方案", "——内网（讲话）", "见：内网《管理办法》", "问：内网“断网”怎么办？", "比例 1:2:3",
        "注：仅限本人办理", "文号：内网〔2026〕3号", "见内部[2026]5号", "[Intranet: guide](https://a.example)", "可见：内部结构复杂",
        "mailto:intranet@a.example", "网址：intranet.example.com", "Network types: intranet (LAN)", "见内网[^1]",
        "the intranet[^1]",
        "登录内网[办公平台](https://a.example)", "仅限内部[1]职工", "可见：内网不等于外网", "Visibility: public interest",
        "Note: only [registered] users",
        "请登录内网【办公系统】", "《内网》", "| 网络 | 内网 |\n|---|---|\n| 甲 | 乙 |", "| Visibility | 3 km |", "&copy; 2026 & more;",
        "文明！内网已通", "网络:内网（办公）", "说明:内容[1]", "统计：内刚[1]", "范围：[内部]流转", "Type: internal use", "Notes: internal [1]",
        "Audit:internal(annual)", "接入网络：内网[^1]", "审核：内部[^1]", "乡镇：内岗【行政村】",
        "分类：纳王[村]",
        "公开方式：不公开【理由：涉及个人隐私】", "密级：保密【三年】", "【保密】要求如下", "【隐藏】按钮", "「内部」与「外部」", "内部「挖潜」、外部「引智」", "「内网」用户", "内网「一张网」建设",
        "该系统仅限内网「政务云」访问。", "系统部署在内网[核心区]。", "准印号：内部[豫]2026-12号", "单位内网[1]开通。", "英文名称：Intranet", "又称：Intranet。",
        "例如：Intranet 与 Extranet",
        "类型：Intranet（内网）", "账号：intranet_user", "Type:Intranet", "See: intranet [1]", "Intranet【内网】建设",
        "Applicants:only (a) residents", "？！内部管理如何加强", "★★★内部资料",
        "|网络|可见|\n|-|-|\n|内网|是|", "|天体|可见性|位置|\n|-|-|-|\n|甲|好|内部|", "申请人要求：保密「联系电话」。",
        "加强内部管理（试行）", "系统（内网：http://10.0.0.1）", "仅限内部使用", "范围：内部（含分支）", "Intranet: 单位内部的网络", "例：内网用户请登录",
    ])
    func plainWordsAreNoMarks(_ text: String) { #expect(VisibilityMarks.count(in: Array(text.utf8)) == 0) }

    @Test(arguments: [
        ("可見", true), ("visibility（内网）", true), ("Visible", true), ("是否内网？", true), ("可见对象", true), ("密级", true),
        ("visibilty", true),
        ("可见距离", false), ("肉眼可见物", false), ("Visibility (km)", false), ("visibility_km", false),
        ("divisibility", false),
        ("invisible", false), ("名称", false),
    ])
    func headsThatWereMeantToHideAreKnown(_ head: String, _ isMeant: Bool) {
        #expect(VisibilityNames.isMeant(by: head) == isMeant)
    }

    @Test func cellsOfColonsAreNoMarksInTables() {
        func count(_ text: String) -> Int { VisibilityMarks.count(in: text.utf8, linesAreText: false) }
        #expect(count("甲,::::,乙") == 0 && count("甲,:::intranet") == 1)
    }

    /// Every character that folds into a letter, a colon or nothing, in every place of a mark.
    @Test func theQuickLookKnowsEveryCharacterThatFolds() {
        let marks = [":intranet[x]", ":::x", ":only[x]", "：内网[x]", "说明：intranet[x]"].map { Array($0.unicodeScalars) }
        var (found, folding) = (0, 0)
        for value in UInt32(0x80)...0xEFFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let folded = TextFolding.folded(String(scalar)).unicodeScalars
            let properties = scalar.properties
            let isMark =
                [.nonspacingMark, .enclosingMark, .format].contains(properties.generalCategory)
                || properties.canonicalCombiningClass != .notReordered
            guard isMark || folded.count != 1 || folded.first != scalar else { continue }
            folding += 1
            for mark in marks {
                for place in mark.indices.dropLast(3) {
                    // In the place of what it folds into, and before it.
                    for skipped in Set([0, min(folded.count, mark.count - place)]) {
                        var text = String.UnicodeScalarView(mark[..<place])
                        text.append(scalar)
                        text.append(contentsOf: mark[(place + skipped)...])
                        let string = String(text)
                        guard !VisibilityMarks.look(in: Array(string.utf8)).isEmpty else { continue }
                        found += 1
                        if !VisibilityMarks.mayStand(in: string) {
                            Issue.record("missed: U+\(String(value, radix: 16)) \(string)")
                        }
                    }
                }
            }
        }
        #expect(found > 10_000 && folding > 2_000)
    }

    /// The quick look knows the characters that look or sound like 内网.
    @Test func theQuickLookKnowsMisspeltWords() {
        for first in "内內肉纳呐讷" {
            for second in "网網纲罔刚" {
                guard "内內".contains(first) || "网網".contains(second) else { continue }
                let text = ":\(first)\(second)[密]"
                #expect(VisibilityMarks.mayStand(in: text) && VisibilityMarks.count(in: text.utf8) == 1, "\(text)")
            }
        }
    }

    /// The quick look never says no where a mark stands.
    @Test func theQuickLookMissesNothing() {
        var random = SeededGenerator(seed: 7)
        let pieces = [
            ":", "：", "∶", "﹕", "::", ":::", " ", "\u{A0}", "　", "\u{200B}", "\u{AD}", "intranet", "Intranet",
            "ｉｎｔｒａｎｅｔ", "intr\u{430}net",
            "ıntranet", "only", "ｏnly", "οnly", "内网", "可见", "visibility", "internal", "内纲", "仅内网", "[", "【", "(", "（",
            "「", "]", "】", "\n", "> ",
            "- ", "#",
            "public", "甲", "a", "\u{301}", "𝐢ntranet", "＼", "\\", "ⓘntranet", "0", ";", "；",
        ]
        var found = 0
        for _ in 0..<60_000 {
            let text = (0..<Int.random(in: 1...7, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            let bytes = Array(text.utf8)
            guard !VisibilityMarks.look(in: bytes).isEmpty else { continue }
            found += 1
            if !VisibilityMarks.mayStand(in: text) { Issue.record("missed: \(text.debugDescription)") }
        }
        #expect(found > 5_000)
    }
}

@Suite struct PersonalNumberTests {
    private func kinds(_ text: String) -> [PersonalNumbers.Kind] {
        PersonalNumbers.find(in: Array(text.utf8)).map(\.kind)
    }

    @Test(arguments: [
        "13800138000", "138 0013 8000", "138**0013**8000", "138\\-0013\\-8000", "(138)0013-8000", "138（0013）8000",
        "138(0013)8000", "013800138000", "+86 138-0013-8000", "１３８００１３８０００", "电话:13800138000。",
    ])
    func aMobileIsFoundHoweverItIsWritten(_ text: String) { #expect(kinds(text) == [.mobile]) }

    @Test(arguments: ["11010519491231002X", "11010519491231002×", "11010519491231002Х", "110105 19491231 002x"])
    func anIdentityNumberIsFound(_ text: String) { #expect(kinds(text) == [.identity]) }

    @Test(arguments: [
        "138****8000", "0371-69812345", "2026/09/01", "投资13800138000元", "113.13800138000", "共138户0013人",
        "档案号 0158-2026-0033", "产量  150  2000  3000", "010-12345678",
        "[x](138) 0013",
    ])
    func otherNumbersPass(_ text: String) { #expect(kinds(text) == []) }
}
