import Forms
import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase
import Submissions

/// What a browser sent: fields, and files that are sealed already.
struct FormBody: Sendable {
    /// Values by name; of files, nothing.
    var fields: [String: [String]] = [:]
    var files: [StoredAttachment] = []
    /// What is wrong with files that were sent now.
    var fileErrors: [FieldError] = []

    var language: String {
        let wanted = fields["_lang"]?.first ?? "zh"
        return FormRuntime.languages.contains(wanted) ? wanted : "zh"
    }

    /// Answers alone.
    var input: [String: [String]] { fields.filter { !FormDefinition.reservedNames.contains($0.key) } }
}

/// The media type of a body in lower case, without parameters; white space may stand before the semicolon (RFC 9110).
func mediaType(_ request: Request) -> String {
    let type = request.headers[.contentType]?.prefix { $0 != ";" } ?? ""
    return type.lowercased().filter { $0 != " " && $0 != "\t" }
}

/// Reads posted forms: origin, type and size first, then the body as it comes.
struct FormReader: Sendable {
    let runtime: FormRuntime
    let uploads: FileUpload.Services
    let metrics: Metrics
    let maxBody: Int
    let maxUpload: Int

    /// Where a browser says where a request comes from, it must be this site: no form of another site reaches us.
    func checkOrigin(_ request: Request) throws(Refusal) {
        if let site = request.headers[.secFetchSite], site != "same-origin", site != "none" { throw .crossSite }
        if let origin = request.headers[.origin], origin != "null" {
            let host = request.headers[.xForwardedHost] ?? request.head.authority ?? ""
            guard origin == "http://" + host || origin == "https://" + host else { throw .crossSite }
        }
    }

    /// Files that a form may bring.
    struct Admission {
        /// Id of the form in the address.
        let form: String
        /// Who sends them.
        let client: [UInt8]?
        /// Asked before each file is taken in, with its field, the fields so far and the number of files before it; throws
        /// where it is not wanted.
        let admit:
            (
                _ field: FormDefinition.Field, _ fields: [String: [String]], _ earlier: Int
            ) async throws -> Void
    }

    /// - Parameter files: nil for a page without files.
    func read(_ request: Request, admitting files: Admission? = nil) async throws -> FormBody {
        try checkOrigin(request)
        let type = request.headers[.contentType] ?? ""
        if let parser = MultipartParser(contentType: type), let files {
            return try await readParts(request, parser, files)
        }
        guard mediaType(request) == "application/x-www-form-urlencoded" else { throw Refusal.mediaType }
        let bytes = try await collect(request, limit: maxBody)
        guard let body = URLEncodedBody(bytes) else { throw Refusal.malformed }
        return FormBody(fields: body.fields)
    }

    /// The whole of a small body.
    func collect(_ request: Request, limit: Int) async throws -> [UInt8] {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit { throw Refusal.tooLarge }
        var bytes: [UInt8] = []
        var pace = Pace()
        var pieces = request.body.makeAsyncIterator()
        while let piece = try await next(&pieces, &pace) {
            guard bytes.count + piece.readableBytes <= limit else { throw Refusal.tooLarge }
            bytes += piece.readableBytesView
        }
        return bytes
    }

    /// The next piece of a body; a connection that breaks is the client's matter.
    private func next(_ pieces: inout RequestBody.AsyncIterator, _ pace: inout Pace) async throws(Refusal)
        -> ByteBuffer?
    {
        do {
            guard let piece = try await pieces.next() else { return nil }
            pace.count(piece.readableBytes)
            try pace.hold(.body)
            return piece
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw .malformed
        }
    }

    /// The body as one file. Throws a `FieldError` for one that the form does not take.
    func readFile(_ request: Request, field: FormDefinition.Field, name: String, client: [UInt8]?) async throws
        -> StoredAttachment
    {
        do {
            let file = try await receiveFile(request, field, name, client ?? [])
            metrics.file("stored")
            return file
        } catch {
            if let error = error as? FieldError { metrics.file(error.code.rawValue) }
            throw error
        }
    }

    private func receiveFile(
        _ request: Request, _ field: FormDefinition.Field, _ name: String, _ client: [UInt8]
    ) async throws -> StoredAttachment {
        guard let rule = field.files else { throw Refusal.malformed }
        var upload = try await FileUpload(
            uploads, field: field, rule: rule, name: name, client: client,
            lifetime: StoredAttachment.programClaimLifetime)
        var pace = Pace()
        var pieces = request.body.makeAsyncIterator()
        do {
            while let piece = try await next(&pieces, &pace) { try await upload.append(Array(piece.readableBytesView)) }
        } catch {
            try? await upload.discard()  // What stays is swept after a day.
            throw error
        }
        return try await upload.finish()
    }

