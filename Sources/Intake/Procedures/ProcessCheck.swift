import Forms
import PortalBase

/// Whether the parts of a definition fit together: every name is known, every state and action can be reached, no task and no clock
/// is left behind in a final state. It follows what may be open, not what must be: that somebody will act is not proved.
///
/// What tasks may be open is followed from state to state: an action is tried in each state that it starts from, with what
/// may be open there, until nothing new comes of it.
struct ProcessCheck {
    private let process: Process
    private let names: Process.Names
    private let flow: ProcessFlow
    private var found: [Diagnostic] = []

    init(_ process: Process, _ names: Process.Names) {
        self.process = process
        self.names = names
        flow = ProcessFlow(process)
    }

    /// In the order of the file.
    func findings() -> [Diagnostic] {
        var check = self
        check.checkNames()
        // Ways that lead through unknown names say nothing.
        if check.found.isEmpty {
            check.checkStates()
            check.checkClocks()
            check.checkTasks()
            check.checkActions()
            check.checkPapers()
        }
        return check.found.sorted { $0.position < $1.position }
    }

    private mutating func add(
        _ rule: String, _ position: SourcePosition, zh: String, en: String, remedyZh: String, remedyEn: String
    ) {
        found.append(
            Diagnostic(
                "process-" + rule, position, problem: Bilingual(zh: zh, en: en),
                remedy: Bilingual(zh: remedyZh, en: remedyEn)))
    }

    // MARK: Names

    private mutating func known(
        _ name: String, among names: some Collection<String>, _ kind: (zh: String, en: String),
        at position: SourcePosition
    ) {
        guard !names.contains(name) else { return }
        let near = nearestName(to: name, among: Array(names)).map { (zh: "是不是“\($0)”？", en: "did you mean `\($0)`?") }
        add(
            "name", position, zh: "没有\(kind.zh)“\(name)”", en: "there is no \(kind.en) `\(name)`",
            remedyZh: near?.zh ?? "请写已有的名称，或补上定义", remedyEn: near?.en ?? "use a name that is defined, or define it")
    }

    private static let state = (zh: "状态", en: "state")
    private static let task = (zh: "任务", en: "kind of task")
    private static let clock = (zh: "时限", en: "clock")
    private static let action = (zh: "操作", en: "action")
    private static let role = (zh: "角色", en: "role")
    private static let unit = (zh: "单位", en: "unit")

    private static let paper = (zh: "文书", en: "paper")
    private static let request = (zh: "要求", en: "request")

    private var stateNames: [String] { process.states.map(\.id) }
    private var taskNames: [String] { process.tasks.map(\.id) }
    private var clockNames: [String] { process.clocks.map(\.id) }
    private var actionNames: [String] { process.actions.map(\.id) }

    private mutating func checkNames() {
        let start =
            process.states.first?.position ?? process.actions.first?.position ?? SourcePosition(path: process.id)
        known(process.begin.state, among: stateNames, Self.state, at: start)
        checkActors(process.begin.by, at: start)
        checkSubject(at: start)
        for rule in process.classes { known(rule.role, among: names.roles, Self.role, at: start) }
        if !process.begin.by.contains(where: { if case .clock = $0 { false } else { true } }) {
            add(
                "begin", start, zh: "没有人能开始办件", en: "nobody can begin a case",
                remedyZh: "请写 begin: {by: …}", remedyEn: "write `begin: {by: …}`")
        }
        let signs = process.begin.by.contains { if case .role(_, _, _, _, let level) = $0 { level > 3 } else { false } }
        if process.subject == .case, signs {
            add(
                "begin", start, zh: "办件是按诉求人的内容登记的，不由登记的人签名",
                en: "a case is filed as its sender's: who files it signs nothing",
                remedyZh: "请写 level: 3 或更低", remedyEn: "write `level: 3` or less")
        }
        for clock in process.clocks {
            for state in clock.stop { known(state, among: stateNames, Self.state, at: clock.position) }
            for rung in clock.ladder {
                for audience in rung.remind { checkAudience(audience, at: rung.position) }
                if let act = rung.act { known(act, among: actionNames, Self.action, at: rung.position) }
            }
        }
        for task in process.tasks {
            if case .named(let unit) = task.unit { known(unit, among: names.units, Self.unit, at: task.position) }
        }
        for action in process.actions { checkNames(of: action) }
        for migration in process.migrations { checkNames(of: migration) }
    }

