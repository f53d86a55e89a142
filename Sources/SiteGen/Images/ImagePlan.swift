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

    /// Judges a picture by its first bytes, never by its name: what cannot be cleaned of what a camera wrote into it is refused.
    private static func picture(
        _ file: SiteGraph.PublishedFile, _ policy: SiteConfiguration.ImagePolicy, _ diagnostics: inout [Diagnostic]
    ) -> Picture? {
        func refuse(_ rule: String, zh: String, en: String, remedyZh: String, remedyEn: String) {
            diagnostics.append(
                Diagnostic(
                    rule, SourcePosition(path: file.source), problem: Bilingual(zh: zh, en: en),
                    remedy: Bilingual(zh: remedyZh, en: remedyEn)))
        }
        if FileSystem.suffix(file.path) == "svg" {
            checkDrawing(file, &diagnostics)
            return nil
        }
        let kind: String?
        do {
            kind = PublishedFiles.pictureKind(try FileSystem.head(file.location, count: 64))
        } catch {
            diagnostics.append(unreadable(file.source, error))
            return nil
        }
        switch kind {
        case "JPEG", "PNG", "WebP": break
        case "GIF":
            checkGIF(file) { refuse($0, zh: $1, en: $2, remedyZh: $3, remedyEn: $4) }
            return nil
        case let kind?:
            refuse(
                "image-kind", zh: "\(kind) 图片不能清除拍摄信息，也不能在所有浏览器显示",
                en: "a \(kind) picture cannot be cleaned of what the camera wrote, nor shown by every browser",
                remedyZh: "请另存为 JPEG、PNG 或 WebP", remedyEn: "save it as JPEG, PNG or WebP")
            return nil
        case nil:
            guard isPicture(file.path) else { return nil }
        }
        let bytes: [UInt8]
        do {
            bytes = try FileSystem.read(file.location, limit: limit)
        } catch {
            refuse(
                "image-unreadable", zh: "图片读不出来，或大于 64 MiB：\(error.withoutPath)",
                en: "the picture cannot be read, or is larger than 64 MiB: \(error.withoutPath)",
                remedyZh: "请缩小后再放入", remedyEn: "make it smaller")
            return nil
        }
        if ImageHeader.isMoving(bytes) {
            refuse(
                "image-moving", zh: "动图（动态 WebP、APNG）不能缩放", en: "a moving WebP or PNG cannot be resized",
                remedyZh: "请改用 GIF 或短视频", remedyEn: "use a GIF or a short video")
            return nil
        }
        guard let header = ImageHeader(bytes) else {
            refuse(
                "image-broken", zh: "不是完好的 JPEG、PNG 或 WebP 图片，或大于 5000 万像素",
                en: "this is no sound JPEG, PNG or WebP picture, or larger than 50 megapixels",
                remedyZh: "请重新导出图片，长边不超过 8000 像素", remedyEn: "export the picture again, 8,000 pixels wide at most")
            return nil
        }
        return Picture(header: header, renditions: renditions(header, file.path, policy))
    }

    /// Bytes of a picture at most.
    private static let limit = 64 << 20

    /// Moving pictures are published as they are, so they may not carry what programs write beside the pixels.
    private static func checkGIF(
        _ file: SiteGraph.PublishedFile, _ refuse: (String, String, String, String, String) -> Void
    ) {
        guard let bytes = try? FileSystem.read(file.location, limit: limit) else {
            return refuse(
                "image-unreadable", "图片读不出来，或大于 64 MiB", "the picture cannot be read, or is larger than 64 MiB",
                "请缩小后再放入", "make it smaller")
        }
        guard GIFBlocks.holdsText(bytes) else { return }
        refuse(
            "image-metadata", "GIF 里写有注释或 XMP 信息，会原样公开",
            "the GIF holds comments or XMP data, which would be published", "请用图片软件另存，不保留信息",
            "export it again without metadata")
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
