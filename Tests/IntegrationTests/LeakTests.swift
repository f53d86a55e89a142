import PortalBase
import TestSupport
import Testing

@testable import SiteGen

/// The law of the leak: for every tree T and audience A, A(T) equals, byte for byte and in its manifest, A(T′), where T′
/// is T with everything that A may not see deleted. The deletion here is this test's own: it never asks the code under
/// test.
@Suite struct LeakTests {
    /// Tags from the widest audience to the narrowest, and the variants that admit the first n of them.
    private static let tags = ["public", "intranet", "leaders"]

    private static let sites = """
        group: {name: 群, languages: [zh, en], timezone: Asia/Shanghai}
        taxonomies: {tags: 标签, topics: 主题}
        variants:
          public: {admits: [public], base: https://p.example, forms: /forms}
          intranet: {admits: [public, intranet], base: https://i.example}
          leaders: {admits: [public, intranet, leaders], base: https://l.example}
        sites:
          - {slug: portal, kind: portal, content: portal, name: {zh: 门户, en: Portal}, theme: plain#MENU#}
          - {slug: town, kind: 镇, content: town, name: {zh: 镇, en: Town}, theme: plain}
          - {slug: host, kind: 镇, content: host, name: 独立, theme: plain, address: {mode: host, host: h.example.cn}}

        """

    /// One random tree, written twice: whole, and without what an audience of the first `admitted` tags may not see.
    private struct Model {
        private var random: SeededGenerator
        private let admitted: Int
        private let deletes: Bool
        private let hasPhotos: Bool
        private(set) var files: [String: String] = [:]

        /// - Parameter hasPhotos: whether some files are photographs, which cost a run of the picture tool each.
        init(seed: UInt64, admitted: Int, deletes: Bool, hasPhotos: Bool = false) {
            random = SeededGenerator(seed: seed)
            self.hasPhotos = hasPhotos
            self.admitted = admitted
            self.deletes = deletes
            var menu: [String] = []
            for site in ["portal", "town", "host"] {
                var ranks = ["": 0]
                for folder in ["", "news/", "news/deep/", "law/"] {
                    let outer = folder.split(separator: "/").dropLast().map { $0 + "/" }.joined()
                    let rank = folder.isEmpty ? 0 : max(ranks[outer] ?? 0, self.rank())
                    ranks[folder] = rank
                    section(site, folder, rank)
                    if site == "portal", folder == "news/" || folder == "law/" {
                        let own = chance(2) ? max(rank, self.rank()) : rank
                        if shows(max(own, rank)) {
                            menu.append(
                                own == rank
                                    ? "\(folder)_index.md"
                                    : "{to: \(folder)_index.md, visibility: \(LeakTests.tags[own])}")
                        }
                    }
                }
            }
            let (link, label) = (rank(), number(100))
            if shows(link) { menu.append("{to: /sitemap/, name: 外\(label), visibility: \(LeakTests.tags[link])}") }
            files["sites.yaml"] = LeakTests.sites.replacing("#MENU#", with: ", menu: [\(menu.joined(separator: ", "))]")
            data()
        }

        private func shows(_ rank: Int) -> Bool { !deletes || rank < admitted }
        private mutating func number(_ bound: UInt64) -> UInt64 { random.next() % bound }
        private mutating func chance(_ one: UInt64) -> Bool { number(one) == 0 }
        private mutating func rank() -> Int { Int([0, 0, 1, 1, 2][Int(number(5))]) }

