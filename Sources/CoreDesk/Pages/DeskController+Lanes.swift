import Authority
import Cases
import Ferry
import Hummingbird
import LaneDatabase
import PortalBase
import Procedures
import Templates

/// The lanes to and from the edge: how they stand, their alarms, and arrivals that could not be filed.
extension DeskController {
    func addLaneRoutes(to router: Router<BasicRequestContext>) {
        router.get("/lanes") { request, _ in
            let done = request.uri.queryParameters["done"].map { String($0) }
            return await answer(request) { member in try lanes(member, done: done) }
        }
        for action in LaneAction.allCases {
            router.post("/lanes/\(action.rawValue)") { request, _ in await act(request, action) }
        }
    }

    /// What an administrator does here; each is on record in the lanes' audit log.
    enum LaneAction: String, CaseIterable {
        /// Tries to file what is held.
        case retry
        /// Gives up a held item.
        case drop
        /// Ends an alarm that somebody has looked into.
        case clear
    }

    func may(_ member: CaseStore.Member, _ permission: ProcessLibrary.Permission) -> Bool {
        member.posts.contains { surroundings.library.permissions[$0.role]?.contains(permission) == true }
    }

    private func mayWork(_ member: CaseStore.Member) -> Bool {
        may(member, .workOnLanes) && member.level >= Officer.levelOfUSBKey
    }

    private func lanes(_ member: CaseStore.Member, done: String? = nil, draft: Draft? = nil) throws -> Response {
        guard may(member, .seeLanes) else { throw Missing() }
        let store = desk.laneStore()
        let held = try store.held(lane: Configuration.receiveLane)
        var fields = frame(member, "通道")
        fields["problem"] = .optional(draft?.text)
        fields["code"] = .text(draft?.code ?? "")
        fields["done"] = .optional(
            done.flatMap(LaneAction.init(rawValue:)).map { action in
                switch action {
                case .retry: "已重试；仍收不下的在下面。"
                case .drop: "已放弃这一件，理由在审计记录里。"
                case .clear: "报警已消除。"
                }
            })
        fields["mayWork"] = .flag(mayWork(member))
        let nonce = authenticator.nonce()
        fields["nonce"] = .text(nonce)
        for action in LaneAction.allCases {
            fields["\(action.rawValue)Token"] = .text(authenticator.token(member, Self.ticket(action, nonce)))
        }
        fields["lanes"] = .list(
            try store.status(at: now).map { status in
                .fields([
                    "lane": .text(status.lane),
                    "name": .text(status.lane == Configuration.receiveLane ? "外网 → 内网" : "内网 → 外网"),
                    "lines": .list(Self.lines(status).map { .fields(["line": .text($0)]) }),
                    "allAlarms": .list(
                        status.alarms.map {
                            .fields([
                                "name": .text(LaneAlarm(rawValue: $0.code).map(Self.name) ?? $0.code),
                                "alarm": .text($0.code), "detail": .text($0.detail),
                            ])
                        }),
                    "alarms": .list(
                        status.alarms.filter { Self.endsByHand($0.code) }.map {
                            .fields(["alarm": .text($0.code), "detail": .text($0.detail)])
                        }),
                ])
            })
        fields["hasHeld"] = .flag(!held.isEmpty)
        fields["held"] = .list(
            held.map { item in
                .fields([
                    "item": .text(item.item), "kind": .text(item.kind), "reason": .text(item.reason),
                    "since": .text(item.since.minuteText(in: .shanghai)),
                ])
            })
        let papers = try desk.cases.awaitingPapers().count
        fields["papers"] = .optional(papers == 0 ? nil : "\(papers)")
        fields["early"] = .optional(try desk.earlyMessages().map { "\($0)" })
        return page(draft?.status ?? .ok, try views.render("lanes", fields))
    }

