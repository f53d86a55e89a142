import Assessment
import Cases
import Forms
import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase
import Procedures
import Templates
import Workflow

/// What is open, what falls due when, and how the procedures go: pages over all cases that somebody may see.
extension DeskController {
    func addOverviewRoutes(to router: Router<BasicRequestContext>) {
        router.get("/overview") { request, _ in
            let isTable = request.uri.queryParameters["csv"] == "1"
            return await answer(request) { member in try overview(member, isTable: isTable) }
        }
        router.get("/calendar") { request, _ in
            let month = request.uri.queryParameters["month"].map { String($0) }
            return await answer(request) { member in try calendar(member, month) }
        }
        router.get("/processes") { request, _ in await answer(request) { member in try processes(member) } }
        router.get("/processes/:id") { request, context in
            let id = context.parameters.get("id") ?? ""
            return await answer(request) { member in try process(id, member) }
        }
    }

    private var caseProcesses: [Procedures.Process] {
        surroundings.library.processes.filter { $0.subject == .case }
    }

    // MARK: What is open

    private func overview(_ member: CaseStore.Member, isTable: Bool) throws -> Response {
        let now = now
        let found = try cases.overview(as: member.posts, at: now)
        if isTable { return table(found, at: now) }
        let parts = caseProcesses.compactMap { process -> Value? in
            let states = process.states.flatMap { state in
                found.states.filter { $0.process == process.id && $0.name == state.id }
                    .map {
                        line($0, state.label.text("zh")) {
                            .init(process: process.id, state: state.id, isOverdue: $0)
                        }
                    }
            }
            guard !states.isEmpty else { return nil }
            let units = found.units.filter { $0.process == process.id }.sorted {
                ($1.open, $0.name) < ($0.open, $1.name)
            }
            let marks = found.marks.filter { $0.process == process.id }
            return .fields([
                "title": .text(process.title.text("zh")), "states": .list(states),
                "chart": .text(units.isEmpty ? "" : chart(units, process).svg), "hasUnits": .flag(!units.isEmpty),
                "units": .list(
                    units.map { count in
                        line(count, surroundings.unitName(count.name)) {
                            .init(process: process.id, unit: count.name, isOverdue: $0)
                        }
                    }),
                "hasMarks": .flag(!marks.isEmpty),
                "marks": .list(
                    marks.map { count in
                        line(count, process.label(count.name, "zh")) {
                            .init(
                                process: process.id, count: .init(process: process.id, name: count.name),
                                isOverdue: $0)
                        }
                    }),
            ])
        }
        let fields = frame(member, "未办结概况").merging([
            "now": .text(now.minuteText(in: .shanghai)), "processes": .list(parts),
            "hasProcesses": .flag(!parts.isEmpty),
            "isProjectedOtherwise": .flag(try desk.isProjectedOtherwise()),
        ]) { $1 }
        return page(.ok, try views.render("overview", fields))
    }

    /// - Parameter list: what the count is narrowed to, and with or without what is overdue.
    private func line(
        _ count: CaseStore.OpenCount, _ name: String, _ list: (_ isOverdue: Bool) -> CaseNarrowing
    ) -> Value {
        .fields([
            "name": .text(name), "open": .number(count.open), "address": .text(ListNarrowing.address(list(false))),
            "late": .optional(count.overdue > 0 ? String(count.overdue) : nil),
            "lateAddress": .text(ListNarrowing.address(list(true))),
        ])
    }

    private func chart(_ units: [CaseStore.OpenCount], _ process: Procedures.Process) -> BarChart {
        BarChart(
            bars: units.map {
                .init(
                    label: surroundings.unitName($0.name), value: $0.open, marked: $0.overdue,
                    text: $0.overdue > 0 ? "\($0.open)，超期 \($0.overdue)" : String($0.open))
            }, title: "\(process.title.text("zh"))：各单位未办结件数，红色为超期", whole: units.map(\.open).max() ?? 1)
    }

