package import PortalBase

extension TemplateSet {
    /// What rendering would pass over in silence: blocks that fill no slot of their parent, and tags that stand inside a
    /// parent outside every block.
    package var problems: [Diagnostic] {
        all.flatMap { template in findings(template.nodes) }.inOrder()
    }

    private func findings(_ nodes: [Template.Node]) -> [Diagnostic] {
        nodes.flatMap { node -> [Diagnostic] in
            switch node {
            case .text, .variable, .partial: return []
            case .section(_, _, let children), .block(_, let children, _): return findings(children)
            case .parent(let name, let overrides, _, let hasStrays, let place):
                let inside = overrides.sorted { $0.key < $1.key }.flatMap { findings($0.value) }
                return inside + (hasStrays ? [stray(place)] : []) + unfilled(name, overrides.keys.sorted(), place)
            }
        }
    }

    private func unfilled(
        _ name: Template.PartialName, _ blocks: [String], _ place: Template.Place
    ) -> [Diagnostic] {
        // A parent chosen while rendering may have any slots.
        guard case .fixed(let parent) = name, let slots = slots(of: parent, depth: 0) else { return [] }
        return blocks.filter { !slots.contains($0) }.map { block in
            let hint = nearestName(to: block, among: slots.sorted())
            return Diagnostic(
                "template-unknown-block", position(place),
                problem: Bilingual(
                    zh: "“\(parent)”没有区块“\(block)”，这部分内容不会显示",
                    en: "`\(parent)` has no block `\(block)`, so this is never drawn"),
                remedy: didYouMean(hint)
                    ?? Bilingual(
                        zh: "可用：\(slots.sorted().joined(separator: "、"))",
                        en: "known here: \(slots.sorted().joined(separator: ", "))"))
        }
    }

    private func stray(_ place: Template.Place) -> Diagnostic {
        Diagnostic(
            "template-stray", position(place),
            problem: Bilingual(
                zh: "父模板标签里、区块之外的标签不会显示", en: "tags inside a parent but outside every block are never drawn"),
            remedy: Bilingual(zh: "请移到某个区块里", en: "move them into a block"))
    }

    /// Names of the slots that a template offers, with those of what it includes; nil when that depends on the page.
    private func slots(of name: String, depth: Int) -> Set<String>? {
        guard depth < 16, let template = self[name] else { return nil }
        var found: Set<String> = []
        func walk(_ nodes: [Template.Node]) -> Bool {
            for node in nodes {
                switch node {
                case .text, .variable, .partial: continue
                case .section(_, _, let children): if !walk(children) { return false }
                case .block(let name, let children, _):
                    found.insert(name)
                    if !walk(children) { return false }
                case .parent(let parent, let overrides, _, _, _):
                    guard case .fixed(let fixed) = parent, let outer = slots(of: fixed, depth: depth + 1) else {
                        return false
                    }
                    found.formUnion(outer)
                    for children in overrides.values where !walk(children) { return false }
                }
            }
            return true
        }
        return walk(template.nodes) ? found : nil
    }

    private func position(_ place: Template.Place) -> SourcePosition {
        SourcePosition(path: place.template, line: place.line, column: place.column)
    }
}

extension TemplateSet {
    /// Partials and parents by a fixed name that the set does not hold: rendering would end with an error.
    package var missingPartials: [Diagnostic] { all.flatMap { missing($0.nodes) }.inOrder() }

    private func missing(_ nodes: [Template.Node]) -> [Diagnostic] {
        nodes.flatMap { node -> [Diagnostic] in
            switch node {
            case .text, .variable: []
            case .section(_, _, let children), .block(_, let children, _): missing(children)
            case .partial(let name, _, let place): missing(name, place)
            case .parent(let name, let overrides, _, _, let place):
                missing(name, place) + overrides.sorted { $0.key < $1.key }.flatMap { missing($0.value) }
            }
        }
    }

    private func missing(_ name: Template.PartialName, _ place: Template.Place) -> [Diagnostic] {
        guard case .fixed(let name) = name, !contains(name) else { return [] }
        return [
            TemplateError(code: .missingPartial, position: position(place), subject: name).diagnostic
        ]
    }
}
