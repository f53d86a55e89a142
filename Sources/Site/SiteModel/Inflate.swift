import CZlib

/// What `packed` inflates to (RFC 1950, RFC 1951).
///
/// - Parameters:
///   - isRaw: whether it stands without the header of zlib, as in a ZIP archive.
///   - limit: bytes of output; more is nil.
/// - Returns: nil for damaged data too.
package func inflated(_ packed: ArraySlice<UInt8>, isRaw: Bool, limit: Int) -> [UInt8]? {
    var stream = z_stream()
    guard inflateInit2_(&stream, isRaw ? -15 : 15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
        return nil
    }
    defer { inflateEnd(&stream) }
    var out: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65_536)
    return packed.withUnsafeBufferPointer { input -> [UInt8]? in
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.avail_in = uInt(clamping: input.count)
        while true {
            let (status, count) = block.withUnsafeMutableBufferPointer { room -> (Int32, Int) in
                stream.next_out = room.baseAddress
                stream.avail_out = uInt(room.count)
                return (inflate(&stream, Z_NO_FLUSH), room.count - Int(stream.avail_out))
            }
            guard status == Z_OK || status == Z_STREAM_END, out.count + count <= limit else { return nil }
            out += block[..<count]
            if status == Z_STREAM_END { return out }
            if count == 0 && stream.avail_in == 0 { return nil }
        }
    }
}
