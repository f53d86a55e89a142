import CBytes
import Glibc

extension String {
    /// Whether a byte stands in its UTF-8.
    package func contains(byte: UInt8) -> Bool {
        utf8.withContiguousStorageIfAvailable { $0.find(byte) != nil } ?? utf8.contains(byte)
    }
}

extension UInt8 {
    /// A letter or digit of ASCII.
    package var isASCIIAlphanumeric: Bool {
        (self | 0x20 >= 0x61 && self | 0x20 <= 0x7A) || (self >= 0x30 && self <= 0x39)
    }
}

extension Collection where Element == UInt8 {
    /// How many lines end in it.
    @inlinable
    package var lineFeeds: Int { reduce(0) { $0 + ($1 == 0x0A ? 1 : 0) } }
}

/// Bytes that a search stops at.
package struct ByteSet: Sendable {
    /// One for each byte.
    fileprivate let flags: [Bool]

    package init(_ bytes: some Sequence<UInt8>) {
        var flags = [Bool](repeating: false, count: 256)
        for byte in bytes { flags[Int(byte)] = true }
        self.flags = flags
    }
}

extension UnsafeBufferPointer where Element == UInt8 {
    /// Where `byte` stands next, from `start` on; the C library looks at many bytes at a time.
    package func find(_ byte: UInt8, from start: Int = 0) -> Int? {
        guard start < count, let base = baseAddress, let found = memchr(base + start, Int32(byte), count - start) else {
            return nil
        }
        return base.distance(to: found.assumingMemoryBound(to: UInt8.self))
    }

    /// Where `text`, which is not empty, stands next, from `start` on.
    package func find(_ text: String, from start: Int = 0) -> Int? {
        var text = text
        return text.withUTF8 { text in
            guard let first = text.first else { return nil }
            var i = start
            while let found = find(first, from: i), found + text.count <= count {
                if self[found..<(found + text.count)].elementsEqual(text) { return found }
                i = found + 1
            }
            return nil
        }
    }

    /// Whether `text` stands in it; its last byte should be rare.
    package func holds(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        let last = text.utf8Start[length - 1]
        var start = length - 1
        while let found = find(last, from: start) {
            if memcmp(baseAddress! + (found - length + 1), text.utf8Start, length) == 0 { return true }
            start = found + 1
        }
        return false
    }

    /// Where a byte of a set stands next, from `start` on.
    package func find(_ set: ByteSet, from start: Int = 0) -> Int? {
        guard start < count, let base = baseAddress else { return nil }
        let found = set.flags.withUnsafeBufferPointer { xm_find_any(base, start, count, $0.baseAddress) }
        return found < count ? found : nil
    }

    /// Whether `byte` stands in it more than `most` times.
    package func holds(_ byte: UInt8, moreThan most: Int) -> Bool {
        var left = most
        var start = 0
        while let found = find(byte, from: start) {
            if left == 0 { return true }
            left -= 1
            start = found + 1
        }
        return false
    }

    /// The scalar of valid UTF-8 that begins at `i`, and its length in bytes; nil where the text is cut off.
    @inlinable
    package func scalarValue(at i: Int) -> (value: UInt32, length: Int)? {
        let lead = self[i]
        if lead < 0x80 { return (UInt32(lead), 1) }
        let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        guard i + length <= count else { return nil }
        var value = UInt32(lead) & (0x7F >> UInt32(length))
        for k in 1..<length { value = value << 6 | UInt32(self[i + k] & 0x3F) }
        return (value, length)
    }

    /// How many bytes from `start`, where a character begins, are text as most is (`xm_plain_text_prefix`); maybe some too
    /// few.
    package func plainTextCount(from start: Int) -> Int {
        baseAddress.map { xm_plain_text_prefix($0 + start, count - start) } ?? 0
    }

    /// Whether there is a control character besides tab, line feed and carriage return.
    package var holdsControl: Bool { baseAddress.map { xm_has_control($0, count) } ?? false }
}
