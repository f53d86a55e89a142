import Markdown
import PortalBase
import SiteModel

/// Markdown bodies to documents, each distinct body once for all audiences.
struct DocumentStage: Sendable {
    let configuration: SiteConfiguration
    let directives: Set<String>
    let jobs: Int

    /// Directives that sitegen itself draws, besides the theme's.
    static let ownContainers: Set<String> = []
    static let ownLeaves: Set<String> = ["table", "form"]

    /// - Returns: for each content, the documents of its pages in their order.
    func run(_ contents: [VisibleContent], diagnostics: inout [Diagnostic]) -> [[MarkdownDocument]] {
        let engine = MarkdownEngine(
            containers: Self.ownContainers.union(directives), leaves: Self.ownLeaves.union(directives),
            rawHTML: configuration.rawHTML)
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
        let results = parallelMap(bodies.count, jobs: jobs) { index, _ -> (MarkdownDocument, [Diagnostic]) in
            var found: [Diagnostic] = []
            let document = engine.render(bodies[index].body, path: bodies[index].path, diagnostics: &found)
            return (document, found)
        }
        for result in results { diagnostics += result.1 }
        return assignments.map { $0.map { results[$0].0 } }
    }
}
