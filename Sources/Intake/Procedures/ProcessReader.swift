import Forms
package import PortalBase
package import PositionedYAML

extension Process {
    /// Names that a definition may use and does not make itself.
    package struct Names: Sendable {
        package let roles: Set<String>
        package let units: Set<String>

        package init(roles: Set<String>, units: Set<String>) {
            self.roles = roles
            self.units = units
        }

        /// Reads the keys of `Content/roles.yaml` and `Content/units.yaml`.
        package init(roles: YAMLNode, units: YAMLNode) {
            self.init(roles: Set((roles.pairs ?? []).map(\.key)), units: Set((units.pairs ?? []).map(\.key)))
        }
    }

    /// Reads and checks a definition; nil when a case could not be run by it. Every mistake becomes a finding with its place.
    package init?(_ node: YAMLNode, names: Names, diagnostics: inout [Diagnostic]) {
        var reader = ProcessReader(node)
        let process = reader.read()
        var found = reader.findings
        if let process, !found.hasErrors { found += ProcessCheck(process, names).findings() }
        // Cases keep it, and it is read again for as long as they live.
        if let process, !found.hasErrors, Process(stored: process.source) == nil {
            found.append(
                Diagnostic(
                    "process-source", node.position,
                    problem: Bilingual(
                        zh: "定义里有存不下来的文字（过长的键，或一长串附加符号）",
                        en: "it holds what cannot be kept, such as a very long key or a run of combining marks"),
                    remedy: Bilingual(zh: "请缩短或删去", en: "shorten it, or take it out")))
        }
        diagnostics += found
        guard let process, !found.hasErrors else { return nil }
        self = process
    }
}

extension Process {
    /// A definition out of its `source`, which was checked when it was put to work.
    package init?(stored source: [UInt8]) {
        guard let json = try? JSON(parsing: source) else { return nil }  // Any mistake means: not a definition.
        var reader = ProcessReader(YAMLNode(json, path: "definition"))
        guard let process = reader.read(), !reader.findings.hasErrors, process.source == source else { return nil }
        self = process
    }
}

/// YAML to values; what stands alone is checked here, what must fit together in `ProcessCheck`.
struct ProcessReader {
    private var reader: MapReader
    /// Whether citizens are told of its states.
    private var isCase = true

    /// Whole once `read` has ended.
    var findings: [Diagnostic] { reader.diagnostics }

    init(_ node: YAMLNode) { reader = MapReader(node) }

    mutating func read() -> Process? {
        let id = reader.requiredString("id")
        if let id, !Self.isName(id) { reader.wrongType("id", zh: "字母、数字、连字符", en: "letters, digits and hyphens") }
        let title = reader.localized("title").map(Process.Localized.init(values:))
        if title == nil { reader.missing("title") }
        let subject = reader.choice("subject", Process.SubjectKind.self) ?? .case
        isCase = subject == .case
        let forms = reader.strings("forms") ?? []
        let retention = reader.requiredString("retention").flatMap { term($0) }
        let begin = reader.raw("begin").flatMap { self.begin($0) }
        if begin == nil, reader.position(of: "begin") == nil { reader.missing("begin") }
        let classes = reader.list("class").compactMap { classRule($0) }
        let states = pairs("states").compactMap { state($0) }
        let clocks = pairs("clocks").compactMap { clock($0) }
        let tasks = pairs("tasks").compactMap { task($0) }
        let actions = pairs("actions").compactMap { action($0) }
        let papers = pairs("papers").compactMap { paper($0) }
        let migrations = migrations()
        var labels: [String: Process.Localized] = [:]
        for pair in pairs("labels") {
            var inner = MapReader(pair.value)
            labels[pair.key] = label(&inner)
            take(inner)
        }
        if states.isEmpty { reader.missing("states") }
        if actions.isEmpty { reader.missing("actions") }
        _ = reader.finish()
        guard let id, let title, let retention, let begin else { return nil }
        let source = reader.node.json.canonicalBytes
        return Process(
            id: id, title: title, subject: subject, forms: forms, retention: retention, begin: begin, classes: classes,
            states: states,
            clocks: clocks, tasks: tasks, actions: actions, papers: papers, migrations: migrations, labels: labels,
            digest: SHA256Digest(of: source), source: source)
    }

