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

    /// A file by its docroot (nil for the shared one, else a site's slug) and its path below it.
    struct Place: Sendable, Hashable {
        let host: String?
        private let bytes: ByteText
        var text: String { bytes.text }

        init(host: String?, path: String) {
            self.host = host
            bytes = ByteText(path)
        }
    }

    let variant: String
    let now: String
    /// In the order they were made.
    private(set) var files: [(place: Place, entry: Entry)] = []

    init(variant: String, now: Instant, zone: ZoneOffset) {
        self.variant = variant
        self.now = now.rfc3339(in: zone)
    }

    /// A manifest's bytes with another instant in the same zone, and the digest of what stands round it; nil for bytes
    /// that hold none.
    static func dated(_ bytes: [UInt8], _ now: Instant) -> (bytes: [UInt8], undated: SHA256Digest)? {
        let lead = Array(",\"now\":\"".utf8)
        // The instant stands near the end: only the name of the variant follows.
        var start = bytes.count - lead.count
        while start > 0, bytes.count - start < 1024, !bytes[start...].starts(with: lead) { start -= 1 }
        guard start > 0, bytes[start...].starts(with: lead) else { return nil }
        let from = start + lead.count
        // `2026-09-01T09:00:00Z`, or with an offset of six characters.
        guard let end = bytes[from...].firstIndex(of: UInt8(ascii: "\"")), end - from >= 20 else { return nil }
        let name = bytes[end - 1] == UInt8(ascii: "Z") ? bytes[(end - 1)..<end] : bytes[(end - 6)..<end]
        guard let zone = ZoneOffset(name: String(decoding: name, as: UTF8.self)) else { return nil }
        let undated = Array(bytes[..<from]) + bytes[end...]
        return (Array(bytes[..<from]) + now.rfc3339(in: zone).utf8 + bytes[end...], SHA256Digest(of: undated))
    }

    mutating func reserveCapacity(_ count: Int) { files.reserveCapacity(count) }

    mutating func add(_ place: Place, _ entry: Entry) { files.append((place, entry)) }

    /// Entries by place, for looking up.
    var byPlace: [Place: Entry] { Dictionary(files.map { ($0.place, $0.entry) }) { first, _ in first } }

    /// Canonical JSON (RFC 8785), written without building a value of it.
    var bytes: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(files.count * 160 + 256)
        func string(_ text: String) { JSON.quote(text, to: &out) }
        func entries(_ host: String?) {
            out.append(UInt8(ascii: "{"))
            let own = files.indices.filter { files[$0].place.host == host }
            for (i, index) in JSON.sortedKeys(own.map { files[$0].place.text }).enumerated() {
                let (place, entry) = files[own[index]]
                if i > 0 { out.append(UInt8(ascii: ",")) }
                string(place.text)
                out += ":{\"bytes\":".utf8
                out += String(entry.bytes).utf8
                out += ",\"sha256\":\"".utf8
                entry.digest.appendHex(to: &out)
                out.append(UInt8(ascii: "\""))
                if let site = entry.site {
                    out += ",\"site\":".utf8
                    string(site)
                }
                out.append(UInt8(ascii: "}"))
            }
            out.append(UInt8(ascii: "}"))
        }
        out += "{\"files\":".utf8
        entries(nil)
        out += ",\"fmt\":".utf8
        string(Self.format)
        let hosts = Set(files.compactMap(\.place.host))
        if !hosts.isEmpty {
            out += ",\"hosts\":{".utf8
            for (i, host) in hosts.sorted(by: JSON.keyPrecedes).enumerated() {
                if i > 0 { out.append(UInt8(ascii: ",")) }
                string(host)
                out.append(UInt8(ascii: ":"))
                entries(host)
            }
            out.append(UInt8(ascii: "}"))
        }
        out += ",\"now\":".utf8
        string(now)
        out += ",\"variant\":".utf8
        string(variant)
        out += "}\n".utf8
        return out
    }

    /// Reads a manifest back; nil for what is none.
    init?(_ bytes: [UInt8]) {
        guard let json = try? JSON(parsing: bytes, maxKeyBytes: 4_096), json["fmt"]?.string == Self.format,
            let variant = json["variant"]?.string, let now = json["now"]?.string
        else { return nil }
        self.variant = variant
        self.now = now
        func read(_ object: [String: JSON]?, _ host: String?) -> Bool {
            for (path, entry) in object ?? [:] {
                guard let digest = entry["sha256"]?.string.flatMap(SHA256Digest.init(hex:)),
                    let size = entry["bytes"]?.integer
                else { return false }
                add(
                    Place(host: host, path: path),
                    Entry(digest: digest, bytes: size, site: entry["site"]?.string))
            }
            return true
        }
        guard read(json["files"]?.object, nil) else { return nil }
        for (host, object) in json["hosts"]?.object ?? [:] where !read(object.object, host) { return nil }
    }
}
