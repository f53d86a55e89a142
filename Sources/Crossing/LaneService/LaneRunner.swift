import ArgumentParser
import Ferry
import Glibc
import LaneDatabase
import PortalBase

/// Runs the ends of a side's lanes: once, or for as long as the process lives.
package struct LaneRunner {
    private let owned: OwnedLanes

    package init(_ owned: OwnedLanes) {
        shareOneHeap()
        self.owned = owned
    }

    /// Seals and offers.
    package func sendOnce(again: Bool = false) throws {
        try owned.beforeRun()
        let report = try owned.station().sender.run(at: owned.now(), again: again)
        try tell(report, quiet: false)
    }

    /// Takes in what has come. Fails when something needs a person's eye.
    package func receiveOnce() throws {
        let report = try owned.station().receiver.run(at: owned.now())
        try tell(report, quiet: false)
        if !report.alarms.isEmpty { throw ExitCode(1) }
    }

    /// Seals when enough waits or something has waited long enough, reads acknowledgements as they come, and offers again
    /// what is due.
    package func sendForEver() throws -> Never {
        let watcher = try FolderWatcher(owned.settings.spool + "/inbox")
        let limit = owned.settings.sealAt
        var last = Int.min
        while true {
            let waiting = try? owned.lanes.waiting(owned.sends.lane)
            let now = owned.now().seconds
            let isDue =
                waiting.map { waiting in
                    waiting.bytes >= limit.bytes || waiting.since.map { now - $0.seconds >= limit.seconds } ?? false
                } ?? true
            if isDue || watcher.hasChanged || monotonicSeconds() - last >= Self.housekeeping {
                watcher.settle()
                last = monotonicSeconds()
                run {
                    try owned.beforeRun()
                    return try owned.station().sender.run(at: owned.now())
                }
            }
            watcher.wait(seconds: 1)
        }
    }

    /// Takes in what comes, when the carrier has been quiet for a moment.
    package func receiveForEver() throws -> Never {
        let watcher = try FolderWatcher(owned.settings.spool + "/inbox")
        while true {
            watcher.settle()
            run { try owned.station().receiver.run(at: owned.now()) }
            watcher.wait(seconds: Self.housekeeping)
        }
    }

    /// Seconds after which a lane is looked at though nothing has changed: for what time alone brings.
    private static let housekeeping = 60

    /// One run of a service: what fails is told, and tried again later with keys and lists read anew.
    private func run(_ body: () throws -> LaneReport) {
        do {
            try tell(try body(), quiet: true)
        } catch LaneError.busy {
            // Somebody runs the lane by hand; the next look comes soon.
        } catch {
            say("ALARM failed: \(PublishableText.printable("\(error)"))")
        }
    }

    private func tell(_ report: LaneReport, quiet: Bool) throws {
        if !quiet || !report.isQuiet { say(report.text) }
        for line in try owned.afterRun() { say(line) }
    }

    private func say(_ text: String) {
        print(text)
        // A service's log is read while it runs.
        fflush(nil)
    }
}

private func monotonicSeconds() -> Int {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec
}
