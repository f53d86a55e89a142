import PortalBase
import SiteModel

/// The pictures of one audience's tree: which sizes of each are made, and where they lie.
struct ImagePlan: Sendable {
    struct Picture: Sendable {
        let header: ImageHeader
        /// Sizes that are published: WebP by rising width, then the fallback under the file's own name.
        let renditions: [Rendition]
        var fallback: Rendition { renditions.last! }
        var webp: ArraySlice<Rendition> { renditions.dropLast() }
    }

    struct Rendition: Sendable {
        let width: Int
        let height: Int
        let format: ImageHeader.Format
        /// URL path below the docroot.
        let path: String
    }

    /// By index into the graph's files.
    private let pictures: [Int: Picture]

    private static let extensions: Set<String> = ["jpg", "jpeg", "png", "webp"]

    /// Whether a file is one that this stage makes sizes of, by its name.
    static func isPicture(_ path: String) -> Bool {
        extensions.contains(path.split(separator: ".").last.map { $0.lowercased() } ?? "")
    }

    init(_ graph: SiteGraph, diagnostics: inout [Diagnostic]) {
        var pictures: [Int: Picture] = [:]
        for (index, file) in graph.files.enumerated() {
            if file.path.lowercased().hasSuffix(".svg") { Self.checkDrawing(file, &diagnostics) }
            guard Self.isPicture(file.path) else { continue }
            // A file that cannot be read is reported where it would be written.
            guard let bytes = try? FileSystem.read(file.location, limit: 64 << 20) else { continue }
            guard let header = ImageHeader(bytes) else {
                diagnostics.append(
                    Diagnostic(
                        "image-broken", SourcePosition(path: file.source),
                        problem: Bilingual(
                            zh: "不是完好的 JPEG、PNG 或 WebP 图片，或大于 1 亿像素",
                            en: "this is no sound JPEG, PNG or WebP picture, or larger than 100 megapixels"),
                        remedy: Bilingual(zh: "请重新导出图片", en: "export the picture again")))
                continue
            }
            pictures[index] = Picture(
                header: header, renditions: Self.renditions(header, file.path, graph.configuration.images))
        }
        self.pictures = pictures
    }

    func picture(_ file: Int) -> Picture? { pictures[file] }

    /// Files with their pictures, in the graph's order.
    var all: [(file: Int, picture: Picture)] { pictures.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 } }

    private static func renditions(
        _ header: ImageHeader, _ path: String, _ policy: SiteConfiguration.ImagePolicy
    ) -> [Rendition] {
        let bound = min(header.width, policy.widths.last!)
        let widths = policy.widths.filter { $0 < bound } + [bound]
        func height(_ width: Int) -> Int { max(1, (header.height * width + header.width / 2) / header.width) }
        let sized = widths.map { width in
            Rendition(width: width, height: height(width), format: .webp, path: "\(path).\(width)w.webp")
        }
        return sized + [Rendition(width: bound, height: height(bound), format: header.format, path: path)]
    }

    /// A drawing is opened as a page of the site when somebody follows its address: nothing in it may run.
    private static func checkDrawing(_ file: SiteGraph.PublishedFile, _ diagnostics: inout [Diagnostic]) {
        guard let bytes = try? FileSystem.read(file.location, limit: 4 << 20) else { return }
        let text = String(decoding: bytes, as: UTF8.self).lowercased()
        let hasHandler = text.split(separator: " ").contains { word in
            word.hasPrefix("on") && word.dropFirst(2).prefix { $0.isLetter }.isEmpty == false && word.contains("=")
        }
        let names = ["<script", "javascript:", "<foreignobject", "<!entity", "<iframe", "<embed"]
        guard hasHandler || names.contains(where: text.contains) else { return }
        diagnostics.append(
            Diagnostic(
                "svg-active", SourcePosition(path: file.source),
                problem: Bilingual(zh: "SVG 图片里有可执行的内容", en: "the SVG drawing holds something that can run"),
                remedy: Bilingual(
                    zh: "请删去脚本、事件和外部对象后重新保存", en: "save it again without scripts, handlers and foreign objects")))
    }
}
