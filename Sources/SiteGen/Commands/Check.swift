import ArgumentParser
import PortalBase

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Does everything that a build does except writing; reports all findings.")

    @OptionGroup var options: SourceOptions

    func run() throws {
        let report = try SiteBuilder(request: options.request(output: nil), progress: .silent).run()
        options.report(report.diagnostics)
        if report.hasErrors { throw ExitCode(1) }
    }
}
