import Forms
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import PortalBase
import Submissions

/// The forms as citizens meet them: plain HTML, no cookies, no script needed.
struct FormsController: Sendable {
    let configuration: Configuration
    let runtime: FormRuntime
    let intake: Intake
    let store: SubmissionDatabase

    func addRoutes(to router: Router<BasicRequestContext>) {
        let group = router.group(RouterPath(configuration.prefix))
        group.get("receipts/:ticket") { request, context in await receipt(request, context) }
        // Somebody opened or reloaded the address that a form is sent to.
        group.get(":form") { _, _ in Refusal.unknownForm.response(runtime, language: "zh") }
        group.post("status") { request, context in await status(request, context) }
        group.post(":form") { request, context in await submit(request, context) }
        router.get("healthz") { _, _ in Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: "ok\n"))) }
        router.get("readyz") { _, _ in
            let ready = (try? await onBlockingThread { store.isWritable() }) ?? false
            return Response(
                status: ready ? .ok : .serviceUnavailable,
                body: .init(byteBuffer: ByteBuffer(string: ready ? "ok\n" : "not ready\n")))
        }
    }

    // MARK: Submitting

    private func submit(_ request: Request, _ context: BasicRequestContext) async -> Response {
        let body: URLEncodedBody
        switch await read(request) {
        case .failure(let refusal): return refusal.response(runtime, language: "zh")
        case .success(let read): body = read
        }
        let language = self.language(body)
        guard let id = context.parameters.get("form"),
            let form = runtime.definition(id, digest: body.fields["_form"]?.first)
        else { return Refusal.unknownForm.response(runtime, language: language) }
        // A person does not see this field.
        if body.fields["_hp"]?.contains(where: { !$0.isEmpty }) == true {
            return Refusal.malformed.response(runtime, language: language)
        }
        let input = body.fields.filter { !FormDefinition.reservedNames.contains($0.key) }
        switch form.validate(input) {
        case .failure(let failure): return formAgain(form, input, failure.errors, language)
        case .success(let answers):
            return await accept(answers, form, language, key: request.headers[HTTPField.Name("Idempotency-Key")!])
        }
    }

    private func accept(_ answers: ValidAnswers, _ form: FormDefinition, _ language: String, key: String?) async
        -> Response
    {
        if let key, !(16...255).contains(key.utf8.count) { return Refusal.badKey.response(runtime, language: language) }
        do {
            let intake = intake
            let store = store
            let ticket = try await onBlockingThread { () throws -> String? in
                switch try intake.accept(answers, form: form, language: language, idempotencyKey: key) {
                case .accepted(let credentials): try store.issueTicket(credentials, at: intake.now())
                case .keyReused: nil
                }
            }
            guard let ticket else { return Refusal.keyReused.response(runtime, language: language) }
            return Response(
                status: .seeOther,
                headers: headers([.location: "\(configuration.prefix)/receipts/\(ticket)?lang=\(language)"], type: nil))
        } catch {
            // The error names tables and codes, never a person's words.
            Logger(label: "formsapi").error("store failed: \(String(describing: type(of: error)))")
            return Refusal.unavailable.response(runtime, language: language)
        }
    }

    private func formAgain(
        _ form: FormDefinition, _ input: [String: [String]], _ errors: [FieldError], _ language: String
    ) -> Response {
        let html = FormHTML(definition: form, language: language, prefix: configuration.prefix).form(
            values: input, errors: errors)
        let title = form.title.text(language)
        let errorTitle = language == "en" ? "Error: \(title)" : "有误：\(title)"
        return page(.unprocessableContent, language, title: errorTitle, main: "<h1>\(escapedHTML(title))</h1>\n\(html)")
    }

    // MARK: Receipts

    private func receipt(_ request: Request, _ context: BasicRequestContext) async -> Response {
        let ticket = context.parameters.get("ticket") ?? ""
        let language = request.uri.queryParameters["lang"] == "en" ? "en" : "zh"
        do {
            let (store, now) = (store, configuration.now())
            guard ticket.utf8.count == 32,
                let credentials = try await onBlockingThread({ try store.redeem(ticket: ticket, at: now) })
            else {
                return Refusal.ticketGone.response(runtime, language: language)
            }
            let main = Self.receiptHTML(credentials, configuration.prefix, language)
            return page(.ok, language, title: say(language, "已收到", "Received"), main: main)
        } catch {
            return Refusal.unavailable.response(runtime, language: language)
        }
    }

    private static func receiptHTML(_ credentials: SubmissionDatabase.Credentials, _ prefix: String, _ language: String)
        -> String
    {
        let keep = say(
            language, "<strong>请抄下或拍下这两行。</strong>查询码只在这里显示，十五分钟后本页失效；我们不保存查询码，也无法找回。办理期限从现在起算。",
            "<strong>Write both down.</strong> The query code is shown here only, and this page closes in fifteen minutes; we do not keep the code and cannot recover it. Time limits run from now."
        )
        return """
            <div class="receipt">
            <h1>\(say(language, "已收到您的提交", "We have received it"))</h1>
            <p>\(say(language, "凭证号", "Receipt"))<br><code id="receipt">\(credentials.receipt.text)</code></p>
            <p>\(say(language, "查询码", "Query code"))<br><code id="code">\(credentials.code.grouped)</code></p>
            <p>\(keep)</p>
            <form method="post" action="\(prefix)/status"><input type="hidden" name="_lang" value="\(language)"><input type="hidden" name="receipt" value="\(credentials.receipt.text)"><input type="hidden" name="code" value="\(credentials.code.text)"><p><button type="submit">\(say(language, "查询进度", "Look it up"))</button></p></form>
            </div>
            """
    }

    // MARK: Status

    private func status(_ request: Request, _ context: BasicRequestContext) async -> Response {
        let body: URLEncodedBody
        switch await read(request) {
        case .failure(let refusal): return refusal.response(runtime, language: "zh")
        case .success(let read): body = read
        }
        let language = self.language(body)
        let view = StatusView(store: store)
        let (receipt, code) = (body.fields["receipt"]?.first ?? "", body.fields["code"]?.first ?? "")
        do {
            let found = try await onBlockingThread { try view.find(receipt: receipt, code: code) }
            return page(
                .ok, language, title: say(language, "办理进度", "Your request"), main: Self.statusHTML(found, language))
        } catch {
            return Refusal.unavailable.response(runtime, language: language)
        }
    }

    private static let states: [String: Bilingual] = [
        "received": Bilingual(zh: "已收到，等待办理", en: "Received, waiting to be handled"),
        "accepted": Bilingual(zh: "已受理，正在办理", en: "Accepted, being handled"),
        "correction": Bilingual(zh: "需要补正", en: "Something is missing"),
        "answered": Bilingual(zh: "已答复", en: "Answered"),
        "granted": Bilingual(zh: "准予许可", en: "Granted"),
        "refused": Bilingual(zh: "不予许可", en: "Refused"),
        "notAccepted": Bilingual(zh: "不予受理", en: "Not accepted"),
    ]

    private static func statusHTML(_ found: StatusView.Found, _ language: String) -> String {
        switch found {
        case .nothing:
            let text = say(
                language, "没有找到。请核对凭证号和查询码：字母 O 与数字 0、字母 I 与数字 1 视为相同。",
                "Nothing was found. Check receipt and code: O and 0, I and 1 count as the same.")
            return "<h1>\(say(language, "没有找到", "Not found"))</h1><p id=\"state\">\(text)</p>"
        case .received:
            return
                "<h1>\(say(language, "办理进度", "Your request"))</h1><div class=\"panel\"><p id=\"state\">\(states["received"]!.text(language))</p></div>"
        case .answer(let json, _):
            let state = states[json["state"]?.string ?? ""]?.text(language) ?? ""
            var out =
                "<h1>\(say(language, "办理进度", "Your request"))</h1><div class=\"panel\"><p id=\"state\"><strong>\(escapedHTML(state))</strong></p>"
            if let text = json["text"]?.string, !text.isEmpty {
                out += "<p id=\"answer\">\(escapedHTML(text).replacing("\n", with: "<br>"))</p>"
            }
            var rows = ""
            for (key, label) in [
                ("received", ("收到", "Received")), ("due", ("期限", "Due")), ("updated", ("更新", "Updated")),
            ] {
                if let date = json["dates"]?[key]?.string {
                    rows += "<div><dt>\(say(language, label.0, label.1))</dt><dd>\(escapedHTML(date))</dd></div>"
                }
            }
            return out + "<dl class=\"guide\">\(rows)</dl></div>"
        }
    }

    // MARK: Reading and answering

    private func language(_ body: URLEncodedBody) -> String {
        let wanted = body.fields["_lang"]?.first ?? "zh"
        return FormRuntime.languages.contains(wanted) ? wanted : "zh"
    }

    /// Limits before work: origin, type, size, then the body.
    private func read(_ request: Request) async -> Result<URLEncodedBody, Refusal> {
        if let site = request.headers[HTTPField.Name("Sec-Fetch-Site")!], site != "same-origin", site != "none" {
            return .failure(.crossSite)
        }
        if let origin = request.headers[.origin], origin != "null" {
            let host = request.headers[HTTPField.Name("X-Forwarded-Host")!] ?? request.head.authority ?? ""
            guard origin == "http://" + host || origin == "https://" + host else { return .failure(.crossSite) }
        }
        let type =
            request.headers[.contentType]?.split(separator: ";").first.map { $0.trimmingPrefix(" ").lowercased() } ?? ""
        guard type == "application/x-www-form-urlencoded" else { return .failure(.mediaType) }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > configuration.maxBody {
            return .failure(.tooLarge)
        }
        var bytes: [UInt8] = []
        do {
            for try await buffer in request.body {
                guard bytes.count + buffer.readableBytes <= configuration.maxBody else { return .failure(.tooLarge) }
                bytes += buffer.readableBytesView
            }
        } catch {
            return .failure(.malformed)
        }
        return URLEncodedBody(bytes).map { .success($0) } ?? .failure(.malformed)
    }

    private func page(_ status: HTTPResponse.Status, _ language: String, title: String, main: String) -> Response {
        let html = runtime.page(language: language, title: escapedHTML(title), main: main)
        return Response(
            status: status, headers: headers([:], type: "text/html; charset=utf-8"),
            body: .init(byteBuffer: ByteBuffer(string: html)))
    }
}

func say(_ language: String, _ zh: String, _ en: String) -> String { language == "en" ? en : zh }

/// Every answer's headers: nothing is cached, framed, sniffed or run.
func headers(_ more: HTTPFields, type: String?) -> HTTPFields {
    var fields = more
    if let type { fields[.contentType] = type }
    fields[.cacheControl] = "no-store"
    fields[HTTPField.Name("X-Content-Type-Options")!] = "nosniff"
    fields[HTTPField.Name("Referrer-Policy")!] = "no-referrer"
    fields[HTTPField.Name("X-Frame-Options")!] = "DENY"
    fields[HTTPField.Name("Cross-Origin-Opener-Policy")!] = "same-origin"
    fields[HTTPField.Name("Content-Security-Policy")!] =
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    return fields
}
