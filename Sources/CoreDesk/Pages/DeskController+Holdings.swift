import Authority
import Cases
import Forms
import Hummingbird
import PortalBase
import Procedures
import Templates
import Workflow

/// What somebody holds: on a person's page for administrators, and on one's own.
extension DeskController {
    private static let signInsShown = 20

    /// An officer's own posts, certificates and sign-ins, so that the use of a stolen key is noticed.
    func me(_ member: CaseStore.Member) throws -> Response {
        let found = try cases.readings(
            .init(
                person: member.person, what: StaffAuthenticator.signIn, number: nil, before: nil,
                limit: Self.signInsShown), as: member.posts, at: now)
        let fields = frame(member, "\(member.name)：我的登录").merging([
            "number": .text(member.person), "level": .number(member.level),
            "key": .text(String(member.key.hex.prefix(16))), "holdings": try holdings(of: member.person, links: false),
            "signIns": .list(
                found.lines.map {
                    .fields(["at": .text($0.at.minuteText(in: .shanghai)), "key": .text($0.subject)])
                }),
        ]) { $1 }
        return page(.ok, try views.render("me", fields))
    }

    /// Of a person: posts, certificates, and open tasks that would be left to others.
    func holdings(_ view: CaseStore.View) throws -> Value {
        guard view.process.subject == .person, let id = view.process.begin.input(.id),
            let person = view.file.answers[id.id]?.string
        else { return .nothing }
        return try holdings(of: person, links: true)
    }

    /// - Parameter links: whether the reader may open what administrators see.
    func holdings(of person: String, links: Bool) throws -> Value {
        let held = try cases.holdings(of: person)
        func lines(_ lines: [(address: String?, text: String)]) -> Value {
            .list(lines.map { .fields(["address": .optional(links ? $0.address : nil), "text": .text($0.text)]) })
        }
        return .fields([
            "hasPosts": .flag(!held.posts.isEmpty),
            "posts": lines(
                held.posts.map { subject, post in
                    let end = post.until.map { "，到 \($0.adding(seconds: -1).date(in: .shanghai).text)" } ?? ""
                    let isOver = !post.isHeld(at: now)
                    return (
                        "/cases/\(subject)",
                        surroundings.postName(post.role, in: post.unit) + end
                            + (isOver ? "（已到期）" : "")
                    )
                }),
            "hasCredentials": .flag(!held.credentials.isEmpty),
            "credentials": lines(
                held.credentials.map { subject, credential in
                    ("/cases/\(subject)", "\(credential.level) 级，公钥 \(credential.key.prefix(16))…")
                }),
            "hasTasks": .flag(!held.tasks.isEmpty),
            "tasks": lines(
                held.tasks.map { number, process, kind, unit in
                    let known = surroundings.library.processes.first { $0.id == process }
                    return (
                        nil, "\(number) 号 \(known?.task(kind)?.label.text("zh") ?? kind)，\(surroundings.unitName(unit))"
                    )
                }),
        ])
    }
}
