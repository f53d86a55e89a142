import Forms
import HTTPTypes
import Hummingbird
import PortalBase
import Submissions

/// Receipts and what became of a request: pages that only their citizen can open.
struct StatusController: Sendable {
    let services: EdgeServices
    let followUp: FollowUp

    func addRoutes(to router: Router<EdgeContext>) {
        for group in services.groups(of: router) {
            group.get("receipts/:ticket") { request, context in await receipt(request, context) }
            group.post("receipts/:ticket") { request, context in await close(request, context) }
            // Somebody opened or reloaded the address that a look-up is sent to.
            group.get("status") { request, _ in lookUpPage(request) }
            group.post("status") { request, context in await status(request, context) }
            group.post("supplements/:form") { request, context in await supplement(request, context) }
            group.post("follow-up") { request, context in await follow(request, context) }
            group.get("challenge") { _, _ in await challenge() }
        }
    }

    /// A challenge for scripts, when a form must bring a proof.
    private func challenge() async -> Response {
        do {
            let (proof, now) = (services.gate.proof, services.configuration.now())
            return services.json(.ok, try await onBlockingThread { try proof.challenge(at: now) })
        } catch {
            return services.refusal(error).problem()
        }
    }

    // MARK: Receipts

    private func receipt(_ request: Request, _ context: EdgeContext) async -> Response {
        let ticket = context.parameters.get("ticket") ?? ""
        let language = request.uri.queryParameters["lang"] == "en" ? "en" : "zh"
        do {
            let (store, now) = (services.store, services.configuration.now())
            let client = services.client(request, context) ?? []
            guard ticket.utf8.count == 32,
                let credentials = try await onBlockingThread({
                    try store.redeem(ticket: ticket, client: client, at: now)
                })
            else { throw Refusal.ticketGone }
            let main = Self.receiptHTML(credentials, services.prefix, ticket, language)
            return services.page(.ok, language, title: say(language, "已收到", "Received"), main: main)
        } catch {
            return services.refuse(error, language)
        }
    }

    /// Closes the page before its time, for a machine that others use too.
    private func close(_ request: Request, _ context: EdgeContext) async -> Response {
        let ticket = context.parameters.get("ticket") ?? ""
        var language = "zh"
        do {
            language = try await services.reader.read(request).language
            let store = services.store
            if ticket.utf8.count == 32 { try await onBlockingThread { try store.close(ticket: ticket) } }
            let title = say(language, "已关闭", "Closed")
            let text = say(
                language, "凭证号和查询码不再显示。请用您抄下的查询进度。",
                "Receipt and code are no longer shown. Use what you wrote down to look it up.")
            return services.page(
                .ok, language, title: title,
                main: "<h1>\(title)</h1><div class=\"panel\"><p id=\"done\">\(text)</p></div>")
        } catch {
            return services.refuse(error, language)
        }
    }

