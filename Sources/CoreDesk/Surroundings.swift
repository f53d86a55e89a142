import Assessment
import Authority
import Forms
import Papers
import PortalBase
import Procedures
import Synchronization
import Templates
import Workflow

/// What processes look at besides a case, out of configuration and content as they were at the start.
struct Surroundings: Sendable {
    let configuration: Configuration
    let library: ProcessLibrary
    let calendar: WorkingCalendar
    private let hours: OfficeHours
    private let units: UnitTree
    private let unitNames: [String: Bilingual]
    let paperTemplates: PaperTemplates
    /// How units are assessed.
    let ruleSets: [RuleSet]
    private let facts = FactsOfForms()

    /// Throws for what nobody could work with, and says where it stands.
    init(_ configuration: Configuration) throws {
        var diagnostics: [Diagnostic] = []
        library = ProcessLibrary(source: configuration.source, diagnostics: &diagnostics)
        if diagnostics.hasErrors { throw Configuration.report(diagnostics) }
        guard !library.processes.isEmpty else {
            throw ConfigurationError(text: "no processes in \(configuration.source)/\(ProcessLibrary.folder)")
        }
        guard let hours = OfficeHours(library.hours) else {
            throw ConfigurationError(text: "no office hours in \(configuration.source)/\(ProcessLibrary.hoursFile)")
        }
        guard
            let units = UnitTree(
                Dictionary(library.units.map { ($0.id, $0.parent) }) { first, _ in first })
        else { throw ConfigurationError(text: "\(ProcessLibrary.unitsFile): a unit stands below itself") }
        self.configuration = configuration
        exclusions = library.roles.mapValues { _ in [] }.merging(library.exclusions) { $1 }
        self.hours = hours
        self.units = units
        calendar = try configuration.calendar()
        unitNames = Dictionary(library.units.map { ($0.id, $0.name) }) { first, _ in first }
            .mapValues { Bilingual(zh: $0.text("zh"), en: $0.text("en")) }
        ruleSets = try RuleSet.all(
            source: configuration.source, processes: library.processes, diagnostics: &diagnostics)
        if diagnostics.hasErrors { throw Configuration.report(diagnostics) }
        if configuration.papers == nil, !configuration.isWithoutPapers,
            let process = library.processes.first(where: { !$0.papers.isEmpty })
        {
            throw ConfigurationError(
                text:
                    "the process \(process.id) issues papers, and `papers:` does not say who draws and signs them; write `papers: none` where numbers alone are given"
            )
        }
        let names = Set(library.processes.flatMap(\.papers).map(\.template))
        do {
            paperTemplates = try PaperTemplates(
                folder: configuration.source + "/" + ProcessLibrary.papersFolder, names: names)
        } catch let error as PaperTemplates.Unusable {
            throw ConfigurationError(text: error.description)
        } catch let error as TemplateError {
            throw Configuration.report([error.diagnostic])
        }
    }

    /// Posts without which cases lie: roles that act for any unit, and those that work on tasks of a fixed unit, and that nobody holds.
    ///
    /// - Parameter posts: those that are held.
    func vacant(_ posts: [Post]) -> [String] {
        var missing: Set<String> = []
        for process in library.processes {
            for action in process.actions {
                for case .role(let role, let scope, _, _, _) in action.by {
                    let kind = action.on.flatMap(process.task)
                    if scope == .any, !posts.contains(where: { $0.role == role }) { missing.insert(role) }
                    if scope == .task, case .named(let unit) = kind?.unit,
                        !posts.contains(where: { $0.role == role && $0.unit == unit })
                    {
                        missing.insert("\(role)@\(unit)")
                    }
                }
            }
        }
        return missing.sorted()
    }

    /// For each role, those that nobody holds beside it.
    private let exclusions: [String: Set<String>]

    /// Raised where a new version of the program makes more of the log than the one before.
    private static let projections = "2"

    /// Over what lists, rights and due days follow from besides the log: units, office hours, working days.
    var digest: SHA256Digest {
        let parents = library.units.sorted { $0.id < $1.id }.map { "\($0.id) \($0.parent ?? "")" }
        let spans = library.hours.map { "\($0.lowerBound) \($0.upperBound)" }
        let lines = parents + spans + [calendar.last.text, calendar.exceptions, Self.projections]
        return SHA256Digest(of: Array(lines.joined(separator: "\n").utf8))
    }

    func isUnit(_ id: String) -> Bool { units.names.contains(id) }

    func roleName(_ id: String) -> String { library.roles[id]?.text("zh") ?? id }

