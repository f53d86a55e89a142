import ArgumentParser
import PortalBase

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows every variant on loopback while you write: pages reload when a file changes.",
        discussion:
            "The first variant is served at --port, the next ones at the ports after it; /_preview/ shows them side by side."
    )

    @OptionGroup var options: SourceOptions

    @Option(help: "Folder for what is kept between runs (resized pictures).")
    var output = ".cache/preview"

    @Option(help: "First port on 127.0.0.1.")
    var port: UInt16 = 8000

    func run() async throws {
        var request = try options.request(output: output)
        // Sites with a host name of their own are shown below the portal: there is one host here.
        request.ignoresHosts = true
        let site = PreviewSite(request: request) { [options] in options.report($0) }
        await site.rebuild()
        let names = await site.variantNames
        guard Int(port) + names.count <= 65_536 else {
            throw ValidationError("--port must leave room for every variant")
        }
        let ports = (0..<max(1, names.count)).map { port + UInt16($0) }
        for (name, port) in zip(names, ports) { print("\(name): http://127.0.0.1:\(port)/") }
        if names.count > 1 { print("http://127.0.0.1:\(port)/_preview/") }
        let language = operatorLanguage(environment: environmentVariable)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, port) in ports.enumerated() {
                group.addTask {
                    try await PreviewServer(site: site, variant: index, port: port, ports: ports, language: language)
                        .run()
                }
            }
            group.addTask {
                let folders = [options.source + "/Content", options.source + "/Themes"] + options.overlay
                let mounted = await site.mountedFolders
                for await path in TreeWatcher(folders: folders + mounted).changes() {
                    // Overlays and mounts lie elsewhere than their paths say.
                    let prefix = options.source + "/"
                    let isPlain = options.overlay.isEmpty && (path?.hasPrefix(prefix) ?? false)
                    await site.rebuild(changed: isPlain ? String(path!.dropFirst(prefix.count)) : nil)
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }
}
