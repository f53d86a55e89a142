import PortalBase

/// What cameras write into their files besides what they saw: place, time, device.
enum CameraData {
    /// Whether a JPEG, PNG or WebP holds a block of Exif (JEITA CP-3451) or a place in XMP.
    static func isIn(picture bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let head = Array(bytes.prefix(16))
        switch PublishedFiles.pictureKind(head) {
        case "JPEG": return bytes.holds("Exif") || bytes.holds("exif:GPS")
        case "PNG": return bytes.holds("eXIf") || bytes.holds("exif:GPS")
        case "WebP": return bytes.holds("EXIF") || bytes.holds("exif:GPS")
        default: return false
        }
    }

    /// Whether a film or sound of ISO/IEC 14496-12 says where it was made: Apple's `©xyz`, 3GPP's `loci`, or the key
    /// `location.ISO6709`, or XMP with a latitude, in a `moov`, `meta`, `udta` or `uuid` box.
    ///
    /// - Parameter read: bytes of the file from an offset on, as many as there are up to a count.
    static func isIn(
        film size: Int, read: (_ offset: Int, _ count: Int) throws(FileError) -> [UInt8]
    ) throws(FileError) -> Bool {
        func hasPlace(_ offset: Int, _ count: Int) throws(FileError) -> Bool {
            try read(offset, min(count, mostBytes)).withUnsafeBufferPointer { box in
                box.holds("location.ISO6709") || hasBox("loci", box) || box.holds("GPSLatitude") || hasApplePlace(box)
            }
        }
        var offset = 0
        // A film has few boxes at its top.
        for _ in 0..<4_096 where offset < size {
            let head = try read(offset, 16)
            var length = head.count < 8 ? 0 : big(head[0..<4])
            if length == 1, head.count == 16 { length = big(head[8..<16]) }
            if length == 0 { length = size - offset }
            // What is no box is looked through as it is.
            guard head.count >= 8, length >= 8, length <= size - offset else {
                return try hasPlace(offset, size - offset)
            }
            if ["moov", "meta", "udta", "uuid"].contains(where: { head[4..<8].elementsEqual($0.utf8) }),
                try hasPlace(offset, length)
            {
                return true
            }
            offset += length
        }
        return false
    }

    private static let mostBytes = 64 << 20

    /// Whether a box of such a name begins somewhere: four bytes of its size stand before it.
    private static func hasBox(_ name: String, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var start = 4
        while let found = bytes.find(name, from: start) {
            if bytes[found - 4] == 0, bytes[found - 3] == 0 { return true }
            start = found + 1
        }
        return false
    }

    private static func hasApplePlace(_ box: UnsafeBufferPointer<UInt8>) -> Bool {
        var start = 0
        while let found = box.find(0xA9, from: start) {
            if box[found...].dropFirst().prefix(3).elementsEqual("xyz".utf8) { return true }
            start = found + 1
        }
        return false
    }

    /// A number of at most eight bytes, the highest first; what exceeds `Int` is its greatest value.
    private static func big(_ bytes: ArraySlice<UInt8>) -> Int {
        let value = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int(clamping: value)
    }
}
