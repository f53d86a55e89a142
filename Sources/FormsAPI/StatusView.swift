import CMS
import PortalBase
import Seals
import Submissions

/// The citizen's answer, opened in memory with the keys that receipt and code give, and drawn.
struct StatusView: Sendable {
    let store: SubmissionDatabase

    enum Found: Sendable {
        /// Unknown receipt and wrong code look the same, on purpose.
        case nothing
        case received
        case answer(JSON, version: Int)
    }

    func find(receipt: String, code: String) throws -> Found {
        // Whatever is typed, the same work is done: derive, look up, open.
        let typedReceipt = Receipt(typed: receipt)
        let typedCode = QueryCode(typed: code)
        let keys = CitizenKeys(
            typedReceipt ?? Receipt(date: CivilDate(dayNumber: 0), random: [UInt8](repeating: 0, count: 8)),
            typedCode ?? QueryCode(random: [UInt8](repeating: 0, count: 16)))
        let found = try store.status(lookup: keys.lookup)
        let decoy = [UInt8](repeating: 0, count: 4096 + 28)
        switch found {
        case .answered(let box) where typedReceipt != nil && typedCode != nil:
            let plain = try AEAD.open(
                box.box, key: keys.statusKey, associated: keys.lookup + Array(String(box.version).utf8))
            guard let json = try? JSON(parsing: Array(plain.prefix { $0 != 0 })) else { return .nothing }
            return .answer(json, version: box.version)
        case .received where typedReceipt != nil && typedCode != nil:
            openDecoy(decoy, keys)
            return .received
        default:
            openDecoy(decoy, keys)
            return .nothing
        }
    }

    /// A decision or notice, as the status lists it.
    struct Paper: Sendable, Equatable {
        /// Place in the list, and among those that are handed out.
        let place: Int
        fileprivate(set) var part = 0
        let title: String
        let number: String
        let date: String
        let code: String
        let state: Voucher.State
        /// Of the paper's bytes, in hexadecimal.
        let digest: String
        /// Lengths of the paper and its signature; 0 of one that counts no more, which is not handed out.
        let bytes: Int
        let signature: Int

        fileprivate init?(_ json: JSON, at place: Int) {
            guard let title = json["title"]?.string, let number = json["number"]?.string,
                let date = json["date"]?.string, let code = json["code"]?.string,
                let state = json["state"]?.string.flatMap(Voucher.State.init(rawValue:)),
                let digest = json["sha256"]?.string,
                let bytes = json["bytes"]?.integer, let signature = json["signature"]?.integer
            else { return nil }
            self.place = place
            self.title = title
            self.number = number
            self.date = date
            self.code = code
            self.state = state
            self.digest = digest
            self.bytes = bytes
            self.signature = signature
        }
    }

    /// What a citizen may save of a paper.
    enum Part: String, Sendable { case paper, signature }

    static func papers(_ found: Found) -> [Paper] {
        guard case .answer(let json, _) = found else { return [] }
        var part = 0
        return (json["papers"]?.array ?? []).enumerated().compactMap { place, item in
            var paper = Paper(item, at: place)
            paper?.part = part
            if paper?.state == .valid { part += 1 }
            return paper
        }
    }

    /// Whether opening a paper is still to be told to the core: that of the newest.
    static func awaitsDelivery(of paper: Paper, _ found: Found) -> Bool {
        guard case .answer(let json, _) = found else { return false }
        return json["delivery"]?.bool == true && paper.place == papers(found).last?.place
    }

    /// The bytes of a paper or its signature, opened in memory; nil where a newer status came meanwhile.
    func open(_ paper: Paper, _ part: Part, version: Int, receipt: Receipt, code: QueryCode) throws -> [UInt8]? {
        let keys = CitizenKeys(receipt, code)
        let (number, bytes) = part == .paper ? (paper.part * 2, paper.bytes) : (paper.part * 2 + 1, paper.signature)
        do {
            return try PaperParts.open(
                number, bytes: bytes, key: keys.statusKey, lookup: keys.lookup, version: version
            ) { name in
                guard let sealed = try store.statusPart(lookup: keys.lookup, version: version, name: name) else {
                    throw Replaced()
                }
                return sealed
            }
        } catch is Replaced {
            return nil
        }
    }

    private struct Replaced: Error {}

    private func openDecoy(_ box: [UInt8], _ keys: CitizenKeys) {
        do { _ = try AEAD.open(box, key: keys.statusKey, associated: keys.lookup + [0x30]) } catch { return }
    }
}
