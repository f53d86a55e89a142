import Forms
import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase
import Seals
import Submissions

/// Decisions and notices: saved by their citizen, verified by anybody.
struct PaperController: Sendable {
    let services: EdgeServices
    let followUp: FollowUp

    func addRoutes(to router: Router<EdgeContext>) {
        for group in services.groups(of: router) {
            group.post("papers") { request, context in await save(request, context) }
            group.get("verify") { request, _ in page(request, FormRuntime.verifyPage) }
            group.post("verify") { request, context in await verify(request, context) }
        }
        let api = router.group("/api/v1")
        api.post("papers") { request, context in await saveForProgram(request, context) }
        api.post("verify") { request, context in await verifyForProgram(request, context) }
    }

    // MARK: For its citizen

    /// The papers of a case, each with a form that saves it. Receipt and code stand in them: they were typed a moment ago.
    static func list(
        _ found: StatusView.Found, _ receipt: String, _ code: String, _ prefix: String, _ language: String
    ) -> String {
        let papers = StatusView.papers(found)
        guard !papers.isEmpty else { return "" }
        func button(_ paper: StatusView.Paper, _ part: StatusView.Part, _ label: String) -> String {
            """
            <form method="post" action="\(prefix)/papers"><input type="hidden" name="_lang" value="\(language)"><input type="hidden" name="receipt" value="\(escapedHTML(receipt))"><input type="hidden" name="code" value="\(escapedHTML(code))"><input type="hidden" name="paper" value="\(paper.place)"><input type="hidden" name="part" value="\(part.rawValue)"><p><button type="submit"\(part == .signature ? " class=\"secondary\"" : "")>\(label)</button></p></form>
            """
        }
        let items = papers.reversed().map { paper in
            let spoken = SpokenCode(typed: paper.code)?.grouped ?? paper.code
            let buttons =
                paper.state == .valid
                ? (paper.place == papers.last?.place && StatusView.awaitsDelivery(of: paper, found)
                    ? "<p>\(say(language, "保存这份文书即为送达，复议、诉讼的期限从送达起算。", "Saving this paper is its delivery; time limits for review and lawsuit run from then."))</p>"
                    : "")
                    + button(paper, .paper, say(language, "保存文书（PDF）", "Save it (PDF)"))
                    + button(paper, .signature, say(language, "保存签名文件（.p7s）", "Save its signature (.p7s)")) : ""
            return """
                <section class="panel paper"><h3>\(escapedHTML(paper.title))</h3>
                <dl class="guide"><div><dt>\(say(language, "文号", "Number"))</dt><dd>\(escapedHTML(paper.number))</dd></div><div><dt>\(say(language, "日期", "Date"))</dt><dd>\(escapedHTML(paper.date))</dd></div><div><dt>\(say(language, "状态", "State"))</dt><dd>\(name(paper.state, language))</dd></div><div><dt>\(say(language, "核验码", "Verification code"))</dt><dd><code>\(escapedHTML(spoken))</code></dd></div></dl>
                \(buttons)</section>
                """
        }
        return """
            <h2>\(say(language, "文书", "Decisions and notices"))</h2>
            \(items.joined(separator: "\n"))
            <p>\(say(language, "文书由出具机关电子签名。别人可以在“文书核验”页面用核验码查对；请把 PDF 和签名文件一起保存。", "Papers are in Chinese, and each is signed electronically by its organ. Others can check it on the verification page by its code; keep the PDF and its signature together."))</p>

            """
    }

    private static func name(_ state: Voucher.State, _ language: String) -> String {
        switch state {
        case .valid: say(language, "有效", "Valid")
        case .replaced: say(language, "已被新的文书取代", "Replaced by a newer one")
        case .withdrawn: say(language, "已撤销", "Withdrawn")
        }
    }

    private struct Wanted {
        let receipt: String
        let code: String
        let place: Int
        let part: StatusView.Part

        init(_ field: (String) -> String?) throws {
            guard let place = field("paper").flatMap({ decimal($0.utf8) }),
                let part = field("part").flatMap(StatusView.Part.init(rawValue:))
            else { throw Refusal.incomplete }
            receipt = field("receipt") ?? ""
            code = field("code") ?? ""
            self.place = place
            self.part = part
        }
    }

    private func save(_ request: Request, _ context: EdgeContext) async -> Response {
        var language = "zh"
        do {
            try await services.admit(.lookup, from: services.client(request, context))
            let body = try await services.reader.read(request)
            language = body.language
            return try await file(Wanted { body.fields[$0]?.first })
        } catch {
            return services.refuse(error, language)
        }
    }

    private func saveForProgram(_ request: Request, _ context: EdgeContext) async -> Response {
        do {
            try await services.admit(.lookup, from: services.client(request, context))
            let body = try await services.object(request)
            guard Set(body.keys) == ["receipt", "code", "paper", "part"] else { throw Refusal.malformed }
            return try await file(Wanted { key in body[key]?.string ?? body[key]?.integer.map { String($0) } })
        } catch {
            return services.problem(error)
        }
    }

