import Foundation
import PortalBase
import SiteModel
import TestSupport
import Testing

@testable import SiteGen

/// `sitegen new`, over copies of the shipped content and theme.
@Suite struct ScaffoldTests {
    private func copy() throws -> TemporaryFolder {
        let folder = TemporaryFolder()
        for name in ["Content", "Themes", "Docs"] {
            try FileManager.default.copyItem(atPath: repositoryRoot + "/" + name, toPath: folder.path + "/" + name)
        }
        return folder
    }

    private func check(_ folder: TemporaryFolder) throws -> [String] {
        let request = BuildRequest(source: folder.path, output: nil, now: SmallSite.now, jobs: 2)
        return try SiteBuilder(request: request, clock: .silent).run().diagnostics.map { $0.line(language: "en") }
    }

    private func make(_ folder: TemporaryFolder, _ slug: String, name: String = "某某局", host: String? = nil) throws
        -> [String]
    {
        try SiteScaffold(
            root: folder.path, slug: slug, kind: .department, name: name, nameEn: "Bureau \"of\" Things: & Co",
            host: host,
            now: SmallSite.now
        ).make(theme: nil)
    }

    @Test func aNewSiteIsCompleteAtOnce() throws {
        let folder = try copy()
        #expect(try make(folder, "yingji").count > 8)
        #expect(try make(folder, "shuiwu", name: "水务局：\"甲\"", host: "sw.example.gov.cn").first == "Content/sites.yaml")
        #expect(try check(folder) == [])
        let text = try folder.text("Content/sites.yaml")
        #expect(text.contains("  - slug: yingji\n    kind: department\n"))
        #expect(text.contains("host: \"sw.example.gov.cn\""))
        #expect(try folder.text("Content/departments/yingji/_index.md").contains("欢迎访问某某局"))
    }

    @Test func windowsLineEndsStay() throws {
        let folder = try copy()
        let text = try folder.text("Content/sites.yaml").replacing("\n", with: "\r\n")
        try folder.write(["Content/sites.yaml": text])
        _ = try make(folder, "mz")
        #expect(try folder.text("Content/sites.yaml").contains("  - slug: mz\r\n    kind: department\r\n"))
        #expect(try check(folder) == [])
    }

    @Test func whatIsThereAlreadyIsNotOverwritten() throws {
        let folder = try copy()
        let before = try folder.text("Content/sites.yaml")
        #expect(throws: ScaffoldError.self) { try make(folder, "chaohua") }
        for name in ["", " ", "局<b>", "[局](x)", "局:intranet[x]", "局\r"] {
            #expect(throws: ScaffoldError.self) { try make(folder, "odd", name: name) }
        }
        try folder.write(["Content/departments/old/x.md": "x"])
        #expect(throws: ScaffoldError.self) { try make(folder, "old") }
        try folder.write(["Content/sites.yaml": "sites: [\n"])
        #expect(throws: ScaffoldError.self) { try make(folder, "new") }
        try folder.write(["Content/sites.yaml": before])
        #expect(FileSystem.kind(folder.path + "/Content/departments/new") == nil)
    }

    @Test func aPageStartsFromItsSectionsArchetype() throws {
        let archetypes = Archetypes(root: repositoryRoot, theme: "xinmi")
        let values = ["title": "\"关于：某事\"", "date": "2026-09-01 09:00", "day": "2026-09-01"]
        let document = String(decoding: try archetypes.page(section: "documents", values), as: UTF8.self)
        #expect(document.contains("formed: 2026-09-01") && document.contains("draft: true"))
        let other = String(decoding: try archetypes.page(section: "anything", values), as: UTF8.self)
        #expect(other == "---\ntitle: \"关于：某事\"\ndate: 2026-09-01 09:00\ndraft: true\nsummary:\n---\n")
    }
}
