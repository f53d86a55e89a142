import Authority
import Cases
import Forms
import Hummingbird
import Logging
import PortalBase
import Procedures
import Templates
import Workflow

/// Lists, one's own tasks, and search.
extension DeskController {
    private static let linesOnPage = 50
    private static let hitsOnPage = 20

    /// What a list is of.
    enum ListKind {
        case cases(ListNarrowing)
        /// People, posts and certificates.
        case people
    }

    func list(
        _ kind: ListKind, _ member: CaseStore.Member, before: Int?, includesFinal isAsked: Bool
    ) throws -> Response {
        let now = now
        let chosen: ListNarrowing? = if case .cases(let chosen) = kind { chosen } else { nil }
        let isOthers = chosen == nil
        // Cases at their end are asked for by their state too.
        let isOfFinal = chosen?.isOfFinal == true
        let includesFinal = isAsked || isOfFinal
        let begun = isOthers ? administered(by: member) : []
        guard !isOthers || !begun.isEmpty else { throw Missing() }
        let listing = try cases.list(
            .init(
                includesFinal: includesFinal, isOthers: isOthers, before: before, limit: Self.linesOnPage,
                narrowing: chosen?.narrowing ?? .none),
            as: member.posts, at: now)
        var fields = try listed(listing, member, title: isOthers ? "人员、岗位和证书" : "诉求和申请", at: now)
        let address = isOthers ? "/people" : "/"
        let (closed, more) = (isAsked ? "1" : "0", chosen?.query ?? "")
        fields["isProjectedOtherwise"] = .flag(
            try chosen?.narrowing.isOfRunning == true && desk.isProjectedOtherwise())
        fields.merge(chosen?.fields(everything: "/?closed=\(closed)") ?? [:]) { $1 }
        fields["canNarrow"] = .flag(!isOthers)
        fields["toggle"] = .text("\(address)?closed=\(isAsked ? "0" : "1")\(more)")
        fields["includesClosed"] = .flag(isAsked)
        fields["hasClosed"] = .flag(!isOfFinal)
        fields["next"] = .optional(listing.next.map { "\(address)?closed=\(closed)&before=\($0)\(more)" })
        let added =
            isOthers
            ? begun.map { (id: $0.id, name: "新增\($0.title.text("zh"))") }
            : registrable(by: member).map { (id: $0.id, name: "登记\($0.title.text("zh"))") }
        fields["hasBeginnings"] = .flag(!added.isEmpty)
        fields["beginnings"] = .list(
            added.map { .fields(["address": .text("/new/\($0.id)"), "name": .text($0.name)]) })
        return page(.ok, try views.render("list", fields))
    }

    /// Lines of a table of cases.
    ///
    /// - Parameters:
    ///   - reminders: by subject.
    ///   - work: by subject.
    func lines(
        _ lines: [CaseStore.Line], reminders: [String: CaseLine.Reminder] = [:], work: [String: CaseLine.Work] = [:]
    ) throws -> [Value] {
        let people = try cases.names(of: CaseLine.persons(in: lines))
        return lines.map { line in
            CaseLine(
                line, surroundings, people: people, at: now, reminder: reminders[line.subject.id],
                work: work[line.subject.id]
            ).value
        }
    }

    /// Fields of a page that lists cases.
    private func listed(
        _ listing: CaseStore.Listing, _ member: CaseStore.Member, title: String, at now: Instant
    ) throws -> [String: Value] {
        try listed(listing.lines, listing.damaged, member, title, at: now)
    }

    /// Those that cannot be read are named, and stop no other.
    private func listed(
        _ lines: [CaseStore.Line], _ damaged: [String], _ member: CaseStore.Member, _ title: String, at now: Instant,
        reminders: [String: CaseLine.Reminder] = [:], work: [String: CaseLine.Work] = [:]
    ) throws -> [String: Value] {
        if !damaged.isEmpty {
            Logger(label: "coredesk").error("ALARM cases that cannot be read: \(damaged.joined(separator: " "))")
        }
        var fields = frame(member, title)
        fields["cases"] = .list(try self.lines(lines, reminders: reminders, work: work))
        fields["nothing"] = .text("没有待办事项。")
        for name in ["canNarrow", "isNarrowed", "isOutdated", "isProjectedOtherwise"] { fields[name] = .flag(false) }
        fields["calendarWarning"] = .optional(calendarWarning(now))
        fields["damaged"] = .optional(
            damaged.isEmpty ? nil : "有 \(damaged.count) 件读不出来，没有列出。请联系系统管理员（coredesk audit）。")
        return fields
    }

    /// Cases that one page of somebody's own work looks at: some wait for their role and not for them.
    private static let mostLookedAt = 200

