/// Writes values one after another into bytes that only the same program reads back: a cache, not a format.
///
/// Numbers are eight bytes, texts and blobs have their length before them, and the whole ends with its digest.
package struct RecordWriter {
    package private(set) var bytes: [UInt8] = []

    package init(_ format: String) { put(format) }

    /// For a part of a record.
    ///
    /// - Parameter capacity: room for so many bytes at once.
    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    package mutating func put(_ number: Int) {
        withUnsafeBytes(of: UInt64(bitPattern: Int64(number)).littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func put(_ flag: Bool) { bytes.append(flag ? 1 : 0) }

    package mutating func put(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            put(utf8.count)
            bytes.append(contentsOf: utf8)
        }
    }

    package mutating func put(_ blob: [UInt8]) {
        put(blob.count)
        bytes += blob
    }

    package mutating func put(_ digest: SHA256Digest) { digest.append(to: &bytes) }

    package mutating func put(_ mark: FileMark) {
        for word in mark.words { put(word) }
    }

    package mutating func put<Value>(_ values: [Value], _ write: (inout RecordWriter, Value) -> Void) {
        put(values.count)
        for value in values { write(&self, value) }
    }

    /// What was written, and its digest.
    package consuming func finished() -> [UInt8] {
        let digest = SHA256Digest(of: bytes)
        digest.append(to: &bytes)
        return bytes
    }
}

/// Reads back what a `RecordWriter` wrote, in the same order.
package struct RecordReader {
    private let bytes: [UInt8]
    private var offset = 0
    private let end: Int

    /// Nil for bytes that are not whole, or of another format.
    package init?(_ bytes: [UInt8], format: String) {
        guard bytes.count >= SHA256Digest.byteCount else { return nil }
        end = bytes.count - SHA256Digest.byteCount
        guard SHA256Digest(of: bytes[..<end]) == SHA256Digest(bytes: bytes[end...]) else { return nil }
        self.bytes = bytes
        guard text() == format else { return nil }
    }

    /// A part of a record that was whole.
    package init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
        end = bytes.count
    }

    package mutating func number() -> Int {
        guard offset + 8 <= end else { return 0 }
        defer { offset += 8 }
        return bytes.withUnsafeBytes {
            Int(Int64(bitPattern: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self))))
        }
    }

    package mutating func flag() -> Bool {
        guard offset < end else { return false }
        defer { offset += 1 }
        return bytes[offset] == 1
    }

    private mutating func piece() -> Range<Int> {
        let count = min(max(0, number()), end - offset)
        defer { offset += count }
        return offset..<(offset + count)
    }

    package mutating func text() -> String {
        let range = piece()
        return bytes.withUnsafeBufferPointer {
            String(decoding: UnsafeBufferPointer(rebasing: $0[range]), as: UTF8.self)
        }
    }

    /// Passes over a text or blob.
    package mutating func skip() { _ = piece() }

    package mutating func blob() -> [UInt8] { Array(bytes[piece()]) }

    package mutating func digest() -> SHA256Digest {
        guard offset + SHA256Digest.byteCount <= end else { return SHA256Digest(of: []) }
        defer { offset += SHA256Digest.byteCount }
        return SHA256Digest(bytes: bytes[offset..<(offset + SHA256Digest.byteCount)])
    }

    package mutating func mark() -> FileMark { FileMark(words: (0..<FileMark.wordCount).map { _ in number() }) }

    package mutating func values<Value>(_ read: (inout RecordReader) -> Value) -> [Value] {
        // A damaged count cannot ask for more than there is.
        let count = min(max(0, number()), end - offset)
        var values: [Value] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(read(&self)) }
        return values
    }
}

/// A record that grows: a first block, and after it blocks of changes. Each block has its length before it.
package struct RecordLog: Sendable {
    package private(set) var blocks: [[UInt8]] = []
    /// Whether nothing was cut off: only then may more be appended.
    package private(set) var isWhole = false

    /// What can be read; a block that was cut off ends the log.
    package init(_ bytes: [UInt8]) {
        var offset = 0
        while offset + 8 <= bytes.count {
            let length = bytes.withUnsafeBytes {
                UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            }
            guard let count = Int(exactly: length), count <= bytes.count - offset - 8 else { return }
            blocks.append(Array(bytes[(offset + 8)..<(offset + 8 + count)]))
            offset += 8 + count
        }
        isWhole = offset == bytes.count
    }

    /// Whether changes may be written behind it: they have not grown so large that writing all anew is better.
    package var mayGrow: Bool { isWhole && !blocks.isEmpty && !isWorn }

    private var isWorn: Bool {
        blocks.count > 64 || blocks.dropFirst().reduce(0) { $0 + $1.count } * 4 > (blocks.first?.count ?? 0)
    }

    /// A block as it lies in the log.
    package static func framed(_ block: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt64(block.count).littleEndian) { Array($0) } + block
    }
}
