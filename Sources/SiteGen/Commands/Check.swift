import ArgumentParser
import PortalBase
import Templates

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Does everything that a build does except writing; reports all findings.")

    @OptionGroup var options: SourceOptions

    @Flag(help: "Prints where rendering time goes, by template, everything included.")
    var templateMetrics = false

    @Flag(help: "Asks the servers of external links too; answers are kept for a day in .cache/links.json.")
    var externalLinks = false

    func run() throws {
        let metrics = templateMetrics ? TemplateMetrics() : nil
        var request = try options.request(output: nil)
        request.listsExternalLinks = externalLinks
        var report = try SiteBuilder(request: request, clock: .silent, metrics: metrics).run()
        if externalLinks {
            var checker = ExternalLinkChecker(cachePath: options.source + "/.cache/links.json", now: .systemNow())
            report.diagnostics = (report.diagnostics + checker.check(report.externalLinks)).uniqueInOrder()
        }
        report.diagnostics += WorkdaysCheck.findings(source: options.source, on: request.now.date(in: .shanghai))
        // A page that draws a process tells its mistakes too.
        report.diagnostics = (report.diagnostics + ProcessesCheck.findings(source: options.source)).uniqueInOrder()
        options.report(report.diagnostics)
        for (name, entry) in metrics?.report ?? [] {
            let total = milliseconds(entry.total)
            let mean = milliseconds(entry.total / entry.calls)
            print(
                "\(total) ms\t\(entry.calls) calls\t\(mean) ms mean\t\(milliseconds(entry.longest)) ms longest\t\(name)"
            )
        }
        if report.hasErrors { throw ExitCode(1) }
    }
}

/// With two places after the point.
private func milliseconds(_ duration: Duration) -> String {
    let hundredths = Int(duration / .microseconds(10))
    return "\(hundredths / 100).\(padded(hundredths % 100, 2))"
}
