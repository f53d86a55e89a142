import PortalBase
import TestSupport
import Testing

@testable import SiteGen

/// The law of the leak: for every tree T, public(T) equals, byte for byte and in its manifest, public(T′), where T′ is
/// T with everything not admitted deleted. The deletion here is this test's own: it never asks the code under test.
@Suite struct LeakTests {
    /// A page body as pieces, so that the hidden ones can be left out by construction.
    private enum Piece {
        case text(String)
        case block(String, String)
        case inline(String, String, String)

        func source(deleting hidden: Bool) -> String {
            switch self {
            case .text(let text): return text + "\n\n"
            case .block(let tag, let text):
                if hidden, tag != "public" { return "" }
                return tag == "intranet" ? ":::intranet\n\(text)\n:::\n" : ":::only{visibility=\(tag)}\n\(text)\n:::\n"
            case .inline(let before, let tag, let text):
                if hidden, tag != "public" { return "\(before)。\n\n" }
                return "\(before):only[\(text)]{visibility=\(tag)}。\n\n"
            }
        }
    }

    /// Builds T or T′ from one random model.
    private func tree(seed: UInt64, deleting: Bool) -> [String: String] {
        var random = SeededGenerator(seed: seed)
        var hiddenSections: Set<String> = []
        var files: [String: String] = [:]
        func tag() -> String { ["public", "intranet"].randomElement(using: &random)! }
        for site in ["portal", "town"] {
            for folder in ["", "news/", "news/deep/", "law/"] {
                let sectionTag = folder.isEmpty ? "public" : tag()
                let outer = folder.split(separator: "/").dropLast().joined(separator: "/")
                let outerHidden = !outer.isEmpty && (hiddenSections.contains(site + "/" + outer))
                let effective = outerHidden ? "intranet" : sectionTag
                if effective == "intranet" { hiddenSections.insert(site + "/" + folder.dropLast()) }
                let words = "W\(random.next() % 1000)"
                let weight = random.next() % 3
                if !(deleting && effective == "intranet") {
                    files["\(site)/\(folder)_index.md"] = page(
                        words, "cascade: {visibility: \(effective)}\nweight: \(weight)", "栏目\(words)")
                }
                for n in 0..<Int(random.next() % 4) {
                    let own = tag()
                    let visible = effective == "intranet" ? "intranet" : own
                    let pieces = (0..<Int(random.next() % 4)).map { _ in piece(&random) }
                    let english = random.next() % 3 == 0
                    let label = "T\(random.next() % 1000)"
                    let date = "2026-0\(1 + random.next() % 8)-1\(random.next() % 9)"
                    let tags = "[t\(random.next() % 4), u\(random.next() % 4)]"
                    let alias = random.next() % 4 == 0 ? "\naliases: [/alias/\(site)\(random.next() % 100000)/]" : ""
                    let name = "\(site)/\(folder)p\(n)"
                    if deleting, visible == "intranet" { continue }
                    let body = pieces.map { $0.source(deleting: deleting) }.joined()
                    files[name + ".md"] = page(
                        label, "date: \(date)\ntags: \(tags)\nvisibility: \(visible)\(alias)", body)
                    if english {
                        files[name + ".en.md"] = page("E" + label, "date: \(date)\nvisibility: \(visible)", body)
                    }
                }
                let attachment = random.next() % 2 == 0
                if attachment, !(deleting && effective == "intranet") {
                    files["\(site)/\(folder)file.txt"] = "attachment \(words)"
                }
            }
        }
        var rows = "name,visibility\n"
        for n in 0..<4 {
            let rowTag = tag()
            if !(deleting && rowTag == "intranet") { rows += "r\(n),\(rowTag)\n" }
        }
        files["data/rows.csv"] = rows
        let formTag = tag()
        if !(deleting && formTag == "intranet") {
            files["forms/f.yaml"] =
                "id: f\nkind: hotline\nvisibility: \(formTag)\ntitle: F\npages: [{id: p, title: P, fields: [{id: a, type: text, label: A}]}]\n"
        }
        return files
    }

    private func piece(_ random: inout SeededGenerator) -> Piece {
        let tag = random.next() % 2 == 0 ? "public" : "intranet"
        let word = "字\(random.next() % 1000)"
        switch random.next() % 5 {
        case 0: return .text("# 标题\(word)\n\n正文[^a]\n\n[^a]: 注")
        case 1: return .block(tag, "\n## 节\(word)\n\n段落[^\(word)]\n\n[^\(word)]: 脚注\n")
        case 2: return .inline("前\(word)，", tag, "密\(word)")
        case 3: return .block(tag, "\n| a | b |\n|---|---|\n| \(word) | `x` |\n")
        default: return .text("- 列\(word)\n- `:intranet[字面]`")
        }
    }

    private func trees(_ files: [String: String]) throws -> [String: [UInt8]] {
        let site = try SmallSite(files)
        let report = try site.build(variants: ["public"])
        #expect(report.diagnostics.filter { $0.severity == .error } == [])
        var all = try site.folder.contents("out/public")
        all["manifest"] = Array(try site.folder.text("out/public.manifest.json").utf8)
        for (name, bytes) in try site.folder.contents("out/public.runtime") { all["runtime/" + name] = bytes }
        return all
    }

    @Test func publicOfATreeEqualsPublicOfTheTreeWithoutWhatIsHidden() throws {
        var hiddenSomething = 0
        for seed in 0..<300 as Range<UInt64> {
            let whole = tree(seed: seed, deleting: false)
            let pruned = tree(seed: seed, deleting: true)
            if whole != pruned { hiddenSomething += 1 }
            let (left, right) = (try trees(whole), try trees(pruned))
            let changed = left.keys.filter { left[$0] != right[$0] }.sorted()
            let isEqual = left == right
            #expect(isEqual, "seed \(seed): \(Set(left.keys).symmetricDifference(right.keys).sorted()) \(changed)")
        }
        #expect(hiddenSomething > 250)
    }

    @Test func flippingTagsBackAndForthLeavesNoTrace() throws {
        let site = try SmallSite(SiteBuildTests.tree)
        try site.build()
        let before = try site.folder.contents("out")
        let path = "Content/portal/news/a.md"
        let shown = try site.folder.text(path)
        try site.folder.write([path: shown.replacing("tags: [路]", with: "visibility: intranet")])
        try site.folder.write(["Content/portal/news/a.en.md": page("A", "date: 2026-08-01\nvisibility: intranet")])
        try site.build()
        let hidden = try site.folder.contents("out/public")
        #expect(!hidden.values.contains { String(decoding: $0, as: UTF8.self).contains("甲") })
        try site.folder.write([
            path: shown, "Content/portal/news/a.en.md": page("A", "date: 2026-08-01", "See [b](b.md)."),
        ])
        try site.build()
        #expect(try site.folder.contents("out") == before)
    }
}