    /// Cases in which it is this officer's turn, the most urgent first.
    func tasks(_ member: CaseStore.Member, after: CaseStore.TurnPlace?) throws -> Response {
        let now = now
        try cases.record("tasks", as: member.posts, at: now)
        let units = Set(member.posts.map(\.unit))
        var (next, lines, damaged, looked) = (after, [CaseStore.Line](), [String](), 0)
        var reminders: [String: CaseLine.Reminder] = [:]
        var work: [String: CaseLine.Work] = [:]
        repeat {
            let found = try cases.waiting(for: member.posts, after: next, limit: Self.linesOnPage, at: now)
            damaged += found.damaged
            looked += Self.linesOnPage
            next = found.next
            for (place, view) in found.views {
                let turn = view.process.turn(offers(view, member).map(\.offer), of: view.file)
                guard !turn.isEmpty else { continue }
                var line = view.line
                line.firstEnd = view.process.firstEnd(of: view.file, units: units, in: view.world)
                lines.append(line)
                work[view.subject.id] = self.work(turn, on: view)
                reminders[view.subject.id] = view.file.reminders.filter { units.contains($0.key) }.values
                    .max { $0.last < $1.last }.map { .init(last: $0.last, times: $0.times) }
                guard lines.count < Self.linesOnPage else {
                    // The next page begins behind it.
                    next = place == found.views.last?.place ? found.next : place
                    break
                }
            }
        } while next != nil && lines.count < Self.linesOnPage && looked < Self.mostLookedAt
        var fields = try worklist(lines, damaged, member, "我的任务", at: now, reminders: reminders, work: work)
        fields["next"] = .optional(next.map { "/tasks?due=\($0.due)&after=\($0.number)" })
        return page(.ok, try views.render("list", fields))
    }

    /// What an officer may do at once in a case that waits for them, and what the dispatch catalogue (派单目录) says of it.
    private func work(_ offers: [Offer], on view: CaseStore.View) -> CaseLine.Work {
        let asksForUnit = offers.contains { offer in
            view.process.action(offer.action)?.ask.contains { $0.kind == .unit } ?? false
        }
        let entry =
            asksForUnit ? surroundings.library.catalogues[view.process.id]?.entry(for: view.file.answers) : nil
        let parts = [entry?.unit.map(surroundings.unitName), entry.map { CaseText.limit($0.limit) }].compactMap { $0 }
        return CaseLine.Work(
            actions: offers.map { offer in
                (Self.name(offer, view, surroundings), Self.address(view.subject.id, offer.action, offer.task))
            }, suggestion: parts.isEmpty ? nil : "目录建议：" + parts.joined(separator: "，"))
    }

    /// Fields of a list without closed cases and without buttons to begin one.
    private func worklist(
        _ lines: [CaseStore.Line], _ damaged: [String], _ member: CaseStore.Member, _ title: String, at now: Instant,
        reminders: [String: CaseLine.Reminder], work: [String: CaseLine.Work] = [:]
    ) throws -> [String: Value] {
        var fields = try listed(lines, damaged, member, title, at: now, reminders: reminders, work: work)
        for name in ["includesClosed", "hasClosed", "hasBeginnings"] { fields[name] = .flag(false) }
        fields["toggle"] = .text("")
        fields["beginnings"] = .list([])
        return fields
    }

    /// Cases of which this officer's units were reminded, the newest reminder first.
    func reminders(_ member: CaseStore.Member, after: CaseStore.ReminderPlace?) throws -> Response {
        let now = now
        try cases.record("reminders", as: member.posts, at: now)
        let found = try cases.reminded(member.posts, after: after, limit: Self.linesOnPage, at: now)
        var reminders: [String: CaseLine.Reminder] = [:]
        for (line, reminder) in found.lines {
            reminders[line.subject.id] = .init(last: reminder.last, times: reminder.times)
        }
        let units = Set(member.posts.map(\.unit))
        // A case that cannot be read keeps its line, without the words.
        let reminded = try reminders.keys.sorted().compactMap { id in
            do {
                return try cases.view(id, at: now)
            } catch is CaseStore.Failure {
                return nil
            }
        }
        let people = try cases.names(of: Set(reminded.flatMap(CaseText.persons)))
        for view in reminded {
            reminders[view.subject.id]?.words = CaseText(view, surroundings, people: people).lastReminder(of: units)
        }
        var fields = try worklist(
            found.lines.map(\.line), found.damaged, member, "催办和督办", at: now, reminders: reminders)
        fields["nothing"] = .text("没有催办、督办的办件。")
        fields["next"] = .optional(found.next.map { "/reminders?last=\($0.last)&after=\($0.number)" })
        return page(.ok, try views.render("list", fields))
    }

    private func calendarWarning(_ now: Instant) -> String? {
        let calendar = surroundings.calendar
        let left = calendar.daysLeft(on: now.date(in: .shanghai))
        guard left <= WorkingCalendar.warningDays else { return nil }
        return
            "放假安排只公布到 \(calendar.last.text)\(left >= 0 ? "，还有 \(left) 天" : "，已经过期")。之后到期的期限算不出来，列表里的“预计”只供排序。请系统管理员导入国务院办公厅的新通知（coredesk calendar）。"
    }

    private static let mostQueryBytes = 400

    func search(_ member: CaseStore.Member, _ query: String, before: Int?) throws -> Response {
        let now = now
        let isShort = query.utf8.count <= Self.mostQueryBytes
        let hits =
            isShort
            ? try cases.search(query, before: before, limit: Self.hitsOnPage, as: member.posts, at: now) : nil
        var fields = try listed(hits ?? .empty, member, title: "查找", at: now)
        fields["query"] = .text(isShort ? query : "")
        fields["queryInAddress"] = .text(
            percentEncodedPath(query).replacing("&", with: "%26").replacing("+", with: "%2B").replacing(
                "=", with: "%3D"))
        fields["problem"] = .optional(
            hits == nil ? (isShort ? "请输入至少两个字，或一个完整的号码、凭证号。" : "要查找的文字太长。") : nil)
        fields["next"] = .optional(hits?.next.map { String($0) })
        return page(hits == nil ? .unprocessableContent : .ok, try views.render("search", fields))
    }
}
