import ArgumentParser
import Glibc
import PortalBase

struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Builds all sites, both languages, every variant.")

    @OptionGroup var options: SourceOptions

    @Option(help: "Folder for the trees: OUTPUT/<variant>, its manifest and its runtime folder.")
    var output = "Output"

    @Option(
        parsing: .upToNextOption, help: "Sites to publish by their slugs; all when not given. Others keep every byte.")
    var site: [String] = []

    @Flag(help: "Reads and compares every file, instead of trusting that one whose state is the same is the same.")
    var checksum = false

    @Flag(help: "Makes everything anew, without records of the last build.")
    var fresh = false

    @Flag(help: "Takes no digests and lists no files: for trees to look at, which cannot be released.")
    var withoutManifest = false

    @Flag(help: "Prints the stages with their wall and processor time.")
    var timings = false

    @Option(help: "Writes a Chrome trace of the run to this file.")
    var trace: String?

    func validate() throws {
        if withoutManifest, !site.isEmpty {
            throw ValidationError("--site keeps other sites as the manifest lists them; it needs one")
        }
    }

    func run() throws {
        var request = try options.request(output: output)
        request.sites = site
        request.comparesContent = checksum
        request.usesCache = !fresh
        request.writesManifest = !withoutManifest
        let clock = BuildClock.terminal(isMeasured: timings, isTraced: trace != nil)
        let report = try SiteBuilder(request: request, clock: clock).run()
        clock.done()
        if timings { printError(clock.report) }
        if let trace { try FileSystem.write(clock.trace, to: trace) }
        options.report(report.diagnostics)
        if report.hasErrors {
            let count = report.diagnostics.filter { $0.severity == .error }.count
            printError(
                operatorLanguage(environment: environmentVariable) == "zh"
                    ? "发现 \(count) 个错误，网站没有改动。\n" : "\(count) errors; nothing was changed.\n")
            throw ExitCode(1)
        }
        if options.format == "text" {
            let trees = report.trees.map { "\($0.variant) \($0.files)" }.joined(separator: ", ")
            print(
                "\(report.sourcePages) source pages; files: \(trees); \(report.changed) written, \(report.deleted) removed, \(report.unchanged) unchanged"
            )
        }
        // At once, with everything still in memory, which the system takes back faster.
        withExtendedLifetime(report) { Glibc.exit(0) }
    }
}