    private static func receiptHTML(
        _ credentials: SubmissionDatabase.Credentials, _ prefix: String, _ ticket: String, _ language: String
    ) -> String {
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
            <form method="post" action="\(prefix)/receipts/\(ticket)"><input type="hidden" name="_lang" value="\(language)"><p><button type="submit" class="secondary">\(say(language, "我抄好了，关闭本页", "I have written both down: close this page"))</button></p></form>
            </div>
            """
    }

    // MARK: Status

    private func status(_ request: Request, _ context: EdgeContext) async -> Response {
        var language = "zh"
        do {
            try await services.admit(.lookup, from: services.client(request, context))
            let body = try await services.reader.read(request)
            language = body.language
            let view = StatusView(store: services.store)
            let (receipt, code) = (body.fields["receipt"]?.first ?? "", body.fields["code"]?.first ?? "")
            let found = try await onBlockingThread { try view.find(receipt: receipt, code: code) }
            var main =
                Self.statusHTML(found, language)
                + PaperController.list(found, receipt, code, services.prefix, language)
                + offers(found, receipt, code, language)
            if case .nothing = found { main += lookUpForm(receipt, code, language) }
            return services.page(.ok, language, title: say(language, "办理进度", "Your request"), main: main)
        } catch {
            return services.refuse(error, language)
        }
    }

    /// The look-up once more, with what was typed.
    private func lookUpForm(_ receipt: String, _ code: String, _ language: String) -> String {
        func field(_ name: String, _ label: String, _ value: String) -> String {
            let shown = value.utf8.count <= 200 ? escapedHTML(value) : ""
            return
                "<div class=\"field\"><label for=\"f-\(name)\">\(label)</label><input id=\"f-\(name)\" name=\"\(name)\" value=\"\(shown)\" required spellcheck=\"false\" autocomplete=\"off\" autocapitalize=\"characters\"></div>"
        }
        return """
            <form class="form" method="post" action="\(services.prefix)/status"><input type="hidden" name="_lang" value="\(language)">
            \(field("receipt", say(language, "凭证号", "Receipt"), receipt))
            \(field("code", say(language, "查询码", "Query code"), code))
            <p><button type="submit">\(say(language, "再查一次", "Look it up again"))</button></p></form>
            """
    }

    private func lookUpPage(_ request: Request) -> Response {
        let language = request.uri.queryParameters["lang"] == "en" ? "en" : "zh"
        if let address = services.runtime.page(of: FormRuntime.statusPage, language: language) {
            return Response(status: .seeOther, headers: headers([.location: address], type: nil))
        }
        let title = say(language, "查询办理进度", "Look up your request")
        return services.page(.ok, language, title: title, main: "<h1>\(title)</h1>" + lookUpForm("", "", language))
    }

    // MARK: What the citizen may do now

    /// Forms for what the state allows. Receipt and code stand in them: they were typed a moment ago.
    private func offers(
        _ found: StatusView.Found, _ receipt: String, _ code: String, _ language: String
    ) -> String {
        func form(_ action: String, _ inner: String, _ button: String, secondary: Bool) -> String {
            """
            <form class="form panel" method="post" action="\(services.prefix)/follow-up"><input type="hidden" name="_lang" value="\(language)"><input type="hidden" name="receipt" value="\(escapedHTML(receipt))"><input type="hidden" name="code" value="\(escapedHTML(code))"><input type="hidden" name="action" value="\(action)">\(inner)<p><button type="submit"\(secondary ? " class=\"secondary\"" : "")>\(button)</button></p></form>

            """
        }
        var out = ""
        if FollowUp.ratingToken(found) != nil {
            func choice(_ name: String, _ value: String, _ label: String) -> String {
                "<div class=\"choice\"><input type=\"radio\" id=\"f-\(name)-\(value)\" name=\"\(name)\" value=\"\(value)\" required><label for=\"f-\(name)-\(value)\">\(label)</label></div>"
            }
            let scores = [
                (5, say(language, "非常满意", "Very satisfied")), (4, say(language, "满意", "Satisfied")),
                (3, say(language, "一般", "Neither")), (2, say(language, "不满意", "Dissatisfied")),
                (1, say(language, "非常不满意", "Very dissatisfied")),
            ]
            let solved =
                choice("solved", "yes", say(language, "解决了", "Yes"))
                + choice("solved", "no", say(language, "没有解决", "No"))
            out += form(
                "rate",
                """
                <h2>\(say(language, "请您评价", "How did we do?"))</h2>
                <fieldset class="choices"><legend>\(say(language, "问题解决了吗？", "Is the matter solved?"))</legend>\(solved)</fieldset>
                <fieldset class="choices"><legend>\(say(language, "您对办理满意吗？", "Are you satisfied with how it was handled?"))</legend>\(scores.map { choice("score", "\($0.0)", $0.1) }.joined())</fieldset>
                <div class="field"><label for="f-words">\(say(language, "想说的话（选填）", "Anything else (optional)"))</label><textarea id="f-words" name="words" rows="3"></textarea></div>
                """, say(language, "提交评价", "Send"), secondary: false)
        }
        if let correction = FollowUp.correction(found), let form = correctionForm(correction) {
            out += draw(form, correction, receipt, code, FormHTML.Filled(), language)
        }
        if FollowUp.canWithdraw(found) {
            let text = say(
                language, "不需要再办了，可以撤回。撤回以后不能恢复；需要时可以重新提交。",
                "If you no longer need it, you can withdraw it. That cannot be undone; you can send a new one.")
            out += form(
                "withdraw", "<h2>\(say(language, "撤回", "Withdraw"))</h2><p>\(text)</p>",
                say(language, "撤回这件事", "Withdraw it"), secondary: true)
        }
        return out
    }

    // MARK: Supplements

    private func correctionForm(_ correction: FollowUp.Correction) -> FormDefinition? {
        services.runtime.definition(correction.form, digest: correction.digest)?.asking(
            for: correction.fields, title: .init("需要补正的内容", "What is missing"))
    }

    /// The notice that a supplement answers. Throws where receipt and code lead to none.
    private func asked(
        _ fields: [String: [String]]
    ) async throws -> (receipt: String, code: String, FollowUp.Correction, FormDefinition) {
        let (receipt, code) = (fields["_receipt"]?.first ?? "", fields["_code"]?.first ?? "")
        let found = try await followUp.find(receipt: receipt, code: code)
        if case .nothing = found { throw Refusal.notFound }
        guard let correction = FollowUp.correction(found), let form = correctionForm(correction) else {
            throw Refusal.notPossible
        }
        return (receipt, code, correction, form)
    }

    private func draw(
        _ form: FormDefinition, _ correction: FollowUp.Correction, _ receipt: String, _ code: String,
        _ filled: FormHTML.Filled, _ language: String
    ) -> String {
        FormHTML(
            definition: form, language: language, prefix: services.prefix + "/supplements",
            gazetteer: services.runtime.gazetteer
        ).form(filled, carrying: [("_receipt", receipt), ("_code", code)])
    }

    /// The answer to a correction notice: only what it asks for, checked like any form.
    private func supplement(_ request: Request, _ context: EdgeContext) async -> Response {
        var language = "zh"
        do {
            let client = services.client(request, context)
            for kind in [RateLimiter.Kind.lookup, .upload] {
                try await services.admit(kind, from: client)
            }
            // Receipt and code stand before the files, of which none is taken in from anybody else.
            let id = context.parameters.get("form") ?? ""
            let read = try await services.reader.read(
                request,
                admitting: services.files(of: id, from: client) { fields, earlier in
                    guard earlier == 0 else { return }
                    language = FormBody(fields: fields).language
                    _ = try await asked(fields)
                })
            language = read.language
            let (receipt, code, correction, form) = try await asked(read.fields)
            let body = try await services.gather(read, form)
            let errors: [FieldError]
            switch form.validate(body.input, files: body.files.map(\.description)) {
            case .failure(let failure): errors = body.fileErrors + failure.errors
            case .success(let answers) where body.fileErrors.isEmpty:
                let files = EdgeServices.files(answers.files, among: body.files)
                switch try await followUp.supplement(answers, files, correction, receipt: receipt, code: code) {
                case .accepted: break
                case .tooMany: throw Refusal.supplementedOften
                case .notFound, .notPossible: throw Refusal.notPossible
                }
                return thanks(say(language, "已收到您补正的内容", "What you added has been received"), language)
            case .success: errors = body.fileErrors
            }
            var filled = FormHTML.Filled()
            filled.values = body.input
            filled.files = body.files.map { ($0.claim, $0.description) }
            filled.errors = errors
            let title = say(language, "有误：补正", "Error: what is missing")
            return services.page(
                .unprocessableContent, language, title: title,
                main: "<h1>\(say(language, "补正", "What is missing"))</h1>"
                    + draw(form, correction, receipt, code, filled, language))
        } catch {
            return services.refuse(error, language)
        }
    }

    private func thanks(_ title: String, _ language: String) -> Response {
        let text = say(
            language, "它会和其他来件一起送到办理系统；送到以后，查询页面会显示结果。",
            "It goes to the handling system with everything else; your status page shows when it has arrived.")
        return services.page(
            .ok, language, title: title, main: "<h1>\(title)</h1><div class=\"panel\"><p id=\"done\">\(text)</p></div>")
    }

    private func follow(_ request: Request, _ context: EdgeContext) async -> Response {
        var language = "zh"
        do {
            try await services.admit(.lookup, from: services.client(request, context))
            let body = try await services.reader.read(request)
            language = body.language
            guard let action = FollowUp.Action({ body.fields[$0]?.first }) else { throw Refusal.incomplete }
            let (receipt, code) = (body.fields["receipt"]?.first ?? "", body.fields["code"]?.first ?? "")
            switch try await followUp.send(action, receipt: receipt, code: code) {
            case .notFound: throw Refusal.notFound
            case .notPossible, .tooMany: throw Refusal.notPossible
            case .accepted:
                return thanks(
                    action == .withdraw
                        ? say(language, "已收到您的撤回", "Your withdrawal has been received")
                        : say(language, "谢谢您的评价", "Thank you for telling us"), language)
            }
        } catch {
            return services.refuse(error, language)
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
        "withdrawn": Bilingual(zh: "已撤回", en: "Withdrawn"),
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
                out += "<p id=\"answer\">\(escapedHTMLLines(text))</p>"
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
}
