import Foundation
import PortalBase
import TestSupport
import Testing

@testable import Search

@Suite struct SearchTests {
    private struct Sample: Decodable {
        let text: String
        let tokens: [Token]
        struct Token: Decodable {
            let text: String
            let position: Int
            init(from decoder: any Decoder) throws {
                var container = try decoder.unkeyedContainer()
                text = try container.decode(String.self)
                position = try container.decode(Int.self)
            }
        }
    }

    /// The same file is read by the browser test, against the tokeniser in JavaScript.
    @Test func tokensAreThoseOfTheSharedSamples() throws {
        let path = repositoryRoot + "/Tests/Fixtures/search-tokens.json"
        let samples = try JSONDecoder().decode([Sample].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        #expect(samples.count > 10)
        for sample in samples {
            let found = SearchTokenizer.tokens(sample.text).map { "\($0.text)@\($0.position)" }
            let wanted = sample.tokens.map { "\($0.text)@\($0.position)" }
            #expect(found == wanted, "\(sample.text)")
        }
    }

    private func index(_ documents: [SearchDocument]) -> [String: String] {
        let index = SearchIndex(groups: [("甲站", documents)], synonyms: ["低保": ["最低生活保障"]], jobs: 2)
        var files = Dictionary(
            uniqueKeysWithValues: index.names.enumerated().map {
                ($1, String(decoding: index.file($0).bytes, as: UTF8.self))
            })
        let marks = index.names.indices.map { index.file($0).mark }
        files[SearchIndex.metaName] = String(decoding: index.meta(marks), as: UTF8.self)
        return files
    }

    @Test func postingsHoldTitleAndBodyPlacesOfEachDocument() {
        let files = index([
            SearchDocument(title: "低保", identifiers: ["新政〔2026〕1号"], text: "低保，低保", url: "/a/", date: nil),
            SearchDocument(title: "x", identifiers: [], text: "申请低保", url: "/b/", date: "2026-01-01"),
        ])
        #expect(files.keys.sorted() == ["meta.js", "s0.js", "t0.js"])
        let shard = files["s0.js"] ?? ""
        #expect(shard.contains("\"低保\":\"0:0.0,3;1.2\""))
        #expect(shard.contains("\"=新政〔2026〕1号\":\"0:0\""))
        #expect(shard.contains("\"申请\":\"1.0\""))
        #expect(files["t0.js"]?.contains("[\"/b/\",\"x\",\"2026-01-01\",\"申请低保\"]],\"") ?? false)
        // The meta file knows every other by the mark that it carries.
        let marks = ["s0.js", "t0.js"].map { files[$0]!.suffix(11).prefix(8) }
        #expect(files["meta.js"]?.contains("\"marks\":{\"s\":\"\(marks[0])\",\"t\":\"\(marks[1])\"}") ?? false)
        #expect(files["meta.js"]?.contains("\"synonyms\":{\"低保\":[\"最低生活保障\"]}") ?? false)
    }

    /// An edit writes what holds its words, and browsers keep the rest.
    @Test func anEditLeavesTheOtherFilesAsTheyAre() {
        func documents(_ text: String) -> [SearchDocument] {
            (0..<600).map { n in
                SearchDocument(
                    title: "第\(n)号", identifiers: [], text: "正文\(n % 7)和\(n % 11)词 word\(n)" + (n == 300 ? text : ""),
                    url: "/\(n)/", date: nil)
            }
        }
        let before = index(documents(""))
        let after = index(documents("，鑫"))
        let changed = after.filter { before[$0.key] != $0.value }.map(\.key).sorted()
        #expect(before.keys.sorted() == after.keys.sorted())
        let shards = changed.filter { $0.hasPrefix("s") }
        #expect(changed.filter { $0.hasPrefix("t") } == ["t37.js"])
        #expect((1...2).contains(shards.count), "\(shards)")
        #expect(changed.contains("meta.js") && changed.count == shards.count + 2)
    }

    @Test func theIndexDoesNotDependOnTheNumberOfThreads() {
        let documents = (0..<600).map { n in
            SearchDocument(
                title: "第\(n)号", identifiers: [], text: "正文\(n % 7)和\(n % 11)词 word\(n)", url: "/\(n)/", date: nil)
        }
        let one = SearchIndex(groups: [("甲", documents)], synonyms: [:], jobs: 1)
        let two = SearchIndex(groups: [("甲", documents)], synonyms: [:], jobs: 3)
        #expect(one.names == two.names)
        let isEqual = one.names.indices.allSatisfy { one.file($0) == two.file($0) }
        #expect(isEqual)
    }
}
