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

    /// Outputs that show one body, or one that shows none. Mostly one: there are as many units as pages.
    private struct Unit {
        var first: Target
        var others: [Target] = []
        var targets: [Target] { [first] + others }
    }

    private typealias Made = (first: VariantWriter.Result, others: [VariantWriter.Result])

    /// - Returns: for each writer, what became of its outputs in their order.
    func run() -> [[VariantWriter.Result]] {
        let (pages, others) = units()
        let units = pages + others
        // One for every thread, where there is enough to do for them.
        let isShared = units.count > 64 && jobs > 1
        let stagers = (0..<jobs).map { _ in writers.map { $0.stager(isShared: isShared) } }
        let done = parallelMap(units.count, jobs: jobs) { index, thread -> Made in
            index < pages.count
                ? page(units[index], stagers[thread], thread)
                : (write(units[index].first, nil, stagers[thread], thread), [])
        }
        var results = writers.map(\.results)
        for (unit, made) in zip(units, done) {
            results[unit.first.writer][unit.first.output] = made.first
            for (target, result) in zip(unit.others, made.others) { results[target.writer][target.output] = result }
        }
        return results
    }

    /// Outputs that show a page's body, by page, and all others. Lists come after the pages whose first words they show.
    private func units() -> (pages: [Unit], others: [Unit]) {
        var pages: [Unit] = []
        var place: [Int: Int] = [:]
        var others: [Unit] = []
        for (number, writer) in writers.enumerated() {
            for (index, output) in writer.site.plan.outputs.enumerated() where !writer.isKept(index) {
                guard case .node(let node, 1, _) = output.job, let page = writer.site.graph.nodes[node].page else {
                    others.append(Unit(first: (number, index)))
                    continue
                }
                if let known = place[page.loadedIndex] {
                    pages[known].others.append((number, index))
                } else {
                    place[page.loadedIndex] = pages.count
                    pages.append(Unit(first: (number, index)))
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

    private func page(_ unit: Unit, _ stagers: [OutputStager], _ thread: Int) -> Made {
        let parsed = clock.measure(.parse, visible(unit.first, stagers)?.path ?? "", thread: thread) {
            parse(unit.targets, stagers)
        }
        return (
            write(unit.first, parsed[0], stagers, thread),
            unit.others.indices.map { write(unit.others[$0], parsed[$0 + 1], stagers, thread) }
        )
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
            let cut = bodies.cut(body, of: page, &found)
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
