import CMS
import Ferry
import LaneService
import PortalBase
import PositionedYAML
import Submissions

/// `formsapi`'s configuration file. Paths are relative to the file.
struct Configuration: Sendable {
    let host: String
    let port: Int
    /// Where operators ask for readiness and metrics; nil for nowhere.
    let admin: (host: String, port: Int)?
    /// A file's path, or `postgresql://…`.
    let database: String
    /// `Output/<variant>.runtime`
    let runtime: String
    let prefix: String
    /// Site whose frame answers wear.
    let site: String
    /// Largest body without files, in bytes.
    let maxBody: Int
    /// Largest body with files, in bytes.
    let maxUpload: Int
    /// Bytes that files whose form has not come may take.
    let maxUnclaimed: Int
    /// Files taken in at once.
    let uploads: Int
    let scanner: ClamScanner.Address?
    let trustedProxies: [AddressRange]
    let limits: RateLimiter.Settings
    /// Certificates of the core's `desk-open`: current and next. No private key.
    let recipients: [String]
    /// A fixed clock for demonstrations and tests; nil for the system's.
    let fixedNow: Instant?
    let ferry: StationSettings?
    /// Folder in which site bundles are left for the site's own user, and the file in which that user says what is served.
    let siteDrop: String?
    let siteState: String?
    /// Certificates that signed seals before the core's present one.
    let sealSigners: [String]

    func formerSealSigners() throws -> Set<SHA256Digest> {
        Set(try sealSigners.map { try Certificate(pem: FileSystem.read($0, limit: 1 << 20)).publicKeyDigest })
    }

    /// File of the seals over the core's log, which anybody may fetch; nil where none is written.
    let seals: String?

    func now() -> Instant { fixedNow ?? .systemNow() }

    /// Variables that stand in for keys of the file, so that one file serves several machines.
    static let variables = [
        "FORMSAPI_HOST": "host", "FORMSAPI_PORT": "port", "FORMSAPI_ADMIN": "admin", "FORMSAPI_DATABASE": "database",
        "FORMSAPI_RUNTIME": "runtime", "FORMSAPI_SCANNER": "scanner",
    ]

    static func load(
        _ path: String, environment: (String) -> String? = environmentVariable
    ) throws -> Configuration {
        var diagnostics: [Diagnostic] = []
        let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
        let folder = FileSystem.parent(path)
        func resolve(_ relative: String) -> String { relative.hasPrefix("/") ? relative : folder + "/" + relative }
        guard let node = YAMLNode.parse(text, path: path, diagnostics: &diagnostics) else {
            throw ConfigurationError(diagnostics: diagnostics)
        }
        var reader = MapReader(node)
        func string(_ key: String) -> String? {
            let written = reader.string(key)
            let variable = variables.first { $0.value == key }?.key
            return variable.flatMap(environment) ?? written
        }
        func required(_ key: String) -> String {
            if let value = string(key) { return value }
            reader.missing(key)
            return ""
        }
        /// A number in a range, else its default and an error with position.
        func number(_ key: String, _ range: ClosedRange<Int>, default value: Int) -> Int {
            guard let text = string(key) else { return value }
            if let number = Int(text), range.contains(number) { return number }
            reader.wrongType(
                node[key] ?? node, zh: "\(range.lowerBound) 到 \(range.upperBound) 的整数",
                en: "a whole number from \(range.lowerBound) to \(range.upperBound)")
            return value
        }
        let fixedNow = fixedClock(&reader)
        let database = required("database")
        let admin = string("admin").flatMap { text -> (host: String, port: Int)? in
            let parts = text.split(separator: ":")
            if parts.count == 2, let port = Int(parts[1]), (1...65_535).contains(port) {
                return (String(parts[0]), port)
            }
            reader.wrongType(node["admin"] ?? node, zh: "地址:端口", en: "host:port")
            return nil
        }
        let proxies = (reader.strings("trusted_proxies") ?? ["127.0.0.0/8", "::1"]).compactMap {
            text -> AddressRange? in
            if let range = AddressRange(text) { return range }
            reader.wrongType("trusted_proxies", zh: "网段，如 10.0.0.0/8", en: "networks such as 10.0.0.0/8")
            return nil
        }
        var limits = RateLimiter.Settings()
        if let inner = reader.raw("limits") { limits = readLimits(inner, &reader) }
        let scanner = string("scanner").map {
            ClamScanner.Address(text: $0, timeout: number("scanner_timeout", 1...600, default: 60))
        }
        let configuration = Configuration(
            host: string("host") ?? "127.0.0.1", port: number("port", 0...65_535, default: 8081), admin: admin,
            database: database.contains("://") ? database : resolve(database),
            runtime: resolve(required("runtime")), prefix: reader.string("prefix") ?? "/forms",
            site: reader.string("site") ?? "portal",
            maxBody: number("max_body", 1_024...(16 << 20), default: 256 << 10),
            maxUpload: number("max_upload", 1_024...(2 << 30), default: 220 << 20),
            maxUnclaimed: number("max_unclaimed", (1 << 20)...(1 << 50), default: 16 << 30),
            uploads: number("uploads", 1...1_000, default: 12), scanner: scanner, trustedProxies: proxies,
            limits: limits, recipients: (reader.strings("recipients") ?? []).map(resolve),
            fixedNow: fixedNow,
            ferry: reader.raw("ferry").map { StationSettings.read($0, &reader, resolve: resolve) },
            siteDrop: reader.string("site_drop").map(resolve), siteState: reader.string("site_state").map(resolve),
            sealSigners: (reader.strings("seal_signers") ?? []).map(resolve),
            seals: reader.string("seals").map(resolve))
        if configuration.recipients.isEmpty { reader.missing("recipients") }
        diagnostics += reader.finish()
        if diagnostics.hasErrors { throw ConfigurationError(diagnostics: diagnostics) }
        return configuration
    }

    private static func readLimits(_ node: YAMLNode, _ outer: inout MapReader) -> RateLimiter.Settings {
        var reader = MapReader(node)
        var limits = RateLimiter.Settings()
        func read(_ key: String, _ value: inout Int) {
            guard let number = reader.integer(key) else { return }
            if number > 0 {
                value = number
            } else {
                reader.wrongType(key, zh: "正整数", en: "a number above zero")
            }
        }
        read("client_burst", &limits.clientBurst)
        read("client_per_minute", &limits.clientPerMinute)
        read("proven_factor", &limits.provenFactor)
        read("per_second", &limits.perSecond)
        read("uploads_per_second", &limits.uploadsPerSecond)
        read("client_megabytes", &limits.clientMegabytes)
        read("client_step_megabytes", &limits.clientStepMegabytes)
        read("lookups_per_minute", &limits.lookupsPerMinute)
        for diagnostic in reader.finish() { outer.add(diagnostic) }
        return limits
    }
}

struct ConfigurationError: Error, CustomStringConvertible {
    let diagnostics: [Diagnostic]

    var description: String {
        DiagnosticReport.text.render(diagnostics, language: operatorLanguage(environment: environmentVariable))
    }
}
