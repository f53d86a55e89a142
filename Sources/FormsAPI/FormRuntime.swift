import Forms
import PortalBase
import Synchronization

/// What sitegen wrote for this program: form definitions by digest, the gazetteer, and the site's frame by language.
///
/// Looked at again when the files change, so that a new site bundle needs no restart.
final class FormRuntime: Sendable {
    private let folder: String
    private let site: String
    private let files = Mutex<[String: (mark: FileMark, bytes: [UInt8])]>([:])
    private let cache = Mutex(Cache())

    private struct Cache {
        var current: [UInt8] = []
        var digests: [String: String] = [:]
        var definitions: [String: FormDefinition] = [:]
        var gazetteerBytes: [UInt8] = []
        var gazetteer = Gazetteer.empty
    }

    /// The site that a request came from, where its address names one: `PREFIX/site/SLUG/…`.
    @TaskLocal static var requestSite: String?

    static let titleSlot = "<!--slot:title-->"
    static let mainSlot = "<!--slot:main-->"
    static let languages = ["zh", "en"]

    init(folder: String, site: String) {
        self.folder = folder
        self.site = site
    }

    /// A file of the runtime folder; nil where there is none.
    private func read(_ name: String) -> [UInt8]? {
        let path = folder + "/" + name
        guard let mark = FileMark(path) else { return nil }
        if let known = files.withLock({ $0[name] }), known.mark == mark { return known.bytes }
        guard let (bytes, mark) = try? FileSystem.readMarked(path, limit: 8 << 20) else { return nil }
        files.withLock { $0[name] = (mark, bytes) }
        return bytes
    }

    /// Digests of the definitions that a new submission of each form uses.
    func current() -> [String: String] {
        guard let bytes = read("current.json") else { return [:] }
        return cache.withLock { cache in
            if cache.current != bytes {
                // An unreadable index means: no forms.
                cache.digests = ((try? JSON(parsing: bytes))?.object ?? [:]).compactMapValues(\.string)
                cache.current = bytes
            }
            return cache.digests
        }
    }

    /// Name under which `page(of:)` knows the look-up of requests.
    static let statusPage = "_status"
    /// The same for the verification of papers.
    static let verifyPage = "_verify"

    /// Address of the page that carries a form, in the site that the request came from and in a language where there is one.
    func page(of form: String, language: String) -> String? {
        guard [Self.statusPage, Self.verifyPage].contains(form) || Self.isName(form), let bytes = read("pages.json"),
            let pages = (try? JSON(parsing: bytes))?[form]?.object
        else { return nil }
        let sites = [Self.requestSite, site].compactMap { $0 }
        let names = sites.flatMap { site in ([language] + Self.languages).map { "\(site).\($0)" } }
        return (names.lazy.compactMap { pages[$0]?.string }.first ?? pages.min { $0.key < $1.key }?.value.string)
    }

    /// The definition that `digest` names, old ones included; the form's current one without a digest.
    func definition(_ id: String, digest: String?) -> FormDefinition? {
        guard Self.isName(id), let wanted = digest ?? current()[id], SHA256Digest(hex: wanted) != nil else {
            return nil
        }
        if let known = cache.withLock({ $0.definitions[wanted] }) { return known.id == id ? known : nil }
        guard let bytes = try? FileSystem.read("\(folder)/forms/\(wanted).json", limit: 1 << 20),
            let definition = FormDefinition(canonicalJSON: bytes), definition.digest == wanted
        else { return nil }
        cache.withLock { $0.definitions[wanted] = definition }
        return definition.id == id ? definition : nil
    }

    /// A definition as sitegen wrote it: canonical JSON.
    func source(_ definition: FormDefinition) -> [UInt8]? {
        try? FileSystem.read("\(folder)/forms/\(definition.digest).json", limit: 1 << 20)
    }

    /// Forms that take submissions, by id.
    func forms() -> [FormDefinition] {
        current().keys.sorted().compactMap { definition($0, digest: nil) }
    }

    var gazetteer: Gazetteer {
        guard let bytes = read("gazetteer.json") else { return .empty }
        return cache.withLock { cache in
            if cache.gazetteerBytes != bytes {
                cache.gazetteer = (try? JSON(parsing: bytes)).flatMap(Gazetteer.init) ?? .empty
                cache.gazetteerBytes = bytes
            }
            return cache.gazetteer
        }
    }

    /// A page in the dress of the site that the request came from. Title and main are HTML; the title is escaped by the
    /// caller.
    func page(language: String, title: String, main: String) -> String {
        let frame = [Self.requestSite, site].lazy.compactMap { $0 }.compactMap {
            self.read("shell.\($0).\(language).html")
        }
        .first.map { String(decoding: $0, as: UTF8.self) }
        let plain =
            "<!doctype html><html lang=\"\(language)\"><meta charset=\"utf-8\"><title>\(Self.titleSlot)</title><main>\(Self.mainSlot)</main></html>"
        return (frame ?? plain).replacing(Self.titleSlot, with: title).replacing(Self.mainSlot, with: main)
    }

    /// Whether it may be a form's id or a site's slug, and so part of a file's name.
    static func isName(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.count <= 64
            && id.utf8.allSatisfy {
                ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "-")
            }
    }
}
