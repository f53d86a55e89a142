import Authority
import CMS
import Cases
import Forms
import Hummingbird
import PortalBase
import Procedures
import Submissions
import Templates
import Workflow

/// What an officer registers for somebody on the telephone (登记): the citizen's own form, with the caller's earlier requests and
/// similar ones beside it, and a receipt to be read out.
extension DeskController {
    /// Forms that somebody may fill in for citizens: those that need no file, since a voice brings none.
    func registrable(by member: CaseStore.Member) -> [FormDefinition] {
        // Most officers begin none: for them no file is read.
        let begun = surroundings.library.processes.filter { $0.subject == .case && beginner(of: $0, member) != nil }
        if begun.isEmpty { return [] }
        return desk.configuration.currentForms().filter { form in
            begun.contains { $0.forms.contains(form.id) }
                && !form.fields.contains { $0.type == .attachment && $0.required }
        }
    }

    private func registrable(_ id: String, by member: CaseStore.Member) throws -> FormDefinition {
        guard let form = registrable(by: member).first(where: { $0.id == id }) else { throw Missing() }
        return form
    }

    /// Name of the button that looks for similar requests and files nothing.
    private static let lookButton = "_look"
    private static let reserved = FormDefinition.reservedNames.union(["token", "grounds", "nonce", lookButton])

    /// - Parameter caller: number from which somebody calls; a telephone system opens the page with it.
    func registration(
        _ form: FormDefinition, _ member: CaseStore.Member, caller: String = "", draft: Draft? = nil,
        errors: [FieldError] = []
    ) throws -> Response {
        var filled = FormHTML.Filled()
        filled.values = (draft?.typed ?? [:]).filter { !Self.reserved.contains($0.key) }
        if draft == nil, !caller.isEmpty, let phone = form.fields.first(where: { $0.type == .phone }) {
            filled.values[phone.id] = [caller]
        }
        filled.errors = errors
        let nonce = authenticator.nonce()
        let ticket = Self.ticket(form, nonce)
        let html = FormHTML(
            definition: form.withoutFiles, language: "zh", prefix: "/new", gazetteer: .empty
        ).form(
            filled, proof: "<p><button type=\"submit\" name=\"\(Self.lookButton)\" value=\"1\">先查有没有相似的</button></p>",
            carrying: [
                ("token", authenticator.token(member, ticket)), ("grounds", ticket.grounds.hex), ("nonce", nonce),
            ])
        let known = try known(form, filled.values, member)
        var fields = frame(member, "登记：\(form.title.text("zh"))")
        fields["problem"] = .optional(draft?.text)
        fields["code"] = .text(draft?.code ?? "")
        fields["form"] = .html(Array(html.utf8))
        fields["cases"] = .list(try lines(known))
        fields["hasKnown"] = .flag(!known.isEmpty)
        return page(draft?.status ?? .ok, try views.render("registration", fields))
    }

    private static func ticket(_ form: FormDefinition, _ nonce: String) -> StaffAuthenticator.Ticket {
        .init(
            caseID: "", action: "register \(form.id)", task: "", grounds: SHA256Digest(of: Array(form.digest.utf8)),
            nonce: nonce)
    }

    /// Requests from the same number, and those whose title holds a piece of this one's, the newest first.
    private func known(
        _ form: FormDefinition, _ typed: [String: [String]], _ member: CaseStore.Member
    ) throws -> [CaseStore.Line] {
        var queries = form.fields.filter { $0.type == .phone }.compactMap { typed[$0.id]?.first }
        if let title = form.fields.first(where: \.isTitle).flatMap({ typed[$0.id]?.first }) {
            let letters = title.unicodeScalars.filter { $0.properties.isAlphabetic || $0.properties.numericType != nil }
                .prefix(Self.piece * Self.mostPieces)
            queries += stride(from: 0, to: letters.count, by: Self.piece).map {
                String(String.UnicodeScalarView(letters.dropFirst($0).prefix(Self.piece)))
            }
        }
        var found: [Int: CaseStore.Line] = [:]
        for query in queries where (2...60).contains(query.unicodeScalars.count) {
            let hits = try cases.search(query, before: nil, limit: Self.mostKnown, as: member.posts, at: now)
            for line in hits?.lines ?? [] { found[line.subject.number] = line }
        }
        return found.sorted { $0.key > $1.key }.prefix(Self.mostKnown).map(\.value)
    }

    /// Characters of a title that are looked for together: a word or two of Chinese.
    private static let piece = 4
    private static let mostPieces = 8
    private static let mostKnown = 10

    func register(_ request: Request, _ id: String) async -> Response {
        await submitted(request) { member, typed in
            Self.ticket(try registrable(id, by: member), typed["nonce"]?.first ?? "")
        } take: { member, typed, ticket in
            let form = try registrable(id, by: member)
            if typed[Self.lookButton] != nil {
                let draft = Draft(typed: typed, status: .ok, code: "looked", text: "下面的表还没有登记；找到的相似诉求列在表的前面。")
                return try registration(form, member, draft: draft)
            }
            switch form.validate(typed.filter { !Self.reserved.contains($0.key) }) {
            case .failure(let errors):
                let draft = Draft(typed: typed, status: .unprocessableContent, code: "input", text: "")
                return try registration(form, member, draft: draft, errors: errors.errors)
            case .success(let answers): return try file(answers, form, member, ticket.nonce)
            }
        } again: { member, draft in
            try registration(registrable(id, by: member), member, draft: draft)
        }
    }

    /// Begins the case. The same form sent twice gives the same receipt, since it follows from the form's nonce.
    private func file(
        _ answers: ValidAnswers, _ form: FormDefinition, _ member: CaseStore.Member, _ nonce: String
    ) throws -> Response {
        guard let process = surroundings.process(for: form), let officer = beginner(of: process, member) else {
            throw Missing()
        }
        let now = now
        let random = hmacSHA256(key: try desk.tokenKey(), Array("receipt \(nonce)".utf8))
        let receipt = Receipt(date: now.date(in: .shanghai), random: Array(random[..<8]))
        let code = QueryCode(random: Array(random[8..<24]))
        let keys = CitizenKeys(receipt, code)
        let number = try cases.begin(
            .init(
                id: makeUUID(of: SHA256Digest(of: Array("registered \(nonce)".utf8))), process: process,
                form: form.digest, answers: answers.values, received: now, by: .officer(officer),
                correspondent: Correspondent(
                    receipt: receipt.text, lookup: hexText(keys.lookup), statusKey: hexText(keys.statusKey),
                    authKey: hexText(keys.authKey), language: "zh", channel: "phone")), at: now)
        var fields = frame(member, "已登记")
        fields["number"] = .number(number)
        fields["receipt"] = .text(receipt.text)
        fields["queryCode"] = .text(code.grouped)
        fields["next"] = .text("/new/\(form.id)")
        return page(.ok, try views.render("registered", fields))
    }
}
