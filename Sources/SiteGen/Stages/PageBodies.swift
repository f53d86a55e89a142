import Markdown
import PortalBase
import SiteModel
import Synchronization
import Templates

/// The bodies of one audience's pages: read, cut and parsed when somebody draws them, and not kept. What other pages ask
/// of a page is remembered.
final class PageBodies: Sendable {
    /// What lists and links of other pages need of a body, and what the body needs of others. Packed, because there is one
    /// for every page of the tree and few are asked for more than a flag or two.
    struct Facts: Sendable, Equatable {
        /// Two flags, then excerpt, anchors and links as a `RecordWriter` writes them.
        let packed: [UInt8]

        init(packed: [UInt8]) { self.packed = packed }

        init(_ document: MarkdownDocument, of page: VisiblePage) {
            var links: [String] = []
            var usesShelf = false
            for index in document.slots.indices {
                switch document.slots[index].slot {
                case .linkOpen(let destination, _, _, _):
                    if !destination.hasPrefix("https://"), !destination.hasPrefix("http://") {
                        links.append(destination)
                    }
                case .image(let source, _, _, _): links.append(source)
                case .directiveOpen, .directiveLeaf: usesShelf = true
                case .linkClose, .directiveClose: continue
                }
            }
            // As much room as they take: ten thousand of them stay in memory.
            let words = 3 + document.headings.count + links.count
            let texts = links.reduce(document.excerpt.utf8.count) { $0 + $1.utf8.count }
            var writer = RecordWriter(capacity: 2 + words * 8 + texts)
            writer.put(links.contains { $0.contains(byte: UInt8(ascii: "#")) })
            writer.put(usesShelf)
            // Whether a summary stands in its place is the head's matter, and may change without the body.
            writer.put(document.excerpt)
            writer.put(document.headings) { $0.put(Int(bitPattern: Facts.hash($1.anchor))) }
            writer.put(links) { $0.put($1) }
            packed = writer.bytes
        }

        /// Whether a link leads to a heading: what it shows depends on another page's body.
        var hasFragments: Bool { packed[0] == 1 }

        /// Whether directives stand in it, which may show any file, row or form.
        var usesShelf: Bool { packed[1] == 1 }

        private var reader: RecordReader {
            var reader = RecordReader(unchecked: packed)
            _ = (reader.flag(), reader.flag())
            return reader
        }

        /// The first words.
        var excerpt: String {
            var reader = reader
            return reader.text()
        }

        /// Hashes of the headings' anchors.
        private var anchors: [UInt] {
            var reader = reader
            reader.skip()
            return reader.values { UInt(bitPattern: $0.number()) }
        }

        /// Destinations of links and pictures within the sites.
        var links: [String] {
            var reader = reader
            reader.skip()
            _ = reader.values { $0.number() }
            return reader.values { $0.text() }
        }

        func has(anchor: String) -> Bool { anchors.contains(Facts.hash(anchor)) }

