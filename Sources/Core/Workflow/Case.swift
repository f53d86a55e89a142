package import Authority
package import PortalBase
package import Procedures

/// One case as its events tell it (办件). A value: made by folding events, changed by nothing else.
package struct Case: Sendable, Equatable {
    package struct Task: Sendable, Equatable {
        /// Within the case, from 1.
        package let id: Int
        package let kind: String
        package let unit: String
        package let isLead: Bool
        /// Which opening of the kind's lead it belongs to.
        package let round: Int
        package let opened: Instant
        package let budget: Process.Limit?
        package internal(set) var assignee: String?
        /// When somebody signed for it first (签收).
        package internal(set) var signed: Instant?
        package internal(set) var outcome: String?
        package internal(set) var closed: Instant?
        /// Of its own time limits, those whose end was passed.
        package internal(set) var passed: Set<String> = []

        package var isOpen: Bool { outcome == nil }
    }

    /// Something that was done, with what was typed.
    package struct Act: Sendable, Equatable {
        package let action: String
        package let at: Instant
        package let persons: Set<String>
        package let task: Int?
        package let inputs: [String: InputValue]
    }

    /// Something that the citizen was asked for (补正).
    package struct Request: Sendable, Equatable {
        package let name: String
        package let fields: [String]
        package let made: Instant
        package let within: Process.Limit
        package internal(set) var answered: Instant?
    }

    /// How a unit was reminded of the case (催办, 督办).
    package struct Reminder: Sendable, Equatable {
        package let last: Instant
        package let times: Int
        /// The clock that reminded last, or a task's own limit; nil where an officer did.
        package let clock: String?

        package init(last: Instant, times: Int, clock: String? = nil) {
            self.last = last
            self.times = times
            self.clock = clock
        }
    }

    /// A decision or notice of an organ (文书), as far as it has come.
    package struct Paper: Sendable, Equatable {
        package enum State: String, Sendable, CaseIterable {
            /// Issued, and not signed yet: the citizen is told nothing meanwhile.
            case awaited
            case valid
            /// Another was signed in its place.
            case replaced
            case withdrawn
        }

        /// Its kind, an id of the process's `papers`.
        package let document: String
        package let number: Int
        package let organ: String
        package let issued: Instant
        /// Version of the event that issued it.
        package let version: Int
        package internal(set) var state = State.awaited
        /// Numbers of the case's files that hold it and its signature; nil until it is drawn up, and signed.
        package internal(set) var file: Int?
        package internal(set) var signature: Int?

        package var year: Int { issued.date(in: .shanghai).year }
    }

    package let received: Instant
    /// To the form's fields, as they count now.
    package private(set) var answers: [String: JSON] = [:]
    /// What came with the case and later.
    package private(set) var files: [CaseDocument] = []
    package private(set) var version = 0
    package private(set) var state = ""
    /// Version of the event that entered the state.
    package private(set) var stateVersion = 0
    package private(set) var lead: String?
    /// By unit, as long as what it was reminded of is to be done: until its tasks are closed, or the clock stops.
    package private(set) var reminders: [String: Reminder] = [:]
    /// The clock whose rung the event passes; nil of other events.
    private var passing: String?
    package private(set) var tasks: [Task] = []
    package private(set) var clocks: [ClockRun] = []
    package private(set) var acts: [Act] = []
    package private(set) var requests: [Request] = []
    package private(set) var counts: [String: Int] = [:]
    package private(set) var scores: [String: [Int]] = [:]
    package private(set) var flags: Set<String> = []
    package private(set) var classes: Set<String> = []
    package private(set) var relations: [String: String] = [:]
    package private(set) var published: Set<Process.Page> = []
    /// Version of the event that published a page last, whether or not it was taken back since.
    package private(set) var lastPublished: [Process.Page: Int] = [:]
    /// Units whose part in it is left out of assessments.
    package private(set) var excused: Set<String> = []
    /// Whether its erasure is put off.
    package private(set) var isOnLegalHold = false
    /// Whether its words were destroyed: nothing is to come of it.
    package let isErased: Bool
    /// Documents that were issued, with their newest numbers.
    package private(set) var issued: [String: Int] = [:]
    package private(set) var papers: [Paper] = []
    /// Whether an organ still owes a paper: what it says is not told before.
    package var awaitsPaper: Bool { papers.contains { $0.state == .awaited } }
    /// The post that the subject is, while it is held.
    package private(set) var post: Post?
    /// The key that the subject is, while it is trusted.
    package private(set) var credential: Credential?
    /// When each state was entered last.
    package private(set) var entered: [String: Instant] = [:]
    /// How often it was brought to another definition.
    package private(set) var adoptions = 0
    /// What the citizen was told last, with an officer's words on it, and how often something was told.
    package private(set) var told: Process.CitizenState?
    package private(set) var toldText: String?
    package private(set) var toldVersion = 0

    /// - Parameter received: when it came to the edge.
    package init(received: Instant, answers: [String: JSON] = [:], isErased: Bool = false) {
        self.received = received
        self.answers = answers
        self.isErased = isErased
    }

    package init(received: Instant, events: some Sequence<Event>, isErased: Bool = false) {
        self.init(received: received, isErased: isErased)
        for event in events.inPresentNames { apply(event) }
        guard isErased else { return }
        // Of one that still ran when a backup was made, whose words were destroyed since.
        let last = acts.last?.at ?? received
        for index in clocks.indices where clocks[index].isRunning { clocks[index].stopped = last }
        for index in tasks.indices where tasks[index].isOpen {
            tasks[index].outcome = Process.EventName.erased
            tasks[index].closed = last
        }
        (post, credential) = (nil, nil)
        published = []
        reminders = [:]
    }

    package func task(_ id: Int) -> Task? { tasks.first { $0.id == id } }

    /// The clock's run that was started last.
    package func clock(_ id: String) -> ClockRun? { clocks.last { $0.clock == id } }

    /// The last time that an action was taken.
    package func act(_ action: String) -> Act? { acts.last { $0.action == action } }

    /// Everybody who took an action in this case.
    package func persons(of action: String) -> Set<String> {
        acts.lazy.filter { $0.action == action }.reduce(into: []) { $0.formUnion($1.persons) }
    }

    /// Total: whatever a fact says of what is not there is passed over, so that a log can always be read. What an event renames is
    /// not renamed here: the log is folded again.
    package mutating func apply(_ event: Event) {
        version = event.version
        acts.append(
            Act(
                action: event.action, at: event.at, persons: event.actor.persons, task: event.task, inputs: event.inputs
            ))
        for fact in event.facts { apply(fact, at: event.at, event.inputs) }
        passing = nil
    }

    /// - Parameter inputs: of the event that the fact belongs to.
    mutating func apply(_ fact: Fact, at now: Instant, _ inputs: [String: InputValue]) {
        switch fact {
        case .answered(let fields):
            for field in fields { if case .answer(let answer) = inputs[field] { answers[field] = answer } }
        case .filed(let file): files.append(file)
        case .classified(let name): classes.insert(name)
        case .begun(let lead): self.lead = lead
        case .entered(let state):
            self.state = state
            stateVersion = version
            entered[state] = now
        case .opened(let id, let kind, let unit, let isLead, let round, let budget):
            if isLead { lead = unit }
            tasks.append(
                Task(id: id, kind: kind, unit: unit, isLead: isLead, round: round, opened: now, budget: budget))
        case .closed(let id, let outcome):
            change(task: id) {
                $0.outcome = outcome
                $0.closed = now
            }
            if let unit = task(id)?.unit, !tasks.contains(where: { $0.isOpen && $0.unit == unit }) {
                reminders[unit] = nil
            }
        case .assigned(let id, let person):
            change(task: id) {
                $0.assignee = person
                $0.signed = $0.signed ?? now
            }
            if let unit = task(id)?.unit, reminders[unit]?.clock == Process.signing { reminders[unit] = nil }
        case .started(let clock, let since, let budget):
            let instance = (self.clock(clock)?.instance ?? 0) + 1
            change(clock: clock) { if $0.isRunning { $0.stopped = now } }
            var run = ClockRun(clock: clock, instance: instance, since: since, budget: budget)
            // A run since the same moment takes over the extensions, pauses and fired rungs of the earlier one.
            if let same = clocks.last(where: { $0.clock == clock && $0.since == since }) {
                run.extensions = same.extensions
                // What is started runs.
                run.pauses = same.pauses.map { .init(ground: $0.ground, from: $0.from, to: $0.to ?? now) }
                run.fired = same.fired
            }
            clocks.append(run)
        case .paused(let clock, let ground):
            change(clock: clock) { $0.pauses.append(.init(ground: ground, from: now)) }
        case .resumed(let clock):
            change(clock: clock) { run in
                for index in run.pauses.indices where run.pauses[index].to == nil {
                    run.pauses[index].to = max(now, run.pauses[index].from)
                }
            }
        case .extended(let clock, let limit): change(clock: clock) { $0.extensions.append(limit) }
        case .stopped(let clock):
            change(clock: clock) { $0.stopped = now }
            let isLast = !clocks.contains(where: \.isRunning)
            // An officer's reminder ends with the last clock.
            reminders = reminders.filter { _, reminder in
                if let own = reminder.clock { own != clock } else { !isLast }
            }
        case .fired(let clock, let task, _) where Process.ownClocks.contains(clock):
            passing = clock
            change(task: task) { $0.passed.insert(clock) }
        case .fired(let clock, let instance, let rung):
            passing = clock
            for index in clocks.indices where clocks[index].clock == clock && clocks[index].instance == instance {
                clocks[index].fired.insert(.init(rung: rung, extensions: clocks[index].extensions.count))
            }
        case .told(let state, let text):
            // A state by itself has no words.
            if let text { toldText = text } else if state != told { toldText = nil }
            told = state
            toldVersion += 1
        case .requested(let name, let fields, let within):
            requests.append(Request(name: name, fields: fields, made: now, within: within))
        case .answeredRequest(let name):
            for index in requests.indices where requests[index].name == name && requests[index].answered == nil {
                requests[index].answered = now
            }
        case .issued(let document, _, let number, let organ):
            issued[document] = number
            if let organ {
                papers.append(Paper(document: document, number: number, organ: organ, issued: now, version: version))
            }
        case .drawn(let paper, let file): change(paper: paper) { $0.file = file }
        case .signed(let paper, let signature):
            guard papers.indices.contains(paper) else { break }
            for index in papers.indices
            where index < paper && papers[index].document == papers[paper].document && papers[index].state == .valid {
                papers[index].state = .replaced
            }
            change(paper: paper) {
                $0.signature = signature
                if $0.state == .awaited { $0.state = .valid }
            }
        case .revoked(let paper): change(paper: paper) { $0.state = .withdrawn }
        case .published(let page):
            published.insert(page)
            lastPublished[page] = version
        case .retracted(let page): published.remove(page)
        case .related(let subject, let kind): relations[subject] = kind
        case .unrelated(let subject): relations[subject] = nil
        case .counted(let name): counts[name, default: 0] += 1
        case .scored(let name, let value): scores[name, default: []].append(value)
        case .flagged(let name): flags.insert(name)
        case .appointed(let person, let role, let unit, let until):
            post = Post(person: person, role: role, unit: unit, from: now, until: until)
        case .ended: post = nil
        case .trusted(let person, let key, let level): credential = Credential(person: person, key: key, level: level)
        case .distrusted: credential = nil
        case .undone(_, let names, let counted):
            flags.subtract(names)
            for name in counted { counts[name] = counts[name].map { max(0, $0 - 1) } }
        case .excused(let unit): excused.insert(unit)
        case .legalHold: isOnLegalHold = true
        case .legalHoldEnded: isOnLegalHold = false
        case .notified(let units):
            for unit in units {
                reminders[unit] = Reminder(last: now, times: (reminders[unit]?.times ?? 0) + 1, clock: passing)
            }
        case .adopted: adoptions += 1
        case .erased: break
        }
    }

    private mutating func change(task id: Int, _ body: (inout Task) -> Void) {
        guard let index = tasks.firstIndex(where: { $0.id == id }) else { return }
        body(&tasks[index])
    }

    private mutating func change(paper place: Int, _ body: (inout Paper) -> Void) {
        guard papers.indices.contains(place) else { return }
        body(&papers[place])
    }

    /// The run that was started last.
    private mutating func change(clock id: String, _ body: (inout ClockRun) -> Void) {
        guard let index = clocks.lastIndex(where: { $0.clock == id }) else { return }
        body(&clocks[index])
    }
}

extension Process.Paper {
    /// The number of a paper of this kind, as the paper shows it.
    package func number(of paper: Case.Paper) -> String { number(paper.number, of: paper.year) }
}
