package import Authority
package import PortalBase
package import Procedures

/// All that a decision looks at besides the case. Nothing else is read: no clock, no file, no store.
package struct World: Sendable {
    package let now: Instant
    package let calendar: WorkingCalendar
    package let hours: OfficeHours
    package let units: UnitTree
    package let form: FormFacts
    /// Time limit of the request's subject in the dispatch catalogue (派单目录); nil where it has none.
    package let catalogueLimit: Process.Limit?

    package init(
        now: Instant, calendar: WorkingCalendar, hours: OfficeHours, units: UnitTree, form: FormFacts,
        catalogueLimit: Process.Limit?
    ) {
        self.now = now
        self.calendar = calendar
        self.hours = hours
        self.units = units
        self.form = form
        self.catalogueLimit = catalogueLimit
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
    package let legal: Process.Limit?
    package let promised: Process.Limit?
    /// Ids of its fields, of which a correction may ask for some.
    package let fields: Set<String>

    package init(
        lead: String?, branches: [Branch], join: Process.Condition.Join, legal: Process.Limit?,
        promised: Process.Limit?,
        fields: Set<String>
    ) {
        self.lead = lead
        self.branches = branches
        self.join = join
        self.legal = legal
        self.promised = promised
        self.fields = fields
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
