import Forms
package import PortalBase
package import PositionedYAML
package import Procedures
import Workflow

extension RuleSet {
    /// Reads and checks a rule set; nil where nobody could be assessed by it. Every mistake becomes a finding with its place.
    ///
    /// - Parameter processes: those whose figures there are.
    package init?(_ node: YAMLNode, processes: [Process], diagnostics: inout [Diagnostic]) {
        var reader = RuleSetReader(node, processes)
        let rules = reader.read()
        diagnostics += reader.findings
        guard let rules, !reader.findings.hasErrors else { return nil }
        self = rules
    }

    /// Those of `Content/assessment`, by id.
    package static func all(source: String, processes: [Process], diagnostics: inout [Diagnostic]) throws -> [RuleSet] {
        guard FileSystem.kind(source + "/" + folder) == .directory else { return [] }
        var sets: [RuleSet] = []
        for name in try FileSystem.list(source + "/" + folder).map(\.name).sorted(by: bytesPrecede)
        where name.hasSuffix(".yaml") {
            let path = folder + "/" + name
            let text = String(decoding: try FileSystem.read(source + "/" + path, limit: 1 << 20), as: UTF8.self)
            guard let node = YAMLNode.parse(text, path: path, diagnostics: &diagnostics),
                let rules = RuleSet(node, processes: processes, diagnostics: &diagnostics)
            else { continue }
            if rules.id + ".yaml" != name {
                diagnostics.append(
                    Diagnostic(
                        "assessment-id", node["id"]?.position ?? node.position,
                        problem: Bilingual(
                            zh: "id“\(rules.id)”与文件名不同", en: "the id `\(rules.id)` differs from the file's name"),
                        remedy: Bilingual(zh: "请写 id: \(name.dropLast(5))", en: "write `id: \(name.dropLast(5))`")))
            }
            sets.append(rules)
        }
        return sets
    }
}

private struct RuleSetReader {
    private var reader: MapReader
    private let processes: [Process]
    private var process: Process?

    var findings: [Diagnostic] { reader.diagnostics }

    init(_ node: YAMLNode, _ processes: [Process]) {
        reader = MapReader(node)
        self.processes = processes
    }

    mutating func read() -> RuleSet? {
        let id = reader.requiredString("id")
        let title = reader.localized("title").map(RuleSet.Localized.init(values:))
        if title == nil { reader.missing("title") }
        let name = reader.requiredString("process")
        process = processes.first { $0.id == name }
        if let name {
            known(name, among: processes.map(\.id), zh: "流程", en: "process", at: reader.position(of: "process"))
        }
        let from = month("from")
        if from == nil, reader.position(of: "from") == nil { reader.missing("from") }
        let until = month("until")
        if let from, let until, until < from {
            add("until", zh: "结束月份在开始之前", en: "it ends before it begins", at: "until")
        }
        var indicators: [RuleSet.Indicator] = []
        for pair in reader.raw("indicators")?.pairs ?? [] {
            if let indicator = indicator(pair) { indicators.append(indicator) }
        }
        let classes = reader.list("classes").compactMap { level($0) }
        check(indicators, classes)
        _ = reader.finish()
        guard let id, let title, let process, let from else { return nil }
        return RuleSet(
            id: id, title: title, process: process.id, from: from, until: until, indicators: indicators,
            classes: classes,
            digest: SHA256Digest(of: reader.node.json.canonicalBytes))
    }

    private mutating func add(_ rule: String, zh: String, en: String, at key: String) {
        reader.add(
            Diagnostic(
                "assessment-" + rule, reader.position(of: key) ?? reader.node.position,
                problem: Bilingual(zh: zh, en: en), remedy: Bilingual(zh: "请改正", en: "correct it")))
    }

    private mutating func known(
        _ name: String, among names: [String], zh: String, en: String, at position: SourcePosition?
    ) {
        guard !names.contains(name) else { return }
        reader.add(
            Diagnostic(
                "assessment-name", position ?? reader.node.position,
                problem: Bilingual(zh: "没有\(zh)“\(name)”", en: "there is no \(en) `\(name)`"),
                remedy: didYouMean(nearestName(to: name, among: names)) ?? Bilingual(zh: "请改正", en: "correct it")))
    }

    private mutating func month(_ key: String) -> Month? {
        guard let text = reader.string(key) else { return nil }
        if let month = Month(text) { return month }
        reader.wrongType(key, zh: "月份，如 2026-09", en: "a month such as 2026-09")
        return nil
    }

    /// Weights are parts of a hundred, and classes cover every total.
    private mutating func check(_ indicators: [RuleSet.Indicator], _ classes: [RuleSet.Class]) {
        let sum = indicators.reduce(0) { $0 + $1.weight }
        if sum != 100 {
            add(
                "weights", zh: "各指标权重之和是 \(sum)，应当是 100", en: "the weights add up to \(sum) instead of 100",
                at: "indicators")
        }
        let steps = classes.map(\.from)
        if steps.isEmpty || steps.last != 0 || zip(steps, steps.dropFirst()).contains(where: { $0 <= $1 }) {
            add(
                "classes", zh: "等级要从高到低，最后一级从 0 开始", en: "classes go from the highest down, and the last begins at 0",
                at: "classes")
        }
    }

