import Glibc
import PortalBase

/// `multipart/form-data` (RFC 7578) as it arrives, in pieces of any size, with bounds: memory holds one piece and at most
/// one part's headers.
package struct MultipartParser {
    package struct Part: Sendable, Equatable {
        package let name: String
        /// Nil for a plain field. Without the path that some browsers send.
        package let fileName: String?
    }

    package enum Event: Sendable, Equatable {
        case begin(Part)
        /// Content of the part that began last.
        case data([UInt8])
        case end
    }

    package enum Problem: Error, Sendable, Equatable {
        case malformed
        case tooManyParts
    }

    private enum State {
        /// Before the first boundary.
        case start
        /// Behind a boundary: `--` for the end, or a line end.
        case boundary
        case headers
        case content
        case done
    }

    private static let maxParts = 500
    private static let maxHeaderBytes = 8 << 10

    private let delimiter: [UInt8]
    private var state = State.start
    private var parts = 0
    /// What was not understood yet.
    private var buffer: [UInt8]

    /// - Parameter contentType: of the request; nil unless it is `multipart/form-data` with a boundary that RFC 2046 allows.
    package init?(contentType: String) {
        let pieces = contentType.split(separator: ";").map { $0.trimmingSpaces() }
        guard let type = pieces.first, type.lowercased() == "multipart/form-data" else { return nil }
        let boundaries = pieces.dropFirst().filter { $0.lowercased().hasPrefix("boundary=") }.map { $0.dropFirst(9) }
        guard boundaries.count == 1, var boundary = boundaries.first else { return nil }
        if boundary.count >= 2, boundary.hasPrefix("\""), boundary.hasSuffix("\"") {
            boundary = boundary.dropFirst().dropLast()
        }
        let allowed = Set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=? ".utf8)
        guard (1...70).contains(boundary.utf8.count), boundary.utf8.allSatisfy(allowed.contains) else { return nil }
        delimiter = Array("\r\n--\(boundary)".utf8)
        // As if a line had ended before: the first boundary is then found like any other.
        buffer = Array("\r\n".utf8)
    }

    /// Takes in the next piece.
    package mutating func feed(_ bytes: some Sequence<UInt8>) throws(Problem) -> [Event] {
        buffer.append(contentsOf: bytes)
        var events: [Event] = []
        while try step(&events) {}
        return events
    }

    /// Whether the last boundary has come; what follows it is ignored.
    package var isComplete: Bool { if case .done = state { true } else { false } }

    /// False where more bytes are needed.
    private mutating func step(_ events: inout [Event]) throws(Problem) -> Bool {
        switch state {
        case .start:
            guard buffer.count >= delimiter.count else { return false }
            // Nobody sends a preamble.
            guard buffer.starts(with: delimiter) else { throw .malformed }
            buffer.removeFirst(delimiter.count)
            state = .boundary
        case .boundary:
            guard buffer.count >= 2 else { return false }
            if buffer.starts(with: "--".utf8) {
                state = .done
                buffer = []
                return false
            }
            guard buffer.starts(with: "\r\n".utf8) else { throw .malformed }
            // The line end stays: an empty head is then a blank line like any other.
            state = .headers
        case .headers:
            guard let end = find(Array("\r\n\r\n".utf8)) else {
                guard buffer.count <= Self.maxHeaderBytes else { throw .malformed }
                return false
            }
            guard end <= Self.maxHeaderBytes else { throw .malformed }
            parts += 1
            guard parts <= Self.maxParts else { throw .tooManyParts }
            events.append(.begin(try part(Array(buffer[..<end]))))
            buffer.removeFirst(end + 4)
            state = .content
        case .content:
            if let end = find(delimiter) {
                if end > 0 { events.append(.data(Array(buffer[..<end]))) }
                buffer.removeFirst(end)
                events.append(.end)
                buffer.removeFirst(delimiter.count)
                state = .boundary
            } else {
                // A delimiter may have begun.
                let safe = buffer.count - delimiter.count + 1
                if safe > 0 {
                    events.append(.data(Array(buffer[..<safe])))
                    buffer.removeFirst(safe)
                }
                return false
            }
        case .done:
            buffer = []
            return false
        }
        return true
    }

    /// Where `needle` begins; both kinds begin with a carriage return.
    private func find(_ needle: [UInt8]) -> Int? {
        buffer.withUnsafeBytes { hay in
            var start = 0
            while hay.count - start >= needle.count {
                guard let hit = memchr(hay.baseAddress! + start, Int32(needle[0]), hay.count - start - needle.count + 1)
                else { return nil }
                let place = UnsafeRawPointer(hit) - hay.baseAddress!
                if memcmp(hit, needle, needle.count) == 0 { return place }
                start = place + 1
            }
            return nil
        }
    }

    // MARK: Headers

    private func part(_ head: [UInt8]) throws(Problem) -> Part {
        guard let text = String(validating: head, as: UTF8.self) else { throw .malformed }
        var disposition: String?
        for line in text.split(separator: "\r\n", omittingEmptySubsequences: true) {
            guard let colon = line.firstIndex(of: ":") else { throw .malformed }
            guard Self.isToken(line[..<colon].utf8) else { throw .malformed }
            let name = line[..<colon].lowercased()
            let value = line[line.index(after: colon)...].trimmingSpaces()
            switch name {
            case "content-disposition":
                guard disposition == nil else { throw .malformed }
                disposition = value
            case "content-transfer-encoding":
                guard Self.isToken(value.utf8), ["binary", "8bit", "7bit"].contains(value.lowercased()) else {
                    throw .malformed
                }
            default: continue
            }
        }
        guard let disposition, disposition.lowercased().hasPrefix("form-data"),
            let parameters = Self.parameters(disposition.dropFirst("form-data".count)),
            let name = parameters["name"], !name.isEmpty, name.utf8.count <= 128, StreamSafe.holds(name)
        else { throw .malformed }
        return Part(name: name, fileName: parameters["filename"].map(Self.withoutPath))
    }

    /// `; name="x"; filename="y"`; nil for anything else.
    private static func parameters(_ text: Substring) -> [String: String]? {
        var found: [String: String] = [:]
        var rest = text.utf8[...]
        func skipSpaces() { rest = rest.drop { $0 == 0x20 || $0 == 0x09 } }
        skipSpaces()
        while rest.first == UInt8(ascii: ";") {
            rest = rest.dropFirst()
            skipSpaces()
            guard let equals = rest.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            guard isToken(rest[..<equals]) else { return nil }
            let name = String(decoding: rest[..<equals], as: UTF8.self).lowercased()
            rest = rest[rest.index(after: equals)...]
            var value: [UInt8] = []
            if rest.first == UInt8(ascii: "\"") {
                rest = rest.dropFirst()
                while var byte = rest.first, byte != UInt8(ascii: "\"") {
                    // Some clients escape quotes so; any other backslash is itself.
                    if byte == UInt8(ascii: "\\"), rest.dropFirst().first == UInt8(ascii: "\"") {
                        rest = rest.dropFirst()
                        byte = UInt8(ascii: "\"")
                    }
                    value.append(byte)
                    rest = rest.dropFirst()
                }
                guard !rest.isEmpty else { return nil }
                rest = rest.dropFirst()
            } else {
                value = Array(rest.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 })
                rest = rest.dropFirst(value.count)
            }
            guard found.updateValue(String(decoding: value, as: UTF8.self), forKey: name) == nil else { return nil }
            skipSpaces()
        }
        return rest.isEmpty ? found : nil
    }

    /// A token of RFC 9110: names are compared and looked up, so that they are held to ASCII first.
    private static func isToken(_ name: some Collection<UInt8>) -> Bool {
        !name.isEmpty && name.allSatisfy { $0.isASCIIAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains($0) }
    }

    private static func withoutPath(_ name: String) -> String {
        let last = name.utf8.lastIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
        return last.map { String(name[name.utf8.index(after: $0)...]) } ?? name
    }
}

extension StringProtocol {
    fileprivate func trimmingSpaces() -> String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let bytes = Array(utf8)
        let start = bytes.firstIndex { !isSpace($0) } ?? bytes.count
        let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }
}
