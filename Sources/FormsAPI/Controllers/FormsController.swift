import Forms
import HTTPTypes
import Hummingbird
import Logging
import PortalBase
import Submissions

/// The forms as citizens meet them: plain HTML, no cookies, no script needed.
struct FormsController: Sendable {
    let services: EdgeServices

    private var prefix: String { services.prefix }

    func addRoutes(to router: Router<EdgeContext>) {
        for group in services.groups(of: router) {
            // Somebody opened or reloaded the address that a form is sent to.
            group.get(":form") { request, context in page(of: context.parameters.get("form") ?? "", request) }
            group.get(":form/steps/:ticket") { request, context in await stepPage(request, context) }
            group.post(":form") { request, context in await submit(request, context) }
        }
    }

    /// Leads to the page that carries the form.
    private func page(of form: String, _ request: Request) -> Response {
        let language = request.uri.queryParameters["lang"] == "en" ? "en" : "zh"
        guard let address = services.runtime.page(of: form, language: language) else {
            return services.refuse(Refusal.unknownForm, language)
        }
        return Response(status: .seeOther, headers: headers([.location: address], type: nil))
    }

    private func submit(_ request: Request, _ context: EdgeContext) async -> Response {
        var language = "zh"
        do {
            let id = context.parameters.get("form") ?? ""
            let client = services.client(request, context)
            try await services.admit(.request, from: client)
            let payment = Gate.Payment()
            let read = try await services.reader.read(
                request, admitting: services.files(of: id, from: client, paidBy: payment) { _, _ in })
            language = read.language
            guard let form = services.runtime.definition(id, digest: read.fields["_form"]?.first) else {
                throw Refusal.unknownForm
            }
            // A person does not see this field.
            if read.fields["_hp"]?.contains(where: { !$0.isEmpty }) == true { throw Refusal.malformed }
            let body = try await services.gather(read, form)
            if form.steps, let answer = try await step(form, body, client) { return answer }
            switch form.validate(body.input, files: body.files.map(\.description)) {
            case .failure(let failure): return try await again(form, body, body.fileErrors + failure.errors, client)
            case .success(let answers):
                if !body.fileErrors.isEmpty { return try await again(form, body, body.fileErrors, client) }
                let key = try request.headers.checkedIdempotencyKey()
                return try await accept(answers, form, body, key, client, payment)
            }
        } catch {
            return services.refuse(error, language)
        }
    }

    private func accept(
        _ answers: ValidAnswers, _ form: FormDefinition, _ body: FormBody, _ key: String?, _ client: [UInt8]?,
        _ payment: Gate.Payment
    ) async throws -> Response {
        let words = Intake.words(answers, form)
        switch try await services.gate.check(
            .submission, client: client, proof: body.fields["_proof"]?.first, for: words,
            payment: payment)
        {
        case .pass: break
        case .wait: throw Refusal.tooMany
        case .prove: return try await askForProof(form, body, ProofOfWork.binding(client, words))
        }
        let ticket = services.store.newTicket()
        let outcome = try await services.intake.accept(
            answers, files: EdgeServices.files(answers.files, among: body.files), form: form,
            .init(language: body.language, client: client ?? [], idempotencyKey: key, ticket: ticket))
        switch outcome {
        case .keyReused: throw Refusal.keyReused
        case .fileGone:
            // Which of them cannot be told: all are asked for again.
            let errors = form.fields.filter { field in body.files.contains { $0.description.field == field.id } }
                .map(\.fileGoneError)
            var emptied = body
            emptied.files = []
            return try await again(form, emptied, errors, client)
        case .accepted(_, let isNew):
            services.metrics.submitted(KnownForm(form), isNew ? "stored" : "repeated")
            return Response(
                status: .seeOther,
                headers: headers([.location: "\(prefix)/receipts/\(ticket)?lang=\(body.language)"], type: nil))
        }
    }

    // MARK: The form again

    private func draw(
        _ form: FormDefinition, _ body: FormBody, _ errors: [FieldError] = [], page: String? = nil, proof: String = ""
    ) -> String {
        var filled = FormHTML.Filled()
        filled.values = body.input
        filled.files = body.files.map { ($0.claim, $0.description) }
        filled.errors = errors
        filled.page = page
        return FormHTML(
            definition: form, language: body.language, prefix: prefix, gazetteer: services.runtime.gazetteer
        ).form(filled, proof: proof, fileProof: fileProof(errors))
    }

    private func again(
        _ form: FormDefinition, _ body: FormBody, _ errors: [FieldError], _ client: [UInt8]?,
        page wanted: String? = nil
    ) async throws -> Response {
        services.metrics.submitted(KnownForm(form), "invalid")
        let wrong = form.pages.first { page in
            errors.contains { error in page.fields.contains { $0.id == error.field } }
        }
        let page = wanted ?? wrong?.id
        if form.steps, let kept = try await keep(form, body, errors, client, page: page) { return kept }
        return corrected(form, body, errors, page: page)
    }

    private func corrected(
        _ form: FormDefinition, _ body: FormBody, _ errors: [FieldError], page: String?
    ) -> Response {
        answer(
            .unprocessableContent, form, body, titled: { say($0, "有误：", "Error: ") },
            draw(form, body, errors, page: page))
    }