    /// The file itself. That its citizen opened the newest paper is stored before a byte of it leaves.
    private func file(_ wanted: Wanted) async throws -> Response {
        let view = StatusView(store: services.store)
        // A newer status may come between the list and its pieces.
        for _ in 0..<2 {
            let found = try await followUp.find(receipt: wanted.receipt, code: wanted.code)
            guard case .answer(_, let version) = found, let receipt = Receipt(typed: wanted.receipt),
                let code = QueryCode(typed: wanted.code)
            else { throw Refusal.notFound }
            guard let paper = StatusView.papers(found).first(where: { $0.place == wanted.place }), paper.state == .valid
            else { throw Refusal.notPossible }
            let part = wanted.part
            let opened = try await onBlockingThread {
                try view.open(paper, part, version: version, receipt: receipt, code: code)
            }
            guard let bytes = opened else { continue }
            if part == .paper, StatusView.awaitsDelivery(of: paper, found) {
                switch try await followUp.deliver(paper.digest, receipt: wanted.receipt, code: wanted.code) {
                // It was told often enough.
                case .accepted, .tooMany: break
                case .notFound, .notPossible: throw Refusal.unavailable
                }
            }
            let name = percentEncodedPath("\(paper.title)-\(paper.number).\(part == .paper ? "pdf" : "p7s")")
                .replacing("'", with: "%27")
            return Response(
                status: .ok,
                headers: headers(
                    [.contentDisposition: "attachment; filename*=UTF-8''\(name)", .contentLength: String(bytes.count)],
                    type: part == .paper ? "application/pdf" : "application/pkcs7-signature"),
                body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
        }
        throw Refusal.unavailable
    }

    // MARK: For anybody

    /// The site's own page, where it has one.
    private func page(_ request: Request, _ name: String) -> Response {
        let language = request.uri.queryParameters["lang"] == "en" ? "en" : "zh"
        if let address = services.runtime.page(of: name, language: language) {
            return Response(status: .seeOther, headers: headers([.location: address], type: nil))
        }
        let title = say(language, "文书核验", "Verify a decision or notice")
        return services.page(.ok, language, title: title, main: "<h1>\(title)</h1>" + form("", language))
    }

    private func form(_ code: String, _ language: String) -> String {
        let shown = code.utf8.count <= 200 ? escapedHTML(code) : ""
        return """
            <form class="form panel" method="post" action="\(services.prefix)/verify"><input type="hidden" name="_lang" value="\(language)">
            <div class="field"><label for="f-code">\(say(language, "核验码", "Verification code"))</label><input id="f-code" name="code" value="\(shown)" required spellcheck="false" autocomplete="off" autocapitalize="characters"></div>
            <p><button type="submit">\(say(language, "核验", "Verify"))</button></p></form>
            """
    }

    private func voucher(_ typed: String) async throws -> Voucher? {
        guard let code = SpokenCode(typed: typed) else { return nil }
        let store = services.store
        return try await onBlockingThread { try store.voucher(code) }
    }

    private func verify(_ request: Request, _ context: EdgeContext) async -> Response {
        var language = "zh"
        do {
            try await services.admit(.lookup, from: services.client(request, context))
            let body = try await services.reader.read(request)
            language = body.language
            let typed = body.fields["code"]?.first ?? ""
            let title = say(language, "核验结果", "What is known of it")
            var main = "<h1>\(title)</h1>"
            if let voucher = try await voucher(typed) {
                main += Self.html(voucher, language)
            } else {
                let text = say(
                    language, "没有查到。请核对核验码；刚出具的文书要等下一次数据交换以后才能查到。仍查不到的，请向出具机关核实，不要采信。",
                    "Nothing is known under this code. Check it; a paper that was just issued can be found after the next exchange of data. If it stays unknown, ask the organ and do not rely on the paper."
                )
                main +=
                    "<div class=\"panel\"><h2 id=\"state\" data-state=\"unknown\">\(say(language, "未知", "Unknown"))</h2><p>\(text)</p></div>"
            }
            return services.page(.ok, language, title: title, main: main + form(typed, language))
        } catch {
            return services.refuse(error, language)
        }
    }

    private static func html(_ voucher: Voucher, _ language: String) -> String {
        let rows = [
            (("文书", "Title"), voucher.title.text(language)), (("文号", "Number"), voucher.number),
            (("出具机关", "Issued by"), voucher.organ.text(language)), (("日期", "Date"), voucher.issued.text),
            (("SHA-256", "SHA-256"), voucher.digest.hex),
        ].map { label, text in
            "<div><dt>\(say(language, label.0, label.1))</dt><dd>\(escapedHTML(text))</dd></div>"
        }
        let text =
            voucher.state == .valid
            ? say(
                language, "请与手中的文书逐项核对。文件是否被改动，可以用它的 SHA-256 或签名文件核对。",
                "Compare it with the paper that you hold. Whether a file was changed, its SHA-256 or its signature tells."
            )
            : say(language, "这份文书不再有效，请勿采信。", "This paper counts no more. Do not rely on it.")
        return """
            <div class="panel"><h2 id="state" data-state="\(voucher.state.rawValue)">\(name(voucher.state, language))</h2>
            <dl class="guide">\(rows.joined())</dl><p>\(text)</p></div>

            """
    }

    private func verifyForProgram(_ request: Request, _ context: EdgeContext) async -> Response {
        do {
            try await services.admit(.lookup, from: services.client(request, context))
            let body = try await services.object(request)
            guard let code = body["code"]?.string, body.count == 1 else { throw Refusal.malformed }
            guard let voucher = try await voucher(code) else {
                return services.json(.ok, .object(["state": .string("unknown")]))
            }
            return services.json(
                .ok,
                .object([
                    "state": .string(voucher.state.rawValue), "title": .string(voucher.title.zh),
                    "titleEn": .string(voucher.title.en), "number": .string(voucher.number),
                    "organ": .string(voucher.organ.zh), "organEn": .string(voucher.organ.en),
                    "date": .string(voucher.issued.text), "sha256": .string(voucher.digest.hex),
                ]))
        } catch {
            return services.problem(error)
        }
    }
}
