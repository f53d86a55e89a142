import CMS
import PortalBase
import TestSupport
import Testing

@testable import Papers

@Suite struct PaperRegisterTests {
    private let folder = TemporaryFolder()
    private var path: String { folder.path + "/register.jsonl" }

    private func entry(_ number: String, _ content: UInt8, organ: String = "market") -> PaperRegister.Entry {
        .init(
            at: Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)!, number: number, organ: organ,
            digest: SHA256Digest(of: [content]))
    }

    @Test func aNumberStandsOnOnePaper() throws {
        let register = try PaperRegister(path, isNew: true)
        try register.enter(entry("决〔2026〕1号", 1))
        // Again after a crash between the entry and the answer.
        try register.enter(entry("决〔2026〕1号", 1))
        #expect(throws: PaperExchange.Failure.numberUsed) { try register.enter(entry("决〔2026〕1号", 2)) }
        #expect(throws: PaperExchange.Failure.numberUsed) { try register.enter(entry("决〔2026〕1号", 1, organ: "fire")) }
        try register.enter(entry("决〔2026〕2号", 2))
        #expect(try PaperRegister.entries(path).map(\.number) == ["决〔2026〕1号", "决〔2026〕2号"])
    }

    @Test func aLostOneIsNotBegunAnew() {
        #expect(throws: PaperRegister.Missing.self) { try PaperRegister(path, isNew: false) }
    }

    @Test func itIsKnownAfterARestart() throws {
        do { try PaperRegister(path, isNew: true).enter(entry("决〔2026〕1号", 1)) }
        let register = try PaperRegister(path, isNew: true)
        #expect(throws: PaperExchange.Failure.numberUsed) { try register.enter(entry("决〔2026〕1号", 2)) }
    }

    @Test func aLineThatWasCutOffGoesAndADamagedOneIsTold() throws {
        do { try PaperRegister(path, isNew: true).enter(entry("决〔2026〕1号", 1)) }
        let whole = try FileSystem.read(path)
        try FileSystem.replaceDurably(path, with: whole + whole.prefix(20))
        do { try PaperRegister(path, isNew: true).enter(entry("决〔2026〕2号", 2)) }
        #expect(try PaperRegister.entries(path).count == 2)
        for wrong in [Array("x\n".utf8) + whole, whole + entry("决〔2026〕1号", 9).line] {
            try FileSystem.replaceDurably(path, with: wrong)
            #expect(throws: PaperRegister.Damaged.self) { try PaperRegister(path, isNew: true) }
        }
    }

    @Test func twoSignersDoNotShareOne() throws {
        let first = try PaperRegister(path, isNew: true)
        #expect(throws: FileError.self) { try PaperRegister(path, isNew: true, patience: 0) }
        withExtendedLifetime(first) {}
    }
}

@Suite struct PaperSignerTests {
    private let folder = TemporaryFolder()
    private static let paper = Array("%PDF-1.4\nwords\n%%EOF\n".utf8)

    private func signer() throws -> PaperSigner {
        PaperSigner(
            organs: ["market-regulation": try Keys.identity("organs/market-regulation")],
            register: try PaperRegister(folder.path + "/register.jsonl", isNew: true)
        ) { Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)! }
    }

    @Test func whatItSignsStandsTheCheckOfAnybody() throws {
        let signature = try signer().answer(
            PaperSigner.question(Self.paper, number: "决〔2026〕1号", of: "market-regulation"))
        try folder.write("paper.pdf", Self.paper)
        try folder.write("paper.p7s", signature)
        func verify() throws -> Int32 {
            try run(
                [
                    "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-content",
                    "paper.pdf",
                    "-in", "paper.p7s", "-CAfile", Keys.folder.path + "/ca.crt", "-out", "/dev/null",
                ], in: folder.path
            ).status
        }
        #expect(try verify() == 0)
        try folder.write("paper.pdf", Array("%PDF-1.4\nwordz\n%%EOF\n".utf8))
        #expect(try verify() != 0)
    }

    @Test func itRefusesWhatItIsNotFor() throws {
        let signer = try signer()
        for (paper, organ, failure) in [
            (Self.paper, "fire", PaperExchange.Failure.noKey),
            (Array("MZ".utf8), "market-regulation", .unusable),
            (Self.paper + [UInt8](repeating: 0x20, count: PaperExchange.maxPaper), "market-regulation", .unusable),
        ] {
            #expect(throws: failure) { try signer.sign(paper, number: "决〔2026〕1号", of: organ) }
        }
        #expect(throws: PaperExchange.Failure.malformed) {
            try signer.answer(.init(head: ["organ": .string("market-regulation")], body: Self.paper))
        }
        // Nothing of that took the number.
        _ = try signer.sign(Self.paper, number: "决〔2026〕1号", of: "market-regulation")
    }
}

