import CMS
import Synchronization

/// The desk's private keys, read when something must be opened: who lists, releases or sends needs none.
final class DeskKeys: Sendable {
    private let paths: [String]
    private let known = Mutex<[Identity]?>(nil)

    init(paths: [String]) {
        self.paths = paths
    }

    func identities() throws -> [Identity] {
        if let known = known.withLock({ $0 }) { return known }
        let identities = try paths.map { try Identity(path: $0) }
        known.withLock { $0 = identities }
        return identities
    }
}
