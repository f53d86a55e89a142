/// Units of the city by the unit above each (市 → 部门、乡镇 → 科室).
package struct UnitTree: Sendable, Equatable {
    private let parents: [String: String]
    package let names: Set<String>

    /// - Parameter parents: the unit above, or nil for one that stands on top. Nil as a whole where a unit stands below itself,
    ///   or below one that is not there.
    package init?(_ parents: [String: String?]) {
        names = Set(parents.keys)
        self.parents = parents.compactMapValues { $0 }
        for name in names where !reachesTop(name) { return nil }
    }

    package func parent(of unit: String) -> String? { parents[unit] }

    /// Whether the way up from a unit comes to an end.
    private func reachesTop(_ unit: String) -> Bool {
        var (at, steps) = (unit, 0)
        while let parent = parents[at] {
            guard names.contains(parent), steps < names.count else { return false }
            (at, steps) = (parent, steps + 1)
        }
        return true
    }
}