    /// The part that is being read.
    private enum Current {
        case none
        case field(name: String)
        /// A file that was chosen, before its first byte: browsers send an empty one for an empty input.
        case announced(FormDefinition.Field, name: String)
        case file(FormDefinition.Field)
        /// What comes is not wanted.
        case skipped
    }

    private func readParts(
        _ request: Request, _ first: MultipartParser, _ files: Admission
    ) async throws -> FormBody {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > maxUpload {
            throw Refusal.tooLarge
        }
        var begun = 0
        var (parser, body, total, texts) = (first, FormBody(), 0, 0)
        var current = Current.none
        // Of the field that is being read.
        var value: [UInt8] = []
        var upload: FileUpload?
        var pace = Pace()
        var pieces = request.body.makeAsyncIterator()
        do {
            while let piece = try await next(&pieces, &pace) {
                total += piece.readableBytes
                guard total <= maxUpload else { throw Refusal.tooLarge }
                for event in try parser.feed(piece.readableBytesView) {
                    switch event {
                    case .begin(let part): current = try begin(part, body, files.form)
                    case .data(let bytes):
                        switch current {
                        case .field(let name):
                            texts += bytes.count
                            guard texts <= maxBody else { throw Refusal.tooLarge }
                            value += bytes
                            current = .field(name: name)
                        case .announced(let field, let name):
                            let (fields, earlier) = (body.fields, begun)
                            begun += 1
                            current = try await add(bytes, field, &upload, &body) {
                                guard let rule = field.files else { throw Refusal.malformed }
                                try await files.admit(field, fields, earlier)
                                return try await FileUpload(
                                    uploads, field: field, rule: rule, name: name, client: files.client ?? [])
                            }
                        case .file(let field): current = try await add(bytes, field, &upload, &body)
                        case .none, .skipped: continue
                        }
                    case .end:
                        try await end(current, value, &upload, &body)
                        current = .none
                        value = []
                    }
                }
            }
            guard parser.isComplete else { throw Refusal.malformed }
        } catch {
            try? await upload?.discard()  // What stays is swept after a day.
            switch error {
            case MultipartParser.Problem.tooManyParts: throw Refusal.tooLarge
            case MultipartParser.Problem.malformed: throw Refusal.malformed
            default: throw error
            }
        }
        return body
    }

    /// Takes a piece of a file; one that the form does not take is skipped from here on.
    private func add(
        _ bytes: [UInt8], _ field: FormDefinition.Field, _ upload: inout FileUpload?, _ body: inout FormBody,
        startingWith start: (() async throws -> FileUpload)? = nil
    ) async throws -> Current {
        do {
            if let start { upload = try await start() }
            guard upload != nil else { throw Refusal.malformed }
            try await upload?.append(bytes)
            return .file(field)
        } catch let error as FieldError {
            metrics.file(error.code.rawValue)
            body.fileErrors.append(error)
            try await upload?.discard()
            upload = nil
            return .skipped
        }
    }

    private func begin(_ part: MultipartParser.Part, _ body: FormBody, _ form: String) throws -> Current {
        guard let fileName = part.fileName else { return .field(name: part.name) }
        // Which definition the form was drawn from is its first field.
        guard let definition = runtime.definition(form, digest: body.fields["_form"]?.first) else {
            throw Refusal.unknownForm
        }
        guard let field = definition.fields.first(where: { $0.id == part.name && $0.files != nil }) else {
            throw Refusal.malformed
        }
        return .announced(field, name: fileName)
    }

    private func end(
        _ current: Current, _ value: [UInt8], _ upload: inout FileUpload?, _ body: inout FormBody
    ) async throws {
        switch current {
        case .field(let name):
            guard let text = String(validating: value, as: UTF8.self) else { throw Refusal.malformed }
            body.fields[name, default: []].append(StreamSafe.cut(text))
        case .announced(let field, let name):
            if !name.isEmpty { body.fileErrors.append(field.fileEmptyError) }
        case .file:
            do {
                guard let file = try await upload?.finish() else { throw Refusal.malformed }
                body.files.append(file)
                metrics.file("stored")
            } catch let error as FieldError {
                metrics.file(error.code.rawValue)
                body.fileErrors.append(error)
            }
            upload = nil
        case .none, .skipped: return
        }
    }
}
