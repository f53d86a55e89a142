/// Units of the city by the unit above each (市 → 部门、乡镇 → 科室).
package struct UnitTree: Sendable, Equatable {
    private let parents: [String: String]
    package let names: Set<String>

    /// - Parameter parents: the unit above, or nil for one that stands on top. Nil as a whole where a unit stands below itself,
    ///   or below one that is not there.
    package init?(_ parents: [String: String?]) {
        names = Set(parents.keys)
        self.parents = parents.compactMapValues { $0 }
        for name in names where ancestors(of: name) == nil { return nil }
    }

    package func parent(of unit: String) -> String? { parents[unit] }

    /// From the unit above on to the top; nil where that never ends.
    private func ancestors(of unit: String) -> [String]? {
        var above: [String] = []
        var at = unit
        while let parent = parents[at] {
            guard names.contains(parent), above.count < names.count else { return nil }
            above.append(parent)
            at = parent
        }
        return above
    }

    /// Whether a unit is another, or stands below it.
    package func isWithin(_ unit: String, _ other: String) -> Bool {
        unit == other || (ancestors(of: unit) ?? []).contains(other)
    }
}
