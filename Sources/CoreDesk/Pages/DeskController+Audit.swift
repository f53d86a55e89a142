import Assessment
import Cases
import Hummingbird
import PortalBase
import Procedures
import Templates

/// The page of the reading record (监督审计), which the permission `audit.read` opens.
extension DeskController {
    private static let readingsOnPage = 100
    private static let readingsInTable = 10_000

    func addAuditRoutes(to router: Router<BasicRequestContext>) {
        router.get("/audit") { request, _ in
            let parameters = request.uri.queryParameters
            func text(_ name: String) -> String { parameters[name[...]].map(String.init) ?? "" }
            let asked = (
                person: text("person"), number: text("number"), signIns: text("signins") == "1",
                before: Int(text("before")), isTable: text("csv") == "1"
            )
            return await answer(request) { member in
                try audit(
                    member, asked.person, asked.number, signIns: asked.signIns, before: asked.before,
                    isTable: asked.isTable)
            }
        }
    }

    func seesReadings(_ member: CaseStore.Member) -> Bool { may(member, .seeReadings) }

    private func audit(
        _ member: CaseStore.Member, _ person: String, _ number: String, signIns: Bool, before: Int?, isTable: Bool
    ) throws -> Response {
        guard seesReadings(member) else { throw Missing() }
        let typed = decimal(number.utf8)
        let isUnread = !number.isEmpty && typed == nil
        let found = try cases.readings(
            .init(
                person: person, what: signIns ? StaffAuthenticator.signIn : "", number: isUnread ? -1 : typed,
                before: before,
                limit: isTable ? Self.readingsInTable : Self.readingsOnPage), as: member.posts, at: now)
        let names = try cases.names(of: Set(found.lines.map(\.person)))
        func cells(_ line: CaseStore.Reading) -> [String] {
            [
                line.at.minuteText(in: .shanghai), CaseText.name(line.person, names),
                surroundings.postName(line.role, in: line.unit), Self.name(line.what),
                line.number.map { line.isOther ? "人员 \($0)" : "\($0) 号" } ?? Self.subject(line),
            ]
        }
        if isTable {
            return Self.csvFile(
                CSV.text([["时间", "人员", "岗位", "查看", "办件"]] + found.lines.map(cells)),
                name: "readings-\(now.date(in: .shanghai).text)")
        }
        let filter =
            "person=\(percentEncodedPath(person).replacing("&", with: "%26"))&number=\(typed.map { String($0) } ?? "")\(signIns ? "&signins=1" : "")"
        let fields = frame(member, "查看记录").merging([
            "person": .text(person), "number": .text(number), "isOfSignIns": .flag(signIns),
            "problem": .optional(isUnread ? "办件编号要写数字，没有列出任何记录。" : nil),
            "readings": .list(
                found.lines.map { line in
                    let cells = cells(line)
                    return .fields([
                        "at": .text(cells[0]), "who": .text(cells[1]), "post": .text(cells[2]), "what": .text(cells[3]),
                        "subject": .text(cells[4]),
                    ])
                }), "isEmpty": .flag(found.lines.isEmpty), "csv": .text("/audit?\(filter)&csv=1"),
            "next": .optional(found.next.map { "/audit?\(filter)&before=\($0)" }),
        ]) { $1 }
        return page(isUnread ? .unprocessableContent : .ok, try views.render("audit", fields))
    }

    /// Of a sign-in, its key; of a search, nothing that a reader could make sense of.
    private static func subject(_ line: CaseStore.Reading) -> String {
        line.what.hasPrefix(StaffAuthenticator.signIn) && !line.subject.isEmpty ? "公钥 \(line.subject)…" : ""
    }

    private static func name(_ what: String) -> String {
        if let reason = what.split(separator: " ").dropFirst().first, what.hasPrefix(StaffAuthenticator.refusedSignIn) {
            switch StaffAuthenticator.Refusal(rawValue: String(reason)) {
            case .noCertificate: return "登录被拒：没有证书"
            case .badCertificate: return "登录被拒：证书无效"
            case .notKnown: return "登录被拒：不在名单"
            case .listOutdated: return "登录被拒：吊销列表过期"
            case .crossSite, .badToken, nil: return "登录被拒"
            }
        }
        switch what {
        case StaffAuthenticator.signIn: return "登录"
        default: return reading(what)
        }
    }

    private static func reading(_ what: String) -> String {
        switch what {
        case "case": "办件"
        case "list": "列表"
        case "search": "查找"
        case "tasks": "我的任务"
        case "reminders": "催办"
        case "overview": "概况"
        case "calendar": "日历"
        case "figures": "考核的办件"
        case "readings": "查看记录"
        default: what
        }
    }
}
