import PortalBase

/// What a receiver lacks, on one line that a person can print, carry and type: for a lane through which nothing comes back.
///
/// `e2c 1f2e3d4c 17-19 23:4,7 K7Q2` asks for batches 17 to 19 and for parts 4 and 7 of batch 23 of the epoch that begins with
/// those digits; the last word guards against slips of the pen. Asking does no harm: what was received already stays as it is.
package struct GapSlip: Sendable, Equatable {
    package struct Want: Sendable, Equatable {
        package let numbers: ClosedRange<Int>
        /// Empty for all of it.
        package let parts: [Int]
    }

    package let lane: String
    /// The epoch's first eight digits.
    package let epoch: String
    package let wanted: [Want]

    private static let maxNumbers = 10_000

    /// Nil when nothing is lacking.
    package init?(_ lane: LaneID, _ receipts: LaneReceipts) {
        self.lane = lane.name
        epoch = String(lane.epoch.prefix(8))
        wanted =
            (receipts.gaps.map { Want(numbers: $0.numbers, parts: []) }
            + receipts.waiting.map { Want(numbers: $0.sequence...$0.sequence, parts: $0.missing) })
            .sorted { $0.numbers.lowerBound < $1.numbers.lowerBound }
        if wanted.isEmpty { return nil }
    }

    private var words: String {
        ([lane, epoch]
            + wanted.map { want in
                let numbers = numbersText(want.numbers)
                return want.parts.isEmpty ? numbers : numbers + ":" + want.parts.map(String.init).joined(separator: ",")
            }).joined(separator: " ")
    }

    /// Crockford's digits, which cannot be taken for one another.
    private static func checkWord(_ words: String) -> String {
        let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
        return String(SHA256Digest(of: Array(words.utf8)).bytes.prefix(4).map { digits[Int($0 & 31)] })
    }

    package var text: String { words + " " + Self.checkWord(words) }

    /// Reads a slip as a person typed it; nil when a word is wrong.
    package init?(typed: String) {
        let words = typed.split { $0 == " " || $0 == "\t" || $0 == "\n" }.map(String.init)
        guard words.count >= 4, let check = words.last, isLaneName(words[0]) else { return nil }
        let body = words.dropLast().joined(separator: " ").lowercased()
        guard check.uppercased() == Self.checkWord(body) else { return nil }
        lane = words[0]
        epoch = words[1].lowercased()
        guard epoch.utf8.count == 8, bytesFromHex(epoch) != nil else { return nil }
        var wanted: [Want] = []
        for word in words[2..<(words.count - 1)] {
            let halves = word.split(separator: ":", omittingEmptySubsequences: false)
            let bounds = halves[0].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard halves.count <= 2, bounds.count <= 2, let low = bounds[0], let high = bounds[bounds.count - 1],
                low > 0,
                high >= low, high - low < Self.maxNumbers
            else { return nil }
            let parts =
                halves.count == 2
                ? halves[1].split(separator: ",", omittingEmptySubsequences: false).map { Int($0) } : []
            guard parts.allSatisfy({ $0.map { $0 >= 0 } ?? false }) else { return nil }
            wanted.append(Want(numbers: low...high, parts: parts.compactMap { $0 }))
        }
        self.wanted = wanted
    }
}

/// Why a slip cannot be followed.
package enum GapSlipError: Error, Sendable, CustomStringConvertible {
    case misread, otherEpoch

    package var description: String {
        switch self {
        case .misread: "the slip was not read rightly: its last word does not fit the others"
        case .otherEpoch: "the slip is of another epoch than this side's"
        }
    }
}

/// `17`, or `17-19`.
package func numbersText(_ numbers: ClosedRange<Int>) -> String {
    numbers.count == 1 ? "\(numbers.lowerBound)" : "\(numbers.lowerBound)-\(numbers.upperBound)"
}