        private mutating func section(_ site: String, _ folder: String, _ rank: Int) {
            let word = "W\(number(1000))"
            let archive = ["", "\narchive: month", "\narchive: year"][Int(number(3))]
            let weight = number(3)
            // A file of the section, for everybody who sees the section or for fewer.
            let (hasFile, fileRank) = (chance(2), max(rank, self.rank()))
            if shows(rank) {
                let named = hasFile && shows(fileRank)
                files["\(site)/\(folder)_index.md"] = page(
                    word,
                    "cascade: {visibility: \(LeakTests.tags[rank])}\nweight: \(weight)\(archive)"
                        + (named ? "\nfiles: [{name: file.txt, visibility: \(LeakTests.tags[fileRank])}]" : ""),
                    "栏目\(word)")
                if chance(2) { files["\(site)/\(folder)_index.en.md"] = page("E" + word) }
            } else {
                _ = chance(2)
            }
            var documents: [(name: String, rank: Int)] = []
            for n in 0..<Int(number(4)) { documents.append(article(site, folder, n, rank, documents)) }
            if hasFile, shows(fileRank) { files["\(site)/\(folder)file.txt"] = "attachment \(word)" }
        }

        /// A page or bundle with parts of its own; returns what later documents may refer to.
        private mutating func article(
            _ site: String, _ folder: String, _ n: Int, _ outer: Int, _ others: [(name: String, rank: Int)]
        ) -> (name: String, rank: Int) {
            // A draft is nobody's, and so are its files.
            let isDraft = chance(7)
            let rank = isDraft ? 99 : max(outer, self.rank())
            let isBundle = chance(3)
            let label = "T\(number(1000))"
            var head = "date: 202\(5 + number(2))-0\(1 + number(8))-1\(number(9))\ntags: [t\(number(4)), 市\(number(3))]"
            if chance(2) { head += "\ntopics: [是\(number(3))]" }
            if chance(4) { head += "\naliases: [\(site == "town" ? "/xz/town" : "")/alias/\(site)\(number(100_000))/]" }
            if chance(4) { head += "\nsites: [town]" }
            if chance(5) { head += "\nsearch: false" }
            if let other = others.last(where: { $0.rank <= rank }), chance(2) {
                head +=
                    "\ndocument: {number: 号\(number(50)), \(chance(2) ? "replaced_by" : "interprets"): \(isBundle ? "../" : "")\(other.name)}"
            }
            let english = chance(3)
            var body = ""
            for _ in 0..<Int(number(4)) { body += piece(isBundle ? "../" : "") }
            let fileRank = max(rank, self.rank())
            let kinds = [
                ("附\(n).csv", "a,\(label)\n"),
                ("图\(n).svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"><title>\(label)</title></svg>"),
                ("照\(n).jpg", label),
            ]
            let (file, bytes) = kinds[Int(number(hasPhotos ? 3 : 2))]
            if isBundle, shows(fileRank) {
                let mark = file.hasSuffix("csv") ? "[表](\(file))" : "![图](\(file))"
                body += ":only[\(mark)]{visibility=\(isDraft ? "public" : LeakTests.tags[fileRank])}\n\n"
            } else if isBundle {
                body += "\n\n"
            }
            let stem = "\(folder)p\(n)"
            let tag = isDraft ? "\ndraft: true\nvisibility: public" : "\nvisibility: \(LeakTests.tags[rank])"
            if shows(rank) {
                let base = "\(site)/" + (isBundle ? stem + "/index" : stem)
                files[base + ".md"] = page(label, head + tag, body)
                if english {
                    files[base + ".en.md"] = page(
                        "E" + label,
                        head.replacing("document", with: "extra").replacing("alias", with: "en/alias").replacing(
                            "en/aliases", with: "aliases") + tag, body)
                }
            }
            if isBundle, shows(fileRank) { files["\(site)/\(stem)/\(file)"] = bytes }
            return (isBundle ? "p\(n)/index.md" : "p\(n).md", rank)
        }

        private mutating func piece(_ up: String) -> String {
            let rank = self.rank()
            let (tag, word) = (LeakTests.tags[rank], "字\(number(1000))")
            let isShown = shows(rank)
            let hand = Int(number(4))
            func block(_ text: String) -> String {
                guard isShown else { return "" }
                guard tag == "intranet" else { return ":::only{visibility=\(tag)}\n\(text)\n:::\n" }
                // As a strict hand writes it, and as others do.
                let open = [":::intranet", "：：：内网", "　　::: intranet", "::::内网"][hand]
                return "\(open)\n\(text)\n\([":::", "：：：", "　　:::", "::::"][hand])\n"
            }
            func inline(_ text: String) -> String {
                guard isShown else { return "" }
                guard tag == "intranet" else { return ":only[\(text)]{visibility=\(tag)}" }
                return [":intranet[\(text)]", "：intranet［\(text)］", ":内网[\(text)]", ":intranet【\(text)】"][hand]
            }
            switch number(7) {
            case 0: return "# 标题\(word)\n\n正文**「\(word)」**的[^a]\n\n[^a]: 注\n\n"
            case 1: return block("\n## 节\(word)\n\n段落[^\(word)]\n\n[^\(word)]: 脚注\n")
            case 2: return "前\(word)，" + inline("密\(word)") + "。\n\n"
            case 3: return block("\n| a | b |\n|---|---|\n| \(word) | `x` |\n")
            case 4: return ":ref[看\(word)]{to=\(up)p\(number(4)).md}。\n\n"
            case 5: return block("\n::table[\(word)]{src=rows.csv}\n")
            default: return "- 列\(word)\n- `:intranet[字面]`\n\n"
            }
        }

        private mutating func data() {
            var csv = "name,pinyin,visibility\nr,ar,public\n"
            var yaml = "- {name: 常, visibility: public}\n"
            for n in 0..<4 {
                let (first, second) = (rank(), rank())
                if shows(first) { csv += "r\(n),p\(n),\(LeakTests.tags[first])\n" }
                if shows(second) { yaml += "- {name: y\(n), visibility: \(LeakTests.tags[second])}\n" }
            }
            files["data/rows.csv"] = csv
            files["data/more.yaml"] = yaml
            let form = rank()
            if shows(form) {
                files["forms/f.yaml"] =
                    "id: f\nkind: hotline\nvisibility: \(LeakTests.tags[form])\ntitle: F\npages: [{id: p, title: P, fields: [{id: a, type: text, label: A}]}]\n"
            }
        }
    }