    private mutating func level(_ node: YAMLNode) -> RuleSet.Class? {
        var inner = MapReader(node)
        let from = inner.integer("from")
        if from == nil { inner.missing("from") }
        let label = RuleSet.Localized(inner.requiredString("zh") ?? "", inner.string("en") ?? "")
        for finding in inner.finish() { reader.add(finding) }
        return from.map { RuleSet.Class(from: $0, label: label) }
    }

    private mutating func indicator(_ pair: YAMLNode.Pair) -> RuleSet.Indicator? {
        var inner = MapReader(pair.value)
        let zh = inner.requiredString("zh") ?? ""
        let label = RuleSet.Localized(zh, inner.string("en") ?? zh)
        let measure = measure(&inner)
        let weight = inner.integer("weight") ?? 0
        if !(0...100).contains(weight) { inner.wrongType("weight", zh: "0 到 100", en: "0 to 100") }
        let none = percent("none", &inner), full = percent("full", &inner)
        if weight > 0 {
            if none == nil, inner.position(of: "none") == nil { inner.missing("none") }
            if full == nil, inner.position(of: "full") == nil { inner.missing("full") }
            if let none, none == full {
                inner.wrongType("full", zh: "与 none 不同的百分比", en: "another percentage than `none`")
            }
        }
        let least = inner.integer("least") ?? 1
        if least < 1 { inner.wrongType("least", zh: "正整数", en: "a number above zero") }
        for finding in inner.finish() { reader.add(finding) }
        guard let measure else { return nil }
        return RuleSet.Indicator(
            id: pair.key, label: label, measure: measure, weight: weight, none: none ?? 0, full: full ?? 10_000,
            least: least)
    }

    /// `80%`, `87.5%`, in hundredths of a percent.
    private func percent(_ key: String, _ inner: inout MapReader) -> Int? {
        guard let text = inner.string(key) else { return nil }
        let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
        if text.hasSuffix("%"), (1...2).contains(parts.count), let whole = decimal(parts[0].utf8), whole <= 100,
            let part = parts.count == 1 ? 0 : decimal(parts[1].utf8), parts.count == 1 || parts[1].utf8.count <= 2
        {
            let hundredths = whole * 100 + (parts.count == 2 && parts[1].utf8.count == 1 ? part * 10 : part)
            if hundredths <= 10_000 { return hundredths }
        }
        inner.wrongType(key, zh: "百分比，如 80%", en: "a percentage such as 80%")
        return nil
    }

    private mutating func measure(_ inner: inout MapReader) -> RuleSet.Measure? {
        let without = Set(inner.strings("without") ?? [])
        func names(_ kind: Figure.Kind) -> [String] {
            guard let process else { return [] }
            switch kind {
            case .signing: return process.tasks.filter { $0.sign != nil }.map(\.id)
            case .task: return process.tasks.map(\.id)
            case .clock: return process.clocks.map(\.id)
            case .count:
                let rungs = process.clocks.flatMap(\.ladder).compactMap(\.count)
                return rungs
                    + process.actions.flatMap(\.allEffects).compactMap {
                        if case .count(let name) = $0 { name } else { nil }
                    }
            case .score:
                return process.actions.flatMap(\.allEffects).compactMap {
                    if case .score(let name, _) = $0 { name } else { nil }
                }
            }
        }
        func take(_ name: String, _ kind: Figure.Kind, _ zh: String, _ en: String, _ key: String) {
            known(name, among: names(kind), zh: zh, en: en, at: inner.position(of: key))
        }
        func outcomes(_ set: Set<String>, of task: String, _ key: String) {
            let all = process?.task(task)?.outcomes ?? []
            for outcome in set.sorted() {
                known(outcome, among: all, zh: "任务结果", en: "outcome", at: inner.position(of: key))
            }
        }
        if let node = inner.raw("inTime") {
            var what = MapReader(node)
            defer { for finding in what.finish() { reader.add(finding) } }
            for (key, kind, zh, en) in [
                ("sign", Figure.Kind.signing, "要签收的任务", "task that is signed for"), ("task", .task, "任务", "task"),
                ("clock", .clock, "时限", "clock"),
            ] {
                guard let name = what.string(key) else { continue }
                known(name, among: names(kind), zh: zh, en: en, at: what.position(of: key))
                if kind != .clock { outcomes(without, of: name, "without") }
                return .inTime(kind, name, without: without)
            }
            what.missing("task")
            return nil
        }
        if let task = inner.string("outcome") {
            take(task, .task, "任务", "task", "outcome")
            let wanted = Set(inner.strings("is") ?? [])
            if wanted.isEmpty { inner.missing("is") }
            outcomes(wanted.union(without), of: task, "is")
            return .outcome(task: task, is: wanted, without: without)
        }
        if let count = inner.string("count") {
            take(count, .count, "计数", "count", "count")
            let task = inner.requiredString("per") ?? ""
            take(task, .task, "任务", "task", "per")
            let wanted = Set(inner.strings("is") ?? [])
            if wanted.isEmpty { inner.missing("is") }
            outcomes(wanted, of: task, "is")
            return .count(count, task: task, is: wanted)
        }
        if let score = inner.string("score") {
            take(score, .score, "评分", "score", "score")
            return .score(score, atLeast: inner.integer("atLeast") ?? 1)
        }
        if let task = inner.string("volume") {
            take(task, .task, "任务", "task", "volume")
            outcomes(without, of: task, "without")
            return .volume(task: task, without: without)
        }
        inner.missing("inTime")
        return nil
    }
}
