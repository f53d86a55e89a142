import CMS
import PortalBase
import PositionedYAML

/// The part `papers:` of the configuration: who draws up and signs what organs issue.
struct PaperSettings: Sendable {
    /// Sockets of `coredesk render` and `coredesk sign`.
    let renderer: String
    let signer: String
    /// Certificates, by unit, of the keys that may sign for it: the present one, and the next.
    let organs: [String: [String]]
    /// What the signer signed, which it writes and the desk reads.
    let register: String
    /// Address of the page where anybody verifies a paper, as papers print it.
    let verifyAt: String

    init(_ node: YAMLNode, _ outer: inout MapReader, resolve: (String) -> String) {
        var reader = MapReader(node)
        renderer = resolve(reader.requiredString("renderer") ?? "")
        signer = resolve(reader.requiredString("signer") ?? "")
        register = resolve(reader.requiredString("register") ?? "")
        verifyAt = reader.requiredString("verify_at") ?? ""
        organs = Self.organs(&reader) { $0.map(resolve) }
        for finding in reader.finish() { outer.add(finding) }
    }

    /// `organs: {unit: path or paths}`
    static func organs(
        _ reader: inout MapReader, _ resolve: ([String]) -> [String]
    ) -> [String: [String]] {
        guard let node = reader.raw("organs") else {
            reader.missing("organs")
            return [:]
        }
        var inner = MapReader(node)
        var organs: [String: [String]] = [:]
        for pair in node.pairs ?? [] { organs[pair.key] = resolve(inner.strings(pair.key) ?? []) }
        for finding in inner.finish() { reader.add(finding) }
        return organs
    }

    /// Digests of the keys that may sign for a unit, as the files are now.
    func keys(of unit: String) throws -> Set<SHA256Digest> {
        Set(
            try organs[unit, default: []].map {
                try Certificate(pem: FileSystem.read($0, limit: 1 << 20)).publicKeyDigest
            })
    }
}
