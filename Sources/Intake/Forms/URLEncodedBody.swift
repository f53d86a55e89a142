import PortalBase

/// `application/x-www-form-urlencoded` with bounds; nil for what no browser sends.
package struct URLEncodedBody: Sendable {
    /// Values by name, in order of appearance; runs of marks are cut (`StreamSafe.cut`).
    package let fields: [String: [String]]

    private static let maxFields = 500

    package init?(_ bytes: [UInt8]) {
        var fields: [String: [String]] = [:]
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        let pairs = bytes.split(separator: UInt8(ascii: "&"))
        guard pairs.count <= Self.maxFields else { return nil }
        for pair in pairs {
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let value = equals == pair.endIndex ? [] : pair[(equals + 1)...]
            guard let name = percentDecoded(pair[..<equals], plusIsSpace: true),
                let text = percentDecoded(value, plusIsSpace: true), name.utf8.count <= 128,
                StreamSafe.holds(name)
            else { return nil }
            fields[name, default: []].append(StreamSafe.cut(text))
        }
        self.fields = fields
    }
}
