import Authority
import PortalBase
import Procedures

/// Holds what was typed against what an action asks for.
struct InputCheck {
    let action: Process.Action
    let file: Case
    let world: World

    private static let yesno = ["yes", "no"]

    /// Characters of a text that has no bound of its own.
    private static let longest = 20_000

    func check(_ command: Command) throws(Refusal) {
        let inputs = command.inputs
        let requested = requested
        for name in inputs.keys.sorted() where !action.ask.contains(where: { $0.id == name }) {
            guard requested.contains(name), case .answer = inputs[name] else { throw .input(name, .unknown) }
        }
        for document in command.files where !requested.contains(document.field) {
            throw .input(document.field, .unknown)
        }
        for input in action.ask {
            if let value = inputs[input.id], let problem = problem(value, input) { throw .input(input.id, problem) }
            if input.required, inputs[input.id]?.isEmpty ?? true { throw .input(input.id, .missing) }
        }
        try checkPublished(inputs)
    }

    /// Fields of the form that the action takes answers to.
    private var requested: Set<String> {
        var fields: Set<String> = []
        for case .fulfil(let name) in action.allEffects {
            fields.formUnion(file.requests.last { $0.name == name && $0.answered == nil }?.fields ?? [])
        }
        return fields
    }

    /// What would be published names nobody, and holds nothing that the site would refuse.
    private func checkPublished(_ inputs: [String: InputValue]) throws(Refusal) {
        let secrets = ([file.answers] + world.related).flatMap(world.form.secrets)
        for case .publish(let page) in action.allEffects {
            for id in page.inputs {
                guard case .text(let text) = inputs[id] else { throw .input(id, .missing) }
                let isLine = action.ask.contains { $0.id == id && $0.kind == .text }
                if PublishableText.forbidden(in: text, allowsBreaks: !isLine) != nil { throw .input(id, .character) }
                // As it was typed, and as the page will hold it.
                if VisibilityMarks.count(in: text.utf8) > 0 || VisibilityMarks.count(in: markdownWords(text).utf8) > 0 {
                    throw .input(id, .mark)
                }
                if let finding = Masking.finding(in: text, secrets: secrets) {
                    throw .masking(input: id, finding)
                }
            }
        }
    }

    /// Each item is `material=state`, and perhaps `: note`.
    private func problem(_ items: [String], _ input: Process.Input) -> Refusal.InputProblem? {
        guard items.count <= 200, items.allSatisfy({ $0.utf8.count <= 20_000 }) else { return .tooLong }
        var states: [Substring: Substring] = [:]
        for item in items {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return .wrongType }
            states[parts[0]] = parts[1].prefix { $0 != ":" }
        }
        // What is left empty is `missing`, which is told where an input is required.
        if items.isEmpty { return nil }
        for (material, isNeeded) in world.form.materials.sorted(by: { $0.key < $1.key }) {
            guard isNeeded else { continue }
            guard let state = states[material[...]] else { return .incomplete }
            if input.isComplete, state != "ok" { return .incomplete }
        }
        return nil
    }

    /// Of persons, cases and files: no running text.
    private static func isName(_ text: String) -> Bool { text.utf8.count <= 200 }

    private static func isIdentifier(_ text: String) -> Bool {
        text.utf8.count <= 40 && text.utf8.allSatisfy { $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") }
    }

    private func problem(_ value: InputValue, _ input: Process.Input) -> Refusal.InputProblem? {
        switch (input.kind, value) {
        case (.text, .text(let text)), (.longtext, .text(let text)), (.ground, .text(let text)):
            return text.unicodeScalars.count > input.max ?? Self.longest ? .tooLong : nil
        case (.unit, .text(let unit)): return unit.isEmpty || world.units.names.contains(unit) ? nil : .unknown
        case (.role, .text(let role)): return role.isEmpty || world.exclusions[role] != nil ? nil : .unknown
        case (.id, .text(let id)): return id.isEmpty || Self.isIdentifier(id) ? nil : .wrongType
        case (.key, .text(let key)): return key.isEmpty || SHA256Digest(hex: key)?.hex == key ? nil : .wrongType
        case (.units, .list(let units)): return units.allSatisfy(world.units.names.contains) ? nil : .unknown
        case (.fields, .list(let fields)): return fields.allSatisfy(world.form.fields.contains) ? nil : .unknown
        case (.number, .number(let number)):
            return number < input.min ?? Int.min || number > input.max ?? Int.max ? .outOfRange : nil
        case (.yesno, .text(let text)): return Self.yesno.contains(text) ? nil : .unknown
        case (.limit, .limit(let limit)):
            // A bound of a time limit is one in days.
            guard (1...3_660).contains(limit.count) else { return .outOfRange }
            guard let most = input.max else { return nil }
            return [.d, .wd].contains(limit.unit) && limit.count <= most ? nil : .outOfRange
        case (.date, .text(let day)): return day.isEmpty || CivilDate(iso: day) != nil ? nil : .wrongType
        case (.person, .text(let name)), (.case, .text(let name)):
            return Self.isName(name) ? nil : .tooLong
        case (.checklist, .list(let items)): return problem(items, input)
        default: return .wrongType
        }
    }
}
