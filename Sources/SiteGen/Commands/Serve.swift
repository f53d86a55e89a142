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
        let language = operatorLanguage(environment: environmentVariable)
        let first = port
        let server = PreviewServers(site: site, first: first, language: language)
        try await withThrowingDiscardingTaskGroup { group in
            try await server.start(in: &group)
            let folders = [options.source + "/Content", options.source + "/Themes"] + options.overlay
            let mounted = await site.mountedFolders
            for await path in TreeWatcher(folders: folders + mounted).changes() {
                // Overlays and mounts lie elsewhere than their paths say.
                let prefix = options.source + "/"
                let isPlain = options.overlay.isEmpty && (path?.hasPrefix(prefix) ?? false)
                await site.rebuild(changed: isPlain ? String(path!.dropFirst(prefix.count)) : nil)
                try await server.start(in: &group)
            }
        }
    }
}

/// A server for each variant: the first at once, the others as soon as the list of sites could be read.
private final class PreviewServers {
    private let site: PreviewSite
    private let first: UInt16
    private let language: String
    private var started = 0

    init(site: PreviewSite, first: UInt16, language: String) {
        self.site = site
        self.first = first
        self.language = language
    }

    func start(in group: inout ThrowingDiscardingTaskGroup<any Error>) async throws {
        let names = await site.variantNames
        let wanted = max(1, names.count)
        guard wanted > started else { return }
        guard Int(first) + wanted <= 65_536 else {
            throw ValidationError("--port must leave room for every variant")
        }
        for index in started..<wanted {
            let server = PreviewServer(
                site: site, variant: index, port: first + UInt16(index), firstPort: first, language: language)
            group.addTask { try await server.run() }
            print(
                "\(names.indices.contains(index) ? names[index] : "preview"): http://127.0.0.1:\(first + UInt16(index))/"
            )
        }
        if wanted > 1 { print("http://127.0.0.1:\(first)/_preview/") }
        started = wanted
    }
}
