import CMS
import Ferry
import Forms
import LaneService
import PortalBase
import PositionedYAML
import SQL
import Synchronization
import Workflow

/// `coredesk`'s configuration file. Paths are relative to the file.
struct Configuration: Sendable {
    /// Unix socket that nginx talks to.
    let socket: String
    /// Origin of the staff pages, for the check of posts.
    let origin: String
    var database: String
    /// Paths without extension of `desk-open`: the present key, and old ones for which something may still come or lies
    /// in store.
    let deskOpen: [String]
    /// Folders of form definitions by digest.
    let definitions: [String]
    let workdays: String
    /// Folder that holds `Content`: processes, roles, units, office hours, dispatch catalogue.
    let source: String
    /// Folder of the desk's templates and style.
    let theme: String
    /// File of 32 bytes that wraps the keys of all cases; no other copy of it may lie beside the database.
    let masterKey: String
    /// Whose key, such as one in a token, opens that file; nil where it holds the 32 bytes themselves.
    let masterKeyIdentity: String?
    /// Overlay folder for `sitegen build --overlay`.
    let overlay: String
    /// Folder for what is released to the edge.
    let bundles: String
    let authority: String
    let revocationLists: [String]
    let fixedNow: Instant?
    /// Who draws up and signs papers; nil where numbers are given alone.
    let papers: PaperSettings?
    /// Whether it says so: `papers: none`.
    let isWithoutPapers: Bool
    let ferry: StationSettings

    static let receiveLane = "e2c"
    static let sendLane = "c2e"

    var masterKeyFile: MasterKeyFile { MasterKeyFile(path: masterKey, identity: masterKeyIdentity) }

    /// What was erased, kept where the keys are.
    var erasureList: String { masterKey + ".erased" }

    /// There while a restore is under way, or after one that died.
    var restoringMark: String { masterKey + ".restoring" }

    func now() -> Instant { fixedNow ?? .systemNow() }

    /// The authority of officers' certificates and its revocation lists, as the files are now.
    let trust: TrustFiles

    /// Throws where sign-in refuses a certificate at `now`, for its authority, dates, key, purpose or revocation.
    func verifySignIn(_ certificate: Certificate, at now: Instant) throws {
        try trust.store().verify(certificate, for: .clientAuthentication, at: now, revokedBy: now)
    }

    /// Throws where a certificate does not sign acts at `now`.
    func verifySigning(_ certificate: Certificate, at now: Instant) throws {
        try trust.store().verify(certificate, for: .signing, at: now, revokedBy: now)
    }

    func calendar() throws -> WorkingCalendar {
        do throws(WorkingCalendar.Problem) {
            let bytes: [UInt8]
            do {
                bytes = try FileSystem.read(workdays, limit: 16 << 20)
            } catch {
                throw WorkingCalendar.Problem(line: 0, text: Bilingual(zh: "\(error)", en: "\(error)"))
            }
            return try WorkingCalendar(csv: bytes)
        } catch {
            throw ConfigurationError(text: "\(workdays): \(error)")
        }
    }

    /// What must be there when the desk is opened: forms, and the keys that open what comes.
    func checkPublished() throws {
        guard definitions.contains(where: { FileSystem.kind($0) == .directory }) else {
            throw ConfigurationError(
                text:
                    "definitions: no folder of forms in \(definitions.joined(separator: ", ")); publish the sites here first"
            )
        }
        for path in deskOpen { _ = try Identity(path: path) }
    }

    /// Forms as the sites offer them now, by id.
    func currentForms() -> [FormDefinition] {
        for folder in definitions {
            guard let bytes = try? FileSystem.read(FileSystem.parent(folder) + "/current.json", limit: 1 << 20),
                let index = (try? JSON(parsing: bytes))?.object
            else { continue }
            return index.sorted { $0.key < $1.key }.compactMap { $0.value.string.flatMap(definition) }
        }
        return []
    }

    /// Those that were read already: a digest names one content for ever.
    private let known = KnownDefinitions()

    /// A definition by its digest; nil when no folder has it.
    func definition(_ digest: String) -> FormDefinition? {
        if let definition = known.byDigest.withLock({ $0[digest] }) { return definition }
        guard SHA256Digest(hex: digest) != nil else { return nil }
        for folder in definitions {
            if let bytes = try? FileSystem.read("\(folder)/\(digest).json", limit: 1 << 20),
                let definition = FormDefinition(canonicalJSON: bytes),
                definition.digest == digest
            {
                known.byDigest.withLock { $0[digest] = definition }
                return definition
            }
        }
        return nil
    }
}

private final class KnownDefinitions: Sendable {
    let byDigest = Mutex<[String: FormDefinition]>([:])
}

struct ConfigurationError: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

extension Configuration {
    static func load(_ path: String) throws -> Configuration {
        var diagnostics: [Diagnostic] = []
        let text = String(decoding: try FileSystem.read(path, limit: 1 << 20), as: UTF8.self)
        let folder = FileSystem.parent(path)
        /// A path, or a key in a token.
        func resolve(_ relative: String) -> String {
            relative.hasPrefix("/") || relative.hasPrefix("pkcs11:") ? relative : folder + "/" + relative
        }
        func required(_ key: String, _ reader: inout MapReader) -> String { resolve(reader.requiredString(key) ?? "") }
        guard let node = YAMLNode.parse(text, path: path, diagnostics: &diagnostics) else { throw report(diagnostics) }
        var reader = MapReader(node)
        let authority = required("authority", &reader)
        let deskOpen = reader.strings("desk_open") ?? []
        if deskOpen.isEmpty { reader.missing("desk_open") }
        let revocationLists = (reader.strings("revocation_lists") ?? []).map(resolve)
        // Without a list a stolen card would open the desk for ever.
        if revocationLists.isEmpty { reader.missing("revocation_lists") }
        let fixedNow = fixedClock(&reader)
        let ferry = StationSettings.read(
            reader.raw("ferry") ?? YAMLNode(value: .map([]), position: node.position), &reader, authority: authority,
            revocationLists: revocationLists, resolve: resolve)
        let papersNode = reader.raw("papers")
        let isWithoutPapers = papersNode?.scalar == "none"
        let papers =
            isWithoutPapers ? nil : papersNode.map { PaperSettings($0, &reader, resolve: resolve) }
        let location = reader.requiredString("database") ?? ""
        let source = required("source", &reader)
        let configuration = Configuration(
            socket: required("socket", &reader), origin: reader.requiredString("origin") ?? "",
            database: isPostgreSQL(location) ? location : resolve(location),
            deskOpen: deskOpen.map(resolve), definitions: (reader.strings("definitions") ?? []).map(resolve),
            workdays: required("workdays", &reader), source: source,
            theme: reader.string("theme").map(resolve) ?? source + "/Themes/desk",
            masterKey: required("master_key", &reader),
            masterKeyIdentity: reader.string("master_key_identity").map(resolve), overlay: required("overlay", &reader),
            bundles: resolve(reader.string("bundles") ?? "bundles"), authority: authority,
            revocationLists: revocationLists, fixedNow: fixedNow, papers: papers, isWithoutPapers: isWithoutPapers,
            ferry: ferry,
            trust: TrustFiles(authority: authority, revocationLists: revocationLists))
        diagnostics += reader.finish()
        if diagnostics.hasErrors { throw report(diagnostics) }
        return configuration
    }

    static func report(_ diagnostics: [Diagnostic]) -> ConfigurationError {
        ConfigurationError(
            text: DiagnosticReport.text.render(
                diagnostics, language: operatorLanguage(environment: environmentVariable)))
    }
}
