import Foundation
import PortalBase
import SiteModel
import TestSupport
import Testing

@testable import SiteGen

/// Pictures, films, streams and maps; GraphicsMagick runs for real.
@Suite struct MediaTests {
    private static let home = page("首页", "cascade: {visibility: public}")
    private static let photo =
        (try? Data(contentsOf: URL(fileURLWithPath: repositoryRoot + "/Content/portal/about/sample-media/scene.jpg")))
        .map { Array($0) } ?? []

    private func site(_ files: [String: String], sites: String = SmallSite.sites, photo: [UInt8] = photo) throws
        -> SmallSite
    {
        var all = ["portal/_index.md": Self.home, "town/_index.md": Self.home]
        all.merge(files) { $1 }
        let site = try SmallSite(all, sites: sites)
        try site.folder.write("Content/portal/a/photo.jpg", photo)
        return site
    }

    @Test func aPictureIsPublishedInSizesAndWithoutWhatTheCameraWrote() throws {
        let raw = String(decoding: Self.photo, as: UTF8.self)
        #expect(raw.contains("Exif") && raw.contains("Sample Camera"))
        let site = try site([
            "portal/a/index.md": page("甲", "", "::figure[图注]{src=photo.jpg alt=\"山\" credit=\"某\"}\n\n![小图](photo.jpg)")
        ])
        #expect(try site.build().diagnostics == [])
        let files = try site.folder.contents("out/public").filter { $0.key.hasPrefix("a/photo") }
        #expect(
            files.keys.sorted() == [
                "a/photo.jpg", "a/photo.jpg.1600w.webp", "a/photo.jpg.480w.webp", "a/photo.jpg.960w.webp",
            ])
        for (name, bytes) in files {
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(!text.contains("Exif") && !text.contains("Sample Camera"), "\(name)")
        }
        #expect(ImageHeader(files["a/photo.jpg"]!).map { "\($0.format) \($0.width)x\($0.height)" } == "jpeg 1600x900")
        #expect(
            ImageHeader(files["a/photo.jpg.480w.webp"]!).map { "\($0.format) \($0.width)x\($0.height)" }
                == "webp 480x270")
        let html = try site.folder.text("out/public/a/index.html")
        #expect(
            html.contains(
                "srcset=\"/a/photo.jpg.480w.webp 480w, /a/photo.jpg.960w.webp 960w, /a/photo.jpg.1600w.webp 1600w\""))
        #expect(html.contains("<img src=\"/a/photo.jpg\" width=\"1600\" height=\"900\" alt=\"山\""))
        #expect(html.contains("<figcaption>图注 <small>credit某</small></figcaption>"))
        // The cache lies outside every docroot, and using it changes no byte.
        #expect(try site.folder.contents("out/.cache/images").count == 4)
        try FileSystem.removeTree(site.folder.path + "/out/public")
        try site.build()
        #expect(try site.folder.contents("out/public").filter { $0.key.hasPrefix("a/photo") } == files)
    }

    /// Two that ask for the tool's version at once took each other's answer away.
    @Test func makersSideBySideDoNotTakeEachOthersFiles() throws {
        let folder = TemporaryFolder()
        try folder.write("photo.jpg", Self.photo)
        let header = try #require(ImageHeader(Self.photo))
        let photo = folder.path + "/photo.jpg"
        for round in 0..<12 {
            let made = parallelMap(4, jobs: 4) { _, _ -> FileError? in
                let maker = ImageMaker(cache: "\(folder.path)/\(round)", quality: 50)
                do throws(FileError) {
                    _ = try maker.make(
                        .init(width: 16, height: 9, format: .webp, path: "a.webp"), of: header, from: photo)
                    return nil
                } catch { return error }
            }
            #expect(made.compactMap(\.self).isEmpty, "\(made)")
        }
    }

    @Test func brokenPicturesAndActiveDrawingsAreErrors() throws {
        let files = [
            "portal/_index.md": page("首页", "cascade: {visibility: public}\nfiles: [x.svg, y.svg]"),
            "portal/a/index.md": page("甲", "files: [photo.jpg]"), "portal/x.svg": "<svg onload=\"x()\"/>",
            "portal/y.svg": "<svg><path d=\"M0\"/></svg>",
        ]
        #expect(
            try site(files, photo: Array(Self.photo.prefix(40))).findings()
                == ["image-broken portal/a/photo.jpg:1", "svg-active portal/x.svg:1"])
    }

    /// A picture is whole where its own end stands, whatever a telephone or a program appended; more than 50 megapixels are not
    /// read.
    @Test func aPictureIsWholeWhereItsEndStands() {
        func number(_ value: Int) -> [UInt8] { (0..<4).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
            number(content.count) + Array(name.utf8) + content + number(0)
        }
        func png(_ side: Int, ends: Bool = true) -> [UInt8] {
            [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
                + chunk("IHDR", number(side) + number(side) + [8, 2, 0, 0, 0])
                + chunk("IDAT", [1, 2, 3]) + (ends ? chunk("IEND", []) : [])
        }
        let film = [UInt8](repeating: 7, count: 12_288)
        #expect(ImageHeader(png(7_000) + film)?.width == 7_000)
        #expect(ImageHeader(png(7_000, ends: false) + film) == nil)
        #expect(ImageHeader(png(10_000)) == nil)
    }

    /// A profile is judged by its primaries, whatever it calls itself.
    @Test(arguments: [(0.4361, false), (0.5151, true)])
    func aProfileIsToldByItsPrimaries(_ red: Double, _ isKept: Bool) {
        func number(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        func fixed(_ values: [Double]) -> [UInt8] {
            Array("XYZ ".utf8) + number(0, 4) + values.flatMap { number(Int(($0 * 65_536).rounded()), 4) }
        }
        let colours = [
            ("rXYZ", [red, 0.2225, 0.0139]), ("gXYZ", [0.3851, 0.7169, 0.0971]), ("bXYZ", [0.1431, 0.0606, 0.7139]),
        ]
        let name = Array("sRGB built-in".utf8)
        let size = 132 + 36 + 60 + name.count
        var profile = number(size, 4) + [UInt8](repeating: 0, count: 12) + Array("RGB XYZ ".utf8)
        profile +=
            [UInt8](repeating: 0, count: 12) + Array("acsp".utf8) + [UInt8](repeating: 0, count: 88) + number(3, 4)
        for (place, colour) in colours.enumerated() {
            profile += Array(colour.0.utf8) + number(168 + 20 * place, 4) + number(20, 4)
        }
        for colour in colours { profile += fixed(colour.1) }
        profile += name
        let segment = Array("ICC_PROFILE\u{0}".utf8) + [1, 1] + profile
        let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE2] + number(segment.count + 2, 2) + segment + [0xFF, 0xDA, 0, 2]
        #expect((ColourProfile.find(in: jpeg) != nil) == isKept)
    }

    /// Films and drawings keep what a camera wrote of the place; pictures under another ending are no pictures.
    @Test func whatSaysWhereItWasMadeIsAnError() throws {
        func box(_ kind: String, _ content: [UInt8]) -> [UInt8] {
            let size = content.count + 8
            return [UInt8(size >> 24), UInt8(size >> 16 & 255), UInt8(size >> 8 & 255), UInt8(size & 255)]
                + Array(kind.utf8) + content
        }
        let plain = box("ftyp", Array("isom".utf8)) + box("mdat", [UInt8](repeating: 7, count: 64))
        func rules(_ name: String, _ bytes: [UInt8]) throws -> [String] {
            let home = page("首页", "cascade: {visibility: public}")
            let site = try SmallSite([
                "portal/_index.md": home, "town/_index.md": home, "portal/a/index.md": page("a", "files: [\(name)]"),
            ])
            try site.folder.write("Content/portal/a/\(name)", bytes)
            return try site.build(output: nil).diagnostics.map(\.rule)
        }
        #expect(try rules("a.mp4", plain + box("moov", box("mvhd", [1, 2, 3, 4]))) == [])
        #expect(try rules("a.mp4", plain + box("moov", [0xA9] + Array("xyz+34.5+113.3/".utf8))) == ["film-place"])
        #expect(
            try rules("a.m4a", plain + box("moov", Array("com.apple.quicktime.location.ISO6709".utf8))) == [
                "film-place"
            ])
        #expect(try rules("a.mp4", Array("no boxes, location.ISO6709".utf8)) == ["film-place"])
        let exif = base64([0xFF, 0xD8, 0xFF, 0xE1, 0, 8] + Array("Exif".utf8) + [0, 0])
        let drawing = "<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"data:image/jpeg;base64,\(exif)\"/></svg>"
        #expect(try rules("a.svg", Array(drawing.utf8)).count == 1)
        for name in ["a.jfif", "a.heic", "a.tif", "a.pdf", "a.txt"] {
            #expect(
                try rules(name, [0xFF, 0xD8, 0xFF, 0xE1] + Array("Exif".utf8) + [0, 0]).contains("file-kind"), "\(name)"
            )
        }
        #expect(try rules("a.txt", [0xEF, 0xBB, 0xBF, 0xFF, 0xD8, 0, 1, 0]) == ["file-kind"])
    }

    @Test(arguments: [
        "<svg\nonload=\"x()\"/>", "<svg onload =\"x()\"/>", "<svg\tonload='x()'/>",
        "<svg xmlns:s=\"http://www.w3.org/2000/svg\"><s:script>x</s:script></svg>",
        "<svg><a href=\"java&#115;cript:x\"/></svg>", "<svg><SCRIPT>x</SCRIPT></svg>", "<svg><foreignObject/></svg>",
        "<svg><animate attributeName=\"href\" to=\"javascript:x\"/></svg>", "<!DOCTYPE svg [<!ENTITY x \"y\">]><svg/>",
        "<svg><use href=\"https://x/y.svg#a\"/></svg>",
        "<svg><style>@import 'x'</style></svg>", "<svg", "<?xml-stylesheet href=\"x\"?><svg/>",
        "<svg><image href=\"data:image/svg+xml,x\"/></svg>",
        "<!DOCTYPE svg PUBLIC \"a\" \"x><g a=' \"><svg><script>x</script><g b='/></svg>",
        "<svg><!--><g a=\"--><script>alert(1)</script><!--\"/>--></svg>",
        "<?xml version=\"1.0\" encoding=\"ISO-2022-JP\"?><svg/>", "<svg>\u{1B}</svg>",
        "<svg><g style=\"fill:url( https://x)\"/></svg>",
        "<svg><style>&#64;import 'x';</style></svg>", "<svg><style>rect{fill:u\\72l(x)}</style></svg>",
        "<svg xmlns:svg=\"http://x/\"/>",
        "<svg>\0</svg>", "<svg><style>@im<!-- -->port \"https://e/x.css\";</style></svg>",
        "<svg><style><![CDATA[@im]]><![CDATA[port 'x';]]></style></svg>",
        "<svg><style>rect{fill:u<!-- -->rl(https://e/a)}</style></svg>",
        "<svg><rect style=\"fill:image-set('https://e/a' 1x)\"/></svg>",
        "<svg><rect style=\"fill:src('https://e/a')\"/></svg>",
        "<svg xml:base=\"https://e/\"><use href=\"#a\"/></svg>",
        "<svg><rect cursor=\"\\75rl(https://e/a),auto\"/></svg>",
        "<svg><rect filter=\"u\\72l(https://e/a)\"/></svg>",
    ])
    func anActiveDrawingIsRefused(_ text: String) {
        #expect(DrawingCheck.problem(Array(text.utf8)) != nil)
        #expect(DrawingCheck.problem(Array(String(repeating: " ", count: DrawingCheck.limit + 1).utf8)) != nil)
    }

    @Test(arguments: [
        "<?xml version=\"1.0\"?><!-- c --><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"><g id='a'><path d=\"M0\"/></g><use xlink:href=\"#a\"/><style>path{fill:url(#b)}</style></svg>",
        "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">\n<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:svg=\"http://www.w3.org/2000/svg\"><svg:g aria-label=\"a&#10;b\"/><filter><feTurbulence/></filter><image xlink:href=\"data:image/png;base64,AA==\"/></svg>",
        "<svg xmlns:inkscape=\"http://www.inkscape.org/\" inkscape:version=\"1\"><sodipodi:namedview/><text x=\"1\">甲 &amp; 乙</text></svg>",
    ])
    func aPlainDrawingPasses(_ text: String) {
        let problem = DrawingCheck.problem(Array(text.utf8))
        #expect(problem == nil, "\(problem?.en ?? "")")
    }

    @Test func theFirstExifBlockSaysWhichWayIsUp() throws {
        // Orientation 6 in an Exif block, then an XMP block under the same marker, then the frame: 40 high, 20 wide.
        let exif: [UInt8] =
            Array("Exif\0\0II*\0".utf8) + [8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]
        func block(_ content: [UInt8]) -> [UInt8] { [0xFF, 0xE1, 0, UInt8(content.count + 2)] + content }
        let frame: [UInt8] = [0xFF, 0xC0, 0, 11, 8, 0, 40, 0, 20, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 2, 0xFF, 0xD9]
        let xmp = block(Array("http://ns.adobe.com/xap/1.0/\0".utf8))
        func size(_ bytes: [UInt8]) -> String { ImageHeader(bytes).map { "\($0.width)x\($0.height)" } ?? "none" }
        #expect(size([0xFF, 0xD8] + frame) == "20x40")
        #expect(size([0xFF, 0xD8] + block(exif) + xmp + frame) == "40x20")
        var nine = exif
        nine[24] = 9
        #expect(size([0xFF, 0xD8] + block(nine) + frame) == "20x40")
        #expect(size([0xFF, 0xD8] + frame.dropLast(2)) == "none")
    }

    @Test func aFilmNeedsCaptionsAndAStreamItsLicence() throws {
        let body = """
            ::video[片]{src=f.webm captions=f.vtt poster=photo.jpg}

            ::live[会]{src=https://live.example.cn/x.m3u8 holder="某台" licence="123"}

            """
        let listed = SmallSite.sites.replacing(
            "variants:", with: "media: {origins: [\"https://live.example.cn\"]}\nvariants:")
        let files = ["portal/a/index.md": page("甲", "", body), "portal/a/f.webm": "x", "portal/a/f.vtt": "WEBVTT\n"]
        let site = try site(files, sites: listed)
        #expect(try site.build().diagnostics == [])
        let html = try site.folder.text("out/public/a/index.html")
        #expect(html.contains("<track kind=\"captions\" default src=\"/a/f.vtt\" srclang=\"zh-CN\""))
        #expect(html.contains("licenceHolder某台 · licenceNumber123"))
        #expect(try self.site(files).findings() == ["media-origin portal/a/index.md:6"])
        var bad = files
        bad["portal/a/index.md"] = page(
            "甲", "",
            "::video[片]{src=f.webm}\n\n::live[会]{src=/x.m3u8}\n\n::figure{src=photo.jpg}\n\n::figure{src=no.jpg alt=x}\n\n::video{src=photo.jpg captions=f.vtt}\n\n::figure{scr=photo.jpg}"
        )
        let found = try self.site(bad, sites: listed).findings()
        #expect(
            found == [
                "directive-attribute portal/a/index.md:4", "directive-attribute portal/a/index.md:6",
                "directive-attribute portal/a/index.md:8", "directive-file portal/a/index.md:10",
                "directive-file portal/a/index.md:10",
                "video-type portal/a/index.md:12", "directive-attribute portal/a/index.md:14",
                "directive-attribute portal/a/index.md:14",
            ])
    }

    @Test func theTileMapShowsTheSitesThatThisAudienceSees() throws {
        let site = try site([
            "data/_data.yaml": "t.csv: {visibility: public}\n", "data/t.csv": "slug,column,row\ntown,1,1\nnone,2,1\n",
            "portal/a/index.md": page("甲", "map_review_no: 审1\nfiles: [photo.jpg]", "::map[图]{src=t.csv}"),
        ])
        #expect(try site.build().diagnostics == [])
        let html = try site.folder.text("out/public/a/index.html")
        #expect(html.components(separatedBy: "href=\"/xz/town/\"").count == 3)
        #expect(html.contains("mapNote mapReviewNumber审1"))
    }

    @Test func downloadsSayWhatTheyAre() throws {
        let site = try site([
            "portal/a/index.md": page("甲", "files: [photo.jpg]", "[表](t.csv)"),
            "portal/a/t.csv": String(repeating: "x", count: 12_345),
        ])
        try site.build()
        let html = try site.folder.text("out/public/a/index.html")
        #expect(html.contains("<a href=\"/a/t.csv\">表</a> <small class=\"file\">(CSV, 12 KB)</small>"))
        #expect(html.contains("A/a/t.csv CSV, 12 KB "))
    }
}