    /// What a name becomes is a name of this definition, or nothing.
    private mutating func checkNames(of migration: Process.Migration) {
        for kind in Process.Vocabulary.allCases {
            let names = process.names(kind)
            let word =
                switch kind {
                case .states: Self.state
                case .tasks: Self.task
                case .clocks: Self.clock
                case .actions: Self.action
                }
            for (_, next) in (migration.names[kind] ?? [:]).sorted(by: { $0.key < $1.key })
            where next != Process.Migration.gone {
                known(next, among: names, word, at: migration.position)
            }
        }
    }

    /// What begins by officers asks for what its effects speak of, and nothing of it is a citizen's.
    private mutating func checkSubject(at place: SourcePosition) {
        let needed: Set<Process.Input.Kind> =
            switch process.subject {
            case .case: []
            case .person: [.id]
            case .post: [.person, .role, .unit]
            case .credential: [.person, .key, .number]
            case .assessment: [.id, .text]
            }
        for kind in Process.Input.Kind.allCases where needed.contains(kind) {
            let asked = process.begin.ask.filter { $0.kind == kind }
            guard asked.count != 1 || !asked[0].required else { continue }
            add(
                "subject", place, zh: "\(process.subject.rawValue) 开始时要问一个必填的 \(kind.rawValue)",
                en: "a \(process.subject.rawValue) begins with one required input of type \(kind.rawValue)",
                remedyZh: "请写进 begin 的 ask:", remedyEn: "add it to `ask:` of `begin`")
        }
        let isCase = process.subject == .case
        let isCitizens = process.begin.by.contains(.citizen) || process.actions.contains { $0.by.contains(.citizen) }
        if !isCase, !process.forms.isEmpty || isCitizens {
            add(
                "subject", place, zh: "\(process.subject.rawValue) 不由表单开始，也不由诉求人办理",
                en: "a \(process.subject.rawValue) begins by no form, and citizens do nothing with it",
                remedyZh: "请去掉 forms: 和 by: citizen", remedyEn: "take `forms:` and `by: citizen` out")
        }
        if isCase, !process.begin.ask.isEmpty {
            add(
                "subject", place, zh: "办件开始时由表单提问", en: "a case begins by its form, which asks",
                remedyZh: "请去掉 begin 的 ask:", remedyEn: "take `ask:` of `begin` out")
        }
        for action in process.actions {
            for effect in action.allEffects {
                let subject: Process.SubjectKind
                switch effect {
                case .appoint, .end: subject = .post
                case .trust, .distrust: subject = .credential
                case .publish(let page), .retract(let page): subject = page.subject
                default: continue
                }
                if process.subject != subject {
                    add(
                        "subject", action.position, zh: "“\(action.id)”的效果属于 subject: \(subject.rawValue)",
                        en: "an effect of `\(action.id)` is one of `subject: \(subject.rawValue)`",
                        remedyZh: "请改 subject:，或去掉效果", remedyEn: "change `subject:`, or take the effect out")
                }
            }
        }
    }

    private mutating func checkActors(_ actors: [Process.Who], at position: SourcePosition) {
        for case .role(let role, let scope, let not, let only, _) in actors {
            if scope == .own, process.begin.input(.unit) == nil {
                add(
                    "subject", position, zh: "unit: own 要有单位可比", en: "`unit: own` needs a unit to compare with",
                    remedyZh: "begin 的 ask: 里要问一个 type: unit", remedyEn: "ask for a `type: unit` in `begin`")
            }
            known(role, among: names.roles, Self.role, at: position)
            for action in not + only where action != Process.EventName.begin {
                known(action, among: actionNames, Self.action, at: position)
            }
        }
    }