    /// A file of a model: a name that ends in `.jpg` means a photograph whose camera wrote the text beside the pixels.
    private static func bytes(_ name: String, _ text: String) -> [UInt8] {
        guard name.hasSuffix(".jpg") else { return Array(text.utf8) }
        let written = Array(("camera " + text).utf8)
        return photo[..<2] + [0xFF, 0xFE, 0, UInt8(written.count + 2)] + written + photo[2...]
    }

    /// A grey JPEG of 4 × 3 pixels.
    private static let photo =
        bytesFromBase64(
            "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/wAALCAADAAQBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AH//Z"
        ) ?? []

    /// Digests of everything that a variant is made of.
    private func digests(_ files: [String: String], _ variant: String) throws -> [String: String] {
        let site = try SmallSite(files.filter { $0.key != "sites.yaml" }, sites: files["sites.yaml"]!)
        let report = try site.build(variants: [variant], output: nil)
        #expect(report.diagnostics.filter { $0.severity == .error } == [])
        let made = try #require(report.variants.first)
        var all = Dictionary(
            uniqueKeysWithValues: made.manifest.files.map { ("\($0.host ?? "")/\($0.text)", $1.digest.hex) })
        for (name, digest) in made.runtime { all["runtime/" + name] = digest.hex }
        all["manifest"] = SHA256Digest(of: made.manifest.bytes).hex
        return all
    }

    @Test(arguments: 0..<10)
    func whatAnAudienceSeesIsTheTreeWithoutTheRest(_ block: Int) throws {
        var hidSomething = 0
        for seed in UInt64(block * 100)..<UInt64(block * 100 + 100) {
            // Three of ten look at the second audience.
            let admitted = seed % 10 < 7 ? 1 : 2
            let whole = Model(seed: seed, admitted: admitted, deletes: false).files
            let pruned = Model(seed: seed, admitted: admitted, deletes: true).files
            if whole != pruned { hidSomething += 1 }
            let variant = ["public", "intranet"][admitted - 1]
            let (left, right) = (try digests(whole, variant), try digests(pruned, variant))
            let different = Set(left.keys).union(right.keys).filter { left[$0] != right[$0] }.sorted()
            #expect(different == [], "seed \(seed), \(variant)")
        }
        #expect(hidSomething > 90)
    }

