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
        extensions.contains(FileSystem.suffix(path))
    }

    init(_ graph: SiteGraph, jobs: Int, diagnostics: inout [Diagnostic]) {
        let looked = parallelMap(graph.files.count, jobs: jobs) { index, _ -> (Picture?, [Diagnostic]) in
            var found: [Diagnostic] = []
            return (Self.picture(graph.files[index], graph.configuration.images, &found), found)
        }
        var pictures: [Int: Picture] = [:]
        for (index, (picture, found)) in looked.enumerated() {
            pictures[index] = picture
            diagnostics += found
        }
        self.pictures = pictures
    }

    private static func picture(
        _ file: SiteGraph.PublishedFile, _ policy: SiteConfiguration.ImagePolicy, _ diagnostics: inout [Diagnostic]
    ) -> Picture? {
        if file.path.lowercased().hasSuffix(".svg") { checkDrawing(file, &diagnostics) }
        // A file that cannot be read is reported where it would be written.
        guard isPicture(file.path), let bytes = try? FileSystem.read(file.location, limit: 64 << 20) else { return nil }
        guard let header = ImageHeader(bytes) else {
            diagnostics.append(
                Diagnostic(
                    "image-broken", SourcePosition(path: file.source),
                    problem: Bilingual(
                        zh: "不是完好的 JPEG、PNG 或 WebP 图片，或大于 1 亿像素",
                        en: "this is no sound JPEG, PNG or WebP picture, or larger than 100 megapixels"),
                    remedy: Bilingual(zh: "请重新导出图片", en: "export the picture again")))
            return nil
        }
        return Picture(header: header, renditions: renditions(header, file.path, policy))
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

    private static func checkDrawing(_ file: SiteGraph.PublishedFile, _ diagnostics: inout [Diagnostic]) {
        let found: Bilingual?
        if let bytes = try? FileSystem.read(file.location, limit: DrawingCheck.limit) {
            found = DrawingCheck.problem(bytes)
        } else {
            found = Bilingual(zh: "大于 4 MiB 或读不出来", en: "larger than 4 MiB or unreadable")
        }
        guard let problem = found else { return }
        diagnostics.append(
            Diagnostic(
                "svg-active", SourcePosition(path: file.source),
                problem: Bilingual(zh: "SVG 不是单纯的图：" + problem.zh, en: "the SVG is more than a drawing: " + problem.en),
                remedy: Bilingual(
                    zh: "请去掉脚本、动画、外部引用和事件后，另存为普通 SVG",
                    en: "save it as plain SVG, without scripts, animation, outside references and handlers")))
    }
}