    private mutating func checkAudience(_ audience: Process.Audience, at position: SourcePosition) {
        switch audience {
        case .unitsOf(let task): known(task, among: taskNames, Self.task, at: position)
        case .named(let unit): known(unit, among: names.units, Self.unit, at: position)
        case .lead, .parent, .leader: break
        }
    }

    private mutating func checkNames(of action: Process.Action) {
        for state in action.from { known(state, among: stateNames, Self.state, at: action.position) }
        checkShape(of: action)
        checkMessage(of: action)
        if Process.EventName.all.contains(action.id) {
            add(
                "name", action.position, zh: "操作不能叫“\(action.id)”，这个名称系统自己用",
                en: "no action may be called `\(action.id)`: the system uses that name", remedyZh: "请改名",
                remedyEn: "rename it")
        }
        if let on = action.on { known(on, among: taskNames, Self.task, at: action.position) }
        checkActors(action.by, at: action.position)
        if case .state(let state) = action.within?.of {
            known(state, among: stateNames, Self.state, at: action.position)
        }
        for condition in action.need { check(condition, of: action) }
        let ids = action.ask.map(\.id)
        for (number, input) in action.ask.enumerated() where ids[..<number].contains(input.id) {
            add(
                "input", input.position, zh: "输入“\(input.id)”写了两次", en: "the input `\(input.id)` is there twice",
                remedyZh: "请改名", remedyEn: "rename one of them")
        }
        for effect in action.effects { check(effect, of: action) }
    }

    /// What a message brings is what its action asks for.
    private mutating func checkMessage(of action: Process.Action) {
        guard let message = action.message else { return }
        if !action.by.contains(.citizen) {
            add(
                "message", action.position, zh: "“\(action.id)”不由诉求人操作，不能有 message",
                en: "`\(action.id)` is no citizen's and takes no message", remedyZh: "请写 by: citizen，或去掉 message",
                remedyEn: "write `by: citizen`, or take `message` out")
        }
        let brought: [String: Process.Input.Kind] =
            switch message {
            case .withdrawal, .supplement, .delivery: [:]
            case .rating: ["score": .number, "solved": .yesno, "words": .longtext]
            }
        let asked = Dictionary(action.ask.map { ($0.id, $0.kind) }) { first, _ in first }
        if asked != brought {
            let wanted = brought.keys.sorted().map { "\($0): \(brought[$0, default: .text].rawValue)" }.joined(
                separator: ", ")
            add(
                "message", action.position, zh: "\(message.rawValue) 消息带来的是：\(wanted)",
                en: "a message of the kind \(message.rawValue) brings: \(wanted)", remedyZh: "ask 要与它一致",
                remedyEn: "ask for just that")
        }
        let fulfils = action.allEffects.contains { if case .fulfil = $0 { true } else { false } }
        if fulfils != (message == .supplement) {
            add(
                "message", action.position, zh: "补正消息（supplement）的操作要写 fulfil，别的不能写",
                en: "the action of a supplement says `fulfil`, and no other does", remedyZh: "请改正",
                remedyEn: "correct it")
        }
        for other in process.actions where other.message == message && other.id < action.id {
            if let state = other.from.first(where: action.from.contains) {
                add(
                    "message", action.position, zh: "状态“\(state)”里有两个操作接受 \(message.rawValue) 消息",
                    en: "two actions take a message of the kind \(message.rawValue) in the state `\(state)`",
                    remedyZh: "请改 from:", remedyEn: "change `from:`")
            }
        }
    }

    /// What an action says of a task that it does not work on, and bounds that no input meets.
    private mutating func checkShape(of action: Process.Action) {
        let usesTask =
            action.onClosed || action.within?.of == .opened
            || action.by.contains { if case .role(_, .task, _, _, _) = $0 { true } else { false } }
        if action.on == nil, usesTask {
            add(
                "task", action.position, zh: "“\(action.id)”不在任务上，不能写 closed、of: opened 或 unit: task",
                en: "`\(action.id)` works on no task and cannot say `closed`, `of: opened` or `unit: task`",
                remedyZh: "请写 on:", remedyEn: "write `on:`")
        }
        if action.by.isEmpty {
            add(
                "idle", action.position, zh: "没有人能做“\(action.id)”", en: "nobody may take `\(action.id)`",
                remedyZh: "请写 by:", remedyEn: "write `by:`")
        }
        for input in action.ask where (input.min ?? Int.min) > (input.max ?? Int.max) {
            add(
                "input", input.position, zh: "min 大于 max", en: "`min` is above `max`", remedyZh: "请改正",
                remedyEn: "correct it")
        }
    }

