import CMS
package import PortalBase

/// What a receiver has in its database: cumulative, signed, re-sent with every crossing, never acknowledged itself.
package struct Acknowledgement: Sendable, Equatable {
    static let format = "xinmi-ack/1"
    static let maxBytes = 4 << 20

    package enum Result: String, Sendable { case committed, rejected, needParts }

    package struct Entry: Sendable, Equatable {
        package let sequence: Int
        package let manifest: SHA256Digest
        package let result: Result
        package let code: RejectCode?
        package let missing: [Int]
        package let rejectedItems: [String: RejectCode]

        package init(
            sequence: Int, manifest: SHA256Digest, result: Result, code: RejectCode? = nil, missing: [Int] = [],
            rejectedItems: [String: RejectCode] = [:]
        ) {
            self.sequence = sequence
            self.manifest = manifest
            self.result = result
            self.code = code
            self.missing = missing
            self.rejectedItems = rejectedItems
        }
    }

    package let lane: String
    package let epoch: String
    /// The higher counter wins.
    package let counter: Int
    /// Highest number seen.
    package let highWater: Int
    /// Committed numbers as closed ranges, ascending.
    package let ranges: [ClosedRange<Int>]
    package let entries: [Entry]
    package let at: Instant

    package init(
        lane: String, epoch: String, counter: Int, highWater: Int, ranges: [ClosedRange<Int>], entries: [Entry],
        at: Instant
    ) {
        self.lane = lane
        self.epoch = epoch
        self.counter = counter
        self.highWater = highWater
        self.ranges = ranges
        self.entries = entries
        self.at = at
    }

    package var stem: String { "\(lane)-ack-\(padded(counter, 10))" }

    package var bytes: [UInt8] {
        let entryValues = entries.map { entry -> JSON in
            .object([
                "seq": .integer(entry.sequence), "mfSha256": .string(entry.manifest.hex),
                "result": .string(entry.result.rawValue),
                "code": entry.code.map { .string($0.rawValue) } ?? .null,
                "missing": .array(entry.missing.map { .integer($0) }),
                "rejectedItems": .array(
                    entry.rejectedItems.sorted { $0.key < $1.key }.map {
                        .object(["id": .string($0.key), "code": .string($0.value.rawValue)])
                    }),
            ])
        }
        return JSON.object([
            "fmt": .string(Self.format), "lane": .string(lane), "epoch": .string(epoch), "counter": .integer(counter),
            "highWater": .integer(highWater), "at": .string(at.rfc3339(in: .shanghai)),
            "ranges": .array(ranges.map { .array([.integer($0.lowerBound), .integer($0.upperBound)]) }),
            "entries": .array(entryValues),
        ]).canonicalBytes
    }

    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= Self.maxBytes, let json = try? JSON(parsing: bytes), json.canonicalBytes == bytes,
            json.object?.count == 8,
            json["fmt"] == .string(Self.format), let lane = json["lane"]?.string, isLaneName(lane),
            let epoch = json["epoch"]?.string, isEpoch(epoch), let counter = json["counter"]?.integer,
            (1...9_999_999_999).contains(counter), let highWater = json["highWater"]?.integer, highWater >= 0,
            let at = json["at"]?.string.flatMap({ Instant(iso: $0, zone: .shanghai) }),
            let rangeValues = json["ranges"]?.array, let entryValues = json["entries"]?.array
        else { return nil }
        var ranges: [ClosedRange<Int>] = []
        for value in rangeValues {
            guard let pair = value.array, pair.count == 2, let low = pair[0].integer, let high = pair[1].integer,
                0 < low, low <= high,
                high <= highWater
            else { return nil }
            ranges.append(low...high)
        }
        var entries: [Entry] = []
        for value in entryValues {
            guard value.object?.count == 6, let sequence = value["seq"]?.integer, (0...highWater).contains(sequence),
                let digest = value["mfSha256"]?.string.flatMap(SHA256Digest.init(hex:)),
                let result = value["result"]?.string.flatMap(Result.init(rawValue:)),
                let missing = value["missing"]?.array, missing.allSatisfy({ $0.integer.map { $0 >= 0 } ?? false }),
                let rejected = value["rejectedItems"]?.array
            else { return nil }
            let code = value["code"]?.string.flatMap(RejectCode.init(rawValue:))
            guard (value["code"] == .null) == (code == nil) else { return nil }
            var items: [String: RejectCode] = [:]
            for item in rejected {
                guard item.object?.count == 2, let id = item["id"]?.string, isUUID(id),
                    let code = item["code"]?.string.flatMap(RejectCode.init(rawValue:))
                else { return nil }
                items[id] = code
            }
            entries.append(
                Entry(
                    sequence: sequence, manifest: digest, result: result,
                    code: code,
                    missing: missing.compactMap(\.integer), rejectedItems: items))
        }
        self.init(
            lane: lane, epoch: epoch, counter: counter, highWater: highWater, ranges: ranges, entries: entries, at: at)
        guard self.bytes == bytes else { return nil }
    }
}
