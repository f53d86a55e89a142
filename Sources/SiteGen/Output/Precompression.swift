import CBrotli
import CZlib
import PortalBase
import SiteModel

/// Copies of a file for servers that send compressed files as they lie (`gzip_static`, `brotli_static`).
enum Precompression {
    /// Smaller files gain nothing.
    static let minimum = 512
    private static let types: Set<String> = ["html", "css", "js", "xml", "json", "svg", "txt", "csv", "vtt"]

    static func applies(to path: String, _ bytes: [UInt8]) -> Bool {
        bytes.count >= minimum && types.contains(path.split(separator: ".").last.map(String.init) ?? "")
    }

    /// - Returns: nil where the copy would not be smaller.
    static func compressed(_ bytes: [UInt8], _ encoding: SiteConfiguration.OutputPolicy.Encoding) -> [UInt8]? {
        let packed = encoding == .gzip ? gzip(bytes) : brotli(bytes)
        return packed.flatMap { $0.count < bytes.count ? $0 : nil }
    }

    /// RFC 1952 without name and time, so that equal bytes give equal bytes.
    private static func gzip(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        guard xm_deflateInit2(&stream, 9, 15 + 16, 9) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        var out = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
        var input = bytes
        let status = input.withUnsafeMutableBufferPointer { source in
            out.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                return deflate(&stream, Z_FINISH)
            }
        }
        guard status == Z_STREAM_END else { return nil }
        return Array(out.prefix(Int(stream.total_out)))
    }

    /// RFC 7932.
    private static func brotli(_ bytes: [UInt8]) -> [UInt8]? {
        var size = BrotliEncoderMaxCompressedSize(bytes.count)
        guard size > 0 else { return nil }
        var out = [UInt8](repeating: 0, count: size)
        let isDone = BrotliEncoderCompress(
            BROTLI_MAX_QUALITY, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, bytes.count, bytes, &size, &out)
        return isDone == 1 ? Array(out.prefix(size)) : nil
    }
}
