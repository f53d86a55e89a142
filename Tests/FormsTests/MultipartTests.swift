import Forms
import PortalBase
import TestSupport
import Testing

@Suite struct MultipartTests {
    private static let type = "multipart/form-data; boundary=xYz"

    private static func body(_ parts: [String]) -> [UInt8] {
        Array((parts.map { "--xYz\r\n\($0)\r\n" }.joined() + "--xYz--\r\n").utf8)
    }

    /// What was read: names, file names and contents.
    private static func read(
        _ bytes: [UInt8], in pieces: [Int], type: String = Self.type
    ) throws -> [(MultipartParser.Part, [UInt8])]? {
        guard var parser = MultipartParser(contentType: type) else { return nil }
        var found: [(MultipartParser.Part, [UInt8])] = []
        var rest = bytes[...]
        var sizes = pieces[...]
        while !rest.isEmpty {
            let size = min(sizes.popFirst() ?? rest.count, rest.count)
            for event in try parser.feed(rest.prefix(size)) {
                switch event {
                case .begin(let part): found.append((part, []))
                case .data(let data): found[found.count - 1].1 += data
                case .end: continue
                }
            }
            rest = rest.dropFirst(size)
        }
        return parser.isComplete ? found : nil
    }

    private static let sample = body([
        "Content-Disposition: form-data; name=\"_form\"\r\n\r\nabc",
        "Content-Disposition: form-data; name=\"empty\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"photo\"; filename=\"C:\\照 \\\"片\\\".jpg\"\r\nContent-Type: image/jpeg\r\n\r\n\r\n--xY\r\n-\r\n",
    ])

    /// However the bytes are cut, the same is read.
    @Test func everyCutReadsTheSame() throws {
        for size in 1...Self.sample.count {
            let read = try #require(try Self.read(Self.sample, in: Array(repeating: size, count: Self.sample.count)))
            #expect(read.map(\.0.name) == ["_form", "empty", "photo"])
            #expect(read.map(\.0.fileName) == [nil, nil, "照 \"片\".jpg"])
            #expect(read.map { String(decoding: $0.1, as: UTF8.self) } == ["abc", "", "\r\n--xY\r\n-\r\n"])
        }
    }

    @Test(arguments: [
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=a; boundary=b",
        "multipart/mixed; boundary=x", "text/plain", "multipart/form-data; boundary=\"a\u{7}b\"",
    ])
    func otherTypesAreRefused(_ type: String) { #expect(MultipartParser(contentType: type) == nil) }

    @Test(arguments: [
        "no boundary at all", "--xYz", "--xYz\r\n", "--xYz\r\n\r\nno head\r\n--xYz--",
        "--xYz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xYz--",
        "--xYz\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--xYz--",
        "--xYz\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--xYz--",
        "--xYz\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nx\r\n--xYz--",
        "--xYz\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--xYz--",
        "--xYzContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--xYz--",
    ])
    func brokenBodiesAreRefused(_ text: String) {
        let whole = (try? Self.read(Array(text.utf8), in: [])).flatMap { $0 }
        #expect(whole == nil)
    }

    @Test func headsAndPartsAreBounded() {
        let long =
            "Content-Disposition: form-data; name=\"a\"; x=\"" + String(repeating: "y", count: 9_000) + "\"\r\n\r\nz"
        #expect(throws: MultipartParser.Problem.malformed) { try Self.read(Self.body([long]), in: []) }
        let part = "Content-Disposition: form-data; name=\"a\"\r\n\r\nz"
        #expect(throws: MultipartParser.Problem.tooManyParts) {
            try Self.read(Self.body(Array(repeating: part, count: 501)), in: [])
        }
    }

    /// Names are compared and looked up: runs of marks in them would cost time by their square.
    @Test func marksAreCutBeforeAnythingIsCompared() throws {
        let marks = String(repeating: "\u{301}\u{316}", count: 500)
        for head in [
            "Content-Disposition: form-data; name=\"a\"; x\(marks)=y",
            "X\(marks): y\r\nContent-Disposition: form-data; name=a",
            "Content-Disposition: form-data; name=\"a\(String(marks.unicodeScalars.prefix(40)))\"",
            "Content-Transfer-Encoding: \(marks)\r\nContent-Disposition: form-data; name=\"a\"",
        ] {
            #expect(throws: MultipartParser.Problem.malformed, "\(head.prefix(60))") {
                try Self.read(Self.body([head + "\r\n\r\nz"]), in: [])
            }
        }
        func encoded(_ text: String) -> String { text.utf8.map { "%" + hexText([$0]) }.joined() }
        let body = try #require(URLEncodedBody(Array("_lang=z\(encoded(marks))&b=\(encoded("中文é"))".utf8)))
        let value = try #require(body.fields["_lang"]?.first)
        #expect(value.unicodeScalars.count == 1 + StreamSafe.maxMarks + 1 && !StreamSafe.holds(value))
        #expect(body.fields["b"] == ["中文é"])
        #expect(URLEncodedBody(Array("a\(encoded(String(marks.unicodeScalars.prefix(40))))=1".utf8)) == nil)
    }

    /// Damaged bodies end in an answer, whatever is wrong with them.
    @Test func rubbishNeverCrashes() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            var bytes = Self.sample
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(contentsOf: bytes[place..<min(place + 9, bytes.count)], at: place)
                }
            }
            let sizes = (0..<40).map { _ in Int.random(in: 1...30, using: &random) }
            _ = try? Self.read(bytes, in: sizes)
        }
    }
}
