import Glibc

/// Writes all bytes, unless the reader has gone.
package func writeStandardOutput(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }

package func writeStandardError(_ text: String) { write(Array(text.utf8), to: STDERR_FILENO) }

private func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let n = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if n < 0, errno == EINTR { continue }
        if n <= 0 { return }
        rest = rest.dropFirst(n)
    }
}
