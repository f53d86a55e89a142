import Forms
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import PortalBase
import SQL
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
        router.get("/") { request, _ in
            let parameters = request.uri.queryParameters
            let before = parameters["before"].flatMap { Int($0) }
            let includesClosed = parameters["closed"] == "1"
            return await answer(request) { officer in try list(officer, before: before, includesClosed: includesClosed)
            }
        }
        // An action's address, opened or loaded again.
        router.get("/cases/:id/:action") { _, context in
            Response(
                status: .seeOther, headers: [.location: "/cases/\(Self.plain(context.parameters.get("id") ?? ""))"])
        }
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
        "late": "迟到的撤回、评价或补正（不改变状态）", "refused": "来历不明的消息（未采纳）", "unpublish": "撤回公开",
        "clock": "收件时间不可信，按导入时间起算",
    ]

    /// An id as it may stand in a header.
    private static func plain(_ id: String) -> String {
        String(
            decoding: id.utf8.filter {
                $0 == UInt8(ascii: "-") || $0.isASCIIAlphanumeric
            }, as: UTF8.self)
    }

    private func list(_ officer: Officer, before: Int?, includesClosed: Bool) throws -> Response {
        let today = configuration.now().date(in: .shanghai)
        let found = try database.list(
            .init(
                seesRequests: officer.roles.contains(.dispatcher), department: officer.department,
                includesClosed: includesClosed, before: before))
        let shown = found.prefix(DeskDatabase.linesOnPage)
        let cases = shown.map { line -> Value in
            let (due, estimate) = actions.deadlines.due(line)
            return .fields([
                "id": .text(line.id), "number": .number(line.number), "kind": .text(Self.kinds[line.kind] ?? ""),
                "subject": .text(Self.subject(line.answers, line.receipt)),
                "received": .text(line.received.minuteText(in: .shanghai)),
                "due": .text(CaseDeadlines.text(due, estimate: estimate)),
                "overdue": .flag(!DeskDatabase.closedStates.contains(line.state) && due.isOverdue(on: today)),
                "department": .text(line.department.map { configuration.departments[$0] ?? $0 } ?? ""),
                "state": .text(Self.states[line.state] ?? ""),
            ])
        }
        let calendar = actions.deadlines.calendar
        let left = calendar.daysLeft(on: today)
        var fields = frame(officer, "诉求和申请")
        fields["cases"] = .list(cases)
        fields["closed"] = .text(includesClosed ? "1" : "0")
        fields["includesClosed"] = .flag(includesClosed)
        fields["next"] = .optional(found.count > shown.count ? shown.last.map { String($0.number) } : nil)
        fields["calendarWarning"] = .optional(
            left > WorkingCalendar.warningDays
                ? nil
                : "放假安排只公布到 \(calendar.last.text)\(left >= 0 ? "，还有 \(left) 天" : "，已经过期")。之后到期的期限算不出来，列表里的“预计”只供排序。请系统管理员导入国务院办公厅的新通知（coredesk calendar）。"
        )
        return page(.ok, try views.render("list", fields))
    }

    /// Dispatchers see every request; a handler sees what concerns the department.
    private func maySee(_ file: DeskDatabase.CaseFile, _ officer: Officer) -> Bool {
        if let ticket = file.ticket {
            return officer.roles.contains(.dispatcher) || ticket.department == officer.department
        }
        guard let approval = file.approval else { return false }
        return approval.lead == officer.department || approval.tasks.contains { $0.department == officer.department }
    }

    private static func subject(_ answers: [String: JSON], _ receipt: String) -> String {
        let subject = answers["subject"]?.string ?? answers["shop"]?.string ?? receipt
        return subject.unicodeScalars.count > 80 ? String(subject.unicodeScalars.prefix(80)) + "…" : subject
    }

    /// What an officer typed into an action that was refused, and why.
    private struct Draft {
        let action: String
        let input: [String: String]
        let status: HTTPResponse.Status
        let code: String
        let text: String
    }

    private func show(_ id: String, _ officer: Officer, draft: Draft? = nil) throws -> Response {
        guard let file = try database.file(id), maySee(file, officer) else { throw Missing() }
        let token = authenticator.token(officer, caseID: id, version: file.version)
        let today = configuration.now().date(in: .shanghai)
        var fields = frame(officer, "\(file.number)")
        fields["number"] = .number(file.number)
        fields["subject"] = .text(Self.subject(file.answers, file.receipt))
        fields["state"] = .text(Self.states[file.state] ?? "")
        fields["received"] = .text(file.received.minuteText(in: .shanghai))
        let (due, estimate) = actions.deadlines.due(file)
        fields["due"] = .text(CaseDeadlines.text(due, estimate: estimate))
        fields["problem"] = .optional(draft?.text)
        fields["code"] = .text(draft?.code ?? "")
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
        let available = actions.available(file, to: officer)
        fields["actions"] = .list(available.map { action($0, id, token, file.version, draft) })
        // What was typed for an action that is no longer offered is shown to be copied.
        let lost =
            draft.map { draft in
                available.contains { $0.key == draft.action }
                    ? []
                    : draft.input.filter { !["token", "version"].contains($0.key) && !$0.value.isEmpty }
                        .sorted { $0.key < $1.key }
            } ?? []
        fields["hasTyped"] = .flag(!lost.isEmpty)
        fields["typed"] = .list(lost.map { .fields(["text": .text($0.value)]) })
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
        return page(draft?.status ?? .ok, try views.render("case", fields))
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

    private func action(
        _ action: CaseActions.Action, _ id: String, _ token: String, _ version: Int, _ draft: Draft?
    ) -> Value {
        let typed = draft.flatMap { $0.action == action.key ? $0.input : nil }
        let inputs = action.inputs.map { input -> Value in
            let value = typed.map { $0[input.name, default: ""] } ?? input.value
            var fields: [String: Value] = [
                "name": .text(input.name), "label": .text(input.label), "value": .text(value),
                "action": .text(action.key), "isChecked": .flag(typed?[input.name] == "yes"),
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
                    options.map { option in
                        .fields([
                            "value": .text(option.value), "label": .text(option.label),
                            "isChosen": .flag(option.value == typed?[input.name]),
                        ])
                    })
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

    /// Three texts of 4,000 characters, percent-encoded, and the rest.
    private static let maxBody = 512 << 10

    private struct BodyTooLarge: Error {}

    private func act(_ request: Request, _ context: BasicRequestContext) async -> Response {
        let id = context.parameters.get("id") ?? ""
        let action = context.parameters.get("action") ?? ""
        var typed: (officer: Officer, input: [String: String])?
        do {
            let officer = try authenticator.officer(request)
            var bytes: [UInt8] = []
            for try await buffer in request.body {
                guard bytes.count + buffer.readableBytes <= Self.maxBody else { throw BodyTooLarge() }
                bytes += buffer.readableBytesView
            }
            guard let body = URLEncodedBody(bytes) else { throw WorkflowError.state }
            let input = body.fields.compactMapValues(\.first)
            let now = configuration.now()
            let version = Int(input["version"] ?? "") ?? -1
            try authenticator.check(
                request, token: input["token"] ?? "", officer: officer, caseID: id, version: version)
            // From here on it is the officer's own form: what was typed comes back with any refusal.
            typed = (officer, input)
            let (database, actions) = (database, actions)
            try await onBlockingThread {
                _ = try database.act(on: id, version: version, officer: officer.name, action: action, at: now) { file in
                    try actions.perform(action, input, on: &file, by: officer, at: now)
                }
                guard action == "release" || action == "unpublish" else { return }
                do {
                    for line in try database.writeOverlay() { Logger(label: "coredesk").warning("overlay: \(line)") }
                } catch {
                    // The release is committed; `export` writes the page again.
                    Logger(label: "coredesk").error("overlay not written: \(error)")
                }
            }
            return Response(status: .seeOther, headers: [.location: "/cases/\(Self.plain(id))"])
        } catch {
            guard let (officer, input) = typed else { return failure(error) }
            let (status, code, text) = Self.told(error)
            let draft = Draft(action: action, input: input, status: status, code: code, text: text)
            do {
                return try await onBlockingThread { try show(id, officer, draft: draft) }
            } catch {
                return failure(error)
            }
        }
    }

    private struct Missing: Error {}

    private func failure(_ error: any Error) -> Response {
        let (status, code, text) = Self.told(error)
        let fields = frame(nil, "没有成功").merging(["code": .text(code), "text": .text(text)]) { $1 }
        return page(status, (try? views.render("message", fields)) ?? Array(text.utf8))
    }

    /// What an officer reads of a failure: the true cause, and what to do.
    private static func told(_ error: any Error) -> (HTTPResponse.Status, String, String) {
        switch error {
        case let refusal as StaffAuthenticator.Refusal:
            let text =
                switch refusal {
                case .noCertificate: "请插入证书介质后重新打开浏览器：没有收到客户端证书。"
                case .badCertificate: "证书无效、过期、已吊销，或不是用于登录的。请联系证书管理员。"
                case .listOutdated: "现在谁也不能登录：证书吊销列表缺失、损坏或已过期，不是您的证书有问题。请联系证书管理员更新吊销列表。"
                case .notKnown: "证书有效，但名单里没有您。请联系系统管理员登记岗位。"
                case .crossSite, .badToken: "这次提交不是从本页面发出的，或页面已经过时。请返回后重新打开。"
                }
            return (refusal == .listOutdated ? .serviceUnavailable : .forbidden, refusal.rawValue, text)
        case is DeskDatabase.StalePage:
            return (.conflict, "stale", "这件事刚刚被别人处理过，您的操作没有保存。下面是最新情况，您填写的文字还在。")
        case let finding as Masking.Finding:
            let what =
                switch finding.kind {
                case .secret: "诉求人填写的“\(finding.label)”：\(finding.text)"
                case .number: "七位以上的号码：\(finding.text)（日期请写成“9月1日”）"
                case .email: "电子邮箱：\(finding.text)"
                case .plate: "车牌号：\(finding.text)"
                case .dwelling: "具体门牌：\(finding.text)"
                }
            return (.unprocessableContent, WorkflowError.notMasked.rawValue, "要公开的文字里还有\(what)。请隐去后再公开。")
        case let refusal as CaseActions.TextRefusal:
            switch refusal {
            case .tooLong(let label, let most):
                return (.unprocessableContent, "tooLong", "“\(label)”超过 \(most) 个字，没有保存。请缩短，或分次办理。")
            case .forbidden(let label, let character):
                return (
                    .unprocessableContent, "characters", "“\(label)”里有看不见的、不能使用的字符（\(character)），没有保存。请删去或重新输入这一处。"
                )
            case .mark(let label):
                return (
                    .unprocessableContent, "mark", "“\(label)”里有像内网标记的写法（如“:intranet”），网站会拒绝发布。请改写这一处。"
                )
            }
        case let refusal as WorkflowError:
            let text =
                switch refusal {
                case .state: "当前状态不能进行这个操作。"
                case .notYours: "这件事不由您的部门承办。"
                case .notJoined: "还有部门没有提出意见，不能作出决定。"
                case .textMissing: "请填写内容后再提交。"
                case .notMasked: "要公开的文字里还有姓名或七位以上的号码，请隐去后再公开（日期请写成“9月1日”）。"
                case .notAgreed: "诉求人不同意公开。"
                }
            return (.unprocessableContent, refusal.rawValue, text)
        case is BodyTooLarge: return (.contentTooLarge, "tooLarge", "提交的文字太长，没有保存。请返回缩短后再提交。")
        case is Missing: return (.notFound, "missing", "没有这件事，或者不在您的职责范围内。")
        case let error as SQLError where error.code == .busy || error.code == .full || error.code == .unavailable:
            Logger(label: "coredesk").error("request failed: \(error)")
            let text =
                error.code == .full
                ? "磁盘已满，操作没有保存。请联系系统管理员。" : "系统正忙，操作没有保存。请过一会儿再提交一次。"
            return (.serviceUnavailable, error.code.rawValue, text)
        default:
            // Errors that are made to be logged say what happened; of others the type alone is safe.
            let detail =
                (error as? SQLError).map(\.description) ?? (error as? FileError).map(\.description)
                ?? String(describing: type(of: error))
            Logger(label: "coredesk").error("request failed: \(detail)")
            return (.internalServerError, "failed", "系统出错，操作没有保存。请稍后再试，仍有问题请联系系统管理员。")
        }
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
