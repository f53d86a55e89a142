import PortalBase

/// What one run did, for the operator.
package struct LaneReport: Sendable, Equatable {
    package var sealed: [String] = []
    package var offered: [String] = []
    package var committed: [String] = []
    package var duplicates: [String] = []
    package var rejected: [String: RejectCode] = [:]
    package var waiting: [String: [Int]] = [:]
    package var quarantined: [String: String] = [:]
    package var settled: [Int] = []
    package var alarms: [String] = []

    package init() {}

    /// One line a fact, for an operator's terminal and log.
    package var text: String {
        var lines: [String] = []
        for stem in sealed { lines.append("sealed \(stem)") }
        for stem in offered { lines.append("offered \(stem)") }
        for stem in committed { lines.append("committed \(stem)") }
        for stem in duplicates { lines.append("duplicate \(stem)") }
        for (stem, code) in rejected.sorted(by: { $0.key < $1.key }) {
            lines.append("rejected \(stem) \(code.rawValue)")
        }
        for (stem, parts) in waiting.sorted(by: { $0.key < $1.key }) { lines.append("waiting \(stem) parts \(parts)") }
        for (name, reason) in quarantined.sorted(by: { $0.key < $1.key }) {
            lines.append("quarantined \(name) \(reason)")
        }
        if !settled.isEmpty { lines.append("settled \(settled.map(String.init).joined(separator: " "))") }
        for alarm in alarms { lines.append("ALARM \(alarm)") }
        return lines.isEmpty ? "nothing to do" : lines.map(PublishableText.printable).joined(separator: "\n")
    }

    package var isQuiet: Bool { self == LaneReport() }
}