    private mutating func check(_ condition: Process.Condition, of action: Process.Action) {
        switch condition {
        case .tasks(let kind, _, _, let state):
            known(kind, among: taskNames, Self.task, at: action.position)
            if case .outcome(let outcome) = state { checkOutcome(outcome, of: kind, action) }
        case .clock(let clock, _): known(clock, among: clockNames, Self.clock, at: action.position)
        case .task where action.on == nil:
            add(
                "condition", action.position, zh: "“\(action.id)”不在任务上，不能问是主办还是协办",
                en: "`\(action.id)` works on no task and cannot ask for the lead's",
                remedyZh: "请写 on:，或去掉这个条件", remedyEn: "write `on:`, or take the condition out")
        case .request(let name, _): known(name, among: process.requestNames, Self.request, at: action.position)
        case .not(let inner): check(inner, of: action)
        case .any(let inner): for condition in inner { check(condition, of: action) }
        case .field, .task, .count, .published, .held, .join: break
        }
    }

    private mutating func checkOutcome(_ outcome: String, of kind: String, _ action: Process.Action) {
        guard let task = process.task(kind) else { return }
        known(outcome, among: task.outcomes, (zh: "结果", en: "outcome"), at: action.position)
    }

    /// - Parameter kinds: of inputs that may stand here.
    private mutating func checkInput(
        _ id: String, _ kinds: Set<Process.Input.Kind>, of action: Process.Action, at position: SourcePosition
    ) {
        known(id, among: action.ask.map(\.id), (zh: "输入", en: "input"), at: position)
        guard let input = action.ask.first(where: { $0.id == id }), !kinds.contains(input.kind) else { return }
        let wanted = kinds.map(\.rawValue).sorted().joined(separator: ", ")
        add(
            "input", input.position, zh: "输入“\(id)”的类型是 \(input.kind.rawValue)，这里要 \(wanted)",
            en: "the input `\(id)` is of type \(input.kind.rawValue), and \(wanted) is needed",
            remedyZh: "请改类型", remedyEn: "change its type")
    }

    /// A task without a unit, or a clock without a limit, would come of an input that is left empty.
    private mutating func checkRequired(_ id: String, _ kind: Process.Input.Kind, of action: Process.Action) {
        guard let input = action.ask.first(where: { $0.id == id }), input.kind == kind, !input.required else { return }
        add(
            "input", input.position, zh: "输入“\(id)”不能留空，任务要用它",
            en: "the input `\(id)` may be left empty, and a task needs it",
            remedyZh: "请写 required: true", remedyEn: "write `required: true`")
    }

    private mutating func checkReference(
        _ reference: Process.Reference, _ kinds: Set<Process.Input.Kind>, of action: Process.Action
    ) {
        switch reference {
        case .input(let id): checkInput(id, kinds, of: action, at: action.position)
        case .act(let other, let id):
            known(other, among: actionNames, Self.action, at: action.position)
            if let other = process.action(other) { checkInput(id, kinds, of: other, at: action.position) }
        }
    }

