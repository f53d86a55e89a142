import Forms
import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase
import Submissions

/// `/api/v1`: the same intake for programs. Described by `OpenAPI.document`; mistakes are problem details (RFC 9457).
struct APIController: Sendable {
    let services: EdgeServices

    func addRoutes(to router: Router<EdgeContext>) {
        let group = router.group("/api/v1")
        group.get("openapi.json") { _, _ in
            Response(
                status: .ok, headers: headers([:], type: "application/json"),
                body: .init(byteBuffer: ByteBuffer(string: OpenAPI.document)))
        }
        group.get("forms") { _, _ in forms() }
        group.get("forms/:form") { _, context in await answer { try definition(context) } }
        group.post("forms/:form/submissions") { request, context in
            await answer { try await submit(request, context) }
        }
        group.post("forms/:form/attachments") { request, context in
            await answer { try await attach(request, context) }
        }
        group.post("status") { request, context in await answer { try await status(request, context) } }
        group.get("challenge") { _, _ in
            await answer {
                let (proof, now) = (services.gate.proof, services.configuration.now())
                return services.json(.ok, try await onBlockingThread { try proof.challenge(at: now) })
            }
        }
    }

    /// A refusal with what belongs to it.
    private struct Problem: Error {
        let refusal: Refusal
        let more: [String: JSON]
    }

    private func answer(_ make: () async throws -> Response) async -> Response {
        do {
            return try await make()
        } catch let problem as Problem {
            services.refused(problem.refusal)
            return problem.refusal.problem(problem.more)
        } catch {
            return services.problem(error)
        }
    }

    // MARK: Forms

    private func forms() -> Response {
        let forms = services.runtime.forms().map { form in
            JSON.object([
                "id": .string(form.id), "kind": .string(form.kind.rawValue), "digest": .string(form.digest),
                "title": .object(["zh": .string(form.title.text("zh")), "en": .string(form.title.text("en"))]),
            ])
        }
        return services.json(.ok, .object(["forms": .array(forms)]))
    }