    /// An answer of whoever began a subject, in words.
    func text(_ answer: JSON, _ kind: Procedures.Process.Input.Kind) -> String {
        if let list = answer.array { return list.map { self.text($0, kind) }.joined(separator: "、") }
        let text = answer.string ?? answer.integer.map { String($0) } ?? ""
        return switch kind {
        case .unit, .units: unitName(text)
        case .role: roleName(text)
        case .yesno: text == "yes" ? "是" : "否"
        case .limit: Procedures.Process.Limit(text).map(CaseText.limit) ?? text
        default: text
        }
    }

    /// Unit and role of a post, such as 消防部门经办人.
    func postName(_ role: String, in unit: String) -> String { unitName(unit) + roleName(role) }

    func unitName(_ id: String) -> String { unitNames[id]?.zh ?? id }

    func unit(_ id: String) -> Bilingual { unitNames[id] ?? Bilingual(zh: id, en: id) }

    /// The process that handles submissions of a form; nil where none does.
    func process(for form: FormDefinition) -> Procedures.Process? {
        library.processes.first { $0.forms.contains(form.id) }
    }

    /// - Parameters:
    ///   - form: digest of its definition.
    ///   - carried: up to when what came to the edge is here.
    func world(
        form digest: String, answers: [String: JSON], now: Instant, carried: Instant?,
        calendar other: WorkingCalendar? = nil
    ) throws -> World {
        // Officers begin it, by no form.
        if digest.isEmpty {
            return World(
                now: now, carried: carried.map { min($0, now) }, calendar: other ?? calendar, hours: hours,
                units: units,
                exclusions: exclusions, form: .none, catalogueLimit: nil,
                makesPapers: configuration.papers != nil)
        }
        guard let form = configuration.definition(digest) else {
            throw ConfigurationError(text: "no definition \(digest); publish the sites here first")
        }
        let catalogue = process(for: form).flatMap { library.catalogues[$0.id] }
        return World(
            now: now, carried: carried.map { min($0, now) }, calendar: other ?? calendar, hours: hours, units: units,
            exclusions: exclusions, form: facts.facts(of: form, digest),
            catalogueLimit: catalogue?.entry(for: answers)?.limit, makesPapers: configuration.papers != nil)
    }
}

/// What processes ask of forms, made once for each definition.
private final class FactsOfForms: Sendable {
    private let known = Mutex<[String: FormFacts]>([:])

    func facts(of form: FormDefinition, _ digest: String) -> FormFacts {
        known.withLock { known in
            if let facts = known[digest] { return facts }
            let facts = FormFacts(form)
            known[digest] = facts
            return facts
        }
    }
}

extension FormDefinition {
    /// Materials that an application brings, with what they are called: those of its guide, or else its files.
    var listedMaterials: [(id: String, name: String, isNeeded: Bool)] {
        let listed = service?.materials.map { ($0.id, $0.name.text("zh"), $0.required) } ?? []
        if !listed.isEmpty { return listed }
        return fields.filter { $0.type == .attachment }.map { ($0.id, $0.label.text("zh"), $0.required) }
    }

    fileprivate var materials: [String: Bool] {
        Dictionary(listedMaterials.map { ($0.id, $0.isNeeded) }) { first, _ in first }
    }
}

extension FormFacts {
    fileprivate init(_ form: FormDefinition) {
        func limit(_ duration: FormDefinition.Duration?) -> Procedures.Process.Limit? {
            duration.map { .init(count: $0.count, unit: $0.working ? .wd : .d) }
        }
        let branches = (form.process?.branches ?? []).compactMap { branch in
            limit(branch.limit).map { Branch(unit: branch.department, limit: $0) }
        }
        // Of an address, the unit is no secret; of a story, what the officer must rewrite is.
        let secrets = form.fields.filter { $0.privacy != .none && $0.type != .longtext && $0.type != .attachment }
            .flatMap { field -> [SecretField] in
                guard field.type == .address else { return [.init(field: field.id, label: field.label.text("zh"))] }
                return [("village", "村（社区）"), ("rest", "详细地址")].map {
                    .init(field: field.id, part: $0, label: $1)
                }
            }
        self.init(
            lead: form.process?.lead, branches: branches,
            join: form.process?.join ?? .all, least: form.process?.least, legal: limit(form.service?.legalLimit),
            promised: limit(form.service?.promisedLimit ?? form.service?.legalLimit),
            fields: Set(form.fields.map(\.id)), title: form.fields.first(where: \.isTitle)?.id,
            materials: form.materials, secrets: secrets)
    }
}