    private mutating func check(_ effect: Process.Effect, of action: Process.Action) {
        let place = action.position
        switch effect {
        case .enter(let state): known(state, among: stateNames, Self.state, at: place)
        case .open(let kind, let unit, _, let budget):
            known(kind, among: taskNames, Self.task, at: place)
            if case .input(let id) = unit {
                checkInput(id, [.unit, .units], of: action, at: place)
                checkRequired(id, .unit, of: action)
            }
            if case .input(let id) = budget {
                checkInput(id, [.limit], of: action, at: place)
                checkRequired(id, .limit, of: action)
            }
            if budget == .branch || budget == nil && process.task(kind)?.clock == .branch {
                add(
                    "budget", place, zh: "只有 for: form.branches 打开的任务才有部门的时限",
                    en: "only tasks opened `for: form.branches` have a branch's limit",
                    remedyZh: "请改 budget:", remedyEn: "change `budget:`")
            }
            guard let task = process.task(kind) else { return }
            if unit == nil, task.unit == nil {
                add(
                    "unit", place, zh: "“\(action.id)”打开任务“\(kind)”却没有说给哪个单位",
                    en: "`\(action.id)` opens `\(kind)` for no unit", remedyZh: "请写 unit:", remedyEn: "write `unit:`")
            }
            if case .input = task.clock, budget == nil {
                add(
                    "budget", place, zh: "“\(action.id)”打开任务“\(kind)”却没有给时限",
                    en: "`\(action.id)` opens `\(kind)` without the time limit that it needs",
                    remedyZh: "请写 budget:", remedyEn: "write `budget:`")
            }
        case .fork(let kind): known(kind, among: taskNames, Self.task, at: place)
        case .close(let kind, let outcome):
            if let kind { known(kind, among: taskNames, Self.task, at: place) }
            guard let kind = kind ?? action.on else {
                add(
                    "task", place, zh: "“\(action.id)”不在任务上，没有可关的任务",
                    en: "`\(action.id)` works on no task that it could close",
                    remedyZh: "请写 on:", remedyEn: "write `on:`")
                return
            }
            checkOutcome(outcome, of: kind, action)
        case .assign(let who):
            if action.on == nil {
                add(
                    "task", place, zh: "“\(action.id)”不在任务上，不能指派",
                    en: "`\(action.id)` works on no task that it could assign",
                    remedyZh: "请写 on:", remedyEn: "write `on:`")
            }
            if case .input(let id) = who { checkInput(id, [.person], of: action, at: place) }
        case .start(let clock, _), .resume(let clock), .stop(let clock):
            known(clock, among: clockNames, Self.clock, at: place)
        case .pause(let clock, let ground):
            known(clock, among: clockNames, Self.clock, at: place)
            if case .input(let id) = ground { checkInput(id, [.ground], of: action, at: place) }
        case .extend(let clock, let by):
            known(clock, among: clockNames, Self.clock, at: place)
            checkReference(by, [.limit], of: action)
        case .request(_, let fields, _): checkInput(fields, [.fields], of: action, at: place)
        case .fulfil(let name): known(name, among: process.requestNames, Self.request, at: place)
        case .tell(let text): checkReference(text, [.text, .longtext], of: action)
        case .remind(let audience): checkAudience(audience, at: place)
        case .relate(let subject, _), .unrelate(let subject): checkReference(subject, [.case], of: action)
        case .score(_, .input(let id)): checkInput(id, [.number], of: action, at: place)
        case .when(let conditions, let effects):
            for condition in conditions { check(condition, of: action) }
            for effect in effects { check(effect, of: action) }
        case .publish(let page): for id in page.inputs { checkInput(id, [.text, .longtext], of: action, at: place) }
        case .revoke(let paper): known(paper, among: process.papers.map(\.id), Self.paper, at: place)
        case .excuse:
            if action.on == nil {
                add(
                    "task", place, zh: "“\(action.id)”不在任务上，不知道剔除哪个单位",
                    en: "`\(action.id)` works on no task whose unit it could excuse",
                    remedyZh: "请写 on:", remedyEn: "write `on:`")
            }
        case .issue(let document, _):
            // A process without papers gives numbers alone, of any series.
            if !process.papers.isEmpty { known(document, among: process.papers.map(\.id), Self.paper, at: place) }
        case .retract, .score, .count, .flag, .hold, .release, .appoint, .end, .trust, .distrust: break
        }
    }

    // MARK: States