    private func definition(_ context: EdgeContext) throws -> Response {
        let form = try form(context, digest: nil)
        guard let bytes = services.runtime.source(form) else { throw Refusal.unknownForm }
        return Response(
            status: .ok, headers: headers([.eTag: "\"\(form.digest)\""], type: "application/json"),
            body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    private func form(_ context: EdgeContext, digest: String?) throws -> FormDefinition {
        guard let form = services.runtime.definition(context.parameters.get("form") ?? "", digest: digest) else {
            throw Refusal.unknownForm
        }
        return form
    }

    // MARK: Submissions

    private func admit(
        _ kind: RateLimiter.Kind, _ request: Request, _ context: EdgeContext, proof: String?
    ) async throws {
        let client = services.client(request, context)
        switch try await services.gate.check(kind, client: client, proof: proof) {
        case .pass: return
        case .wait: throw Refusal.tooMany
        case .prove:
            let (source, now) = (services.gate.proof, services.configuration.now())
            let challenge = try await onBlockingThread { try source.challenge(at: now) }
            throw Problem(refusal: .proofNeeded, more: ["challenge": challenge])
        }
    }

    /// No form takes more; each costs a look into the database.
    private static let maxAttachments = 100

    private static let submissionKeys: Set<String> = ["form", "language", "answers", "attachments", "proof"]

    private func submit(_ request: Request, _ context: EdgeContext) async throws -> Response {
        try await admit(.request, request, context, proof: nil)
        let body = try await services.object(request)
        guard Set(body.keys).isSubset(of: Self.submissionKeys), let answers = body["answers"]?.object,
            body["form"].map({ $0.string != nil }) ?? true, body["proof"].map({ $0.string != nil }) ?? true,
            body["attachments"].map({ $0.array?.allSatisfy { $0.string != nil } ?? false }) ?? true,
            (body["attachments"]?.array?.count ?? 0) <= Self.maxAttachments,
            let language = body["language"].map({ $0.string }) ?? "zh", FormRuntime.languages.contains(language)
        else { throw Refusal.malformed }
        let key = try request.headers.checkedIdempotencyKey()
        let form = try form(context, digest: body["form"]?.string)
        var errors: [FieldError] = []
        var files: [StoredAttachment] = []
        let now = services.configuration.now()
        for claim in body["attachments"]?.array?.compactMap(\.string) ?? [] {
            let store = services.store
            guard let file = try await onBlockingThread({ try store.attachment(claim: claim, at: now) }),
                form.fields.contains(where: { $0.id == file.description.field && $0.files != nil })
            else {
                errors.append(Self.unknownClaim)
                continue
            }
            files.append(file)
        }
        let (input, typeErrors) = form.input(json: answers)
        errors += typeErrors
        switch form.validate(input, files: files.map(\.description)) {
        case .failure(let failure):
            // A value of the wrong type would be called missing a second time.
            let named = Set(typeErrors.map(\.field))
            throw Self.invalid(errors + failure.errors.filter { !named.contains($0.field) })
        case .success(let valid):
            if !errors.isEmpty { throw Self.invalid(errors) }
            // What was ignored would be lost in silence.
            if valid.files.count != files.count { throw Self.invalid([Self.unknownClaim]) }
            try await admit(.submission, request, context, proof: body["proof"]?.string)
            let outcome = try await services.intake.accept(
                valid, files: EdgeServices.files(valid.files, among: files), form: form,
                .init(
                    language: language, channel: .api, client: services.client(request, context) ?? [],
                    idempotencyKey: key))
            switch outcome {
            case .keyReused: throw Refusal.keyReused
            case .fileGone: throw Self.invalid([Self.unknownClaim])
            case .accepted(let credentials, let isNew):
                services.metrics.submitted(KnownForm(form), isNew ? "stored" : "repeated")
                return services.json(
                    isNew ? .created : .ok,
                    .object([
                        "receipt": .string(credentials.receipt.text), "code": .string(credentials.code.text),
                        "repeated": .bool(!isNew),
                    ]))
            }
        }
    }

    private static let unknownClaim = FieldError(
        field: "attachments", code: .fileGone,
        message: Bilingual(
            zh: "附件已经过期、用过，或不属于这份表单", en: "an attachment has expired, was used, or does not belong to this form"))

    private static func invalid(_ errors: [FieldError]) -> Problem {
        Problem(
            refusal: .invalid,
            more: [
                "errors": .array(
                    errors.map {
                        .object([
                            "field": .string($0.field), "code": .string($0.code.rawValue),
                            "message": .object(["zh": .string($0.message.zh), "en": .string($0.message.en)]),
                        ])
                    })
            ])
    }

    // MARK: Attachments

    /// The body is the file; `field` and `name` stand in the query.
    private func attach(_ request: Request, _ context: EdgeContext) async throws -> Response {
        try services.reader.checkOrigin(request)
        let query = request.uri.queryParameters
        try await admit(.upload, request, context, proof: query["proof"].map(String.init))
        let form = try form(context, digest: nil)
        guard let id = query["field"].map(String.init), let name = query["name"].map(String.init), !name.isEmpty,
            let field = form.fields.first(where: { $0.id == id && $0.files != nil })
        else { throw Refusal.unknownField }
        do {
            let file = try await services.reader.readFile(
                request, field: field, name: name, client: services.client(request, context))
            return services.json(
                .created,
                .object(
                    file.description.fields.merging([
                        "claim": .string(file.claim),
                        "expires": .string(
                            services.configuration.now().adding(seconds: StoredAttachment.programClaimLifetime).rfc3339(
                                in: .shanghai)),
                    ]) { $1 }))
        } catch let error as FieldError {
            throw Self.invalid([error])
        }
    }

    // MARK: Status

    private func status(_ request: Request, _ context: EdgeContext) async throws -> Response {
        try await admit(.lookup, request, context, proof: nil)
        let body = try await services.object(request)
        guard let receipt = body["receipt"]?.string, let code = body["code"]?.string, body.count == 2 else {
            throw Refusal.malformed
        }
        let view = StatusView(store: services.store)
        switch try await onBlockingThread({ try view.find(receipt: receipt, code: code) }) {
        case .nothing: throw Refusal.notFound
        case .received: return services.json(.ok, .object(["state": .string("received"), "version": .integer(0)]))
        case .answer(let json, let version):
            var shown: [String: JSON] = ["version": .integer(version)]
            for key in ["state", "text", "dates", "papers"] { shown[key] = json[key] }
            return services.json(.ok, .object(shown))
        }
    }
}
