import Authority
import Cases
import Forms
import Hummingbird
import PortalBase
import Procedures
import Templates
import Workflow

/// What officers begin: people, posts, certificates, assessments.
extension DeskController {
    /// Processes whose subjects somebody may begin.
    private func beginnings(for member: CaseStore.Member) -> [Procedures.Process] {
        surroundings.library.processes.filter { $0.subject != .case && beginner(of: $0, member) != nil }
    }

    /// Those of people, posts and certificates.
    func administered(by member: CaseStore.Member) -> [Procedures.Process] {
        beginnings(for: member).filter { $0.subject != .assessment }
    }

    func recorded(by member: CaseStore.Member) -> Procedures.Process? {
        beginnings(for: member).first { $0.subject == .assessment }
    }

    /// The post in which somebody begins a subject; nil where none allows it.
    ///
    /// - Parameter unit: that which the subject names; nil before it does.
    func beginner(
        of process: Procedures.Process, _ member: CaseStore.Member, naming unit: InputValue? = nil
    ) -> Officer? {
        func may(_ officer: Officer, _ scope: Procedures.Process.Who.Scope) -> Bool {
            process.begin.by.contains { who in
                guard case .role(officer.post.role, scope, _, _, let level) = who else { return false }
                // A case is filed as its sender's; what officers begin may be signed.
                return process.subject != .case || officer.level >= level
            }
        }
        return member.officers.first { may($0, .any) || may($0, .own) && unit == .text($0.post.unit) }
            ?? member.officers.first { may($0, .own) }
    }

    func newForm(_ id: String, _ member: CaseStore.Member, draft: Draft? = nil) throws -> Response {
        guard let process = beginnings(for: member).first(where: { $0.id == id }) else { throw Missing() }
        let form = ActionForm(process.opening, task: nil, of: nil, surroundings)
        let nonce = authenticator.nonce()
        var fields = frame(member, "新增：\(process.title.text("zh"))")
        fields["name"] = .text(process.title.text("zh"))
        fields["address"] = .text("/new/\(process.id)")
        fields["token"] = .text(authenticator.token(member, Self.ticket(process, nonce)))
        fields["grounds"] = .text(process.digest.hex)
        fields["nonce"] = .text(nonce)
        fields["problem"] = .optional(draft?.text)
        fields["code"] = .text(draft?.code ?? "")
        fields["inputs"] = .list(form.values(typed: draft?.typed, invalid: draft?.input ?? ""))
        return page(draft?.status ?? .ok, try views.render("new", fields))
    }

    private static func ticket(_ process: Procedures.Process, _ nonce: String) -> StaffAuthenticator.Ticket {
        .init(caseID: "", action: process.id, task: "", grounds: process.digest, nonce: nonce)
    }

    private func unsigned(
        _ inputs: [String: InputValue], _ process: Procedures.Process, _ member: CaseStore.Member, _ officer: Officer,
        _ ticket: StaffAuthenticator.Ticket
    ) throws -> Unsigned {
        try Unsigned(
            subject: "", command: Command(action: Procedures.Process.EventName.begin, inputs: inputs), ticket: ticket,
            officer: officer, name: "新增" + process.title.text("zh"), address: "/new/\(process.id)",
            shown: desk.lines(beginning: process, inputs) + [desk.signerLine(member, officer)])
    }

    func begin(_ request: Request, _ id: String) async -> Response {
        await submitted(request) { member, typed in
            guard let process = beginnings(for: member).first(where: { $0.id == id }) else { throw Missing() }
            return Self.ticket(process, typed["nonce"]?.first ?? "")
        } take: { member, typed, ticket in
            if typed[Self.editing] != nil {
                return try newForm(id, member, draft: Draft(typed: typed))
            }
            guard let process = beginnings(for: member).first(where: { $0.id == id }) else { throw Missing() }
            let form = ActionForm(process.opening, task: nil, of: nil, surroundings)
            do {
                let inputs = try form.command(typed) { _ in nil }.inputs
                let unit = process.begin.input(.unit).flatMap { inputs[$0.id] }
                guard let officer = beginner(of: process, member, naming: unit) else { throw Missing() }
                var signed: SignedAct?
                let level = try cases.levelNeeded(
                    toBegin: process, inputs, as: officer, key: ticket.nonce, at: now)
                if officer.mustSign(for: level) {
                    let act = try unsigned(inputs, process, member, officer, ticket)
                    signed = try signature(act, member, typed)
                    if signed == nil { return try signingPage(act, member, typed) }
                }
                let subject = try cases.beginSubject(
                    process, inputs, attached: try counted(process, inputs), as: officer, key: ticket.nonce,
                    signed: signed, at: now)
                return Response(status: .seeOther, headers: [.location: "/cases/\(subject)"])
            } catch CaseStore.Failure.refused(let refusal) {
                throw form.problem(refusal)
            }
        } again: { member, draft in
            try newForm(id, member, draft: draft)
        }
    }
}
