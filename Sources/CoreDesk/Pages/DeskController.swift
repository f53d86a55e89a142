import Authority
import Cases
import Forms
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import PortalBase
import Procedures
import SQL
import Templates
import Workflow

/// The staff pages: a list, a case, and each action at an address of its own.
struct DeskController: Sendable {
    let desk: Desk
    let authenticator: StaffAuthenticator
    let views: DeskViews

    var surroundings: Surroundings { desk.surroundings }
    var cases: CaseStore { desk.cases }
    var now: Instant { desk.configuration.now() }

    func addRoutes(to router: Router<BasicRequestContext>) {
        router.get("/") { request, _ in
            let parameters = request.uri.queryParameters
            let before = parameters["before"].flatMap { Int($0) }
            let includesFinal = parameters["closed"] == "1"
            let chosen = ListNarrowing(parameters.map { (String($0.key), String($0.value)) }, surroundings)
            return await answer(request) { member in
                try list(.cases(chosen), member, before: before, includesFinal: includesFinal)
            }
        }
        router.get("/people") { request, _ in
            let parameters = request.uri.queryParameters
            let (before, includesFinal) = (parameters["before"].flatMap { Int($0) }, parameters["closed"] == "1")
            return await answer(request) { member in
                try list(.people, member, before: before, includesFinal: includesFinal)
            }
        }
        router.get("/search") { request, _ in
            let parameters = request.uri.queryParameters
            let query = parameters["q"].map(String.init) ?? ""
            let before = parameters["before"].flatMap { Int($0) }
            return await answer(request) { member in try search(member, query, before: before) }
        }
        router.get("/reminders") { request, _ in
            let place = Self.place(request, "last").map { CaseStore.ReminderPlace(last: $0, number: $1) }
            return await answer(request) { member in try reminders(member, after: place) }
        }
        router.get("/tasks") { request, _ in
            let place = Self.place(request, "due").map { CaseStore.TurnPlace(due: $0, number: $1) }
            return await answer(request) { member in try tasks(member, after: place) }
        }
        addAssessmentRoutes(to: router)
        addOverviewRoutes(to: router)
        addAuditRoutes(to: router)
        router.get("/me") { request, _ in await answer(request) { member in try me(member) } }
        router.get("/cases/:id") { request, context in
            let (id, done) = (
                context.parameters.get("id") ?? "", request.uri.queryParameters["done"].map { String($0) }
            )
            return await answer(request) { member in try show(id, member, done: done) }
        }
        router.get("/cases/:id/files/:position") { request, context in
            let (id, position) = (context.parameters.get("id") ?? "", context.parameters.get("position") ?? "")
            return await answer(request) { member in try attachment(id, position, member) }
        }
        router.get("/cases/:id/acts/:file") { request, context in
            let (id, file) = (context.parameters.get("id") ?? "", context.parameters.get("file") ?? "")
            return await answer(request) { member in try signedAct(id, file, member) }
        }
        for path: RouterPath in ["/cases/:id/:action", "/cases/:id/:action/:task"] {
            router.get(path) { request, context in
                let place = Place(context)
                return await answer(request) { member in try form(place, member) }
            }
            router.post(path) { request, context in await act(request, Place(context)) }
        }
        router.get("/new/:process") { request, context in
            let id = context.parameters.get("process") ?? ""
            let caller = request.uri.queryParameters["caller"].map(String.init) ?? ""
            return await answer(request) { member in
                guard let form = registrable(by: member).first(where: { $0.id == id }) else {
                    return try newForm(id, member)
                }
                return try registration(form, member, caller: caller.utf8.count <= 32 ? caller : "")
            }
        }
        router.post("/new/:process") { request, context in
            let id = context.parameters.get("process") ?? ""
            return surroundings.library.processes.contains { $0.id == id && $0.subject != .case }
                ? await begin(request, id) : await register(request, id)
        }
        addLaneRoutes(to: router)
        router.get("/desk.css") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/css; charset=utf-8"],
                body: .init(byteBuffer: ByteBuffer(bytes: views.stylesheet)))
        }
    }

    /// Which action on which task of which case an address names.
    private struct Place: Sendable {
        let id: String
        let action: String
        let task: String?

        init(_ context: BasicRequestContext) {
            id = context.parameters.get("id") ?? ""
            action = context.parameters.get("action") ?? ""
            task = context.parameters.get("task")
        }

        /// As it may stand in a header.
        var caseAddress: String {
            "/cases/"
                + String(decoding: id.utf8.filter { $0 == UInt8(ascii: "-") || $0.isASCIIAlphanumeric }, as: UTF8.self)
        }
    }

    func answer(
        _ request: Request, _ make: @escaping @Sendable (CaseStore.Member) throws -> Response
    ) async -> Response {
        do {
            return try await onBlockingThread { try make(authenticator.member(request)) }
        } catch {
            return failure(error)
        }
    }

    // MARK: A case

    /// What somebody may do, in the first of their posts that allows it.
    func offers(_ view: CaseStore.View, _ member: CaseStore.Member) -> [(offer: Offer, officer: Officer)] {
        var found: [(offer: Offer, officer: Officer)] = []
        for officer in member.officers
        where view.process.isVisible(view.file, to: officer.post, in: view.world) {
            for offer in view.process.offers(on: view.file, to: .officer(officer), in: view.world) {
                let known = found.firstIndex { $0.offer.action == offer.action && $0.offer.task == offer.task }
                guard let known else {
                    found.append((offer, officer))
                    continue
                }
                if found[known].offer.stepUp != nil, offer.stepUp == nil { found[known] = (offer, officer) }
            }
        }
        return found
    }

    /// What an officer typed into an action that is not done, and what stood in the way.
    struct Draft {
        let typed: [String: [String]]
        var status = HTTPResponse.Status.ok
        var code = ""
        /// Nil where nothing stood in the way: they go on typing.
        var text: String?
        /// Id of the input that it is about; empty where it is none.
        var input = ""
    }

    private func show(
        _ id: String, _ member: CaseStore.Member, done: String? = nil, draft: Draft? = nil
    ) throws -> Response {
        let view = try cases.view(id, as: member.posts, at: now)
        var fields = try content(view, member)
        fields["problem"] = .optional(draft?.text)
        fields["code"] = .text(draft?.code ?? "")
        fields["done"] = .optional(done.flatMap(view.process.action).map { "已办理：\($0.label.text("zh"))" })
        // What was typed for an action that is no longer offered is shown to be copied.
        let lost = Self.words(draft?.typed ?? [:])
        fields["hasTyped"] = .flag(!lost.isEmpty)
        fields["typed"] = .list(lost)
        let offered = offers(view, member)
        fields["hasActions"] = .flag(!offered.isEmpty)
        fields["actions"] = .list(
            offered.map { offer, officer in
                .fields([
                    "address": .text(Self.address(view.subject.id, offer.action, offer.task)),
                    "name": .text(Self.name(offer, view, surroundings)),
                    "isBlocked": .flag(offer.stepUp != nil && !officer.mustSign(for: offer.stepUp)),
                ])
            })
        return page(draft?.status ?? .ok, try views.render("case", fields))
    }

    /// Head and content of a case, for its own page and for that of an action.
    private func content(_ view: CaseStore.View, _ member: CaseStore.Member) throws -> [String: Value] {
        let related = view.file.relations.keys.sorted().compactMap { id -> (id: String, number: Int)? in
            guard let other = try? cases.view(id, at: now), other.isVisible(to: member.posts) else { return nil }
            return (id, other.subject.shownNumber)
        }
        let text = CaseText(
            view, surroundings,
            names: Dictionary(related.map { ($0.id, "\($0.number) 号") }) { first, _ in first },
            people: try cases.names(of: CaseText.persons(in: view)))
        let title = text.title
        return frame(member, "\(view.subject.shownNumber) \(title)").merging([
            "caseID": .text(view.subject.id), "number": .number(view.subject.shownNumber), "subject": .text(title),
            "state": .text(text.state), "received": .text(view.subject.received.minuteText(in: .shanghai)),
            "due": .optional(text.due.isEmpty ? nil : text.due), "overdue": .flag(text.isOverdue),
            "receipt": .optional(view.receipt), "answers": text.answers,
            "figures": .optional(
                view.process.subject == .assessment ? "/assessments/records/\(view.subject.id)" : nil),
            "holdings": try holdings(view), "hasPapers": .flag(!view.file.papers.isEmpty), "papers": .list(text.papers),
            "hasAttachments": .flag(!text.files.isEmpty),
            "attachments": .list(text.files),
            "hasTasks": .flag(!view.file.tasks.isEmpty), "tasks": .list(text.tasks),
            "hasClocks": .flag(view.file.clocks.contains(where: \.isRunning)), "clocks": .list(text.clocks),
            "hasMarks": .flag(!text.marks.isEmpty), "marks": .list(text.marks), "request": .optional(text.request),
            "hasRelated": .flag(!related.isEmpty),
            "related": .list(related.map { .fields(["id": .text($0.id), "number": .number($0.number)]) }),
            "events": .list(text.events),
        ]) { $1 }
    }

    /// The moment and the case's number behind which a page of a list begins, read from the address; nil for the first page.
    private static func place(_ request: Request, _ moment: String) -> (Int, Int)? {
        let parameters = request.uri.queryParameters
        guard let at = parameters[moment[...]].flatMap({ Int($0) }),
            let number = parameters["after"].flatMap({ Int($0) })
        else { return nil }
        return (at, number)
    }

    static func address(_ id: String, _ action: String, _ task: Int?) -> String {
        "/cases/\(id)/\(action)" + (task.map { "/\($0)" } ?? "")
    }

    static func name(_ offer: Offer, _ view: CaseStore.View, _ surroundings: Surroundings) -> String {
        let label = view.process.action(offer.action)?.label.text("zh") ?? offer.action
        // Several tasks of one kind: whose it is.
        let tasks = view.file.tasks.filter { $0.isOpen && $0.kind == offer.task.flatMap(view.file.task)?.kind }
        guard tasks.count > 1, let task = offer.task.flatMap(view.file.task) else { return label }
        return "\(label)（\(surroundings.unitName(task.unit))）"
    }

    /// A citizen's file, opened piece by piece as it is sent. It is saved, never shown in the desk's own pages.
    private func attachment(_ id: String, _ position: String, _ member: CaseStore.Member) throws -> Response {
        let view = try cases.view(id, as: member.posts, at: now)
        guard let file = view.file.files.first(where: { String($0.number) == position }) else { throw Missing() }
        let cases = cases
        let pieces = try cases.pieces(of: id, document: file.number)
        let name = percentEncodedPath(file.name.replacing("/", with: "_").replacing("'", with: "_"))
        return Response(
            status: .ok,
            headers: Self.download(file.type, name, file.bytes),
            body: .init(contentLength: file.bytes) { writer in
                for number in 0..<pieces {
                    let piece = try await onBlockingThread {
                        try cases.piece(number, of: pieces, of: id, document: file.number)
                    }
                    try await writer.write(ByteBuffer(bytes: piece))
                }
                try await writer.finish(nil)
            })
    }

    /// - Parameter name: percent-encoded.
    static func download(_ type: String, _ name: String, _ bytes: Int) -> HTTPFields {
        [
            .contentType: type, .contentLength: String(bytes), .cacheControl: "no-store",
            .contentDisposition: "attachment; filename*=UTF-8''\(name)",
            HTTPField.Name("X-Content-Type-Options")!: "nosniff",
            HTTPField.Name("Content-Security-Policy")!: "default-src 'none'; sandbox",
        ]
    }

    /// - Parameter name: of the file, without its ending.
    static func csvFile(_ csv: [UInt8], name: String) -> Response {
        Response(
            status: .ok, headers: download("text/csv; charset=utf-8", name + ".csv", csv.count),
            body: .init(byteBuffer: ByteBuffer(bytes: csv)))
    }

    // MARK: Actions

    /// An action that is offered here and now, with everything its page needs.
    private struct Opened {
        let view: CaseStore.View
        let officer: Officer
        let form: ActionForm
        let grounds: SHA256Digest
    }

    /// Nil where it is not offered.
    private func open(_ place: Place, _ member: CaseStore.Member) throws -> Opened? {
        let view = try cases.view(place.id, as: member.posts, at: now)
        let task = place.task.flatMap { Int($0) }
        guard let action = view.process.action(place.action),
            let offered = offers(view, member).first(where: { $0.offer.action == place.action && $0.offer.task == task }
            )
        else { return nil }
        return Opened(
            view: view, officer: offered.officer, form: ActionForm(action, task: task, of: view, surroundings),
            grounds: view.process.grounds(of: action, task: task, on: view.file))
    }

    private func form(_ place: Place, _ member: CaseStore.Member, draft: Draft? = nil) throws -> Response {
        guard let opened = try open(place, member) else {
            // It was offered a moment ago, or an old address was opened.
            var told = draft ?? Draft(typed: [:])
            if told.text == nil { (told.code, told.text) = ("state", "这项操作现在不能办：已经办过，或不由您的岗位办。下面是最新情况。") }
            return try show(place.id, member, draft: told)
        }
        var fields = try content(opened.view, member)
        let nonce = authenticator.nonce()
        let ticket = StaffAuthenticator.Ticket(
            caseID: place.id, action: place.action, task: place.task ?? "", grounds: opened.grounds, nonce: nonce)
        fields["name"] = .text(opened.form.action.label.text("zh"))
        fields["address"] = .text(Self.address(place.id, place.action, opened.form.task))
        fields["token"] = .text(authenticator.token(member, ticket))
        fields["grounds"] = .text(opened.grounds.hex)
        fields["nonce"] = .text(nonce)
        fields["problem"] = .optional(draft?.text)
        fields["code"] = .text(draft?.code ?? "")
        fields["inputs"] = .list(opened.form.values(typed: draft?.typed, invalid: draft?.input ?? ""))
        return page(draft?.status ?? .ok, try views.render("action", fields))
    }

    private func act(_ request: Request, _ place: Place) async -> Response {
        await submitted(request) { _, typed in
            guard let grounds = SHA256Digest(hex: typed["grounds"]?.first ?? "") else {
                throw StaffAuthenticator.Refusal.badToken
            }
            return StaffAuthenticator.Ticket(
                caseID: place.id, action: place.action, task: place.task ?? "", grounds: grounds,
                nonce: typed["nonce"]?.first ?? "")
        } take: { member, typed, ticket in
            if typed[Self.editing] != nil {
                return try form(place, member, draft: Draft(typed: typed))
            }
            if ActionForm.asksForPhrase(typed), let opened = try open(place, member) {
                let longer = opened.form.inserting(typed)
                return try form(
                    place, member,
                    draft: Draft(typed: longer ?? typed, text: longer == nil ? "常用语刚刚改过，没有插入，也没有提交。请再选一次。" : nil))
            }
            return try perform(place, member, typed, ticket)
        } again: { member, draft in
            try form(place, member, draft: draft)
        }
    }

    /// Takes a form that the desk made for one officer. Once the token shows that, what was typed comes back with any refusal.
    ///
    /// - Parameter ticket: what the form is good for, of what it brought.
    func submitted(
        _ request: Request,
        _ ticket: @escaping @Sendable (CaseStore.Member, [String: [String]]) throws -> StaffAuthenticator.Ticket,
        take: @escaping @Sendable (CaseStore.Member, [String: [String]], StaffAuthenticator.Ticket) throws -> Response,
        again: @escaping @Sendable (CaseStore.Member, Draft) throws -> Response
    ) async -> Response {
        var known: (member: CaseStore.Member, typed: [String: [String]])?
        do {
            let typed = try await Self.fields(of: request)
            let member = try await onBlockingThread { try authenticator.member(request) }
            let ticket = try ticket(member, typed)
            try authenticator.check(request, token: typed["token"]?.first ?? "", member: member, ticket)
            known = (member, typed)
            return try await onBlockingThread { try take(member, typed, ticket) }
        } catch {
            guard let (member, typed) = known else { return failure(error) }
            return await self.again(typed, after: error) { draft in try again(member, draft) }
        }
    }

    /// The page of a form once more, with what was typed and what stood in the way.
    private func again(
        _ typed: [String: [String]], after error: any Error, _ page: @escaping @Sendable (Draft) throws -> Response
    ) async -> Response {
        let told = told(error)
        let draft = Draft(
            typed: typed, status: told.status, code: told.code, text: told.text,
            input: (error as? ActionForm.Problem)?.input ?? "")
        do {
            return try await onBlockingThread { try page(draft) }
        } catch {
            return failure(error, typed: typed)
        }
    }

    /// What an officer typed, in the order of the fields, to be copied.
    private static func words(_ typed: [String: [String]]) -> [Value] {
        typed.filter { $0.key.hasPrefix(ActionForm.prefix) }.sorted { $0.key < $1.key }.flatMap(\.value).filter {
            !$0.isEmpty
        }
        .map { .fields(["text": .text($0)]) }
    }

    private func perform(
        _ place: Place, _ member: CaseStore.Member, _ typed: [String: [String]], _ ticket: StaffAuthenticator.Ticket
    ) throws -> Response {
        let now = now
        let view = try cases.view(place.id, as: member.posts, at: now)
        guard let action = view.process.action(place.action) else { throw Missing() }
        let form = ActionForm(action, task: place.task.flatMap { Int($0) }, of: view, surroundings)
        // Whoever is offered it, or was when the same form came first.
        let offered = offers(view, member).first { $0.offer.action == action.id && $0.offer.task == form.task }
        guard let officer = offered?.officer ?? poster(of: ticket.nonce, in: view, member) else {
            throw CaseStore.Failure.stale
        }
        do {
            let command = try form.command(typed) {
                try cases.subject(numbered: $0, besides: place.id, as: member.posts, at: now)
            }
            var signed: SignedAct?
            // What this form did already is told as done.
            if view.event(of: ticket.nonce) == nil, officer.mustSign(for: offered?.offer.stepUp) {
                let act = try unsigned(command, action, of: view, member, officer, ticket)
                signed = try signature(act, member, typed)
                if signed == nil {
                    // A mistake is told before somebody signs for nothing.
                    _ = try view.process.decide(
                        command, on: view.file, as: .officer(officer.at(level: Officer.levelOfSignature)),
                        in: view.world)
                    return try signingPage(act, member, typed)
                }
            }
            let event = try cases.perform(
                command, on: place.id, as: .officer(officer), key: ticket.nonce, grounds: ticket.grounds,
                signed: signed, at: now, now: now)
            let isOfPage = event.facts.contains { fact in
                switch fact {
                case .published, .retracted: true
                default: false
                }
            }
            if isOfPage { writeOverlay(at: now) }
        } catch CaseStore.Failure.refused(let refusal) {
            throw form.problem(refusal)
        } catch let refusal as Refusal {
            throw form.problem(refusal)
        }
        return Response(status: .seeOther, headers: [.location: place.caseAddress + "?done=\(action.id)"])
    }

    private func unsigned(
        _ command: Command, _ action: Procedures.Process.Action, of view: CaseStore.View, _ member: CaseStore.Member,
        _ officer: Officer, _ ticket: StaffAuthenticator.Ticket
    ) throws -> Unsigned {
        try Unsigned(
            subject: view.subject.id, command: command, ticket: ticket, officer: officer,
            name: action.label.text("zh"), address: Self.address(view.subject.id, action.id, command.task),
            shown: desk.lines(of: command, on: view) + [desk.signerLine(member, officer)])
    }

    /// In which post somebody sent the same form before: a double click is one act.
    private func poster(of key: String, in view: CaseStore.View, _ member: CaseStore.Member) -> Officer? {
        guard case .officer(let known) = view.event(of: key)?.actor else { return nil }
        return member.officers.first { $0.post.role == known.post.role && $0.post.unit == known.post.unit }
    }

    private func writeOverlay(at now: Instant) {
        do {
            for line in try desk.overlay.write(at: now) { Logger(label: "coredesk").warning("overlay: \(line)") }
        } catch {
            // The publication is committed; `export` writes the page again.
            Logger(label: "coredesk").error("overlay not written: \(error)")
        }
    }

    // MARK: Failures

    struct Missing: Error {}

    /// More reminders are shown as `99+`.
    private static let mostCounted = 99

    /// How many cases wait under 催办; nil for none. A count that fails fails no page.
    private func reminderCount(_ member: CaseStore.Member) -> String? {
        do {
            let count = try cases.countReminded(member.posts, most: Self.mostCounted + 1, at: now)
            return count == 0 ? nil : count > Self.mostCounted ? "\(Self.mostCounted)+" : String(count)
        } catch {
            Logger(label: "coredesk").error("reminders were not counted: \(error)")
            return nil
        }
    }

    /// Fields that every page has.
    func frame(_ member: CaseStore.Member?, _ title: String) -> [String: Value] {
        let posts = (member?.posts ?? []).map { post in
            surroundings.postName(post.role, in: post.unit)
        }
        return [
            "seesLanes": .flag(member.map { may($0, .seeLanes) } ?? false),
            "seesReadings": .flag(member.map(seesReadings) ?? false),
            "seesAssessments": .flag(member.map(seesAssessments) ?? false),
            "isAdministrator": .flag(member.map { !administered(by: $0).isEmpty } ?? false),
            "reminders": .optional(member.flatMap(reminderCount)), "title": .text(title),
            "officer": .optional(member?.name), "query": .text(""),
            "posts": .text(posts.joined(separator: "、")),
        ]
    }

    func failure(_ error: any Error, typed: [String: [String]] = [:]) -> Response {
        let (status, code, text) = told(error)
        let lost = Self.words(typed)
        let fields = frame(nil, "没有成功").merging([
            "code": .text(code), "text": .text(text), "hasTyped": .flag(!lost.isEmpty), "typed": .list(lost),
        ]) { $1 }
        return page(status, (try? views.render("message", fields)) ?? Array(text.utf8))
    }

    func page(_ status: HTTPResponse.Status, _ bytes: [UInt8]) -> Response {
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
