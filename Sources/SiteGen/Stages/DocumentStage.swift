import Markdown
import PortalBase
import SiteModel
import Synchronization

/// Markdown bodies to documents, each distinct body once for all audiences.
struct DocumentStage: Sendable {
    let engine: MarkdownEngine
    let jobs: Int
    let cache: DocumentCache?

    /// Directives that sitegen itself draws, besides the theme's.
    static let ownLeaves: Set<String> = ["table", "form", "figure", "video", "live", "map"]

    static func engine(configuration: SiteConfiguration, themes: [String: Theme]) -> MarkdownEngine {
        let directives = themes.values.reduce(into: Set<String>()) { $0.formUnion($1.directives.keys) }
        return MarkdownEngine(
            containers: directives, leaves: ownLeaves.union(directives), rawHTML: configuration.rawHTML)
    }

    /// - Returns: for each content, the documents of its pages in their order.
    func run(_ contents: [VisibleContent], diagnostics: inout [Diagnostic]) -> [[MarkdownDocument]] {
        // A page whose body reads the same to two audiences is parsed once.
        var work: [VisiblePage] = []
        var workByPage: [Int: [Int]] = [:]
        let assignments = contents.map { content in
            content.pages.map { page -> Int in
                if let known = workByPage[page.loadedIndex]?.first(where: { work[$0].body.bytes == page.body.bytes }) {
                    return known
                }
                work.append(page)
                workByPage[page.loadedIndex, default: []].append(work.count - 1)
                return work.count - 1
            }
        }
        let bodies = work
        let (engine, cache) = (engine, cache)
        cache?.use(engine)
        let results = parallelMap(bodies.count, jobs: jobs) { index, _ -> (MarkdownDocument, [Diagnostic]) in
            let page = bodies[index]
            if let known = cache?.document(page) { return known }
            var found: [Diagnostic] = []
            let document = engine.render(page.body, path: page.path, diagnostics: &found)
            cache?.keep((document, found), for: page)
            return (document, found)
        }
        for result in results { diagnostics += result.1 }
        return assignments.map { $0.map { results[$0].0 } }
    }
}

/// Documents of bodies that were parsed before. A page's bodies are few (one an audience at most), and equal ones of one
/// reading share their storage, so that comparing them costs nothing.
final class DocumentCache: Sendable {
    private typealias Entry = (body: CutBody, result: (MarkdownDocument, [Diagnostic]))
    private let known = Mutex<[String: [Entry]]>([:])
    private let engine = Mutex<MarkdownEngine?>(nil)
    private static let bodiesOfAPage = 4

    func document(_ page: VisiblePage) -> (MarkdownDocument, [Diagnostic])? {
        known.withLock { $0[page.path] }?.first { $0.body == page.body }?.result
    }

    func keep(_ result: (MarkdownDocument, [Diagnostic]), for page: VisiblePage) {
        known.withLock { $0[page.path] = [(page.body, result)] + ($0[page.path] ?? []).prefix(Self.bodiesOfAPage - 1) }
    }

    /// Another engine (a theme has another directive, say) makes other documents.
    func use(_ next: MarkdownEngine) {
        let isOther = engine.withLock { engine in
            defer { engine = next }
            return engine != next
        }
        if isOther { known.withLock { $0.removeAll() } }
    }
}
