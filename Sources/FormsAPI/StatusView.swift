import CMS
import PortalBase
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

    private func openDecoy(_ box: [UInt8], _ keys: CitizenKeys) {
        do { _ = try AEAD.open(box, key: keys.statusKey, associated: keys.lookup + [0x30]) } catch { return }
    }
}
