import Forms
import PortalBase

/// A process as BPMN 2.0 XML (ISO/IEC 19510), for programs that draw or simulate it.
///
/// A state is a user task that waits for an action, then an exclusive gateway whose ways are the actions; a final state is an
/// end event. A state in which departments give their opinions at once is a subprocess: beside its user task, a user task of
/// many instances, one for each unit of the collection `branches`, ends with its last instance or with the join's condition.
/// Rungs of clocks are timers on the boundary of the states in which the clock runs; one that acts leads where its action leads.
package struct BPMN {
    private let process: Process
    private let language: String
    private let flow: ProcessFlow

    package init(_ process: Process, language: String) {
        self.process = process
        self.language = language
        flow = ProcessFlow(process)
    }

    /// What the notation cannot say here, a line each.
    package var leftOut: [String] {
        var lines: [String] = []
        for task in process.tasks where !forked.contains(task.id) {
            lines.append("task \(task.id): the tasks of units inside a state")
        }
        for action in process.actions {
            if action.reopens { lines.append("action \(action.id): leads out of an end") }
            if let kind = action.on, forked.contains(kind), !action.isOpinion {
                lines.append("action \(action.id): it closes no task")
            }
            if action.allEffects.contains(where: \.asksForLeast) {
                lines.append("action \(action.id): that as many agree as the form says")
            }
            if !action.need.isEmpty { lines.append("action \(action.id): its conditions") }
            if !action.ask.isEmpty { lines.append("action \(action.id): its inputs") }
            let others = action.allEffects.filter { effect in
                switch effect {
                case .enter, .when: false
                case .fork(let kind), .close(let kind?, _): !forked.contains(kind)
                case .close(nil, _): !action.isOpinion || action.on.map(forked.contains) != true
                default: true
                }
            }
            if !others.isEmpty { lines.append("action \(action.id): \(others.count) effects besides the state") }
        }
        for clock in process.clocks {
            if !isDrawn(clock) { lines.append("clock \(clock.id): it depends on the case, and its rungs are left out") }
        }
        return lines
    }

    package var xml: [UInt8] {
        var out = """
            <?xml version="1.0" encoding="UTF-8"?>
            <definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="urn:xinmi:process" id="definitions-\(process.id)">
              <process id="\(process.id)" name="\(text(process.title))" isExecutable="true">
                <startEvent id="begin"/>
                <sequenceFlow id="begin-to" sourceRef="begin" targetRef="\(node(process.begin.state))"/>

            """
        for state in process.states where flow.reached[state.id] != nil { out += xml(state) }
        return Array((out + "  </process>\n</definitions>\n").utf8)
    }

    /// Kinds of tasks that the form's branches open at once.
    private var forked: Set<String> {
        Set(process.actions.flatMap(\.allEffects).compactMap { if case .fork(let kind) = $0 { kind } else { nil } })
    }

    /// Kinds that are drawn in a state: forked, open there, and closed by an action from there.
    private func opinions(in state: Process.State) -> [String] {
        guard !state.isFinal else { return [] }
        return process.tasks.map(\.id).filter { kind in
            forked.contains(kind) && flow.reached[state.id]?.contains(kind) == true
                && !actions(on: kind, in: state).isEmpty
        }
    }

    /// Whether a way is one of the opinions'.
    private func isOf(_ edge: ProcessFlow.Edge, _ opinions: [String]) -> Bool {
        process.action(edge.action)?.on.map(opinions.contains) == true
    }

    private func actions(on kind: String, in state: Process.State) -> [Process.Action] {
        process.actions.filter { $0.on == kind && $0.isOpinion && $0.from.contains(state.id) }
    }

    /// Whether the definition alone says in which states a clock runs, and how long.
    private func isDrawn(_ clock: Process.Clock) -> Bool {
        if case .limit = clock.budget { clock.since == .receipt } else { false }
    }

    private func text(_ label: Process.Localized) -> String { escapedHTML(label.text(language)) }

    private func node(_ state: String) -> String { "state-" + state }

    private func xml(_ state: Process.State) -> String {
        let id = node(state.id)
        if state.isFinal { return "    <endEvent id=\"\(id)\" name=\"\(text(state.label))\"/>\n" }
        let opinions = opinions(in: state)
        var out = opinions.isEmpty ? userTask(id, state) : subprocess(id, state, opinions)
        // Where the opinions lead, or back.
        let joined = flow.edges.first { edge in
            edge.from == state.id && isOf(edge, opinions)
        }
        out += "    <sequenceFlow id=\"\(id)-act\" sourceRef=\"\(id)\" targetRef=\"\(id)-choice\"/>\n"
        out += "    <exclusiveGateway id=\"\(id)-choice\" default=\"\(id)-otherwise\"/>\n"
        out +=
            "    <sequenceFlow id=\"\(id)-otherwise\" sourceRef=\"\(id)-choice\" targetRef=\"\(joined.map { node($0.to) } ?? id)\"/>\n"
        for edge in flow.edges where edge.from == state.id {
            guard let action = process.action(edge.action), !isOf(edge, opinions) else { continue }
            // An action with two ways names the state that it entered besides.
            let test =
                action.enters.count > 1
                ? "action == '\(edge.action)' and entered == '\(edge.to)'" : "action == '\(edge.action)'"
            out += """
                    <sequenceFlow id="\(id)-\(edge.action)-\(edge.to)" name="\(text(action.label))" sourceRef="\(id)-choice" targetRef="\(node(edge.to))">
                      <conditionExpression xsi:type="tFormalExpression">\(test)</conditionExpression>
                    </sequenceFlow>

                """
        }
        for clock in process.clocks where isDrawn(clock) && !clock.stop.contains(state.id) {
            guard case .limit(let limit) = clock.budget else { continue }
            for (number, rung) in clock.ladder.enumerated() { out += xml(rung, number, clock, limit, id) }
        }
        return out
    }

    private func userTask(_ id: String, _ state: Process.State) -> String {
        "    <userTask id=\"\(id)\" name=\"\(text(state.label))\"/>\n"
    }

    /// The state's own user task beside the opinions; whatever leads out first ends both.
    private func subprocess(_ id: String, _ state: Process.State, _ opinions: [String]) -> String {
        let leaving = flow.edges.filter { edge in
            edge.from == state.id && !isOf(edge, opinions)
        }
        let test = Set(leaving.map(\.action)).sorted().map { "action == '\($0)'" }.joined(separator: " or ")
        var out = """
                <subProcess id="\(id)" name="\(text(state.label))">
                  <startEvent id="\(id)-in"/>
                  <sequenceFlow id="\(id)-in-to" sourceRef="\(id)-in" targetRef="\(id)-fork"/>
                  <parallelGateway id="\(id)-fork"/>
                  <sequenceFlow id="\(id)-fork-to" sourceRef="\(id)-fork" targetRef="\(id)-lead"/>
                  <userTask id="\(id)-lead" name="\(text(state.label))"/>
                  <sequenceFlow id="\(id)-lead-to" sourceRef="\(id)-lead" targetRef="\(id)-lead-choice"/>
                  <exclusiveGateway id="\(id)-lead-choice" default="\(id)-lead-stay"/>
                  <sequenceFlow id="\(id)-lead-stay" sourceRef="\(id)-lead-choice" targetRef="\(id)-lead"/>
                  <sequenceFlow id="\(id)-lead-out" sourceRef="\(id)-lead-choice" targetRef="\(id)-left">
                    <conditionExpression xsi:type="tFormalExpression">\(test.isEmpty ? "false" : test)</conditionExpression>
                  </sequenceFlow>
                  <endEvent id="\(id)-left"><terminateEventDefinition/></endEvent>

            """
        for kind in opinions {
            let name = process.task(kind).map { text($0.label) } ?? kind
            let ends = actions(on: kind, in: state).flatMap { endings(of: $0, kind) }
            let condition =
                ends.isEmpty ? "" : "<completionCondition>\(ends.joined(separator: " or "))</completionCondition>"
            out += """
                      <sequenceFlow id="\(id)-fork-\(kind)" sourceRef="\(id)-fork" targetRef="\(id)-\(kind)"/>
                      <userTask id="\(id)-\(kind)" name="\(name)">
                        <multiInstanceLoopCharacteristics><loopDataInputRef>branches</loopDataInputRef><inputDataItem id="unit" name="unit"/>\(condition)</multiInstanceLoopCharacteristics>
                      </userTask>
                      <sequenceFlow id="\(id)-\(kind)-to" sourceRef="\(id)-\(kind)" targetRef="\(id)-\(kind)-joined"/>
                      <endEvent id="\(id)-\(kind)-joined"><terminateEventDefinition/></endEvent>

                """
        }
        return out + "    </subProcess>\n"
    }

    /// When an opinion ends the others early, as expressions over `action` and `join`; the last of them ends without one.
    private func endings(of action: Process.Action, _ kind: String) -> [String] {
        func ways(_ effects: [Process.Effect], _ met: [Process.Condition]) -> [[Process.Condition]] {
            effects.flatMap { effect -> [[Process.Condition]] in
                switch effect {
                case .enter: [met]
                case .when(let conditions, let inner): ways(inner, met + conditions)
                default: []
                }
            }
        }
        let byLast = Process.Condition.tasks(kind: kind, lead: nil, quantity: .all, .closed)
        return ways(action.effects, []).filter { !$0.contains(byLast) }.compactMap { way -> String? in
            let parts = way.map(expression)
            guard !parts.contains(nil) else { return nil }
            return "(\((["action == '\(action.id)'"] + parts.compactMap { $0 }).joined(separator: " and ")))"
        }
    }

    private func expression(_ condition: Process.Condition) -> String? {
        switch condition {
        case .join(let join): "join == '\(join.rawValue)'"
        case .not(let inner): expression(inner).map { "not (\($0))" }
        default: nil
        }
    }

    private func xml(
        _ rung: Process.Rung, _ number: Int, _ clock: Process.Clock, _ limit: Process.Limit, _ state: String
    ) -> String {
        let id = "\(state)-\(clock.id)-\(number)"
        let share = (limit.count * rung.percent + 99) / 100
        let later = rung.later.map { $0.unit == limit.unit ? $0.count : 0 } ?? 0
        // ISO 8601 knows no working days: the name says what the duration cannot.
        let isDays = limit.unit == .d || limit.unit == .wd
        let duration = isDays ? "P\(share + later)D" : "PT\(share + later)H"
        let moment = "\(rung.percent)%" + (rung.later.map { "+\($0)" } ?? "") + " / \(limit)"
        // A rung acts only in states from which its action starts.
        let stateID = String(state.dropFirst("state-".count))
        let target = rung.act.flatMap(process.action).flatMap { $0.from.contains(stateID) ? $0.enters.first : nil }
        var out = """
                <boundaryEvent id="\(id)" name="\(text(clock.label)) \(moment)" attachedToRef="\(state)" cancelActivity="\(target != nil)">
                  <timerEventDefinition><timeDuration xsi:type="tFormalExpression">"\(duration)"</timeDuration></timerEventDefinition>
                </boundaryEvent>
                <sequenceFlow id="\(id)-to" sourceRef="\(id)" targetRef="\(target.map(node) ?? id + "-end")"/>

            """
        if target == nil { out += "    <endEvent id=\"\(id)-end\" name=\"\(rung.count ?? "remind")\"/>\n" }
        return out
    }
}

extension Process.Effect {
    /// Whether it depends on how many agree.
    fileprivate var asksForLeast: Bool {
        guard case .when(let conditions, let inner) = self else { return false }
        return inner.contains(where: \.asksForLeast)
            || conditions.contains {
                if case .tasks(_, _, .asManyAsForm, _) = $0 { true } else { false }
            }
    }
}

extension Process.Action {
    /// Whether it closes the task that it works on, while it is open.
    fileprivate var isOpinion: Bool {
        on != nil && !onClosed && allEffects.contains { if case .close(task: nil, _) = $0 { true } else { false } }
    }
}