    private mutating func checkStates() {
        if process.state(process.begin.state)?.isFinal == true, let state = process.state(process.begin.state) {
            add(
                "begin", state.position, zh: "办件不能从终结状态开始", en: "a case cannot begin in a final state",
                remedyZh: "请换一个状态", remedyEn: "choose another state")
        }
        let leading = flow.statesLeadingToFinal()
        for state in process.states {
            if flow.reached[state.id] == nil {
                add(
                    "unreachable", state.position, zh: "没有操作能到状态“\(state.id)”",
                    en: "no action leads to the state `\(state.id)`",
                    remedyZh: "请补上操作，或删去状态", remedyEn: "add an action that enters it, or take it out")
            } else if !state.isFinal, !leading.contains(state.id) {
                add(
                    "dead-end", state.position, zh: "从状态“\(state.id)”到不了任何终结状态",
                    en: "no way leads from `\(state.id)` to a final state",
                    remedyZh: "请补上操作", remedyEn: "add an action that leads on")
            }
        }
        for (action, kinds) in flow.overtaken.sorted(by: { $0.key < $1.key }) {
            guard let action = process.action(action) else { continue }
            let list = kinds.sorted().joined(separator: ", ")
            add(
                "open-task", action.position, zh: "“\(action.id)”打开新一轮任务时，上一轮的 \(list) 可能还开着",
                en: "`\(action.id)` begins a new round while \(list) of the last may be open",
                remedyZh: "请先写 close: …", remedyEn: "close them first")
        }
        for (action, kinds) in flow.leftOpen.sorted(by: { $0.key < $1.key }) {
            guard let action = process.action(action) else { continue }
            let list = kinds.sorted().joined(separator: ", ")
            add(
                "open-task", action.position, zh: "“\(action.id)”进入终结状态时，任务 \(list) 可能还开着",
                en: "`\(action.id)` enters a final state while \(list) may be open",
                remedyZh: "请先写 close: …，或加条件 need:", remedyEn: "close it first, or say in `need:` that it is closed")
        }
    }

    // MARK: Papers

    private mutating func checkPapers() {
        let issued = Set(
            process.actions.flatMap(\.allEffects).compactMap {
                if case .issue(let document, _) = $0 { document } else { nil }
            })
        for paper in process.papers where !issued.contains(paper.id) {
            add(
                "paper", paper.position, zh: "没有操作出具文书“\(paper.id)”", en: "no action issues `\(paper.id)`",
                remedyZh: "请写 {issue: \(paper.id)}，或删去", remedyEn: "write {issue: \(paper.id)}, or take it out")
        }
        for action in process.actions {
            var isTold = false
            for effect in action.allEffects {
                switch effect {
                case .enter, .tell: isTold = true
                case .issue(let document, _) where isTold && process.paper(document) != nil:
                    add(
                        "paper", action.position, zh: "“\(action.id)”先告知、后出具文书“\(document)”：文书签好以前什么都不能告知",
                        en:
                            "`\(action.id)` tells before it issues `\(document)`: nothing is told before the paper is signed",
                        remedyZh: "请把 issue: 写在 enter: 和 tell: 前面",
                        remedyEn: "write `issue:` before `enter:` and `tell:`")
                default: break
                }
            }
        }
    }

    // MARK: Clocks