    private func answer(
        _ status: HTTPResponse.Status, _ form: FormDefinition, _ body: FormBody,
        titled prefix: (String) -> String = { _ in "" }, _ html: String
    ) -> Response {
        let title = form.title.text(body.language)
        return services.page(
            status, body.language, title: prefix(body.language) + title,
            main: "<h1>\(escapedHTML(title))</h1>\n\(html)")
    }

    /// The next page of a form in steps; nil when it is to be sent.
    private func step(_ form: FormDefinition, _ body: FormBody, _ client: [UInt8]?) async throws -> Response? {
        let page = body.fields["_page"]?.first ?? form.pages[0].id
        let files = body.files.map(\.description)
        func show(_ page: String) async throws -> Response {
            if let kept = try await keep(form, body, [], client, page: page) { return kept }
            return answer(.ok, form, body, draw(form, body, page: page))
        }
        switch body.fields["_step"]?.first {
        case "back": return try await show(form.step(before: page, body.input, files: files))
        case "submit" where page == FormHTML.reviewStep: return nil
        default:
            if page == FormHTML.reviewStep { return nil }
            let own = form.pages.first { $0.id == page }?.fields.map(\.id) ?? []
            let fileErrors = body.fileErrors.filter { own.contains($0.field) }
            switch form.step(after: page, body.input, files: files) {
            case .mistakes(let wrong, let errors):
                return try await again(form, body, fileErrors + errors, client, page: wrong)
            case _ where !fileErrors.isEmpty: return try await again(form, body, fileErrors, client, page: page)
            case .page(let next): return try await show(next)
            case .review: return try await show(FormHTML.reviewStep)
            }
        }
    }

    // MARK: Pages of a form in steps

    /// Keeps the page and leads to it: Back and Reload then fetch it and send nothing. Nil where it cannot be kept: the page is then the
    /// answer, and what was typed is not lost.
    private func keep(
        _ form: FormDefinition, _ body: FormBody, _ errors: [FieldError], _ client: [UInt8]?, page: String?
    ) async throws -> Response? {
        let content = StepPage(digest: form.digest, page: page, body: body, errors: errors).bytes
        guard services.gate.mayKeep(stepBytes: content.count, client: client) else { return nil }
        let kept: String?
        do {
            kept = try await services.store.keep(stepPage: content, at: services.configuration.now())
        } catch {
            Logger(label: "formsapi").warning("a step was not kept: \(type(of: error))")
            kept = nil
        }
        guard let ticket = kept else { return nil }
        return Response(
            status: .seeOther,
            headers: headers([.location: "\(prefix)/\(form.id)/steps/\(ticket)?lang=\(body.language)"], type: nil))
    }

    private func stepPage(_ request: Request, _ context: EdgeContext) async -> Response {
        let (id, ticket) = (context.parameters.get("form") ?? "", context.parameters.get("ticket") ?? "")
        let language = request.uri.queryParameters["lang"] == "en" ? "en" : "zh"
        do {
            let (store, now) = (services.store, services.configuration.now())
            guard ticket.utf8.count == 32,
                let content = try await onBlockingThread({ try store.stepPage(ticket, at: now) }),
                let kept = StepPage(content), let form = services.runtime.definition(id, digest: kept.digest)
            else { throw Refusal.stepGone }
            var body = FormBody(fields: kept.fields)
            for claim in kept.claims {
                if let file = try await onBlockingThread({ try store.attachment(claim: claim, at: now) }) {
                    body.files.append(file)
                }
            }
            return kept.errors.isEmpty
                ? answer(.ok, form, body, draw(form, body, page: kept.page))
                : corrected(form, body, kept.errors, page: kept.page)
        } catch {
            return services.refuse(error, language)
        }
    }

    /// Where a file was not taken in, a challenge that a script solves: one proof pays for the form and its files.
    private func fileProof(_ errors: [FieldError]) -> String {
        guard errors.contains(where: { $0.code == .fileBusy }) else { return "" }
        return
            "<div class=\"proof\" data-challenge=\"\(prefix)/challenge\"><p></p><input type=\"hidden\" name=\"_proof\" value=\"\"></div>\n"
    }

    /// Under pressure: everything that was typed, and what to add to it. A script solves a challenge; without one, the
    /// slip is good after a while.
    private func askForProof(_ form: FormDefinition, _ body: FormBody, _ bound: String) async throws -> Response {
        services.refused(.proofNeeded)
        let (proof, now) = (services.gate.proof, services.configuration.now())
        let slip = try await onBlockingThread { try proof.slip(for: bound, at: now) }
        let text = say(
            body.language, "现在提交的人较多。请等 \(ProofOfWork.waiting) 秒，再按一次“提交”。您填写的内容都在，没有丢失。",
            "Many people are sending forms right now. Wait \(ProofOfWork.waiting) seconds, then press “Submit” again. Everything you typed is still here."
        )
        let html =
            "<div class=\"proof\" role=\"alert\" data-challenge=\"\(prefix)/challenge\"><p>\(escapedHTML(text))</p><input type=\"hidden\" name=\"_proof\" value=\"\(slip)\"></div>\n"
        var response = answer(
            .tooManyRequests, form, body,
            draw(form, body, page: form.steps ? FormHTML.reviewStep : nil, proof: html))
        response.headers[.retryAfter] = String(ProofOfWork.waiting)
        return response
    }
}
