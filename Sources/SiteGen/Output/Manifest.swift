import PortalBase

/// The list of a variant's files with their digests: what a release signs and an auditor checks.
struct Manifest: Sendable {
    static let format = "xinmi-site/2"

    struct Entry: Sendable, Equatable {
        let digest: SHA256Digest
        let bytes: Int
        /// Slug of the site that the file belongs to; nil for what sites share.
        let site: String?
    }

    /// A file by its docroot (nil for the shared one, else a site's slug) and its path below it, by bytes: Swift calls
    /// two spellings of é the same string, the disk does not.
    struct Place: Sendable, Hashable {
        let host: String?
        let path: [UInt8]

        init(host: String?, path: String) {
            self.host = host
            self.path = Array(path.utf8)
        }

        var text: String { String(decoding: path, as: UTF8.self) }
    }

    let variant: String
    let now: String
    var files: [Place: Entry] = [:]

    init(variant: String, now: Instant, zone: ZoneOffset) {
        self.variant = variant
        self.now = now.rfc3339(in: zone)
    }

    var bytes: [UInt8] {
        func entries(_ host: String?) -> JSON {
            var object: [String: JSON] = [:]
            for (place, entry) in files where place.host == host {
                var fields: [String: JSON] = ["bytes": .integer(entry.bytes), "sha256": .string(entry.digest.hex)]
                if let site = entry.site { fields["site"] = .string(site) }
                object[place.text] = .object(fields)
            }
            return .object(object)
        }
        var fields: [String: JSON] = [
            "fmt": .string(Self.format), "variant": .string(variant), "now": .string(now), "files": entries(nil),
        ]
        let hosts = Set(files.keys.compactMap(\.host))
        if !hosts.isEmpty {
            fields["hosts"] = .object(Dictionary(uniqueKeysWithValues: hosts.map { ($0, entries($0)) }))
        }
        return JSON.object(fields).canonicalBytes + [0x0A]
    }

    /// Reads a manifest back; nil for what is none.
    init?(_ bytes: [UInt8]) {
        guard let json = try? JSON(parsing: bytes), json["fmt"]?.string == Self.format,
            let variant = json["variant"]?.string, let now = json["now"]?.string
        else { return nil }
        self.variant = variant
        self.now = now
        func read(_ object: [String: JSON]?, _ host: String?) -> Bool {
            for (path, entry) in object ?? [:] {
                guard let digest = entry["sha256"]?.string.flatMap(SHA256Digest.init(hex:)),
                    let size = entry["bytes"]?.integer
                else { return false }
                files[Place(host: host, path: path)] = Entry(
                    digest: digest, bytes: size, site: entry["site"]?.string)
            }
            return true
        }
        guard read(json["files"]?.object, nil) else { return nil }
        for (host, object) in json["hosts"]?.object ?? [:] where !read(object.object, host) { return nil }
    }
}
