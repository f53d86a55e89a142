/// What a citizen's file is. A name may say who somebody is: this travels sealed.
package struct AttachmentDescription: Sendable, Equatable {
    /// Bytes of a file in one sealed part; CROSSING allows up to 8 MiB, and a smaller one costs less memory.
    package static let partBytes = 2 << 20
    /// Sealed parts of all files that cross in one item.
    package static let maxParts = 400

    /// The form's field that it answers.
    package let field: String
    package let name: String
    /// Media type, told by content.
    package let type: String
    package let bytes: Int
    package let digest: SHA256Digest

    package init(field: String, name: String, type: String, bytes: Int, digest: SHA256Digest) {
        self.field = field
        self.name = name
        self.type = type
        self.bytes = bytes
        self.digest = digest
    }

    package var fields: [String: JSON] {
        [
            "field": .string(field), "name": .string(name), "type": .string(type), "bytes": .integer(bytes),
            "sha256": .string(digest.hex),
        ]
    }

    package init?(_ json: JSON) {
        guard let field = json["field"]?.string, let name = json["name"]?.string, let type = json["type"]?.string,
            let bytes = json["bytes"]?.integer, bytes >= 0,
            let digest = json["sha256"]?.string.flatMap(SHA256Digest.init(hex:))
        else { return nil }
        self.init(field: field, name: name, type: type, bytes: bytes, digest: digest)
    }
}
