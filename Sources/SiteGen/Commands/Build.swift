import ArgumentParser
import PortalBase

struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Builds all sites, both languages, every variant.")

    @OptionGroup var options: SourceOptions

    @Option(help: "Folder for the trees: OUTPUT/<variant>, its manifest and its runtime folder.")
    var output = "Output"

    @Option(
        parsing: .upToNextOption, help: "Sites to publish by their slugs; all when not given. Others keep every byte.")
    var site: [String] = []

    func run() throws {
        var request = try options.request(output: output)
        request.sites = site
        let progress = Progress.terminal()
        let report = try SiteBuilder(request: request, progress: progress).run()
        progress.done()
        options.report(report.diagnostics)
        if report.hasErrors {
            let count = report.diagnostics.filter { $0.severity == .error }.count
            printError(
                operatorLanguage(environment: environmentVariable) == "zh"
                    ? "发现 \(count) 个错误，网站没有改动。\n" : "\(count) errors; nothing was changed.\n")
            throw ExitCode(1)
        }
        if options.format == "text" {
            let trees = report.variants.map { "\($0.manifest.variant) \($0.manifest.files.count)" }.joined(
                separator: ", ")
            print(
                "\(report.sourcePages) source pages; files: \(trees); \(report.changed) written, \(report.deleted) removed, \(report.unchanged) unchanged"
            )
        }
    }
}