    /// The entries of a map, in the order of the file.
    private mutating func pairs(_ key: String) -> [YAMLNode.Pair] {
        guard let node = reader.raw(key) else { return [] }
        guard let pairs = node.pairs else {
            reader.wrongType(key, zh: "名称: {…} 的列表", en: "a map of name: {…}")
            return []
        }
        for pair in pairs
        where !Self.isName(pair.key) || [Process.working, "opened", Process.Migration.gone].contains(pair.key)
            || (pair.key == Process.signing && key == "clocks")
        {
            reader.add(
                Diagnostic(
                    "process-id", pair.keyPosition,
                    problem: Bilingual(zh: "“\(pair.key)”不能做名称", en: "`\(pair.key)` cannot be a name"),
                    remedy: Bilingual(
                        zh: "用字母开头，只含字母、数字、连字符；task、opened 和 none 另有意思，时限也不能叫 sign",
                        en:
                            "begin with a letter, use letters, digits and hyphens; `task`, `opened` and `none` mean something else, and so does `sign` among clocks"
                    )))
        }
        return pairs
    }

    /// `<digest of an earlier definition>: { states: { earlier: later }, … }`
    private mutating func migrations() -> [Process.Migration] {
        guard let node = reader.raw("migrate") else { return [] }
        guard let pairs = node.pairs else {
            reader.wrongType("migrate", zh: "旧定义的摘要: {…} 的列表", en: "a map of an earlier definition's digest: {…}")
            return []
        }
        return pairs.compactMap { pair in
            guard let from = SHA256Digest(hex: pair.key), pair.key == from.hex else {
                reader.add(
                    Diagnostic(
                        "process-migrate", pair.keyPosition,
                        problem: Bilingual(
                            zh: "“\(pair.key)”不是定义的摘要", en: "`\(pair.key)` is not the digest of a definition"),
                        remedy: Bilingual(
                            zh: "写 64 位小写十六进制摘要；`coredesk process adopt` 会列出来",
                            en: "write 64 hexadecimal digits in lower case; `coredesk process adopt` lists them")))
                return nil
            }
            var inner = MapReader(pair.value)
            var names: [Process.Vocabulary: [String: String]] = [:]
            for kind in Process.Vocabulary.allCases {
                guard let map = inner.raw(kind.rawValue) else { continue }
                names[kind] = [:]
                for entry in map.pairs ?? [] { names[kind]?[entry.key] = entry.value.scalar ?? "" }
                if map.pairs == nil { inner.wrongType(kind.rawValue, zh: "旧名: 新名 的列表", en: "a map of earlier: later") }
            }
            take(inner)
            return Process.Migration(from: from, names: names, position: pair.keyPosition)
        }
    }

