import CBytes
import PortalBase

/// HTML that is being written, piece after piece, into memory of its own.
struct HTMLBuffer: ~Copyable {
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    /// What `xm_copy_text` may write behind the end.
    private static let spare = 16

    init(capacity: Int) {
        self.capacity = capacity
        start = .allocate(capacity: capacity)
    }

    deinit { start.deallocate() }

    var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }
    var last: UInt8? { count > 0 ? start[count - 1] : nil }

    @inline(__always)
    private mutating func makeRoom(for more: Int) {
        if capacity - count < more { grow(by: more) }
    }

    @inline(never)
    private mutating func grow(by more: Int) {
        capacity = max(2 * capacity, count + more)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: start, count: count)
        start.deallocate()
        start = larger
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        makeRoom(for: 1)
        start[count] = byte
        count += 1
    }

    /// Markup, as it is.
    @inline(__always)
    mutating func append(_ markup: StaticString) {
        makeRoom(for: markup.utf8CodeUnitCount)
        (start + count).update(from: markup.utf8Start, count: markup.utf8CodeUnitCount)
        count += markup.utf8CodeUnitCount
    }

    mutating func append(number: Int) {
        for digit in String(number).utf8 { append(digit) }
    }

    /// Text for element content or between double quotes.
    ///
    /// - Returns: false, with nothing appended, if there is a control character other than tab and line feed in it, or one
    ///   of U+FDC0 to U+FDFF.
    mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let from = text.baseAddress else { return true }
        let before = count
        var i = 0
        while true {
            makeRoom(for: text.count - i + Self.spare)
            let plain = xm_copy_text(start + count, from + i, text.count - i)
            count += plain
            i += plain
            guard i < text.count else { return true }
            switch from[i] {
            case UInt8(ascii: "&"): append("&amp;")
            case UInt8(ascii: "<"): append("&lt;")
            case UInt8(ascii: ">"): append("&gt;")
            case UInt8(ascii: "\""): append("&quot;")
            default:
                count = before
                return false
            }
            i += 1
        }
    }

    mutating func insert(_ bytes: [UInt8], at offset: Int) {
        makeRoom(for: bytes.count)
        (start + offset + bytes.count).update(from: start + offset, count: count - offset)
        bytes.withUnsafeBufferPointer { (start + offset).update(from: $0.baseAddress!, count: $0.count) }
        count += bytes.count
    }
}
