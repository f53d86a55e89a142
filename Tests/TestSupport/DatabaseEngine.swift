import Foundation
import Glibc

/// The databases over which the same tests run.
package enum DatabaseEngine: String, Sendable, CaseIterable {
    case sqlite, postgresql

    /// Those that this machine has; one that is missing is said loudly, once.
    package static let available: [DatabaseEngine] = server == nil ? [.sqlite] : allCases

    /// PostgreSQL where it is there, so that one side of a gap runs on each.
    package static let other: DatabaseEngine = available.last!

    /// The location of a new, empty database.
    package func location(in folder: TemporaryFolder) throws -> String {
        switch self {
        case .sqlite: return folder.path + "/test.sqlite"
        case .postgresql:
            let name = "t" + UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased()
            let made = try run(["psql", "-q", Self.server!, "-c", "CREATE DATABASE \(name)"])
            guard made.status == 0 else { throw CocoaError(.fileWriteUnknown, userInfo: ["psql": made.error]) }
            return Self.server!.replacingOccurrences(of: "///postgres?", with: "///\(name)?")
        }
    }

    /// A server of this test run's own, stopped with the process.
    private static let server: String? = {
        let folder = "/tmp/xinmi-pg-\(getpid())"
        guard let started = try? run([repositoryRoot + "/Scripts/postgres", "start", folder]), started.status == 0
        else {
            FileHandle.standardError.write(
                Data(
                    "\n*** SKIPPED: tests over PostgreSQL: it could not be started (apt-get install postgresql) ***\n\n"
                        .utf8))
            return nil
        }
        stopAtExit = folder
        atexit {
            _ = try? run([repositoryRoot + "/Scripts/postgres", "stop", stopAtExit])
            try? FileManager.default.removeItem(atPath: stopAtExit)
        }
        return started.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }()

    /// Written once before the handler is registered, read when the process ends.
    nonisolated(unsafe) private static var stopAtExit = ""
}