    private mutating func checkClocks() {
        let finals = process.states.filter(\.isFinal).map(\.id)
        let started = Set(
            process.actions.flatMap(\.allEffects).compactMap {
                if case .start(let clock, _) = $0 { clock } else { nil }
            })
        let stopped = Set(
            process.actions.flatMap(\.allEffects).compactMap {
                if case .stop(let clock) = $0 { clock } else { nil }
            })
        for action in process.actions { checkStarts(of: action) }
        for edge in flow.edges { checkRestart(edge) }
        for clock in process.clocks {
            let running = clock.outlives ? [] : finals.filter { !clock.stop.contains($0) }
            if !running.isEmpty {
                let list = running.joined(separator: ", ")
                add(
                    "clock", clock.position, zh: "时限“\(clock.id)”在终结状态 \(list) 里还在走",
                    en: "the clock `\(clock.id)` goes on in the final state \(list)",
                    remedyZh: "请写进 stop:，或写 outlives: true", remedyEn: "add it to `stop:`, or write `outlives: true`")
            }
            if clock.outlives, clock.stop.isEmpty, !stopped.contains(clock.id) {
                add(
                    "clock", clock.position, zh: "没有什么会停下时限“\(clock.id)”",
                    en: "nothing ever stops the clock `\(clock.id)`",
                    remedyZh: "请写 {stop: \(clock.id)}", remedyEn: "write {stop: \(clock.id)}")
            }
            if clock.since == .receipt, clock.budget == .branch || clock.budget.isInput {
                add(
                    "budget", clock.position, zh: "时限“\(clock.id)”从收件开始，那时还没有这个输入",
                    en: "the clock `\(clock.id)` begins with the case, when there is no such input",
                    remedyZh: "请换 budget:", remedyEn: "choose another `budget:`")
            }
            if clock.since == .start, !started.contains(clock.id) {
                add(
                    "clock", clock.position, zh: "没有操作启动时限“\(clock.id)”",
                    en: "no action starts the clock `\(clock.id)`",
                    remedyZh: "请写 {start: \(clock.id)}", remedyEn: "write {start: \(clock.id)}")
            }
            for rung in clock.ladder {
                guard let act = rung.act, let action = process.action(act) else { continue }
                if action.allEffects.contains(where: Self.staysDone) {
                    add(
                        "rung", rung.position, zh: "时限做的“\(act)”可能要被及时的消息撤销，它却有撤不回的效果",
                        en: "what the clock does by `\(act)` may have to be taken back, and it does what cannot be",
                        remedyZh: "请去掉公开、并单、评分、任免等效果，或由人来做",
                        remedyEn: "take out what publishes, relates, scores or appoints, or let a person act")
                }
                if !action.by.contains(.clock) || !action.ask.isEmpty || action.on != nil {
                    add(
                        "rung", rung.position, zh: "时限不能做操作“\(act)”", en: "the clock cannot take the action `\(act)`",
                        remedyZh: "该操作要写 by: clock，不写 on 和 ask",
                        remedyEn: "it must say `by: clock`, work on no task and ask for nothing")
                }
            }
        }
    }

    /// Whether an effect has reached others, or is counted for ever.
    private static func staysDone(_ effect: Process.Effect) -> Bool {
        switch effect {
        case .publish, .retract, .relate, .unrelate, .score, .request, .fulfil, .hold, .release, .appoint, .end, .trust,
            .distrust:
            true
        default: false
        }
    }

    /// A clock that an action starts and that goes on where the case has ended.
    private mutating func checkStarts(of action: Process.Action) {
        for from in action.from {
            var state = process.state(from)
            var started: Set<String> = []
            for effect in action.allEffects {
                switch effect {
                case .enter(let next):
                    state = process.state(next)
                    started = started.filter { process.clock($0)?.stop.contains(next) == false }
                case .start(let clock, _): if process.clock(clock)?.outlives == false { started.insert(clock) }
                default: break
                }
            }
            guard state?.isFinal == true, let clock = started.min() else { continue }
            add(
                "clock", action.position, zh: "“\(action.id)”启动时限“\(clock)”，办件却已终结",
                en: "`\(action.id)` starts the clock `\(clock)` of a case that has ended",
                remedyZh: "请先写 start，再写 enter；或写 outlives: true",
                remedyEn: "start it before `enter`, or write `outlives: true`")
            return
        }
    }

    /// A way back from where a clock stopped to where it should run, on which nobody starts it again.
    private mutating func checkRestart(_ edge: ProcessFlow.Edge) {
        guard let action = process.action(edge.action) else { return }
        for clock in process.clocks
        where clock.since == .receipt && clock.stop.contains(edge.from) && !clock.stop.contains(edge.to) {
            let isStarted = action.allEffects.contains { if case .start(clock.id, _) = $0 { true } else { false } }
            guard !isStarted else { continue }
            add(
                "clock", action.position, zh: "“\(action.id)”回到“\(edge.to)”，时限“\(clock.id)”却停着",
                en: "`\(action.id)` leads back to `\(edge.to)`, and the clock `\(clock.id)` stays stopped",
                remedyZh: "请写 {start: \(clock.id)}", remedyEn: "write {start: \(clock.id)}")
        }
    }

    // MARK: Tasks

