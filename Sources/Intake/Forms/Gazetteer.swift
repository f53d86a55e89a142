package import PortalBase

/// Villages and communities (村、社区) by the unit (乡镇、街道) that they belong to: offered while an address is typed,
/// never demanded, since names change and people know places that no list knows.
package struct Gazetteer: Sendable, Equatable {
    private let villages: [(unit: String, village: String)]

    package init(_ villages: [(unit: String, village: String)]) {
        self.villages = villages
    }

    package static let empty = Gazetteer([])

    /// Those of the given units, in the list's order.
    func villages(of units: [String]) -> [(unit: String, village: String)] {
        let wanted = Set(units)
        return villages.filter { wanted.contains($0.unit) }
    }

    package var json: JSON { .array(villages.map { .array([.string($0.unit), .string($0.village)]) }) }

    package init?(_ json: JSON) {
        guard let entries = json.array else { return nil }
        var villages: [(unit: String, village: String)] = []
        for entry in entries {
            guard let pair = entry.array, pair.count == 2, let unit = pair[0].string, let village = pair[1].string
            else {
                return nil
            }
            villages.append((unit, village))
        }
        self.villages = villages
    }

    package static func == (a: Gazetteer, b: Gazetteer) -> Bool { a.json == b.json }
}