@Suite struct PaperRendererTests {
    private let folder = TemporaryFolder()
    private static let page = Array("<!doctype html><html><head><title>文书</title></head><body>准予</body></html>".utf8)

    /// A renderer whose browser is a script.
    private func renderer(_ script: String, seconds: Int = 5) throws -> PaperRenderer {
        try folder.write("browser", Array("#!/bin/sh\n\(script)\n".utf8))
        _ = try run(["chmod", "755", folder.path + "/browser"])
        return PaperRenderer(
            browser: folder.path + "/browser", scratch: folder.path + "/scratch", seconds: seconds, withoutSandbox: true
        )
    }

    private static let out = "for a; do case $a in --print-to-pdf=*) out=${a#*=} ;; esac; done; "

    @Test func oneThatHangsIsEndedWithAllThatItBegan() throws {
        let renderer = try renderer("sleep 300 & echo $! > '\(folder.path)/child'; wait", seconds: 1)
        #expect(throws: PaperExchange.Failure.notDrawn) { try renderer.draw(Self.page) }
        let child = try folder.text("child").split(separator: "\n").first.map(String.init) ?? ""
        // Gone, or a zombie until its parent looks.
        let isAlive = try run(["sh", "-c", "grep -qs 'State:.[RSD]' /proc/\(child)/status"]).status == 0
        #expect(!child.isEmpty && !isAlive)
    }

    @Test(arguments: [
        ("exit 3", PaperExchange.Failure.notDrawn), ("exit 0", .notDrawn),
        (out + "echo rubbish > $out", .unusable), (out + "head -c 5000000 /dev/zero > $out", .unusable),
        (out + "printf '%%PDF-1.4 half' > $out", .unusable),
    ])
    func whatIsNoPaperIsRefused(_ script: String, _ failure: PaperExchange.Failure) throws {
        let renderer = try renderer(script)
        #expect(throws: failure) { try renderer.draw(Self.page) }
        // Nothing of it stays.
        #expect(try FileSystem.list(folder.path + "/scratch").map(\.name) == ["of-a-renderer"])
    }

    @Test func thePageRunsNothingAndFetchesNothing() throws {
        let seen = folder.path + "/seen.html"
        let renderer = try renderer(
            "for a; do case $a in file://*) cp ${a#file://} '\(seen)' ;; esac; done; \(Self.out) printf '%%PDF-1.4\\n%%%%EOF\\n' > $out"
        )
        _ = try renderer.draw(Self.page)
        #expect(
            try folder.text("seen.html").contains(
                "<head><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"))
        // Where the policy has no place, nothing is drawn.
        #expect(throws: PaperExchange.Failure.template) { try renderer.draw(Array("<html>x</html>".utf8)) }
    }
}

@Suite struct PaperTemplateTests {
    @Test func whatPeopleWroteIsTextInEveryTemplate() throws {
        let folder = repositoryRoot + "/Content/papers"
        let names = Set(try FileSystem.list(folder).map { String($0.name.dropLast(5)) }).subtracting(["frame"])
        #expect(names.count >= 2)
        let templates = try PaperTemplates(folder: folder, names: names)
        let hostile = "<script>alert(1)</script>\n第二行 & \"x\""
        for name in names {
            let page = try templates.page(
                name,
                PaperText(
                    title: "决定", number: "决〔2026〕1号", organ: "市场监管部门", issued: CivilDate(iso: "2026-09-01")!,
                    matter: "开店", answers: [("店名", hostile)], said: [("words", "决定", hostile)], code: "AAAA-BBBB",
                    verifyAt: "https://example.org/verify/"))
            let text = String(decoding: page, as: UTF8.self)
            #expect(!text.contains("<script>") && text.contains("&lt;script&gt;"))
            for piece in ["决〔2026〕1号", "2026年9月1日", "AAAA-BBBB", "https://example.org/verify/", "第二行"] {
                #expect(text.contains(piece), "\(name): \(piece)")
            }
            #expect(text.contains("<head>"))
        }
    }

    @Test(arguments: ["{{mater}}<head>", "{{#said}}<head>", "<p>x</p>", "{{>lost}}<head>"])
    func aTemplateThatCannotBeUsedIsToldAtTheStart(_ text: String) throws {
        let folder = TemporaryFolder()
        try folder.write("wrong.html", Array(text.utf8))
        #expect(throws: (any Error).self) { try PaperTemplates(folder: folder.path, names: ["wrong"]) }
        try folder.write("wrong.html", Array("<head>{{title}} {{#input.words}}{{line}}{{/input.words}}".utf8))
        _ = try PaperTemplates(folder: folder.path, names: ["wrong"])
    }
}
