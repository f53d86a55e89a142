import Ferry
import PortalBase
import PositionedYAML
import Submissions

/// `formsapi`'s configuration file. Paths are relative to the file.
struct Configuration: Sendable {
    let host: String
    let port: Int
    let database: String
    /// `Output/<variant>.runtime`
    let runtime: String
    let prefix: String
    /// Site whose frame answers wear.
    let site: String
    let maxBody: Int
    /// Certificates of the core's `desk-open`: current and next. No private key.
    let recipients: [String]
    /// A fixed clock for demonstrations and tests; nil for the system's.
    let fixedNow: Instant?
    let ferry: StationSettings?

    func now() -> Instant { fixedNow ?? .systemNow() }

    static func load(_ path: String) throws -> Configuration {
        var diagnostics: [Diagnostic] = []
        let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
        let folder = FileSystem.parent(path)
        func resolve(_ relative: String) -> String { relative.hasPrefix("/") ? relative : folder + "/" + relative }
        guard let node = YAMLNode.parse(text, path: path, diagnostics: &diagnostics) else {
            throw ConfigurationError(diagnostics: diagnostics)
        }
        var reader = MapReader(node)
        let now = reader.string("now")
        let configuration = Configuration(
            host: reader.string("host") ?? "127.0.0.1", port: reader.integer("port") ?? 8081,
            database: resolve(reader.requiredString("database") ?? ""),
            runtime: resolve(reader.requiredString("runtime") ?? ""),
            prefix: reader.string("prefix") ?? "/forms", site: reader.string("site") ?? "portal",
            maxBody: reader.integer("max_body") ?? 256 << 10,
            recipients: (reader.strings("recipients") ?? []).map(resolve),
            fixedNow: now.flatMap { Instant(iso: $0, zone: .shanghai) }, ferry: readFerry(&reader, resolve))
        if configuration.recipients.isEmpty { reader.missing("recipients") }
        if let now, configuration.fixedNow == nil {
            reader.wrongType(node["now"]!, zh: "时刻", en: "an instant, not \(now)")
        }
        diagnostics += reader.finish()
        if diagnostics.hasErrors { throw ConfigurationError(diagnostics: diagnostics) }
        return configuration
    }

    private static func readFerry(_ outer: inout MapReader, _ resolve: (String) -> String) -> StationSettings? {
        guard let node = outer.raw("ferry") else { return nil }
        var reader = MapReader(node)
        let side = StationSettings(
            spool: resolve(reader.requiredString("spool") ?? ""), sign: resolve(reader.requiredString("sign") ?? ""),
            open: resolve(reader.requiredString("open") ?? ""),
            authority: resolve(reader.requiredString("authority") ?? ""),
            revocationLists: (reader.strings("revocation_lists") ?? []).map(resolve),
            signers: (reader.strings("signers") ?? []).map(resolve),
            recipients: (reader.strings("recipients") ?? []).map(resolve),
            sendEpoch: reader.requiredString("send_epoch") ?? "",
            receiveEpoch: reader.requiredString("receive_epoch") ?? "")
        for diagnostic in reader.finish() { outer.add(diagnostic) }
        return side
    }
}

struct ConfigurationError: Error {
    let diagnostics: [Diagnostic]
}

extension StationSettings {
    /// The edge's station: sends e2c, receives c2e.
    func edgeStation(_ store: any LaneStore) throws -> Station {
        try station(
            sends: (SubmissionDatabase.sendLane, .edgeToCore), receives: (SubmissionDatabase.receiveLane, .coreToEdge),
            store: store)
    }
}
