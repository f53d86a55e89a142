import Markdown
import PortalBase
import SiteModel

/// Draws and stages the outputs of all audiences that are not kept as they are, a page at a time: its body is read once,
/// parsed once for every different cut, and drawn for each audience before the next page is taken up, so that no body
/// stays in memory.
struct RenderPass: Sendable {
    let writers: [VariantWriter]
    let jobs: Int
    let clock: BuildClock

    /// An output of one audience.
    private typealias Target = (writer: Int, output: Int)

    /// - Returns: for each writer, what became of its outputs in their order.
    func run() -> [[VariantWriter.Result]] {
        let (pages, others) = targets()
        let units = pages + others.map { [$0] }
        // One for every thread, where there is enough to do for them.
        let isShared = units.count > 64 && jobs > 1
        let stagers = (0..<jobs).map { _ in writers.map { $0.stager(isShared: isShared) } }
        let done = parallelMap(units.count, jobs: jobs) { index, thread in
            index < pages.count
                ? page(units[index], stagers[thread], thread)
                : [write(units[index][0], nil, stagers[thread], thread)]
        }
        var results = writers.map(\.results)
        for (unit, made) in zip(units, done) {
            for (target, result) in zip(unit, made) { results[target.writer][target.output] = result }
        }
        return results
    }

    /// Outputs that show a page's body, by page, and all others. Lists come after the pages whose first words they show.
    private func targets() -> (pages: [[Target]], others: [Target]) {
        var pages: [[Target]] = []
        var place: [Int: Int] = [:]
        var others: [Target] = []
        for (number, writer) in writers.enumerated() {
            for (index, output) in writer.site.plan.outputs.enumerated() where !writer.isKept(index) {
                guard case .node(let node, 1, _) = output.job, let page = writer.site.graph.nodes[node].page else {
                    others.append((number, index))
                    continue
                }
                if let known = place[page.loadedIndex] {
                    pages[known].append((number, index))
                } else {
                    place[page.loadedIndex] = pages.count
                    pages.append([(number, index)])
                }
            }
        }
        return (pages, others)
    }

    private func write(
        _ target: Target, _ parsed: VariantRenderer.Parsed?, _ stagers: [OutputStager], _ thread: Int
    ) -> VariantWriter.Result {
        stagers[target.writer].write(target.output, parsed, clock, thread: thread)
    }

    private func page(_ targets: [Target], _ stagers: [OutputStager], _ thread: Int) -> [VariantWriter.Result] {
        let parsed = clock.measure(.parse, visible(targets[0], stagers)?.path ?? "", thread: thread) {
            parse(targets, stagers)
        }
        return targets.indices.map { write(targets[$0], parsed[$0], stagers, thread) }
    }

    private func visible(_ target: Target, _ stagers: [OutputStager]) -> VisiblePage? {
        let site = stagers[target.writer].site
        guard case .node(let node, _, _) = site.plan.outputs[target.output].job else { return nil }
        return site.graph.nodes[node].page
    }

    /// The document that each audience sees; a body that reads the same to two is parsed once.
    private func parse(_ targets: [Target], _ stagers: [OutputStager]) -> [VariantRenderer.Parsed] {
        var diagnostics: [Diagnostic] = []
        guard let page = visible(targets[0], stagers),
            let body = AudienceFilter.body(of: page, diagnostics: &diagnostics)
        else { return targets.map { _ in (.empty, diagnostics) } }
        var known: [(cut: CutBody, parsed: VariantRenderer.Parsed)] = []
        return targets.map { target in
            let bodies = stagers[target.writer].bodies
            var found: [Diagnostic] = []
            let cut = bodies.cut(body, &found)
            if let same = known.first(where: { $0.cut == cut }) {
                return (same.parsed.document, found + same.parsed.diagnostics)
            }
            var own: [Diagnostic] = []
            let document = bodies.parse(cut, of: page, &own)
            if targets.count > 1 { known.append((cut, (document, own))) }
            return (document, found + own)
        }
    }
}
