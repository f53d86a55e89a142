import ArgumentParser
import Glibc
import PortalBase

/// Options that say what to build, shared by the commands that build.
struct SourceOptions: ParsableArguments {
    @Option(help: "Folder that holds Content/ and Themes/.")
    var source = "."

    @Option(parsing: .upToNextOption, help: "Variants to build; all when not given.")
    var variant: [String] = []

    @Option(parsing: .upToNextOption, help: "Folders laid over Content/, such as released replies.")
    var overlay: [String] = []

    @Option(
        help:
            "The instant that drafts, dates and expiry are judged by, such as 2026-09-01T09:00:00+08:00; the clock when not given."
    )
    var now: String?

    @Option(help: "Threads; one for each core when not given.")
    var jobs: Int?

    @Option(help: "Form of the findings: text, json or sarif.")
    var format: String = "text"

    /// More threads than any machine makes use of.
    private static let mostJobs = 1_024

    func request(output: String?) throws -> BuildRequest {
        var instant = Instant.systemNow()
        if let now {
            guard let given = Instant(iso: now, zone: .shanghai) else {
                throw ValidationError("--now is no instant: \(now); write 2026-09-01T09:00:00+08:00")
            }
            instant = given
        }
        if let jobs, jobs < 1 { throw ValidationError("--jobs must be 1 or more") }
        guard DiagnosticReport(rawValue: format) != nil else {
            throw ValidationError(
                "--format must be one of \(DiagnosticReport.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return BuildRequest(
            source: source, output: output, variants: variant, overlays: overlay, now: instant,
            jobs: min(jobs ?? processorCount, Self.mostJobs))
    }

    /// Writes the findings: text to standard error, machine forms to standard output.
    func report(_ diagnostics: [Diagnostic]) {
        let form = DiagnosticReport(rawValue: format) ?? .text
        let text = form.render(diagnostics, language: operatorLanguage(environment: environmentVariable))
        if form == .text { printError(text) } else { print(text, terminator: "") }
    }
}

struct StandardError: TextOutputStream {
    mutating func write(_ string: String) {
        var rest = Array(string.utf8)[...]
        while !rest.isEmpty {
            let n = rest.withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
            if n <= 0 { return }
            rest = rest.dropFirst(n)
        }
    }
}
