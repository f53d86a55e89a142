import PortalBase
import Procedures
import SQL
import Synchronization

/// Processes by digest: those that are put to work now, and those under which older cases began, read when they are asked for.
final class Definitions: Sendable {
    private let known: Mutex<[SHA256Digest: Process]>

    init(_ processes: [Process]) {
        known = Mutex(Dictionary(processes.map { ($0.digest, $0) }) { first, _ in first })
    }

    /// Throws `unknownDefinition` where nobody has it, or where it does not read.
    func process(_ digest: SHA256Digest, _ db: any SQLConnection) throws -> Process {
        if let process = known.withLock({ $0[digest] }) { return process }
        // Another process may have begun cases under it since this one started.
        guard let text: [UInt8] = try db.value("SELECT text FROM definition WHERE digest = ?", digest.hex),
            let process = Process(stored: text), process.digest == digest
        else { throw CaseStore.Failure.unknownDefinition }
        known.withLock { $0[digest] = process }
        return process
    }
}
