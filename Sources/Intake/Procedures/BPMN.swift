import Forms
import PortalBase

/// A process as BPMN 2.0 XML (ISO/IEC 19510), for programs that draw or simulate it.
///
/// A state is a user task that waits for an action, then an exclusive gateway whose ways are the actions; a final state is an
/// end event. Rungs of clocks are timers on the boundary of the states in which the clock runs; one that acts leads where its
/// action leads.
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
        for task in process.tasks { lines.append("task \(task.id): the tasks of units inside a state") }
        for action in process.actions {
            if action.reopens { lines.append("action \(action.id): leads out of an end") }
            if !action.need.isEmpty { lines.append("action \(action.id): its conditions") }
            if !action.ask.isEmpty { lines.append("action \(action.id): its inputs") }
            let others = action.allEffects.filter { if case .enter = $0 { false } else { true } }
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

    /// Whether the definition alone says in which states a clock runs, and how long.
    private func isDrawn(_ clock: Process.Clock) -> Bool {
        if case .limit = clock.budget { clock.since == .receipt } else { false }
    }

    private func text(_ label: Process.Localized) -> String { escapedHTML(label.text(language)) }

    private func node(_ state: String) -> String { "state-" + state }

    private func xml(_ state: Process.State) -> String {
        let id = node(state.id)
        if state.isFinal { return "    <endEvent id=\"\(id)\" name=\"\(text(state.label))\"/>\n" }
        var out = "    <userTask id=\"\(id)\" name=\"\(text(state.label))\"/>\n"
        out += "    <sequenceFlow id=\"\(id)-act\" sourceRef=\"\(id)\" targetRef=\"\(id)-choice\"/>\n"
        out += "    <exclusiveGateway id=\"\(id)-choice\" default=\"\(id)-stay\"/>\n"
        out += "    <sequenceFlow id=\"\(id)-stay\" sourceRef=\"\(id)-choice\" targetRef=\"\(id)\"/>\n"
        for edge in flow.edges where edge.from == state.id {
            guard let action = process.action(edge.action) else { continue }
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
