package import Authority
import Forms
package import PortalBase
package import Procedures

/// All that a decision looks at besides the case. Nothing else is read: no clock, no file, no store.
package struct World: Sendable {
    package internal(set) var now: Instant
    /// Up to when everything that came to the edge is here: what a citizen may still have done in time is not decided by the
    /// clock before.
    package let carried: Instant
    package let calendar: WorkingCalendar
    package let hours: OfficeHours
    package let units: UnitTree
    /// For each role that there is, those that nobody holds beside it.
    package let exclusions: [String: Set<String>]
    package private(set) var form: FormFacts
    /// Time limit of the request's subject in the dispatch catalogue (派单目录); nil where it has none.
    package let catalogueLimit: Process.Limit?
    /// Whether papers are drawn up and signed here; else what an action issues is a number alone.
    package let makesPapers: Bool
    /// Answers of cases that belong to this one: what is published of it names nobody of theirs.
    package var related: [[String: JSON]] = []

    package init(
        now: Instant, carried: Instant? = nil, calendar: WorkingCalendar, hours: OfficeHours, units: UnitTree,
        exclusions: [String: Set<String>] = [:], form: FormFacts, catalogueLimit: Process.Limit?,
        makesPapers: Bool = false
    ) {
        self.now = now
        self.carried = carried ?? now
        self.calendar = calendar
        self.hours = hours
        self.units = units
        self.exclusions = exclusions
        self.form = form
        self.catalogueLimit = catalogueLimit
        self.makesPapers = makesPapers
    }
}

extension World {
    /// The same for a subject of another form.
    package func with(_ form: FormFacts) -> World {
        var world = self
        world.form = form
        return world
    }
}

/// What a process asks of the form that began the case.
package struct FormFacts: Sendable, Equatable {
    package struct Branch: Sendable, Equatable {
        package let unit: String
        package let limit: Process.Limit

        package init(unit: String, limit: Process.Limit) {
            self.unit = unit
            self.limit = limit
        }
    }

    /// The department that takes the application (牵头部门); nil for requests, whose lead is chosen.
    package let lead: String?
    package let branches: [Branch]
    package let join: Process.Condition.Join
    /// How many must agree; of `atLeast` alone.
    package let least: Int?
    package let legal: Process.Limit?
    package let promised: Process.Limit?
    /// Ids of its fields, of which a correction may ask for some.
    package let fields: Set<String>
    /// The field whose answer is the case's title in lists; nil where it has none.
    package let title: String?
    /// Materials that an application brings, and whether each must be there.
    package let materials: [String: Bool]
    /// Answers that no published text may hold.
    package let secrets: [SecretField]

    package struct SecretField: Sendable, Equatable {
        package let field: String
        /// Of an address; nil for the answer as a whole.
        package let part: String?
        package let label: String

        package init(field: String, part: String? = nil, label: String) {
            self.field = field
            self.part = part
            self.label = label
        }
    }

    /// Of what no form began.
    package static let none = FormFacts(
        lead: nil, branches: [], join: .all, legal: nil, promised: nil, fields: [])

    /// Of a subject that officers began by what its process asks.
    package init(of process: Process) {
        self.init(
            lead: nil, branches: [], join: .all, legal: nil, promised: nil, fields: [],
            title: process.begin.ask.first(where: \.isTitle)?.id)
    }

    func secrets(in answers: [String: JSON]) -> [Masking.Secret] {
        secrets.compactMap { secret in
            let answer = answers[secret.field]
            let text = secret.part.map { answer?[$0]?.string } ?? answer?.string
            return text.map { Masking.Secret(label: secret.label, text: $0) }
        }
    }

    package init(
        lead: String?, branches: [Branch], join: Process.Condition.Join, least: Int? = nil, legal: Process.Limit?,
        promised: Process.Limit?,
        fields: Set<String>, title: String? = nil, materials: [String: Bool] = [:], secrets: [SecretField] = []
    ) {
        self.lead = lead
        self.branches = branches
        self.join = join
        self.least = least
        self.legal = legal
        self.promised = promised
        self.fields = fields
        self.title = title
        self.materials = materials
        self.secrets = secrets
    }
}

/// The hours of a working day, in minutes from midnight.
package struct OfficeHours: Sendable, Equatable {
    package let spans: [Range<Int>]

    /// Rising and apart, within a day; nil otherwise.
    package init?(_ spans: [Range<Int>]) {
        guard !spans.isEmpty, spans.allSatisfy({ !$0.isEmpty && $0.lowerBound >= 0 && $0.upperBound <= 1_440 }),
            zip(spans, spans.dropFirst()).allSatisfy({ $0.upperBound <= $1.lowerBound })
        else { return nil }
        self.spans = spans
    }
}
