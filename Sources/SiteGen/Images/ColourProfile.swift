import SiteModel

/// The ICC profile of a picture (ICC.1:2022 annex B): what its colours mean, where that is not sRGB.
enum ColourProfile {
    private static let most = 1 << 20

    /// Nil for a picture without a profile, with one of sRGB, or with one that cannot be read.
    static func find(in bytes: [UInt8]) -> [UInt8]? {
        let profile: [UInt8]?
        if bytes.starts(with: [0xFF, 0xD8]) {
            profile = jpeg(bytes)
        } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
            profile = png(bytes)
        } else if bytes.starts(with: Array("RIFF".utf8)) {
            profile = webp(bytes)
        } else {
            profile = nil
        }
        // Size and signature as the header says them; grey and print profiles do not fit what is made.
        guard let profile, profile.count >= 128, profile.count <= most, ImageHeader.big(profile, 0, 4) == profile.count,
            profile[36..<40].elementsEqual("acsp".utf8), profile[16..<20].elementsEqual("RGB ".utf8),
            !isSRGB(profile)
        else { return nil }
        return profile
    }

    /// X, Y and Z of red, green and blue in sRGB, adapted to D50.
    private static let primaries: [(tag: String, xyz: [Double])] = [
        ("rXYZ", [0.4361, 0.2225, 0.0139]), ("gXYZ", [0.3851, 0.7169, 0.0971]), ("bXYZ", [0.1431, 0.0606, 0.7139]),
    ]

    /// By its primaries; where it has none, by its description, in ASCII or UTF-16: programs give any profile that name.
    private static func isSRGB(_ profile: [UInt8]) -> Bool {
        let found = primaries.compactMap { tag, wanted in
            primary(tag, of: profile).map { zip($0, wanted).allSatisfy { abs($0 - $1) < 0.01 } }
        }
        if !found.isEmpty { return found.allSatisfy { $0 } }
        let text = String(decoding: profile.filter { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
        return text.contains("sRGB IEC61966") || text.contains("sRGB built-in")
    }

    /// Three numbers of 16.16 bits; nil where the profile has no such tag.
    private static func primary(_ tag: String, of profile: [UInt8]) -> [Double]? {
        guard profile.count >= 132 else { return nil }
        for entry in 0..<min(ImageHeader.big(profile, 128, 4), 100) {
            let place = 132 + 12 * entry
            guard place + 12 <= profile.count else { return nil }
            guard profile[place..<(place + 4)].elementsEqual(tag.utf8) else { continue }
            let start = ImageHeader.big(profile, place + 4, 4)
            guard start <= profile.count - 20 else { return nil }
            return (0..<3).map {
                Double(Int32(truncatingIfNeeded: ImageHeader.big(profile, start + 8 + 4 * $0, 4))) / 65_536
            }
        }
        return nil
    }

    /// Segments APP2 `ICC_PROFILE`, each with its number.
    private static func jpeg(_ bytes: [UInt8]) -> [UInt8]? {
        var pieces: [Int: ArraySlice<UInt8>] = [:]
        var i = 2
        while i + 4 <= bytes.count, bytes[i] == 0xFF, bytes[i + 1] != 0xDA {
            if bytes[i + 1] == 0xFF {
                i += 1
                continue
            }
            let length = ImageHeader.big(bytes, i + 2, 2)
            guard length >= 2, i + 2 + length <= bytes.count else { return nil }
            let content = bytes[(i + 4)..<(i + 2 + length)]
            if bytes[i + 1] == 0xE2, content.starts(with: "ICC_PROFILE\0".utf8), content.count > 14 {
                pieces[Int(content[content.startIndex + 12])] = content.dropFirst(14)
            }
            i += 2 + length
        }
        return pieces.isEmpty ? nil : pieces.sorted { $0.key < $1.key }.flatMap(\.value)
    }

    /// Chunk `iCCP`: name, method, deflated profile.
    private static func png(_ bytes: [UInt8]) -> [UInt8]? {
        var i = 8
        while i + 12 <= bytes.count {
            let length = ImageHeader.big(bytes, i, 4)
            let name = bytes[(i + 4)..<(i + 8)]
            guard length <= bytes.count - i - 12, !name.elementsEqual("IDAT".utf8) else { return nil }
            if name.elementsEqual("iCCP".utf8) {
                let content = bytes[(i + 8)..<(i + 8 + length)]
                guard let end = content.firstIndex(of: 0), content.endIndex - end > 2 else { return nil }
                return inflated(content[(end + 2)...], isRaw: false, limit: most)
            }
            i += 12 + length
        }
        return nil
    }

    /// Chunk `ICCP`.
    private static func webp(_ bytes: [UInt8]) -> [UInt8]? {
        var i = 12
        while i + 8 <= bytes.count {
            let length = ImageHeader.little(bytes, i + 4, 4)
            guard length <= bytes.count - i - 8 else { return nil }
            if bytes[i..<(i + 4)].elementsEqual("ICCP".utf8) { return Array(bytes[(i + 8)..<(i + 8 + length)]) }
            i += 8 + length + length % 2
        }
        return nil
    }
}
