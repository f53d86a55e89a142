import PortalBase
import Synchronization
import Workflow

/// Cases as their logs tell them, kept in memory for those who look again: good for as long as the log has not grown.
///
/// What is erased is dropped when somebody looks again; decisions are made from the log itself.
final class FoldedCases: Sendable {
    struct Folded: Sendable {
        let version: Int
        let file: Case
        let events: [Event]
        /// Versions by the key of the request.
        let requests: [String: Int]
    }

    /// Some 10 KB each.
    private static let most = 4_096

    private struct State {
        var known: [String: Folded] = [:]
        /// In the order in which they came.
        var order: [String] = []
    }

    private let state = Mutex(State())

    func folded(_ id: String, version: Int) -> Folded? {
        state.withLock { state in
            guard let known = state.known[id], known.version == version else { return nil }
            return known
        }
    }

    func keep(_ folded: Folded, as id: String) {
        state.withLock { state in
            if state.known.updateValue(folded, forKey: id) == nil { state.order.append(id) }
            if state.order.count > Self.most {
                // The oldest half: a case that is looked at comes back at once.
                for old in state.order.prefix(Self.most / 2) { state.known[old] = nil }
                state.order.removeFirst(Self.most / 2)
            }
        }
    }

    func forget(_ id: String) {
        state.withLock { state in state.known[id] = nil }
    }
}