    /// The same through the disk, with records and files of an earlier build in which everything was public.
    @Test func nothingStaysBehindWhenThingsAreHidden() throws {
        for seed in 5_000..<5_012 as Range<UInt64> { try expectNothingStays(seed) }
    }

    /// The same with what the city ships: its themes, small files, compressed copies.
    @Test func theShippedThemesShowNoMore() throws {
        for seed in 6_000..<6_006 as Range<UInt64> { try expectNothingStays(seed, hasShippedThemes: true) }
    }

    /// The same where one site is published and the others stay as they were.
    @Test func oneSiteAloneShowsNoMore() throws {
        for seed in 7_000..<7_006 as Range<UInt64> { try expectNothingStays(seed, site: "town") }
    }

    /// A site of a model's files, with the small theme or with the themes that the city ships.
    private func write(_ files: [String: String], hasShippedThemes: Bool) throws -> SmallSite {
        var sites = files["sites.yaml"] ?? ""
        if hasShippedThemes {
            sites =
                sites.replacing("en: Portal}, theme: plain", with: "en: Portal}, theme: xinmi")
                .replacing("theme: plain", with: "theme: jianjie")
                + "output: {minify: true, precompress: [gz, br]}\n"
        }
        let site = try SmallSite([:], sites: sites)
        if hasShippedThemes {
            let folder = repositoryRoot + "/Themes/"
            for name in try FileSystem.filesBelow(folder) {
                try site.folder.write("Themes/" + name, FileSystem.read(folder + name))
            }
        }
        try write(files, to: site)
        return site
    }

    private func write(_ files: [String: String], to site: SmallSite) throws {
        for (name, text) in files where name != "sites.yaml" {
            try site.folder.write("Content/" + name, Self.bytes(name, text))
        }
    }

    /// - Parameter site: the one that the last build publishes; nil for all.
    private func expectNothingStays(_ seed: UInt64, hasShippedThemes: Bool = false, site slug: String? = nil) throws {
        let whole = Model(seed: seed, admitted: 3, deletes: false, hasPhotos: true).files
        let pruned = Model(seed: seed, admitted: 1, deletes: true, hasPhotos: true).files
        // First everything public, then the tags as they are: what was shown must go.
        let open = whole.mapValues {
            $0.replacing("visibility: intranet", with: "visibility: public").replacing(
                "visibility: leaders", with: "visibility: public")
        }
        let clean = try write(pruned, hasShippedThemes: hasShippedThemes)
        let site = try write(open, hasShippedThemes: hasShippedThemes)
        for built in [clean, site] {
            let report = try built.build(variants: ["public"])
            #expect(report.diagnostics.filter { $0.severity == .error } == [], "seed \(seed)")
        }
        // The menu of the portal has tags too.
        let menus = try write(["sites.yaml": whole["sites.yaml"]!], hasShippedThemes: hasShippedThemes)
        try site.folder.write(["Content/sites.yaml": menus.folder.text("Content/sites.yaml")])
        try write(whole, to: site)
        try site.build(variants: ["public"], sites: slug.map { [$0] } ?? [])
        for tree in slug.map({ ["public/xz/" + $0] }) ?? ["public", "public.hosts"] {
            let (left, right) = (try site.folder.contents("out/" + tree), try clean.folder.contents("out/" + tree))
            #expect(!right.isEmpty)
            let different = Set(left.keys).union(right.keys).filter { left[$0] != right[$0] }.sorted()
            #expect(different == [], "seed \(seed), \(tree)")
            #expect(!left.values.contains { String(decoding: $0, as: UTF8.self).contains("camera ") })
        }
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
