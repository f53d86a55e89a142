import PortalBase

/// Width and height out of a picture's first bytes: enough to plan sizes without decoding anything.
struct ImageHeader: Sendable, Equatable {
    enum Format: String, Sendable {
        case jpeg = "jpg"
        case png, webp

        var mediaType: String { self == .jpeg ? "image/jpeg" : "image/" + rawValue }
    }
    let format: Format
    let width: Int
    let height: Int

    /// Nil for a file of another format, a broken file, and a picture of more than 50 megapixels (four bytes and more for each
    /// pixel) or 30,000 pixels a side.
    init?(_ bytes: [UInt8]) {
        guard let (format, width, height) = Self.read(bytes), Self.isWhole(bytes, format), width > 0, height > 0,
            width <= 30_000, height <= 30_000,
            width * height <= 50_000_000
        else { return nil }
        (self.format, self.width, self.height) = (format, width, height)
    }

    /// A file that was cut off while it was copied lacks its end.
    private static func isWhole(_ bytes: [UInt8], _ format: Format) -> Bool {
        switch format {
        // Telephones append a short film to a photo (Motion Photo): the end may stand anywhere behind the first scan.
        case .jpeg: holdsEnd(bytes)
        case .png: hasLastChunk(bytes)
        case .webp: little(bytes, 4, 4) + 8 <= bytes.count
        }
    }

    /// Whether the chunks of a PNG lead to its end, whatever stands behind it.
    private static func hasLastChunk(_ bytes: [UInt8]) -> Bool {
        var i = 8
        while i + 12 <= bytes.count {
            if bytes[(i + 4)..<(i + 8)].elementsEqual("IEND".utf8) { return true }
            i += 12 + big(bytes, i, 4)
        }
        return false
    }

    /// Whether an end-of-image marker follows the first start of scan. In entropy-coded data FF is followed by 00.
    private static func holdsEnd(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer { bytes in
            // Segments are stepped over by their length: one may hold a small picture with marks of its own.
            var i = 2
            while i + 4 <= bytes.count, bytes[i] == 0xFF, bytes[i + 1] != 0xDA {
                i += bytes[i + 1] == 0xFF ? 1 : 2 + Int(bytes[i + 2]) << 8 + Int(bytes[i + 3])
            }
            if i + 1 >= bytes.count || bytes[i] != 0xFF || bytes[i + 1] != 0xDA { i = 0 }
            var hasScan = false
            while let mark = bytes.find(0xFF, from: i), mark + 1 < bytes.count {
                if bytes[mark + 1] == 0xDA { hasScan = true }
                if hasScan, bytes[mark + 1] == 0xD9 { return true }
                i = mark + 1
            }
            return false
        }
    }

    /// Whether a WebP or PNG holds more than one frame.
    static func isMoving(_ bytes: [UInt8]) -> Bool {
        if bytes.count >= 30, bytes.starts(with: Array("RIFF".utf8)), bytes[12..<16].elementsEqual("VP8X".utf8) {
            return bytes[20] & 0x02 != 0
        }
        guard bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) else { return false }
        // The animation's chunk stands before the first pixels.
        var i = 8
        while i + 8 <= bytes.count {
            let name = bytes[(i + 4)..<(i + 8)]
            if name.elementsEqual("acTL".utf8) { return true }
            if name.elementsEqual("IDAT".utf8) { return false }
            i += 12 + big(bytes, i, 4)
        }
        return false
    }

    private static func read(_ bytes: [UInt8]) -> (Format, Int, Int)? {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]), bytes.count >= 24 {
            return (.png, big(bytes, 16, 4), big(bytes, 20, 4))
        }
        if bytes.count >= 30, bytes.starts(with: Array("RIFF".utf8)), bytes[8..<12].elementsEqual("WEBP".utf8) {
            return webp(bytes)
        }
        return bytes.starts(with: [0xFF, 0xD8]) ? jpeg(bytes) : nil
    }

    /// The frame header of a JPEG, sides swapped where the camera was turned (Exif orientation 5 to 8).
    private static func jpeg(_ bytes: [UInt8]) -> (Format, Int, Int)? {
        var i = 2
        var isTurned: Bool?
        while i + 9 < bytes.count {
            guard bytes[i] == 0xFF else { return nil }
            let marker = bytes[i + 1]
            if marker == 0xFF || marker == 0x01 || (0xD0...0xD8).contains(marker) {
                i += marker == 0xFF ? 1 : 2
                continue
            }
            let length = big(bytes, i + 2, 2)
            guard length >= 2 else { return nil }
            if (0xC0...0xCF).contains(marker), marker != 0xC4, marker != 0xC8, marker != 0xCC {
                let (height, width) = (big(bytes, i + 5, 2), big(bytes, i + 7, 2))
                return isTurned ?? false ? (.jpeg, height, width) : (.jpeg, width, height)
            }
            // The first Exif block counts; other blocks (XMP) share its marker.
            if marker == 0xE1, isTurned == nil, i + 2 + length <= bytes.count,
                bytes[(i + 4)...].starts(with: "Exif\0\0".utf8)
            {
                isTurned = (5...8).contains(orientation(Array(bytes[(i + 4)..<(i + 2 + length)])))
            }
            if marker == 0xDA || marker == 0xD9 { return nil }
            i += 2 + length
        }
        return nil
    }

    /// Tag 0x0112 of the first directory of an Exif block; 1 where there is none.
    private static func orientation(_ exif: [UInt8]) -> Int {
        guard exif.count > 14, exif.starts(with: Array("Exif\0\0".utf8)) else { return 1 }
        let tiff = Array(exif[6...])
        let isLittle = tiff[0] == UInt8(ascii: "I")
        func number(_ at: Int, _ count: Int) -> Int {
            guard at >= 0, at + count <= tiff.count else { return 0 }
            return isLittle ? little(tiff, at, count) : big(tiff, at, count)
        }
        let directory = number(4, 4)
        for entry in 0..<min(number(directory, 2), 64) where number(directory + 2 + entry * 12, 2) == 0x0112 {
            return number(directory + 2 + entry * 12 + 8, 2)
        }
        return 1
    }

    private static func webp(_ bytes: [UInt8]) -> (Format, Int, Int)? {
        switch String(decoding: bytes[12..<16], as: UTF8.self) {
        case "VP8X": return (.webp, little(bytes, 24, 3) + 1, little(bytes, 27, 3) + 1)
        case "VP8L":
            let bits = little(bytes, 21, 4)
            return (.webp, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case "VP8 ": return (.webp, little(bytes, 26, 2) & 0x3FFF, little(bytes, 28, 2) & 0x3FFF)
        default: return nil
        }
    }

    /// A number of `count` bytes, the most significant first.
    static func big(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int {
        bytes[at..<(at + count)].reduce(0) { $0 << 8 | Int($1) }
    }

    /// A number of `count` bytes, the least significant first.
    static func little(_ bytes: [UInt8], _ at: Int, _ count: Int) -> Int {
        bytes[at..<(at + count)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
