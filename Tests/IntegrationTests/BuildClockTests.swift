import PortalBase
import TestSupport
import Testing

@testable import SiteGen

@Suite struct BuildClockTests {
    @Test func stagesAndTheWorkOfThreadsAreMeasured() throws {
        let site = try SmallSite(SiteBuildTests.tree)
        let clock = BuildClock(isTraced: true)
        let request = BuildRequest(
            source: site.folder.path, output: site.folder.path + "/out", now: SmallSite.now, jobs: 2)
        let report = try SiteBuilder(request: request, clock: clock).run()
        clock.done()
        let stages = clock.report.split(separator: "\n").map { String($0.split(separator: " ")[0]) }
        for stage in ["scan", "load", "graph", "render", "write", "total", "parse"] {
            #expect(stages.contains(stage), "\(stage)")
        }
        let events = try #require(try JSON(parsing: clock.trace)["traceEvents"]?.array)
        // Every output that was drawn is an event with its path, its start and its length.
        let drawn = events.filter { $0["cat"]?.string == "render" }.compactMap { $0["name"]?.string }
        #expect(drawn.contains("news/a/index.html"))
        #expect(drawn.count == report.trees.reduce(0) { $0 + $1.files } - searchFiles(report))
        #expect(events.allSatisfy { ($0["ts"]?.integer ?? -1) >= 0 && $0["ph"]?.string == "X" })
    }

    private func searchFiles(_ report: BuildReport) -> Int {
        report.variants.reduce(0) { sum, variant in
            sum + variant.manifest.files.filter { $0.place.text.hasPrefix(RenderPlan.searchFolder + "/") }.count
        }
    }

    @Test func aSilentClockMeasuresNothing() {
        let clock = BuildClock.silent
        clock.stage("scan")
        clock.done()
        #expect(clock.report.split(separator: "\n").count == 2)
    }
}
