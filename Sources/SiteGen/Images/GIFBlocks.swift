/// The blocks of a GIF (GIF89a specification), as far as they tell pixels from text.
enum GIFBlocks {
    /// Whether there are comments, plain text or application data other than the loop count; also where the blocks cannot be
    /// followed.
    static func holdsText(_ bytes: [UInt8]) -> Bool {
        guard bytes.count > 13 else { return true }
        var i = 13
        if bytes[10] & 0x80 != 0 { i += 3 << (Int(bytes[10] & 7) + 1) }
        /// Passes over sub-blocks up to the empty one.
        func skip() -> Bool {
            while i < bytes.count {
                let length = Int(bytes[i])
                i += 1 + length
                if length == 0 { return true }
            }
            return false
        }
        while i < bytes.count {
            switch bytes[i] {
            // Trailer: nothing may follow it.
            case 0x3B: return i + 1 < bytes.count
            case 0x2C:
                guard i + 9 < bytes.count else { return true }
                let packed = bytes[i + 9]
                i += 10
                if packed & 0x80 != 0 { i += 3 << (Int(packed & 7) + 1) }
                i += 1
                if !skip() { return true }
            case 0x21:
                guard i + 2 < bytes.count else { return true }
                let label = bytes[i + 1]
                let isLoop = label == 0xFF && bytes[(i + 2)...].dropFirst().starts(with: "NETSCAPE2.0".utf8)
                guard label == 0xF9 || isLoop else { return true }
                i += 2
                if !skip() { return true }
            default: return true
            }
        }
        return true
    }
}
