import PortalBase
import TestSupport
import Testing

@testable import SiteGen

@Suite struct PreviewSiteTests {
    private func preview(_ folder: TemporaryFolder) -> PreviewSite {
        PreviewSite(request: BuildRequest(source: folder.path, output: nil, now: SmallSite.now, jobs: 2)) { _ in }
    }

    private static let paths = [
        "/", "/news/", "/news/a/", "/news/b/", "/news/new/", "/en/news/", "/xz/town/", "/search-index/zh/t0.js",
        "/none/",
    ]

    private func pages(_ preview: PreviewSite) async -> [String] {
        var all: [String] = []
        for variant in 0..<2 {
            for path in Self.paths {
                let answer = await preview.answer(path, variant: variant)
                all.append("\(variant) \(path) \(answer.isFound) " + String(decoding: answer.bytes, as: UTF8.self))
                all += await preview.errors(path, variant: variant).map { $0.line(language: "en") }
            }
        }
        return all
    }

    /// Whatever happens to the files, what is shown is what a preview that starts now would show.
    @Test func aChangedTreeIsShownAsIfItWereReadAnew() async throws {
        let site = try SmallSite(SiteBuildTests.tree)
        let long = preview(site.folder)
        await long.rebuild()
        var random = SeededGenerator(seed: 7)
        for step in 0..<60 {
            let name = ["a", "b", "new", "a.en"].randomElement(using: &random)!
            let path = "Content/portal/news/\(name).md"
            let body = [
                "正文\(step)", "# 一\n\n[乙](b.md)", ":::intranet\n密\(step)\n:::", "[坏](nowhere.md)", ":::notice\n没关",
            ].randomElement(using: &random)!
            let head = [
                "date: 2026-08-01", "date: 2026-08-01\nsummary: 提要\(step % 2)",
                "date: 2026-08-01\ntags: [新\(step % 3)]",
                "visibility: intranet", "bad: [",
            ].randomElement(using: &random)!
            if step % 9 == 8, name == "new" {
                try FileSystem.remove(site.folder.path + "/" + path)
            } else {
                try site.folder.write([path: page("题\(step % 4)", head, body)])
            }
            await long.rebuild(changed: path)
            let fresh = preview(site.folder)
            await fresh.rebuild()
            let (left, right) = (await pages(long), await pages(fresh))
            let different = zip(left, right).filter { $0 != $1 }.map { "\($0.0.prefix(200)) ≠ \($0.1.prefix(200))" }
            #expect(different == [] && left.count == right.count, "step \(step) \(name)")
        }
    }
}
