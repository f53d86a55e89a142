import PortalBase
import SiteModel

/// What a citizen wants to know before downloading a file: its kind and size.
struct FileFacts {
    let kind: String
    let bytes: Int

    init(_ file: SiteGraph.PublishedFile) {
        let name = file.path.split(separator: "/").last ?? ""
        let suffix = name.contains(".") ? name.split(separator: ".").last.map { $0.uppercased() } ?? "" : ""
        kind = suffix.utf8.count <= 5 ? suffix : ""
        bytes = file.size
    }

    /// Pictures, films and their captions, which a page draws and nobody downloads.
    var isShownInPages: Bool {
        ["JPG", "JPEG", "PNG", "WEBP", "SVG", "GIF", "MP4", "M4V", "WEBM", "VTT"].contains(kind)
    }

    /// `PDF，1.2 MB`
    func text(_ theme: Theme, _ language: String) -> String {
        [kind, size].filter { !$0.isEmpty }.joined(separator: theme.string("listSeparator", language, standard: ", "))
    }

    /// Decimal units, one place from a megabyte on.
    var size: String {
        switch bytes {
        case ..<1_000: return "\(bytes) B"
        case ..<1_000_000: return "\((bytes + 500) / 1_000) KB"
        default:
            let tenths = (bytes + 50_000) / 100_000
            return "\(tenths / 10).\(tenths % 10) MB"
        }
    }
}
