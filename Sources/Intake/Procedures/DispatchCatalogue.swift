package import PortalBase
import PositionedYAML

/// How long a kind of request may take and who usually handles it, by one field of its form (派单目录).
package struct DispatchCatalogue: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package let limit: Process.Limit
        /// Proposed to whoever dispatches; nil where there is none.
        package let unit: String?
    }

    package let field: String
    /// By the field's value.
    package let entries: [String: Entry]

    /// What it says of a case with these answers.
    package func entry(for answers: [String: JSON]) -> Entry? { answers[field]?.string.flatMap { entries[$0] } }

    /// Reads one process's part of `Content/catalogue.yaml`.
    init?(_ node: YAMLNode, units: Set<String>, diagnostics: inout [Diagnostic]) {
        var reader = MapReader(node)
        let field = reader.requiredString("field")
        var entries: [String: Entry] = [:]
        for pair in reader.raw("entries")?.pairs ?? [] {
            var inner = MapReader(pair.value)
            let unit = inner.string("unit")
            if let unit, !units.contains(unit) {
                inner.wrongType("unit", zh: "units.yaml 里的单位", en: "a unit of units.yaml")
            }
            if let limit = inner.requiredString("limit") {
                if let limit = Process.Limit(limit) {
                    entries[pair.key] = Entry(limit: limit, unit: unit)
                } else {
                    inner.wrongType("limit", zh: "时限，如 5wd 或 24h", en: "a time limit such as 5wd or 24h")
                }
            }
            for finding in inner.finish() { reader.add(finding) }
        }
        if entries.isEmpty { reader.missing("entries") }
        let found = reader.finish()
        diagnostics += found
        guard let field, !found.hasErrors else { return nil }
        self.field = field
        self.entries = entries
    }
}
