/// Kinds of files that a form may take: a closed list, told by content and by name. Containers that can hold anything
/// (archives, office files with macros) are not among them.
package enum AttachmentType: String, Sendable, CaseIterable {
    case jpeg, png, webp, heic, pdf, mp4

    package static let pictures: [AttachmentType] = [.jpeg, .png, .webp, .heic, .pdf]

    /// So many bytes tell the kind.
    package static let headBytes = 32

    package var mediaType: String {
        switch self {
        case .jpeg: "image/jpeg"
        case .png: "image/png"
        case .webp: "image/webp"
        case .heic: "image/heic"
        case .pdf: "application/pdf"
        case .mp4: "video/mp4"
        }
    }

    package init?(mediaType: String) {
        guard let type = Self.allCases.first(where: { $0.mediaType == mediaType }) else { return nil }
        self = type
    }

    /// Endings of names, in lower case.
    package var endings: [String] {
        switch self {
        case .jpeg: [".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp"]
        case .png: [".png", ".apng"]
        case .webp: [".webp"]
        case .heic: [".heic", ".heif", ".hif"]
        case .pdf: [".pdf"]
        case .mp4: [".mp4", ".m4v", ".mov", ".qt", ".3gp"]
        }
    }

    /// Told by the first bytes; nil for everything else.
    package init?(head: some Collection<UInt8>) {
        let head = Array(head.prefix(Self.headBytes))
        func has(_ bytes: [UInt8], at place: Int = 0) -> Bool {
            head.count >= place + bytes.count && Array(head[place..<(place + bytes.count)]) == bytes
        }
        func has(_ text: String, at place: Int = 0) -> Bool { has(Array(text.utf8), at: place) }
        if has([0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if has([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if has("RIFF"), has("WEBP", at: 8) {
            self = .webp
        } else if has("%PDF-") {
            self = .pdf
        } else if has("ftyp", at: 4) {
            if ["heic", "heix", "heim", "heis", "mif1", "msf1"].contains(where: { has($0, at: 8) }) {
                self = .heic
            } else if ["isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "M4V ", "qt  ", "MSNV", "3gp"]
                .contains(where: { has($0, at: 8) })
            {
                self = .mp4
            } else {
                return nil
            }
        } else {
            return nil
        }
    }
}
