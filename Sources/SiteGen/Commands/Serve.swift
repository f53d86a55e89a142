import ArgumentParser
import PortalBase

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Builds, serves one variant on loopback, and rebuilds when a file changes.")

    @OptionGroup var options: SourceOptions

    @Option(help: "Folder for the preview's trees.")
    var output = ".cache/preview"

    @Option(help: "Port on 127.0.0.1.")
    var port: UInt16 = 8000

    func run() async throws {
        let request = try options.request(output: output)
        let variant = request.variants.first ?? "public"
        let server = PreviewServer(root: output + "/" + variant, port: port)
        let rebuild: @Sendable () -> Void = {
            do {
                let report = try SiteBuilder(request: request, progress: .silent).run()
                options.report(report.diagnostics)
                if !report.hasErrors {
                    print("\(report.changed) written, \(report.deleted) removed, \(report.unchanged) unchanged")
                }
            } catch {
                printError("sitegen: \(error)\n")
            }
        }
        rebuild()
        print("http://127.0.0.1:\(port)/")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            group.addTask {
                let folders = [options.source + "/Content", options.source + "/Themes"] + options.overlay
                var watcher = TreeWatcher(folders: folders)
                while !Task.isCancelled {
                    try await Task.sleep(for: .milliseconds(300))
                    if watcher.hasChanged() {
                        rebuild()
                        await server.reload()
                    }
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }
}
