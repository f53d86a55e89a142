import CMS
import Forms
import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase
import Submissions

/// What the controllers share.
struct EdgeServices: Sendable {
    let configuration: Configuration
    let runtime: FormRuntime
    let store: SubmissionDatabase
    let intake: Intake
    let reader: FormReader
    let gate: Gate
    let clients: ClientFinder
    let metrics: Metrics
    let log: EventLog

    /// A refusal, or our own failure, which is told apart in the log only.
    func refusal(_ error: any Error) -> Refusal {
        if let refusal = error as? Refusal { return refusal }
        log.write(Event("failed").with("error", error))
        return .unavailable
    }

    /// Counts a refusal and says it in the log: what an intrusion watch looks at.
    func refused(_ refusal: Refusal) {
        metrics.refused(refusal)
        log.write(Event("refused").with("code", refusal))
    }

    /// A refusal as a page; anything else that went wrong is one as well.
    func refuse(_ error: any Error, _ language: String) -> Response {
        let refusal = refusal(error)
        refused(refusal)
        return refusal.response(runtime, language: language)
    }

    /// The same for a program.
    func problem(_ error: any Error) -> Response {
        let refusal = refusal(error)
        refused(refusal)
        return refusal.problem()
    }

    /// Counts a request against what its sender may send where no proof lets it send more; throws `tooMany`.
    func admit(_ kind: RateLimiter.Kind, from client: [UInt8]?) async throws {
        guard case .pass = try await gate.check(kind, client: client) else { throw Refusal.tooMany }
    }

    /// Where this request's forms go on: the prefix, with the site that it came from.
    var prefix: String { configuration.prefix + (FormRuntime.requestSite.map { "/site/\($0)" } ?? "") }

    /// Addresses below the prefix, for the main site and for every other.
    func groups(of router: Router<EdgeContext>) -> [RouterGroup<EdgeContext>] {
        [configuration.prefix, configuration.prefix + "/site/:site"].map { router.group(RouterPath($0)) }
    }

    func client(_ request: Request, _ context: EdgeContext) -> [UInt8]? {
        clients.client(request.headers, peer: context.peer)
    }

    /// Files that a form may bring, each counted against what its sender may send.
    ///
    /// - Parameter admit: see `FormReader.Admission`.
    func files(
        of form: String, from client: [UInt8]?, paidBy payment: Gate.Payment = Gate.Payment(),
        _ admit: @escaping (_ fields: [String: [String]], _ earlier: Int) async throws -> Void
    ) -> FormReader.Admission {
        .init(form: form, client: client) { field, fields, earlier in
            // The form itself must not be lost because a file cannot be taken just now.
            guard
                case .pass = try await gate.check(
                    .upload, client: client, proof: fields["_proof"]?.first, payment: payment)
            else {
                throw field.fileBusyError
            }
            try await admit(fields, earlier)
        }
    }

    /// Files that were claimed and files that came now; a claim that stands for nothing is a mistake of its field.
    func gather(_ body: FormBody, _ form: FormDefinition) async throws -> FormBody {
        var body = body
        let now = configuration.now()
        for field in form.fields where field.type == .attachment {
            var claimed: [StoredAttachment] = []
            for claim in body.fields.removeValue(forKey: field.id) ?? [] where !claim.isEmpty {
                let store = store
                if let file = try await onBlockingThread({ try store.attachment(claim: claim, at: now) }),
                    file.description.field == field.id
                {
                    claimed.append(file)
                } else {
                    body.fileErrors.append(field.fileGoneError)
                }
            }
            body.files = claimed + body.files
        }
        return body
    }

    /// The files behind descriptions that passed, in their order.
    static func files(_ wanted: [AttachmentDescription], among known: [StoredAttachment]) -> [StoredAttachment] {
        var rest = known
        return wanted.compactMap { description in
            guard let place = rest.firstIndex(where: { $0.description == description }) else { return nil }
            return rest.remove(at: place)
        }
    }

    func page(_ status: HTTPResponse.Status, _ language: String, title: String, main: String) -> Response {
        let html = runtime.page(language: language, title: escapedHTML(title), main: main)
        return Response(
            status: status, headers: headers([:], type: "text/html; charset=utf-8"),
            body: .init(byteBuffer: ByteBuffer(string: html)))
    }

    /// What a program sent.
    func object(_ request: Request) async throws -> [String: JSON] {
        try reader.checkOrigin(request)
        guard mediaType(request) == "application/json" else { throw Refusal.mediaType }
        let bytes = try await reader.collect(request, limit: configuration.maxBody)
        guard let object = (try? JSON(parsing: bytes))?.object else { throw Refusal.malformed }
        return object
    }

    func json(_ status: HTTPResponse.Status, _ body: JSON) -> Response {
        Response(
            status: status, headers: headers([:], type: "application/json"),
            body: .init(byteBuffer: ByteBuffer(bytes: body.canonicalBytes)))
    }
}

func say(_ language: String, _ zh: String, _ en: String) -> String { language == "en" ? en : zh }

private let strictPolicy =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/// Every answer's headers: nothing is cached, framed, sniffed or run.
func headers(_ more: HTTPFields, type: String?) -> HTTPFields {
    var fields = more
    if let type { fields[.contentType] = type }
    fields[.cacheControl] = "no-store"
    fields[.init("X-Content-Type-Options")!] = "nosniff"
    fields[.init("Referrer-Policy")!] = "no-referrer"
    fields[.init("X-Frame-Options")!] = "DENY"
    fields[.init("Cross-Origin-Opener-Policy")!] = "same-origin"
    fields[.init("Content-Security-Policy")!] = strictPolicy
    return fields
}
