import PortalBase
import Synchronization

/// An authority and its revocation lists in files: read again when one of them changes, and not before.
package final class TrustFiles: Sendable {
    private let authority: String
    private let revocationLists: [String]
    private let known = Mutex<(marks: [FileMark], store: TrustStore)?>(nil)

    package init(authority: String, revocationLists: [String]) {
        self.authority = authority
        self.revocationLists = revocationLists
    }

    /// The store as the files are now. Throws where a file is missing, cannot be read or holds something else: without
    /// its lists nobody is trusted.
    package func store() throws -> TrustStore {
        let marks = ([authority] + revocationLists).compactMap { FileMark($0) }
        if marks.count == revocationLists.count + 1, let known = known.withLock({ $0 }), known.marks == marks {
            return known.store
        }
        let store = try TrustStore(
            authorities: FileSystem.read(authority, limit: 16 << 20),
            revocationLists: revocationLists.map { try FileSystem.read($0, limit: 64 << 20) })
        known.withLock { $0 = marks.count == revocationLists.count + 1 ? (marks, store) : nil }
        return store
    }
}