    private static func lines(_ status: LaneStatus) -> [String] {
        func age(_ seconds: Int) -> String {
            seconds < 7_200
                ? "\(seconds / 60) 分钟" : seconds < 172_800 ? "\(seconds / 3_600) 小时" : "\(seconds / 86_400) 天"
        }
        let waiting = status.items["waiting", default: 0]
        var lines = [
            "待传 \(waiting) 件\(status.waiting.bytes > 0 ? "，最早的等了 \(age(status.waiting.age))" : "")，已送达 \(status.items["delivered", default: 0]) 件，被退回 \(status.items["dead", default: 0]) 件"
        ]
        if status.lastSent > 0 {
            lines.append(
                "发出到第 \(status.lastSent) 批\(status.open.batches > 0 ? "，\(status.open.batches) 批对方还没有确认，最早的 \(age(status.open.age))" : "，都已确认")"
            )
        }
        if status.highest > 0 {
            lines.append("收到第 \(status.highest) 批\(status.silence.map { "，最近一次在 \(age($0))前" } ?? "")")
        }
        if !status.gaps.isEmpty { lines.append("缺第 \(status.gaps.map(numbersText).joined(separator: "、")) 批") }
        for (sequence, parts) in status.missing.sorted(by: { $0.key < $1.key }) {
            lines.append("第 \(sequence) 批缺 \(parts.count) 个分卷")
        }
        return lines
    }

    private static func name(_ alarm: LaneAlarm) -> String {
        switch alarm {
        case .fork: "同一批号有两种内容，通道已停：可能是旧备份恢复，或密钥被盗"
        case .chain: "批次接不上前一批，通道已停"
        case .senderBehind: "对方知道的批号这边没有，通道已停：这边的数据库可能是旧的"
        case .receiverBehind: "对方忘了已经确认过的批次"
        case .dead: "对方退回了来件，等在这里"
        case .refused: "对方整批退回，正在重发"
        case .sealedLost: "封好的文件在确认以前不见了"
        case .gap: "有的批次很久没有到"
        case .silence: "很久没有收到任何批次"
        case .space: "磁盘快满，无法工作"
        case .clock: "有一批的封装时间在将来：两边的时钟有一个不准"
        case .held: "有来件收不下，见下面“收不下的”"
        case .contradiction: "有来件与以前来的矛盾，原件另存，请查明"
        }
    }

    /// That of held items ends with them.
    private static func endsByHand(_ code: String) -> Bool { code != LaneAlarm.held.rawValue }

    private static func ticket(_ action: LaneAction, _ nonce: String) -> StaffAuthenticator.Ticket {
        .init(caseID: "lanes", action: action.rawValue, task: "", grounds: SHA256Digest(of: []), nonce: nonce)
    }

    private func act(_ request: Request, _ action: LaneAction) async -> Response {
        await submitted(request) { _, typed in
            Self.ticket(action, typed["nonce"]?.first ?? "")
        } take: { member, typed, _ in
            try take(action, member, typed)
            return Response(status: .seeOther, headers: [.location: "/lanes?done=\(action.rawValue)"])
        } again: { member, draft in
            try lanes(member, draft: draft)
        }
    }

    private func take(_ action: LaneAction, _ member: CaseStore.Member, _ typed: [String: [String]]) throws {
        func one(_ name: String) -> String { typed[name]?.first ?? "" }
        guard mayWork(member) else {
            throw ActionForm.Problem(code: "officer", text: "您的岗位或证书级别不能处理通道。")
        }
        let store = desk.laneStore()
        let now = now
        switch action {
        case .retry:
            try store.log(
                lane: Configuration.receiveLane, event: "heldRetried", ["by": .string(member.person)], at: now)
            _ = try store.retryHeld(lane: Configuration.receiveLane, at: now)
        case .drop:
            let why = try ActionForm.stored(one("because"), "放弃的理由", isLine: true)
            guard !why.isEmpty else {
                throw ActionForm.Problem(code: "missing", text: "放弃一件要写理由。")
            }
            guard why.unicodeScalars.count <= 400 else {
                throw ActionForm.Problem(code: "tooLong", text: "理由太长，请缩短到 400 字以内。")
            }
            let isDropped = try store.drop(
                one("item"), lane: Configuration.receiveLane, because: why, by: member.person, at: now)
            guard isDropped else { throw ActionForm.Problem(code: "state", text: "这一件已经不在这里。") }
        case .clear:
            guard let alarm = LaneAlarm(rawValue: one("alarm")), Self.endsByHand(alarm.rawValue),
                try store.clear(alarm, lane: one("lane"), detail: one("detail"), by: member.person, at: now) > 0
            else { throw ActionForm.Problem(code: "state", text: "这个报警已经不在了。") }
        }
    }
}
