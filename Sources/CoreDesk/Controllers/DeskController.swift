import Forms
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import PortalBase
import Templates
import Workflow

/// The staff pages: a list, a case, and the actions on it.
struct DeskController: Sendable {
    let configuration: Configuration
    let database: DeskDatabase
    let authenticator: StaffAuthenticator
    let actions: CaseActions
    let views: DeskViews

    func addRoutes(to router: Router<BasicRequestContext>) {
        router.get("/") { request, _ in await answer(request) { officer in try list(officer) } }
        router.get("/cases/:id") { request, context in
            await answer(request) { officer in try show(context.parameters.get("id") ?? "", officer) }
        }
        router.get("/cases/:id/files/:position") { request, context in
            let (id, position) = (context.parameters.get("id") ?? "", context.parameters.get("position") ?? "")
            return await answer(request) { officer in try attachment(id, position, officer) }
        }
        router.post("/cases/:id/:action") { request, context in await act(request, context) }
        router.get("/desk.css") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/css; charset=utf-8"],
                body: .init(byteBuffer: ByteBuffer(string: DeskViews.stylesheet)))
        }
    }

    // MARK: Pages

    private func answer(_ request: Request, _ make: @escaping @Sendable (Officer) throws -> Response) async -> Response
    {
        do {
            let officer = try authenticator.officer(request)
            return try await onBlockingThread { try make(officer) }
        } catch {
            return failure(error)
        }
    }

    private static let kinds = ["hotline": "热线诉求", "application": "审批申请"]
    private static let states: [String: String] = [
        "received": "待派单", "dispatched": "办理中", "answered": "已答复", "released": "已答复并公开", "submitted": "待受理",
        "inParallel": "各部门办理中",
        "joined": "待决定", "granted": "准予许可", "refused": "不予许可", "notAccepted": "不予受理", "withdrawn": "已撤回",
        "correction": "等待申请人补正", "": "",
    ]

    private static let actionNames = [
        "import": "收件", "dispatch": "派单", "reply": "答复", "release": "公开", "accept": "受理", "decline": "不予受理",
        "opinion": "提出意见",
        "decide": "作出决定", "withdrawal": "撤回", "rating": "评价", "correct": "告知补正", "supplement": "补正材料",
        "late": "迟到的撤回、评价或补正（不改变状态）", "refused": "来历不明的消息（未采纳）",
    ]

    private func list(_ officer: Officer) throws -> Response {
        let today = configuration.now().date(in: .shanghai)
        let cases = try database.list().filter { maySee($0, officer) }.map { file -> Value in
            let due = deadline(file)
            let isDone = ["answered", "released", "granted", "refused", "notAccepted", "withdrawn"].contains(file.state)
            let department = file.ticket?.department ?? file.approval?.lead
            return .fields([
                "id": .text(file.id), "number": .number(file.number), "kind": .text(Self.kinds[file.kind] ?? ""),
                "subject": .text(Self.subject(file)), "received": .text(file.received.minuteText(in: .shanghai)),
                "due": .text(CaseDeadlines.text(due)), "overdue": .flag(!isDone && due.isOverdue(on: today)),
                "department": .text(department.map { configuration.departments[$0] ?? $0 } ?? ""),
                "state": .text(Self.states[file.state] ?? ""),
            ])
        }
        return page(.ok, try views.render("list", frame(officer, "诉求和申请").merging(["cases": .list(cases)]) { $1 }))
    }

    /// Dispatchers see every request; a handler sees what concerns the department.
    private func maySee(_ file: DeskDatabase.CaseFile, _ officer: Officer) -> Bool {
        if let ticket = file.ticket {
            return officer.roles.contains(.dispatcher) || ticket.department == officer.department
        }
        guard let approval = file.approval else { return false }
        return approval.lead == officer.department || approval.tasks.contains { $0.department == officer.department }
    }

    private func deadline(_ file: DeskDatabase.CaseFile) -> Deadline {
        file.ticket == nil ? actions.deadlines.approval(file) : actions.deadlines.hotline(received: file.received)
    }

    private static func subject(_ file: DeskDatabase.CaseFile) -> String {
        file.answers["subject"]?.string ?? file.answers["shop"]?.string ?? file.receipt
    }

    private func show(_ id: String, _ officer: Officer) throws -> Response {
        guard let file = try database.file(id), maySee(file, officer) else { throw Missing() }
        let token = authenticator.token(officer, caseID: id, version: file.version)
        let today = configuration.now().date(in: .shanghai)
        var fields = frame(officer, "\(file.number)")
        fields["number"] = .number(file.number)
        fields["subject"] = .text(Self.subject(file))
        fields["state"] = .text(Self.states[file.state] ?? "")
        fields["received"] = .text(file.received.minuteText(in: .shanghai))
        fields["due"] = .text(CaseDeadlines.text(deadline(file)))
        fields["receipt"] = .text(file.receipt)
        fields["answers"] = .list(answers(file))
        fields["rating"] = .optional(
            try database.rating(of: id).map { rating in
                "\(rating.score) 分（满分 5 分），\(rating.solved ? "已解决" : "没有解决")\(rating.words.isEmpty ? "" : "：" + rating.words)"
            })
        fields["notice"] = .optional(file.approval?.notice?.text)
        let attachments = try attachments(file)
        fields["hasAttachments"] = .flag(!attachments.isEmpty)
        fields["attachments"] = .list(attachments)
        fields["internalNote"] = .optional(file.ticket?.internalNote)
        fields["reply"] = .optional(file.ticket?.reply)
        fields["decision"] = .optional(file.approval?.decision)
        fields["hasTasks"] = .flag(file.approval != nil)
        fields["tasks"] = .list((file.approval?.tasks ?? []).map { task($0, file.accepted, today) })
        fields["actions"] = .list(actions.available(file, to: officer).map { action($0, id, token, file.version) })
        fields["events"] = .list(
            file.events.map { event in
                .fields([
                    "at": .text(event.at.minuteText(in: .shanghai)), "officer": .text(event.officer),
                    "action": .text(Self.actionNames[event.action] ?? event.action),
                    "before": .text(Self.states[event.before] ?? event.before),
                    "after": .text(Self.states[event.after] ?? event.after),
                    "words": .optional(lateAnswers(event, file)),
                ])
            })
        return page(.ok, try views.render("case", fields))
    }

    /// What a late supplement said, for officers to read.
    private func lateAnswers(_ event: DeskDatabase.Event, _ file: DeskDatabase.CaseFile) -> String? {
        let fields = configuration.definition(file.form)?.fields ?? []
        let lines = fields.compactMap { field in
            event.answers[field.id].map { "\(field.label.text("zh"))：\(field.text($0, "zh"))" }
        }
        return lines.isEmpty ? nil : lines.joined(separator: "；")
    }

    /// Answers in the form's order with its labels, as the citizen saw them.
    private func answers(_ file: DeskDatabase.CaseFile) -> [Value] {
        let fields = configuration.definition(file.form)?.fields ?? []
        return fields.compactMap { field in
            guard let answer = file.answers[field.id] else { return nil }
            var shown = field.text(answer, "zh")
            if let position = answer["position"]?.string { shown += "（定位 \(position)：经度、纬度、误差米）" }
            return .fields(["label": .text(field.label.text("zh")), "value": .text(shown)])
        }
    }

    private func attachments(_ file: DeskDatabase.CaseFile) throws -> [Value] {
        let fields = configuration.definition(file.form)?.fields ?? []
        return try database.attachments(of: file.id).map { entry in
            .fields([
                "caseID": .text(file.id), "position": .number(entry.position), "name": .text(entry.file.name),
                "label": .text(fields.first { $0.id == entry.file.field }?.label.text("zh") ?? ""),
                "size": .text("\(max(1, entry.file.bytes >> 10)) KB"), "type": .text(entry.file.type),
            ])
        }
    }

    /// A citizen's file, opened part by part as it is sent. It is saved, never shown in the desk's own pages.
    private func attachment(_ id: String, _ position: String, _ officer: Officer) throws -> Response {
        guard let file = try database.file(id), maySee(file, officer), let position = Int(position),
            let entry = try database.attachments(of: id).first(where: { $0.position == position })
        else { throw Missing() }
        let database = database
        let name = percentEncodedPath(entry.file.name.replacing("/", with: "_").replacing("'", with: "_"))
        return Response(
            status: .ok,
            headers: [
                .contentType: entry.file.type, .contentLength: String(entry.file.bytes), .cacheControl: "no-store",
                .contentDisposition: "attachment; filename*=UTF-8''\(name)",
                HTTPField.Name("X-Content-Type-Options")!: "nosniff",
                HTTPField.Name("Content-Security-Policy")!: "default-src 'none'; sandbox",
            ],
            body: .init(contentLength: entry.file.bytes) { writer in
                var number = 0
                while let part = try await onBlockingThread({ [number] in
                    try database.attachmentPart(of: id, position: position, number: number)
                }) {
                    try await writer.write(ByteBuffer(bytes: part))
                    number += 1
                }
                try await writer.finish(nil)
            })
    }

    private func task(_ task: ApprovalCase.Task, _ accepted: Instant?, _ today: CivilDate) -> Value {
        let due = actions.deadlines.task(task, accepted: accepted)
        let opinions: [ApprovalCase.Opinion: String] = [.pending: "待提出", .agree: "同意", .disagree: "不同意"]
        return .fields([
            "department": .text(configuration.departments[task.department] ?? task.department),
            "due": .text(due.map(CaseDeadlines.text) ?? "受理后起算"),
            "overdue": .flag(task.opinion == .pending && due?.isOverdue(on: today) == true),
            "opinion": .text(opinions[task.opinion] ?? ""), "note": .optional(task.note),
        ])
    }

    private func action(_ action: CaseActions.Action, _ id: String, _ token: String, _ version: Int) -> Value {
        let inputs = action.inputs.map { input -> Value in
            var fields: [String: Value] = [
                "name": .text(input.name), "label": .text(input.label), "value": .text(input.value),
                "action": .text(action.key),
                "isText": .flag(false), "isLine": .flag(false), "isChoice": .flag(false), "isFlag": .flag(false),
                "options": .list([]),
            ]
            switch input.form {
            case .line: fields["isLine"] = .flag(true)
            case .text: fields["isText"] = .flag(true)
            case .flag: fields["isFlag"] = .flag(true)
            case .choice(let options):
                fields["isChoice"] = .flag(true)
                fields["options"] = .list(
                    options.map { .fields(["value": .text($0.value), "label": .text($0.label)]) })
            }
            return .fields(fields)
        }
        return .fields([
            "name": .text(action.name), "action": .text(action.key), "caseID": .text(id), "token": .text(token),
            "version": .number(version),
            "inputs": .list(inputs),
        ])
    }

    private func frame(_ officer: Officer?, _ title: String) -> [String: Value] {
        [
            "title": .text(title), "officer": .optional(officer?.name),
            "department": .optional(officer.map { configuration.departments[$0.department] ?? $0.department }),
        ]
    }

    // MARK: Actions

    private static let maxBody = 64 << 10

    private func act(_ request: Request, _ context: BasicRequestContext) async -> Response {
        do {
            let officer = try authenticator.officer(request)
            var bytes: [UInt8] = []
            for try await buffer in request.body {
                guard bytes.count + buffer.readableBytes <= Self.maxBody else { throw WorkflowError.state }
                bytes += buffer.readableBytesView
            }
            guard let body = URLEncodedBody(bytes) else { throw WorkflowError.state }
            let input = body.fields.compactMapValues(\.first)
            let id = context.parameters.get("id") ?? ""
            let action = context.parameters.get("action") ?? ""
            let version = Int(input["version"] ?? "") ?? -1
            try authenticator.check(
                request, token: input["token"] ?? "", officer: officer, caseID: id, version: version)
            let (database, actions, now) = (database, actions, configuration.now())
            try await onBlockingThread {
                _ = try database.act(on: id, version: version, officer: officer.name, action: action, at: now) { file in
                    try actions.perform(action, input, on: &file, by: officer, at: now)
                }
                guard action == "release" else { return }
                do {
                    try database.writeOverlay()
                } catch {
                    // The release is committed; `export` writes the page again.
                    Logger(label: "coredesk").error("overlay not written: \(error)")
                }
            }
            return Response(status: .seeOther, headers: [.location: "/cases/\(id)"])
        } catch {
            return failure(error)
        }
    }

    private struct Missing: Error {}

    private func failure(_ error: any Error) -> Response {
        let (status, code, text): (HTTPResponse.Status, String, String)
        switch error {
        case let refusal as StaffAuthenticator.Refusal:
            status = .forbidden
            code = refusal.rawValue
            switch refusal {
            case .noCertificate: text = "请插入证书介质后重新打开浏览器：没有收到客户端证书。"
            case .badCertificate: text = "证书无效、过期、已吊销，或不是用于登录的。请联系证书管理员。"
            case .notKnown: text = "证书有效，但名单里没有您。请联系系统管理员登记岗位。"
            case .crossSite, .badToken: text = "这次提交不是从本页面发出的，或页面已经过时。请返回后重新打开。"
            }
        case is DeskDatabase.StalePage:
            (status, code, text) = (.conflict, "stale", "这件事刚刚被别人处理过，您的操作没有保存。请返回查看最新情况。")
        case let refusal as WorkflowError:
            status = .unprocessableContent
            code = refusal.rawValue
            switch refusal {
            case .state: text = "当前状态不能进行这个操作。"
            case .notYours: text = "这件事不由您的部门承办。"
            case .notJoined: text = "还有部门没有提出意见，不能作出决定。"
            case .textMissing: text = "请填写内容后再提交。"
            case .notMasked: text = "要公开的文字里还有姓名或七位以上的号码，请隐去后再公开（日期请写成“9月1日”）。"
            case .notAgreed: text = "诉求人不同意公开。"
            }
        case is Missing: (status, code, text) = (.notFound, "missing", "没有这件事，或者不在您的职责范围内。")
        default:
            Logger(label: "coredesk").error("request failed: \(String(describing: type(of: error)))")
            (status, code, text) = (.internalServerError, "failed", "系统出错，操作没有保存。请稍后再试，仍有问题请联系系统管理员。")
        }
        let fields = frame(nil, "没有成功").merging(["code": .text(code), "text": .text(text)]) { $1 }
        return page(status, (try? views.render("message", fields)) ?? Array(text.utf8))
    }

    private func page(_ status: HTTPResponse.Status, _ bytes: [UInt8]) -> Response {
        let headers: HTTPFields = [
            .contentType: "text/html; charset=utf-8", .cacheControl: "no-store",
            HTTPField.Name("X-Content-Type-Options")!: "nosniff", HTTPField.Name("X-Frame-Options")!: "DENY",
            HTTPField.Name("Referrer-Policy")!: "same-origin",
            HTTPField.Name("Content-Security-Policy")!:
                "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ]
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