    private mutating func paper(_ pair: YAMLNode.Pair) -> Process.Paper? {
        var inner = MapReader(pair.value)
        defer { take(inner) }
        let label = label(&inner)
        guard let mark = inner.requiredString("mark"), let template = inner.requiredString("template") else {
            return nil
        }
        // The mark stands in a number that people copy by hand.
        guard mark.count <= 20,
            mark.unicodeScalars.allSatisfy({ $0.properties.isAlphabetic || $0.properties.isIdeographic })
        else {
            inner.wrongType("mark", zh: "二十字以内的汉字或字母", en: "at most twenty letters or Han characters")
            return nil
        }
        guard Self.isName(template) else {
            inner.wrongType("template", zh: "字母、数字、连字符", en: "letters, digits and hyphens")
            return nil
        }
        return Process.Paper(
            id: pair.key, label: label, mark: mark, template: template, position: pair.keyPosition)
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, first.isASCIIAlphanumeric, first > 0x39 else { return false }
        return text.utf8.allSatisfy { $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") }
    }

    private mutating func take(_ inner: MapReader) {
        var inner = inner
        for finding in inner.finish() { reader.add(finding) }
    }

    private mutating func refuse(_ node: YAMLNode, zh: String, en: String) { reader.wrongType(node, zh: zh, en: en) }

    /// `zh:` and `en:` beside other keys.
    private func label(_ inner: inout MapReader) -> Process.Localized {
        let zh = inner.requiredString("zh") ?? ""
        return .init(zh, inner.string("en") ?? zh)
    }

    private mutating func term(_ text: String) -> Process.Term? {
        guard let last = text.last, "yd".contains(last), let count = decimal(text.dropLast().utf8),
            (1...100_000).contains(count)
        else {
            refuse(reader.node["retention"] ?? reader.node, zh: "保存期，如 5y（年）或 90d（日）", en: "a term such as 5y or 90d")
            return nil
        }
        return Process.Term(count: count, isYears: last == "y")
    }

    private mutating func begin(_ node: YAMLNode) -> Process.Begin? {
        var inner = MapReader(node)
        let state = inner.requiredString("state")
        let by = actors(&inner)
        let ask = inner.list("ask").compactMap { input($0) }
        take(inner)
        return state.map { Process.Begin(state: $0, by: by, ask: ask) }
    }

    private mutating func classRule(_ node: YAMLNode) -> Process.ClassRule? {
        var inner = MapReader(node)
        let when = conditions(inner.raw("when"))
        let name = inner.requiredString("is")
        let role = inner.raw("to").flatMap { to -> String? in
            var reader = MapReader(to)
            let role = reader.requiredString("role")
            take(reader)
            return role
        }
        if role == nil { inner.missing("to") }
        take(inner)
        guard let name, let role else { return nil }
        return Process.ClassRule(when: when, name: name, role: role)
    }

    private mutating func state(_ pair: YAMLNode.Pair) -> Process.State? {
        var inner = MapReader(pair.value)
        let label = label(&inner)
        let citizen = inner.choice("citizen", Process.CitizenState.self)
        if citizen == nil, isCase, pair.value["citizen"] == nil { inner.missing("citizen") }
        if citizen != nil, !isCase {
            inner.wrongType("citizen", zh: "不写：诉求人看不到", en: "none: no citizen is told of it")
        }
        let isFinal = inner.bool("final") ?? false
        let isResting = inner.bool("resting") ?? false
        take(inner)
        return Process.State(
            id: pair.key, label: label, citizen: citizen, isFinal: isFinal, isResting: isResting,
            position: pair.keyPosition)
    }

    private mutating func clock(_ pair: YAMLNode.Pair) -> Process.Clock? {
        var inner = MapReader(pair.value)
        let label = label(&inner)
        let budget = inner.raw("budget").flatMap { self.budget($0) }
        if pair.value["budget"] == nil { inner.missing("budget") }
        let since = inner.choice("since", Process.Clock.Start.self)
        if pair.value["since"] == nil { inner.missing("since") }
        let isTold = inner.bool("told") ?? false
        let stop = inner.strings("stop") ?? []
        let outlives = inner.bool("outlives") ?? false
        let ladder = inner.list("ladder").compactMap { rung($0) }
        take(inner)
        guard let budget, let since else { return nil }
        return Process.Clock(
            id: pair.key, label: label, budget: budget, since: since, isTold: isTold, stop: stop, outlives: outlives,
            ladder: ladder,
            position: pair.keyPosition)
    }

    private mutating func budget(_ node: YAMLNode) -> Process.Budget? {
        let text = node.scalar ?? ""
        if let limit = Process.Limit(text) { return .limit(limit) }
        if text == "catalogue.limit" { return .catalogue }
        if text == "form.branches" { return .branch }
        if text.hasPrefix("form.limits."),
            let limit = Process.Budget.FormLimit(rawValue: String(text.dropFirst("form.limits.".count)))
        {
            return .form(limit)
        }
        if text.hasPrefix("$") { return .input(String(text.dropFirst())) }
        refuse(
            node, zh: "时限，如 5wd、24h、catalogue.limit、form.limits.legal 或 $输入",
            en: "a time limit such as 5wd, 24h, catalogue.limit, form.limits.legal or $input")
        return nil
    }

    private mutating func rung(_ node: YAMLNode) -> Process.Rung? {
        var inner = MapReader(node)
        let at = inner.requiredString("at") ?? ""
        let remind = (inner.strings("remind") ?? []).compactMap { audience($0, node) }
        let count = inner.string("count")
        let act = inner.string("act")
        take(inner)
        let parts = at.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        let later = parts.count == 2 ? Process.Limit(parts[1]) : nil
        guard let share = parts.first, share.hasSuffix("%"), let percent = decimal(share.dropLast().utf8),
            (1...1_000).contains(percent), parts.count == 1 || later != nil
        else {
            refuse(node["at"] ?? node, zh: "时点，如 80% 或 100%+2wd", en: "a moment such as 80% or 100%+2wd")
            return nil
        }
        return Process.Rung(
            percent: percent, later: later, remind: remind, count: count, act: act, position: node.position)
    }

    private mutating func audience(_ text: String, _ node: YAMLNode) -> Process.Audience? {
        switch text {
        case "lead": return .lead
        case "parent": return .parent
        case "leader": return .leader
        default:
            if text.hasSuffix(".unit") { return .unitsOf(task: String(text.dropLast(5))) }
            if Self.isName(text) { return .named(text) }
            refuse(node, zh: "lead、parent、leader、任务.unit 或单位", en: "lead, parent, leader, <task>.unit or a unit")
            return nil
        }
    }

    private mutating func task(_ pair: YAMLNode.Pair) -> Process.TaskKind? {
        var inner = MapReader(pair.value)
        let label = label(&inner)
        let unit = inner.string("unit").map { $0 == "parent" ? Process.TaskKind.Unit.parent : .named($0) }
        let clock = inner.raw("clock").flatMap { budget($0) }
        let sign = limit("sign", &inner)
        let outcomes = inner.strings("outcomes") ?? []
        if outcomes.isEmpty { inner.missing("outcomes") }
        take(inner)
        return Process.TaskKind(
            id: pair.key, label: label, unit: unit, clock: clock, sign: sign, outcomes: outcomes,
            position: pair.keyPosition)
    }

    private mutating func limit(_ key: String, _ inner: inout MapReader) -> Process.Limit? {
        guard let text = inner.string(key) else { return nil }
        if let limit = Process.Limit(text) { return limit }
        inner.wrongType(key, zh: "时限，如 4h 或 2wd", en: "a time limit such as 4h or 2wd")
        return nil
    }

    private mutating func action(_ pair: YAMLNode.Pair) -> Process.Action? {
        var inner = MapReader(pair.value)
        let label = label(&inner)
        let from = inner.strings("from") ?? []
        if from.isEmpty { inner.missing("from") }
        let on = inner.string("on")
        let onClosed = inner.bool("closed") ?? false
        let by = actors(&inner)
        let message = inner.choice("message", CaseMessage.Kind.self)
        let within = inner.raw("within").flatMap { self.within($0) }
        let once = inner.bool("once") ?? false
        let after = inner.bool("after") ?? false
        let reopens = inner.bool("reopens") ?? false
        let need = conditions(inner.raw("need"))
        let ask = inner.list("ask").compactMap { input($0) }
        let effects = effects(inner.raw("do"))
        take(inner)
        return Process.Action(
            id: pair.key, label: label, from: from, on: on, onClosed: onClosed, by: by, message: message,
            within: within, once: once,
            after: after, reopens: reopens, need: need, ask: ask, effects: effects, position: pair.keyPosition)
    }

    private mutating func within(_ node: YAMLNode) -> Process.Within? {
        var inner = MapReader(node)
        let limit = limit("limit", &inner)
        let origin = inner.requiredString("of")
        take(inner)
        guard let limit, let origin else { return nil }
        return Process.Within(limit: limit, of: origin == "opened" ? .opened : .state(origin))
    }

    private mutating func input(_ node: YAMLNode) -> Process.Input? {
        var inner = MapReader(node)
        let id = inner.requiredString("id")
        let label = label(&inner)
        let kind = inner.choice("type", Process.Input.Kind.self)
        if node["type"] == nil { inner.missing("type") }
        let required = inner.bool("required") ?? false
        let (min, max) = (inner.integer("min"), inner.integer("max"))
        let isComplete = inner.bool("complete") ?? false
        if isComplete, kind != .checklist {
            inner.wrongType("complete", zh: "checklist 才能写 complete", en: "`complete` of a checklist only")
        }
        let isTitle = inner.bool("title") ?? false
        take(inner)
        guard let id, let kind else { return nil }
        return Process.Input(
            id: id, label: label, kind: kind, required: required, min: min, max: max, isComplete: isComplete,
            isTitle: isTitle, position: node.position)
    }

    // MARK: Who

    private mutating func actors(_ inner: inout MapReader) -> [Process.Who] {
        guard let node = inner.raw("by") else {
            inner.missing("by")
            return []
        }
        return (node.items ?? [node]).compactMap { actor($0) }
    }

    private mutating func actor(_ node: YAMLNode) -> Process.Who? {
        switch node.scalar {
        case "citizen": return .citizen
        case "clock": return .clock
        case .some:
            refuse(node, zh: "citizen、clock 或 {role: …}", en: "citizen, clock or {role: …}")
            return nil
        case nil: break
        }
        var inner = MapReader(node)
        let role = inner.requiredString("role")
        let unit = inner.choice("unit", Process.Who.Scope.self) ?? .any
        let not = inner.strings("not") ?? []
        let only = inner.strings("only") ?? []
        let level = inner.integer("level") ?? 2
        if !(1...4).contains(level) { inner.wrongType("level", zh: "1 到 4", en: "a level from 1 to 4") }
        take(inner)
        return role.map { .role($0, unit: unit, not: not, only: only, level: level) }
    }

    // MARK: Conditions

    private mutating func conditions(_ node: YAMLNode?) -> [Process.Condition] {
        guard let node else { return [] }
        if node.items?.isEmpty == true { refuse(node, zh: "至少一个条件", en: "one condition at least") }
        return (node.items ?? [node]).compactMap { condition($0) }
    }

    private mutating func condition(_ node: YAMLNode) -> Process.Condition? {
        var inner = MapReader(node)
        defer { take(inner) }
        if let any = inner.raw("any"), any.items != nil { return .any(conditions(any)) }
        if let not = inner.raw("not") { return condition(not).map { .not($0) } }
        if let field = inner.string("field") {
            if let value = inner.string("is") { return .field(field, .isValue(value)) }
            if let values = inner.strings("in") { return .field(field, .isOneOf(values)) }
            if inner.bool("empty") == true { return .field(field, .isEmpty) }
            inner.missing("is")
            return nil
        }
        if let kind = inner.string("tasks") { return tasks(kind, &inner) }
        if let task = inner.choice("task", TaskPart.self) { return .task(isLead: task == .lead) }
        if let count = inner.string("count") { return .count(count, atLeast: inner.integer("atLeast") ?? 1) }
        if let published = inner.bool("published") { return .published(published) }
        if let held = inner.bool("held") { return .held(held) }
        if let join = inner.choice("join", Process.Condition.Join.self) { return .join(join) }
        if let clock = inner.string("clock") {
            for state in Process.Condition.ClockState.allCases where inner.bool(state.rawValue) == true {
                return .clock(clock, state)
            }
            inner.missing("overdue")
            return nil
        }
        if let name = inner.string("requested") { return .request(name, overdue: false) }
        if let name = inner.string("request") { return .request(name, overdue: inner.bool("overdue") ?? false) }
        refuse(
            node, zh: "条件，如 {field: …, is: …} 或 {tasks: …, all: closed}",
            en: "a condition such as {field: …, is: …} or {tasks: …, all: closed}")
        return nil
    }

    /// Number of those who must agree, said by the form.
    private static let formLeast = "form.least"

    private enum TaskPart: String, CaseIterable { case lead, helper }

    private func tasks(_ kind: String, _ inner: inout MapReader) -> Process.Condition? {
        let lead = inner.bool("lead")
        func state(_ text: String) -> Process.Condition.TaskState {
            text == "open" ? .open : text == "closed" ? .closed : .outcome(text)
        }
        if let outcome = inner.string("outcome") {
            let isOfForm = inner.node["atLeast"]?.scalar == Self.formLeast
            let quantity: Process.Condition.Quantity =
                isOfForm ? .asManyAsForm : .atLeast(inner.integer("atLeast") ?? 1)
            if isOfForm { _ = inner.string("atLeast") }
            return .tasks(kind: kind, lead: lead, quantity: quantity, .outcome(outcome))
        }
        for (key, quantity) in [("all", Process.Condition.Quantity.all), ("any", .any), ("none", .none)] {
            if let text = inner.string(key) { return .tasks(kind: kind, lead: lead, quantity: quantity, state(text)) }
        }
        inner.missing("all")
        return nil
    }

    // MARK: Effects

    private mutating func effects(_ node: YAMLNode?) -> [Process.Effect] {
        guard let node else { return [] }
        guard let items = node.items else {
            refuse(node, zh: "效果的列表", en: "a list of effects")
            return []
        }
        return items.compactMap { effect($0) }
    }

    private mutating func effect(_ node: YAMLNode) -> Process.Effect? {
        var inner = MapReader(node)
        defer { take(inner) }
        if let when = inner.raw("when") {
            let conditions = conditions(when)
            let effects = effects(inner.raw("do"))
            if effects.isEmpty { inner.missing("do") }
            return .when(conditions, effects)
        }
        if let state = inner.string("enter") { return .enter(state) }
        if let kind = inner.string("open") { return open(kind, &inner) }
        if let kind = inner.string("close") {
            guard let outcome = inner.requiredString("as") else { return nil }
            return .close(task: kind == "task" ? nil : kind, outcome: outcome)
        }
        if let who = inner.string("assign") {
            if who == "me" { return .assign(.me) }
            return input(who, "assign", &inner).map { .assign(.input($0)) }
        }
        if let clock = inner.string("start") {
            let since = inner.choice("since", Process.Clock.Start.self)
            return .start(clock: clock, fromReceipt: since == .receipt)
        }
        if let clock = inner.string("pause") {
            let ground = inner.requiredString("ground") ?? ""
            return .pause(
                clock: clock, ground: ground.hasPrefix("$") ? .input(String(ground.dropFirst())) : .named(ground))
        }
        if let clock = inner.string("resume") { return .resume(clock: clock) }
        if let clock = inner.string("extend") { return reference("by", &inner).map { .extend(clock: clock, by: $0) } }
        if let clock = inner.string("stop") { return .stop(clock: clock) }
        if let name = inner.string("request") {
            let fields = inner.requiredString("fields").flatMap { input($0, "fields", &inner) }
            let within = limit("within", &inner)
            guard let fields, let within else { return nil }
            return .request(name, fields: fields, within: within)
        }
        if let name = inner.string("fulfil") { return .fulfil(request: name) }
        if inner.raw("tell") != nil { return reference("tell", &inner).map { .tell($0) } }
        if let text = inner.string("remind") { return audience(text, node).map { .remind($0) } }
        if let document = inner.string("issue") {
            return .issue(document: document, series: inner.string("series") ?? document)
        }
        if let document = inner.string("revoke") { return .revoke(document: document) }
        if inner.raw("publish") != nil { return inner.choice("publish", Process.Page.self).map { .publish($0) } }
        if inner.raw("retract") != nil { return inner.choice("retract", Process.Page.self).map { .retract($0) } }
        if inner.raw("relate") != nil {
            let kind = inner.requiredString("as") ?? ""
            return reference("relate", &inner).map { .relate($0, as: kind) }
        }
        if inner.raw("unrelate") != nil { return reference("unrelate", &inner).map { .unrelate($0) } }
        if let name = inner.string("score") {
            let of = inner.requiredString("of") ?? ""
            if of == "yes" || of == "no" { return .score(name, .answer(of == "yes")) }
            return input(of, "of", &inner).map { .score(name, .input($0)) }
        }
        if let name = inner.string("count") { return .count(name) }
        if let name = inner.string("flag") { return .flag(name) }
        if inner.raw("excuse") != nil { return inner.choice("excuse", TaskWord.self).map { _ in .excuse } }
        if inner.raw("hold") != nil { return inner.choice("hold", CaseWord.self).map { _ in .hold } }
        if inner.raw("release") != nil { return inner.choice("release", CaseWord.self).map { _ in .release } }
        if inner.raw("appoint") != nil { return inner.choice("appoint", PostWord.self).map { _ in .appoint } }
        if inner.raw("end") != nil { return inner.choice("end", PostWord.self).map { _ in .end } }
        if inner.raw("trust") != nil { return inner.choice("trust", KeyWord.self).map { _ in .trust } }
        if inner.raw("distrust") != nil { return inner.choice("distrust", KeyWord.self).map { _ in .distrust } }
        refuse(
            node, zh: "效果，如 {enter: …}、{open: …}、{close: …, as: …}",
            en: "an effect such as {enter: …}, {open: …} or {close: …, as: …}")
        return nil
    }

    private enum TaskWord: String, CaseIterable { case task }
    private enum CaseWord: String, CaseIterable { case `case` }
    private enum PostWord: String, CaseIterable { case post }
    private enum KeyWord: String, CaseIterable { case key }

    private mutating func open(_ kind: String, _ inner: inout MapReader) -> Process.Effect? {
        if let branches = inner.string("for") {
            guard branches == "form.branches" else {
                inner.wrongType("for", zh: "form.branches", en: "form.branches")
                return nil
            }
            return .fork(task: kind)
        }
        let unit: Process.Target? =
            switch inner.string("unit") {
            case nil: nil
            case "lead": .lead
            case "parent": .parent
            case .some(let text): input(text, "unit", &inner).map { .input($0) }
            }
        let budget = inner.raw("budget").flatMap { self.budget($0) }
        return .open(task: kind, unit: unit, lead: inner.bool("lead") ?? false, budget: budget)
    }

    /// The name in `$name`.
    private func input(_ text: String, _ key: String, _ inner: inout MapReader) -> String? {
        if text.hasPrefix("$"), text.count > 1 { return String(text.dropFirst()) }
        inner.wrongType(key, zh: "$ 加上 ask 里的 id", en: "$ and an id of `ask`")
        return nil
    }

    /// `$input` or `act.action.input`
    private func reference(_ key: String, _ inner: inout MapReader) -> Process.Reference? {
        guard let text = inner.requiredString(key) else { return nil }
        if text.hasPrefix("$"), text.count > 1 { return .input(String(text.dropFirst())) }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 3, parts[0] == "act", !parts[1].isEmpty, !parts[2].isEmpty {
            return .act(parts[1], input: parts[2])
        }
        inner.wrongType(key, zh: "$输入 或 act.操作.输入", en: "$input or act.<action>.<input>")
        return nil
    }
}
