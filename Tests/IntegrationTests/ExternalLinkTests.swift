import PortalBase
import Synchronization
import TestSupport
import Testing

@testable import SiteGen

@Suite struct ExternalLinkTests {
    private final class Server: Sendable {
        let asked = Mutex<[String]>([])
        let answers: [String: [ExternalLinkChecker.Answer]]

        init(_ answers: [String: [ExternalLinkChecker.Answer]]) { self.answers = answers }

        @Sendable func ask(_ url: String, _ method: String) -> ExternalLinkChecker.Answer {
            asked.withLock { asked in
                let before = asked.count { $0.hasSuffix(" " + url) }
                asked.append("\(method) \(url)")
                let list = answers[url] ?? [.status(200)]
                return list[min(before, list.count - 1)]
            }
        }
    }

    private func links(_ urls: [String]) -> [(url: String, position: SourcePosition)] {
        urls.enumerated().map { ($1, SourcePosition(path: "Content/a.md", line: $0 + 1)) }
    }

    @Test func deadLinksAreWarningsAndPassingFailuresAreTriedAgain() {
        let folder = TemporaryFolder()
        let server = Server([
            "https://a.cn/gone": [.status(404)], "https://a.cn/get": [.status(405), .status(200)],
            "https://b.cn/busy": [.status(503), .status(200)], "https://c.cn/": [.failed(28)],
        ])
        var checker = ExternalLinkChecker(
            cachePath: folder.path + "/c/links.json", now: SmallSite.now, ask: server.ask, pause: { _ in })
        let urls = [
            "https://a.cn/gone#x", "https://a.cn/get", "https://b.cn/busy", "https://c.cn/", "https://a.cn/gone",
        ]
        let found = checker.check(links(urls)).inOrder().map { "\($0.severity) \($0.position.line) \($0.problem.en)" }
        #expect(
            found == [
                "warning 1 the external link https://a.cn/gone answers 404",
                "warning 4 the external link https://c.cn/ gives no answer (curl 28)",
            ])
        let asked = server.asked.withLock { $0 }
        #expect(asked.filter { $0.hasSuffix("/gone") } == ["HEAD https://a.cn/gone"])
        #expect(asked.filter { $0.hasSuffix("/get") } == ["HEAD https://a.cn/get", "GET https://a.cn/get"])
        #expect(asked.filter { $0.hasSuffix("/busy") }.count == 2)
        #expect(asked.filter { $0.hasSuffix("c.cn/") }.count == 3)
    }

    @Test func answersAreKeptForADay() {
        let folder = TemporaryFolder()
        let server = Server([:])
        for (hours, wanted) in [(0, 1), (23, 1), (25, 2)] {
            var checker = ExternalLinkChecker(
                cachePath: folder.path + "/links.json", now: SmallSite.now.adding(seconds: hours * 3600),
                ask: server.ask,
                pause: { _ in })
            #expect(checker.check(links(["https://a.cn/"])) == [])
            #expect(server.asked.withLock { $0.count } == wanted)
        }
    }
}
