import Forms
import Hummingbird
import PortalBase

/// What the desk's forms post.
extension DeskController {
    /// Some texts of 4,000 characters, percent-encoded, and the rest.
    private static let maxBody = 512 << 10
    /// With a file: one that was chosen by mistake is read whole, so that what was typed is not lost with it.
    private static let maxBodyWithFile = 16 << 20

    struct BodyTooLarge: Error {}
    struct BadBody: Error {}

    static func fields(of request: Request) async throws -> [String: [String]] {
        var bytes: [UInt8] = []
        let parser = request.headers[.contentType].flatMap(MultipartParser.init(contentType:))
        for try await buffer in request.body {
            guard bytes.count + buffer.readableBytes <= (parser == nil ? maxBody : maxBodyWithFile) else {
                throw BodyTooLarge()
            }
            bytes += buffer.readableBytesView
        }
        if let parser {
            return try fields(bytes, parser)
        }
        guard let body = URLEncodedBody(bytes) else { throw BadBody() }
        return body.fields
    }

    /// Fields of a form with files; the bytes of a file stand in Base64.
    private static func fields(_ bytes: [UInt8], _ first: MultipartParser) throws(BadBody) -> [String: [String]] {
        var parser = first
        guard let events = try? parser.feed(bytes), parser.isComplete else { throw BadBody() }
        var found: [String: [String]] = [:]
        var (part, content): (MultipartParser.Part?, [UInt8]) = (nil, [])
        for event in events {
            switch event {
            case .begin(let next): (part, content) = (next, [])
            case .data(let more): content += more
            case .end:
                guard let part else { continue }
                if part.fileName != nil {
                    found[part.name, default: []].append(base64(content))
                } else {
                    guard let text = String(validating: content, as: UTF8.self), StreamSafe.holds(text) else {
                        throw BadBody()
                    }
                    found[part.name, default: []].append(text)
                }
            }
        }
        return found
    }
}