    private mutating func checkTasks() {
        var opened: Set<String> = []
        var outcomes: [String: Set<String>] = [:]
        for action in process.actions {
            for effect in action.allEffects {
                switch effect {
                case .open(let kind, _, _, _), .fork(let kind): opened.insert(kind)
                case .close(let kind, let outcome):
                    if let kind = kind ?? action.on { outcomes[kind, default: []].insert(outcome) }
                default: break
                }
            }
        }
        for task in process.tasks {
            if !opened.contains(task.id) {
                add(
                    "task", task.position, zh: "没有操作打开任务“\(task.id)”", en: "no action opens the task `\(task.id)`",
                    remedyZh: "请补上操作，或删去任务", remedyEn: "add an action that opens it, or take it out")
            }
            if outcomes[task.id] == nil {
                add(
                    "task", task.position, zh: "任务“\(task.id)”没有操作能结束", en: "no action ends the task `\(task.id)`",
                    remedyZh: "请补上 {close: …}", remedyEn: "add an action that closes it")
                continue
            }
            for outcome in task.outcomes where !outcomes[task.id, default: []].contains(outcome) {
                add(
                    "outcome", task.position, zh: "任务“\(task.id)”的结果“\(outcome)”从不出现",
                    en: "the outcome `\(outcome)` of `\(task.id)` never comes about",
                    remedyZh: "请删去，或补上操作", remedyEn: "take it out, or add an action that gives it")
            }
        }
    }

    // MARK: Actions

    private mutating func checkActions() {
        let rungs = Set(process.clocks.flatMap(\.ladder).compactMap(\.act))
        for action in process.actions {
            let finals = action.from.filter { process.state($0)?.isFinal == true }
            if !finals.isEmpty, !action.after, !action.reopens {
                add(
                    "final", action.position, zh: "“\(action.id)”从终结状态开始，却没有写 after 或 reopens",
                    en: "`\(action.id)` starts from a final state and says neither `after` nor `reopens`",
                    remedyZh: "不改状态写 after: true；重新办理写 reopens: true",
                    remedyEn: "write `after: true` if it changes no state, else `reopens: true`")
            }
            if action.after, !action.enters.isEmpty {
                add(
                    "final", action.position, zh: "“\(action.id)”写了 after，却改变状态",
                    en: "`\(action.id)` says `after` and changes the state",
                    remedyZh: "请去掉 enter，或改写 reopens", remedyEn: "take `enter` out, or write `reopens`")
            }
            if action.reopens, action.enters.isEmpty || finals.count != action.from.count || action.within == nil {
                add(
                    "final", action.position, zh: "“\(action.id)”写了 reopens，要从终结状态出发、进入别的状态，并写 within",
                    en:
                        "`\(action.id)` says `reopens`: it must start from final states, enter another and say `within`",
                    remedyZh: "请补全", remedyEn: "complete it")
            }
            if action.effects.allSatisfy(Self.changesNothing), action.ask.isEmpty {
                add(
                    "idle", action.position, zh: "“\(action.id)”什么也不改变", en: "`\(action.id)` changes nothing",
                    remedyZh: "请写 do:，或删去", remedyEn: "write `do:`, or take it out")
            }
            if !flow.takeable.contains(action.id) {
                add(
                    "idle", action.position, zh: "谁也做不了“\(action.id)”：它的状态里没有开着的任务，或到不了那些状态",
                    en:
                        "nobody can ever take `\(action.id)`: its states are not reached, or its task is never open in them",
                    remedyZh: "请改 from 或 on", remedyEn: "change `from` or `on`")
            }
            if action.by == [.clock], !rungs.contains(action.id) {
                add(
                    "idle", action.position, zh: "没有时限会做“\(action.id)”", en: "no clock ever takes `\(action.id)`",
                    remedyZh: "请在某个 ladder 里写 act: \(action.id)", remedyEn: "name it in a ladder by `act: \(action.id)`"
                )
            }
        }
    }

    private static func changesNothing(_ effect: Process.Effect) -> Bool {
        switch effect {
        case .remind: true
        case .when(_, let effects): effects.allSatisfy(changesNothing)
        default: false
        }
    }
}
