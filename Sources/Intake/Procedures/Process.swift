package import Forms
package import PortalBase

/// A procedure as data (流程): states, tasks, clocks and actions of one kind of case. The city's IT office writes it in
/// `Content/processes/<id>.yaml`; nothing in Swift knows one by name.
package struct Process: Sendable, Equatable {
    package typealias Localized = FormDefinition.Localized

    package let id: String
    package let title: Localized
    /// What its subjects are.
    package let subject: SubjectKind
    /// Ids of the forms whose submissions it handles; of cases alone.
    package let forms: [String]
    /// How long a case is kept once it is final.
    package let retention: Term
    package let begin: Begin
    package let classes: [ClassRule]
    package let states: [State]
    package let clocks: [Clock]
    package let tasks: [TaskKind]
    package let actions: [Action]
    /// Decisions and notices that its actions issue (文书).
    package let papers: [Paper]
    /// Earlier definitions whose cases can go on by this one.
    package let migrations: [Migration]
    /// Names of what is counted, flagged, scored, issued and related, and of outcomes.
    package let labels: [String: Localized]
    /// Of `source`: a case keeps the digest that it began under.
    package let digest: SHA256Digest
    /// The definition as canonical JSON (RFC 8785).
    package let source: [UInt8]

    /// Names of events that are no action of a process; no action may have one.
    package enum EventName {
        /// A case came in.
        package static let begin = "begin"
        /// A rung that reminds or counts.
        package static let clock = "clock"
        /// A citizen's message that came too late to change anything, kept to be read.
        package static let late = "late"
        /// What was told of a case is told of those that belong to it.
        package static let follow = "follow"
        /// What the clock did is taken back: somebody had acted in time.
        package static let overtaken = "overtaken"
        /// Every word of it was destroyed.
        package static let erased = "erased"
        /// A paper was drawn up, and then signed by its organ.
        package static let drawn = "drawn", signed = "signed"
        /// Its number stood on another paper: it has a new one.
        package static let reissued = "reissued"
        /// It goes on by a later definition.
        package static let adopted = "adopted"

        static let all: Set<String> = [begin, clock, late, follow, overtaken, erased, drawn, signed, reissued, adopted]
    }

    /// Names of a task's own time limits, which no clock of a process may have.
    package static let signing = "sign", working = "task"
    package static let ownClocks: Set<String> = [signing, working]

    /// What an id of `papers` or `labels` is called; the id itself where nothing is said.
    package func label(_ id: String, _ language: String) -> String {
        (paper(id)?.label ?? labels[id])?.text(language) ?? id
    }

    package func state(_ id: String) -> State? { states.first { $0.id == id } }
    package func action(_ id: String) -> Action? { actions.first { $0.id == id } }
    /// Whether a clock or a task has the limit of the dispatch catalogue.
    var usesCatalogue: Bool {
        clocks.contains { $0.budget == .catalogue } || tasks.contains { $0.clock == .catalogue }
    }

    /// Roles that have a part in it.
    package var roles: Set<String> {
        let who = begin.by + actions.flatMap(\.by)
        return Set(
            who.compactMap { if case .role(let role, _, _, _, _) = $0 { role } else { nil } } + classes.map(\.role))
    }

    /// What citizens may be asked for.
    package var requestNames: Set<String> {
        Set(actions.flatMap(\.allEffects).compactMap { if case .request(let name, _, _) = $0 { name } else { nil } })
    }
    /// What actions and clocks count.
    package var countNames: Set<String> {
        let counted = actions.flatMap(\.allEffects).compactMap { if case .count(let name) = $0 { name } else { nil } }
        return Set(counted + clocks.flatMap(\.ladder).compactMap(\.count))
    }

    package func task(_ id: String) -> TaskKind? { tasks.first { $0.id == id } }
    package func clock(_ id: String) -> Clock? { clocks.first { $0.id == id } }
    package func paper(_ id: String) -> Paper? { papers.first { $0.id == id } }

    /// What a process runs on (办件).
    package enum SubjectKind: String, Sendable, CaseIterable {
        /// What a citizen sends, by a form.
        case `case`
        /// Begun by officers: somebody who works here, a post that somebody holds, a certificate that somebody signs in with.
        case person, post, credential
        /// The units' assessment of a month, as it was counted (考核).
        case assessment
    }

    /// A time limit as it is written: `5wd`, `10d`, `4h`, `2wh`.
    package struct Limit: Sendable, Hashable, CustomStringConvertible {
        package enum Unit: String, Sendable, CaseIterable {
            /// Calendar days, working days (工作日), elapsed hours, office hours.
            case d, wd, h, wh
        }

        package let count: Int
        package let unit: Unit

        package var description: String { "\(count)\(unit.rawValue)" }
        /// Whether its end is a moment, and not a day.
        package var isHours: Bool { unit == .h || unit == .wh }

        package init(count: Int, unit: Unit) {
            self.count = count
            self.unit = unit
        }

        package init?(_ text: some StringProtocol) {
            let digits = text.prefix { $0.isASCII && $0.isNumber }
            guard let count = decimal(digits.utf8), (1...3_660).contains(count),
                let unit = Unit(rawValue: String(text.dropFirst(digits.count)))
            else { return nil }
            self.count = count
            self.unit = unit
        }
    }

    /// `5y`, `90d`
    package struct Term: Sendable, Equatable {
        package let count: Int
        package let isYears: Bool

        package init(count: Int, isYears: Bool) {
            self.count = count
            self.isYears = isYears
        }
    }

    package struct Begin: Sendable, Equatable {
        package let state: String
        package let by: [Who]
        /// What officers say who begin it; of a case, its form asks.
        package let ask: [Input]

        /// What says something of a kind, such as the person of a post; nil where nothing does.
        package func input(_ kind: Input.Kind) -> Input? { ask.first { $0.kind == kind } }

        /// What is said of each kind, by the inputs' ids; nothing of a kind that is not asked for.
        package func inputs<T>(of said: [Input.Kind: T]) -> [String: T] {
            var inputs: [String: T] = [:]
            for (kind, value) in said { if let input = input(kind) { inputs[input.id] = value } }
            return inputs
        }
    }

    /// The action by which somebody else puts in force what an officer began; nil where nobody has to.
    package var confirming: Action? {
        actions.first { $0.from.contains(begin.state) && $0.givesRights }
    }

    /// The beginning of a subject by an officer, as an action: from no state.
    package var opening: Action {
        Action(
            id: EventName.begin, label: title, from: [""], on: nil, onClosed: false, by: begin.by, message: nil,
            within: nil, once: false, after: false, reopens: false, need: [], ask: begin.ask,
            effects: [.enter(begin.state)], position: SourcePosition(path: id))
    }

    /// A case whose answers say so is of a class that only one role sees (举报).
    package struct ClassRule: Sendable, Equatable {
        package let when: [Condition]
        package let name: String
        package let role: String
    }

    package struct State: Sendable, Equatable {
        package let id: String
        package let label: Localized
        /// What the citizen is told, of a closed list; nil of what is no citizen's.
        package let citizen: CitizenState?
        package let isFinal: Bool
        /// Nobody is waited for in it, whatever they may do.
        package let isResting: Bool
        package let position: SourcePosition
    }

    /// What a status page can say of a case.
    package enum CitizenState: String, Sendable, CaseIterable {
        case received, accepted, correction, answered, granted, refused, notAccepted, withdrawn
    }

    /// A time budget with a ladder of rungs (时限).
    package struct Clock: Sendable, Equatable {
        package enum Start: String, Sendable, CaseIterable {
            /// From the case's receipt at the edge, or from a `start` effect.
            case receipt, start
        }

        package let id: String
        package let label: Localized
        package let budget: Budget
        package let since: Start
        /// Whether the citizen reads when it ends.
        package let isTold: Bool
        /// States whose entering stops it.
        package let stop: [String]
        /// Whether it may run in a final state: the delivery of a decision does.
        package let outlives: Bool
        package let ladder: [Rung]
        package let position: SourcePosition
    }

    package enum Budget: Sendable, Equatable {
        case limit(Limit)
        /// `catalogue.limit`: that of the request's subject in the dispatch catalogue (派单目录).
        case catalogue
        /// `form.limits.legal`, `form.limits.promised`
        case form(FormLimit)
        /// `form.branches`: that of the branch for which the task is opened.
        case branch
        /// `$input` of the action that opens the task or starts the clock.
        case input(String)

        package enum FormLimit: String, Sendable, CaseIterable { case legal, promised }

        var isInput: Bool { if case .input = self { true } else { false } }
    }

    package struct Rung: Sendable, Equatable {
        /// Share of the budget, in percent; a day's share rounds up.
        package let percent: Int
        /// Time behind it: `100%+2wd`.
        package let later: Limit?
        package let remind: [Audience]
        package let count: String?
        /// An action that the clock takes.
        package let act: String?
        package let position: SourcePosition
    }

    /// Who is reminded: `lead`, `parent`, `leader`, the units with an open task of a kind, a unit.
    package enum Audience: Sendable, Equatable {
        case lead, parent, leader
        /// `<task>.unit`
        case unitsOf(task: String)
        /// A unit by its id.
        case named(String)
    }

    /// A piece of work of one unit (任务).
    package struct TaskKind: Sendable, Equatable {
        package enum Unit: Sendable, Equatable {
            case parent
            case named(String)
        }

        package let id: String
        package let label: Localized
        /// Where it goes when the effect that opens it names no unit.
        package let unit: Unit?
        package let clock: Budget?
        /// Time until somebody signs for it (签收).
        package let sign: Limit?
        package let outcomes: [String]
        package let position: SourcePosition
    }

    /// A decision or notice that an organ issues to the citizen (文书): drawn up from a template, numbered in its year, and
    /// signed by the organ before anything of it is told.
    package struct Paper: Sendable, Equatable {
        package let id: String
        package let label: Localized
        /// What stands before the year in its number (机关代字): `密许决`〔2026〕7号.
        package let mark: String
        /// File in `Content/papers`, without `.html`.
        package let template: String
        package let position: SourcePosition

        /// The number as the paper shows it.
        package func number(_ number: Int, of year: Int) -> String { "\(mark)〔\(year)〕\(number)号" }

        /// Mark, year and number of a text that `number` wrote for some paper; nil for another.
        package static func read(_ text: String) -> (mark: String, year: Int, number: Int)? {
            guard let open = text.lastIndex(of: "〔"), let close = text.lastIndex(of: "〕"), open < close,
                text.hasSuffix("号"),
                let year = decimal(text[text.index(after: open)..<close].utf8),
                let number = decimal(text[text.index(after: close)...].dropLast().utf8)
            else { return nil }
            return (String(text[..<open]), year, number)
        }
    }

    /// What somebody may do (操作).
    package struct Action: Sendable, Equatable {
        package let id: String
        package let label: Localized
        package let from: [String]
        /// The kind of task that it works on; nil for one on the case as a whole.
        package let on: String?
        /// Whether the task may be closed already.
        package let onClosed: Bool
        package let by: [Who]
        /// The kind of message with which a citizen takes it; nil where none does.
        package let message: CaseMessage.Kind?
        package let within: Within?
        /// Once a case, or once a task where it works on one.
        package let once: Bool
        /// May be taken in a final state and changes no state.
        package let after: Bool
        /// Leads out of a final state.
        package let reopens: Bool
        package let need: [Condition]
        package let ask: [Input]
        package let effects: [Effect]
        package let position: SourcePosition
    }

    package struct Within: Sendable, Equatable {
        package enum Origin: Sendable, Equatable {
            /// The opening of the task.
            case opened
            case state(String)
        }

        package let limit: Limit
        package let of: Origin
    }

    package enum Who: Sendable, Equatable {
        case citizen
        case clock
        /// - not: actions whose actors may not take this one.
        /// - only: actions of which one of its actors alone may take this one; anybody where it is empty.
        case role(String, unit: Scope, not: [String], only: [String], level: Int)

        /// Whether it is for somebody who took a step before, and waits for nobody else.
        package var isOfActor: Bool { if case .role(_, _, _, let only, _) = self { !only.isEmpty } else { false } }

        /// Whose posts count: those of any unit, of the task's, of the lead's, of the one that the subject itself names.
        package enum Scope: String, Sendable, CaseIterable { case any, task, lead, own }
    }

    /// What an action asks for: the form language, and things of the core.
    package struct Input: Sendable, Equatable {
        package enum Kind: String, Sendable, CaseIterable {
            case text, longtext, number, date, yesno
            /// Things of the core.
            case unit, units, person, role, `case`, limit, fields, checklist, ground
            /// Letters, digits and hyphens that name a subject; a public key by its SHA-256 in hexadecimal.
            case id, key
        }

        package let id: String
        package let label: Localized
        package let kind: Kind
        package let required: Bool
        package let min: Int?
        package let max: Int?
        /// Of a checklist: whether each material that the form needs must be in order.
        package let isComplete: Bool
        /// Of what begins a subject: whether lists show it by this.
        package let isTitle: Bool
        package let position: SourcePosition
    }

    /// Pages that an action can publish, and what it asks for them.
    package enum Page: String, Sendable, CaseIterable {
        /// Question and answer, masked, on the public site.
        case answerPage = "answer-page"
        /// A month's assessment, on the intranet.
        case assessmentPage = "assessment-page"

        package static let title = "title", question = "question", answer = "reply"

        /// Inputs that the page is made of.
        package var inputs: [String] {
            switch self {
            case .answerPage: [Self.title, Self.question, Self.answer]
            case .assessmentPage: []
            }
        }

        /// What it is about.
        package var subject: SubjectKind {
            switch self {
            case .answerPage: .case
            case .assessmentPage: .assessment
            }
        }
    }

    package indirect enum Condition: Sendable, Equatable {
        case field(String, Test)
        /// Tasks of a kind in the current round, those since its last `lead`.
        case tasks(kind: String, lead: Bool?, quantity: Quantity, TaskState)
        /// The task that the action works on is the lead's, or a helper's.
        case task(isLead: Bool)
        case count(String, atLeast: Int)
        case published(Bool)
        /// Its erasure is put off.
        case held(Bool)
        /// The form's way to join parallel opinions.
        case join(Join)
        /// A clock is overdue, paused, or running at all.
        case clock(String, ClockState)
        /// A request to the citizen is open, or overdue.
        case request(String, overdue: Bool)
        case not(Condition)
        case any([Condition])

        package enum Test: Sendable, Equatable {
            case isValue(String)
            case isOneOf([String])
            case isEmpty
        }
        package enum Quantity: Sendable, Equatable {
            case all, any, none
            case atLeast(Int)
            /// As many as the form says of its join; none are enough where it says nothing.
            case asManyAsForm
        }
        package enum TaskState: Sendable, Equatable {
            case open, closed
            case outcome(String)
        }
        package typealias Join = FormDefinition.Process.Join
        package enum ClockState: String, Sendable, CaseIterable { case overdue, paused, running }
    }

    /// What an action does, in order; a closed list.
    package indirect enum Effect: Sendable, Equatable {
        case enter(String)
        case open(task: String, unit: Target?, lead: Bool, budget: Budget?)
        /// One task for each branch of the form, a fork.
        case fork(task: String)
        /// Nil for the task that the action works on.
        case close(task: String?, outcome: String)
        case assign(Assignee)
        /// From now, or from the case's receipt.
        case start(clock: String, fromReceipt: Bool)
        case pause(clock: String, ground: Ground)
        case resume(clock: String)
        case extend(clock: String, by: Reference)
        case stop(clock: String)
        case request(String, fields: String, within: Limit)
        /// The citizen has given what was requested.
        case fulfil(request: String)
        case tell(Reference)
        case remind(Audience)
        case issue(document: String, series: String)
        /// The papers of the kind count no more (撤销).
        case revoke(document: String)
        case publish(Page)
        case retract(Page)
        case relate(Reference, as: String)
        case unrelate(Reference)
        case score(String, Score)
        case count(String)
        case flag(String)
        /// The unit of the task that the action works on is left out of assessments with this case (考核剔除).
        case excuse
        /// Its erasure is put off while a dispute lasts (复议, 诉讼), and no more.
        case hold, release
        /// Person, role and unit of the subject are a post from now on, and are none any more (任, 免).
        case appoint, end
        /// The subject's key shows who somebody is from now on, and does so no more.
        case trust, distrust
        case when([Condition], [Effect])
    }

    /// The unit of a task: an input, the lead of the last round, the unit above.
    package enum Target: Sendable, Equatable {
        case input(String)
        case lead
        case parent
    }

    package enum Assignee: Sendable, Equatable {
        case me
        case input(String)
    }

    package enum Ground: Sendable, Equatable {
        case input(String)
        case named(String)
    }

    package enum Score: Sendable, Equatable {
        case input(String)
        case answer(Bool)
    }

    /// An input of this action, or of the last time that another was taken in this round.
    package enum Reference: Sendable, Equatable {
        case input(String)
        case act(String, input: String)
    }
}

extension Process.Effect {
    /// The effect and those that it holds, in order.
    package var all: [Process.Effect] {
        if case .when(_, let inner) = self { return inner.flatMap(\.all) }
        return [self]
    }
}

extension Process.Action {
    package var allEffects: [Process.Effect] { effects.flatMap(\.all) }

    /// Whether a post or a key is in force by it.
    package var givesRights: Bool { allEffects.contains { $0 == .appoint || $0 == .trust } }

    /// Whether it puts a page on the public site.
    package var publishes: Bool { allEffects.contains { if case .publish = $0 { true } else { false } } }

    /// States that it may enter.
    package var enters: [String] {
        allEffects.compactMap { if case .enter(let state) = $0 { state } else { nil } }
    }
}

extension [Process] {
    /// Roles that may propose posts.
    package var appointingRoles: Set<String> {
        let who = filter { $0.subject == .post }.flatMap(\.begin.by)
        return Set(who.compactMap { if case .role(let role, _, _, _, _) = $0 { role } else { nil } })
    }
}