        /// FNV-1a: it only tells a dead anchor from a living one.
        private static func hash(_ text: String) -> UInt {
            text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt($1)) &* 0x100_0000_01b3 }
        }
    }

    let engine: MarkdownEngine
    private let variant: SiteConfiguration.Variant
    private let publishedNumbers: Set<String>
    /// By node.
    private let known: Mutex<[Facts?]>
    private let found = Mutex<[Diagnostic]>([])

    /// Directives that sitegen itself draws, besides the theme's.
    static let ownLeaves: Set<String> = ["table", "form", "figure", "video", "live", "map", "process"]

    static func engine(configuration: SiteConfiguration, themes: [String: Theme]) -> MarkdownEngine {
        let directives = themes.values.reduce(into: Set<String>()) { $0.formUnion($1.directives.keys) }
        return MarkdownEngine(
            containers: directives, leaves: ownLeaves.union(directives), rawHTML: configuration.rawHTML,
            countsCharacters: themes.values.contains { $0.templates.mentions(["characters", "minutes"]) })
    }

    convenience init(engine: MarkdownEngine, graph: SiteGraph) {
        self.init(
            engine: engine, variant: graph.variant, publishedNumbers: graph.configuration.publishedNumbers,
            known: [Facts?](repeating: nil, count: graph.nodes.count))
    }

    private init(
        engine: MarkdownEngine, variant: SiteConfiguration.Variant, publishedNumbers: Set<String>, known: [Facts?]
    ) {
        self.engine = engine
        self.variant = variant
        self.publishedNumbers = publishedNumbers
        self.known = Mutex(known)
    }

    /// The same without what was known of one node, whose body changed.
    func forgetting(_ node: Int) -> PageBodies {
        var facts = known.withLock { $0 }
        facts[node] = nil
        return PageBodies(engine: engine, variant: variant, publishedNumbers: publishedNumbers, known: facts)
    }

    /// Reads and parses a page's body.
    func document(of page: VisiblePage, _ diagnostics: inout [Diagnostic]) -> MarkdownDocument {
        guard let body = AudienceFilter.body(of: page, diagnostics: &diagnostics) else { return .empty }
        return parse(cut(body, of: page, &diagnostics), of: page, &diagnostics)
    }

    /// What this audience sees of a body that was read for several at once.
    func cut(_ body: AudienceFilter.UncutBody, of page: VisiblePage, _ diagnostics: inout [Diagnostic]) -> CutBody {
        let cut = AudienceFilter.cut(body, for: variant, diagnostics: &diagnostics)
        checkNumbers(cut, page.path, &diagnostics)
        checkReferences(cut, page.path, &diagnostics)
        return cut
    }

    /// Numbers in a body that lead to one person, where anybody may read it.
    private func checkNumbers(_ body: CutBody, _ path: String, _ diagnostics: inout [Diagnostic]) {
        guard variant.isOpen else { return }
        for found in PersonalNumbers.find(in: body.bytes) where !publishedNumbers.contains(found.digits) {
            diagnostics.append(PersonalNumberFinding.make(found, body.position(ofByte: found.offset, path: path)))
        }
    }

    /// References such as `&#x202E;` to what no file may hold as it is.
    private func checkReferences(_ body: CutBody, _ path: String, _ diagnostics: inout [Diagnostic]) {
        guard let found = CharacterReferences.forbidden(in: body.bytes) else { return }
        diagnostics.append(
            Diagnostic(
                "control-character", body.position(ofByte: found.offset, path: path),
                problem: Bilingual(
                    zh: "这里写出了不能使用的字符 \(found.name)",
                    en: "this spells the character \(found.name), which no text may hold"),
                remedy: Bilingual(zh: "请删去这个字符", en: "take it out")))
    }

    func parse(_ body: CutBody, of page: VisiblePage, _ diagnostics: inout [Diagnostic]) -> MarkdownDocument {
        engine.render(
            body, path: page.path, backLabel: page.language == "zh" ? "返回正文" : "Back to content",
            diagnostics: &diagnostics)
    }

    /// What other pages ask of a body that may not have been drawn.
    func facts(of node: Int, _ page: VisiblePage) -> Facts {
        if let known = known.withLock({ $0[node] }) { return known }
        var diagnostics: [Diagnostic] = []
        let facts = Facts(document(of: page, &diagnostics), of: page)
        if !diagnostics.isEmpty { found.withLock { $0 += diagnostics } }
        remember(facts, of: node)
        return facts
    }

    /// Findings in bodies that were asked for: a body that could be read when its page was drawn, but not when another
    /// page asked for it, must not pass for an empty one.
    var findings: [Diagnostic] { found.withLock { $0 } }

    /// Facts that are known; for a node that was not drawn and not asked for, nil.
    func known(_ node: Int) -> Facts? { known.withLock { $0[node] } }

    func remember(_ facts: Facts, of node: Int) { known.withLock { $0[node] = facts } }
}