    private func table(_ found: CaseStore.Overview, at now: Instant) -> Response {
        var lines = [["流程", "类别", "名称", "未办结", "超期"]]
        for process in caseProcesses {
            func add(_ kind: String, _ counts: [CaseStore.OpenCount], _ name: (String) -> String) {
                for count in counts where count.process == process.id {
                    lines.append([
                        process.title.text("zh"), kind, name(count.name), String(count.open), String(count.overdue),
                    ])
                }
            }
            let order = process.states.map(\.id)
            let states = found.states.filter { $0.process == process.id }.sorted {
                order.firstIndex(of: $0.name) ?? 0 < order.firstIndex(of: $1.name) ?? 0
            }
            add("状态", states) { process.state($0)?.label.text("zh") ?? $0 }
            add("单位", found.units, surroundings.unitName)
            add("标记", found.marks) { process.label($0, "zh") }
        }
        return Self.csvFile(CSV.text(lines), name: "overview-\(now.date(in: .shanghai).text)")
    }

    // MARK: Days

    /// A month of due days; each leads to the list of its cases.
    private func calendar(_ member: CaseStore.Member, _ asked: String?) throws -> Response {
        let now = now
        let today = now.date(in: .shanghai)
        // A month that is none is this one.
        let month = asked.flatMap { Month($0) } ?? Month(of: now)
        var counts: [CivilDate: Int] = [:]
        for moment in try cases.dueMoments(in: month.period, as: member.posts, at: now) {
            counts[moment.date(in: .shanghai), default: 0] += 1
        }
        let first = month.period.lowerBound.date(in: .shanghai)
        let end = month.period.upperBound.date(in: .shanghai)
        // From the Monday before the first day to the Sunday behind the last.
        let start = first.dayNumber - (first.isoWeekday - 1)
        let weeks = stride(from: start, to: end.dayNumber, by: 7).map { monday -> Value in
            let days = (monday..<monday + 7).map { number -> Value in
                let day = CivilDate(dayNumber: number)
                let isInside = (first..<end).contains(day)
                let count = isInside ? counts[day] ?? 0 : 0
                let isRest = surroundings.calendar.isWorkingDay(day) == false
                return .fields([
                    "day": .optional(isInside ? String(day.day) : nil), "date": .text(day.text),
                    "kind": .text(
                        [isRest && isInside ? "rest" : nil, day == today ? "today" : nil].compactMap { $0 }.joined(
                            separator: " ")),
                    "count": .optional(count > 0 ? String(count) : nil), "isPast": .flag(day < today),
                    "address": .text(ListNarrowing.address(.none, due: day)),
                ])
            }
            return .fields(["days": .list(days)])
        }
        let before = Month(of: month.period.lowerBound.adding(seconds: -1))
        let fields = frame(member, "到期日历").merging([
            "month": .text(month.text), "weeks": .list(weeks), "total": .number(counts.values.reduce(0, +)),
            "unknown": .optional(
                surroundings.calendar.last < CivilDate(dayNumber: end.dayNumber - 1)
                    ? surroundings.calendar.last.text : nil),
            "before": .text("/calendar?month=\(before.text)"),
            "after": .text("/calendar?month=\(Month(of: month.period.upperBound).text)"),
            "isProjectedOtherwise": .flag(try desk.isProjectedOtherwise()),
        ]) { $1 }
        return page(.ok, try views.render("calendar", fields))
    }

    // MARK: Procedures

    private func processes(_ member: CaseStore.Member) throws -> Response {
        let fields = frame(member, "流程").merging([
            "processes": .list(
                surroundings.library.processes.map { process in
                    .fields(["id": .text(process.id), "title": .text(process.title.text("zh"))])
                })
        ]) { $1 }
        return page(.ok, try views.render("processes", fields))
    }

    /// A procedure as it is put to work now, as a picture and in words.
    private func process(_ id: String, _ member: CaseStore.Member) throws -> Response {
        guard let process = surroundings.library.processes.first(where: { $0.id == id }) else { throw Missing() }
        let fields = frame(member, "流程：\(process.title.text("zh"))").merging([
            "drawing": .text(String(decoding: ProcessDrawing(process, language: "zh").svg, as: UTF8.self)),
            "text": .text(process.text("zh")), "digest": .text(process.digest.hex),
        ]) { $1 }
        return page(.ok, try views.render("process", fields))
    }
}
