import Forms
import PortalBase
import Synchronization

/// What sitegen wrote for this program: form definitions by digest, and the site's frame by language.
///
/// Read again when the files change, so that a new site bundle needs no restart.
final class FormRuntime: Sendable {
    private let folder: String
    private let site: String
    private let cache = Mutex(Cache())

    private struct Cache {
        var current: [UInt8] = []
        var digests: [String: String] = [:]
        var definitions: [String: FormDefinition] = [:]
    }

    static let titleSlot = "<!--slot:title-->"
    static let mainSlot = "<!--slot:main-->"
    static let languages = ["zh", "en"]

    init(folder: String, site: String) {
        self.folder = folder
        self.site = site
    }

    /// The definition that `digest` names, old ones included; the form's current one without a digest.
    func definition(_ id: String, digest: String?) -> FormDefinition? {
        guard isFormName(id), let current = try? FileSystem.read(folder + "/current.json", limit: 1 << 20) else {
            return nil
        }
        return cache.withLock { cache in
            if cache.current != current {
                let fields = (try? JSON(parsing: current))?.object ?? [:]  // An unreadable index means: no forms.
                cache.digests = fields.compactMapValues(\.string)
                cache.current = current
            }
            guard let wanted = digest ?? cache.digests[id], SHA256Digest(hex: wanted) != nil else { return nil }
            if let known = cache.definitions[wanted] { return known.id == id ? known : nil }
            guard let bytes = try? FileSystem.read("\(folder)/forms/\(wanted).json", limit: 1 << 20),
                let definition = FormDefinition(canonicalJSON: bytes), definition.digest == wanted
            else { return nil }
            cache.definitions[wanted] = definition
            return definition.id == id ? definition : nil
        }
    }

    /// A page in the site's own dress. Title and main are HTML; the title is escaped by the caller.
    func page(language: String, title: String, main: String) -> String {
        let frame = (try? FileSystem.read("\(folder)/shell.\(site).\(language).html", limit: 1 << 20)).map {
            String(decoding: $0, as: UTF8.self)
        }
        let plain =
            "<!doctype html><html lang=\"\(language)\"><meta charset=\"utf-8\"><title>\(Self.titleSlot)</title><main>\(Self.mainSlot)</main></html>"
        return (frame ?? plain).replacing(Self.titleSlot, with: title).replacing(Self.mainSlot, with: main)
    }

    private func isFormName(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.count <= 64
            && id.utf8.allSatisfy {
                ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == UInt8(ascii: "-")
            }
    }
}
