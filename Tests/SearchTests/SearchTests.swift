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

    private static let words = [
        "低保", "申请", "办理", "文", "件", "，", " ", "a", "policy", "2026", "a-very-long-identifier", "〔1〕", "𠀀", "é",
        "\u{2028}",
        "\"", "\\", "号",
    ]

    private func made(_ documents: [SearchDocument]) -> (files: [String: [UInt8]], postingBytes: Int) {
        let half = documents.count / 3
        let index = SearchIndex(
            groups: [("甲站", Array(documents[..<half])), ("乙站", Array(documents[half...]))], synonyms: [:], jobs: 1)
        let files = index.names.indices.map { index.file($0) }
        var byName = Dictionary(uniqueKeysWithValues: zip(index.names, files.map(\.bytes)))
        byName[SearchIndex.metaName] = index.meta(files.map(\.mark))
        return (byName, index.postingBytes)
    }

    /// A patched index is, byte for byte, the one that all documents would make.
    @Test func aPatchMakesWhatAllDocumentsWouldMake() throws {
        var numbers = SeededGenerator(seed: 3)
        func text(_ most: Int) -> String {
            (0..<Int.random(in: 0...most, using: &numbers)).map { _ in Self.words.randomElement(using: &numbers)! }
                .joined()
        }
        func document(_ url: String) -> SearchDocument {
            SearchDocument(
                title: text(4), identifiers: (0..<Int.random(in: 0...1, using: &numbers)).map { _ in text(3) },
                text: text(30), url: url, date: "2026-01-01")
        }
        var patched = 0
        for count in [1, 3, 17, 40, 900] {
            var documents = (0..<count).map { document("/\($0)/") }
            for _ in 0..<(count < 100 ? 40 : 4) {
                let before = made(documents)
                var changes: [SearchPatch.Change] = []
                for number in Set(
                    (0..<Int.random(in: 1...3, using: &numbers)).map { _ in Int.random(in: 0..<count, using: &numbers) }
                ) {
                    let new = document(documents[number].url)
                    changes.append(try #require(SearchPatch.Change(number: number, old: documents[number], new: new)))
                    documents[number] = new
                }
                let after = made(documents)
                guard
                    let patch = SearchPatch(changes, postingBytes: before.postingBytes, read: { before.files[$0] })
                else {
                    #expect(before.files.keys.sorted() != after.files.keys.sorted())
                    continue
                }
                patched += 1
                #expect(patch.postingBytes == after.postingBytes)
                let files = before.files.merging(patch.files.map { ($0.name, $0.bytes) }) { $1 }
                #expect(files == after.files)
            }
        }
        #expect(patched > 100)
    }

    @Test func whatIsNotTheIndexThatItWasIsNotPatched() throws {
        let old = SearchDocument(title: "甲", identifiers: [], text: "低保", url: "/a/", date: nil)
        let new = SearchDocument(title: "甲", identifiers: [], text: "低保申请", url: "/a/", date: nil)
        let change = try #require(SearchPatch.Change(number: 0, old: old, new: new))
        let (files, bytes) = made([old])
        func patch(_ damage: (inout [String: [UInt8]]) -> Void) -> SearchPatch? {
            var damaged = files
            damage(&damaged)
            return SearchPatch([change], postingBytes: bytes) { damaged[$0] }
        }
        #expect(patch { _ in } != nil)
        for name in files.keys {
            #expect(patch { $0[name] = nil } == nil, "\(name)")
            #expect(patch { $0[name]!.removeLast(30) } == nil, "\(name)")
        }
        // Another text than the one that is to be replaced.
        let other = made([SearchDocument(title: "乙", identifiers: [], text: "低保", url: "/a/", date: nil)]).files
        #expect(patch { $0 = other } == nil)
        #expect(
            SearchPatch.Change(
                number: 0, old: old, new: SearchDocument(title: "", identifiers: [], text: "", url: "/b/", date: nil))
                == nil)
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
