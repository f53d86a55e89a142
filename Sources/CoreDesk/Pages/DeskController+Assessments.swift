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

/// How the units did in a month (考核), with the cases behind every number.
extension DeskController {
    func addAssessmentRoutes(to router: Router<BasicRequestContext>) {
        router.get("/assessments") { request, _ in
            let parameters = request.uri.queryParameters
            let (month, rules) = (parameters["month"].map(String.init), parameters["rules"].map(String.init))
            let isTable = parameters["csv"] == "1"
            return await answer(request) { member in
                try assessment(member, month: month, rules: rules, isTable: isTable)
            }
        }
        router.get("/assessments/records/:id") { request, context in
            let id = context.parameters.get("id") ?? ""
            return await answer(request) { member in try recording(id, member) }
        }
        router.get("/assessments/cases") { request, _ in
            let parameters = request.uri.queryParameters
            func text(_ name: String) -> String { parameters[name[...]].map(String.init) ?? "" }
            let place = Number(
                month: text("month"), rules: text("rules"), indicator: text("indicator"), unit: text("unit"),
                after: text("after"))
            return await answer(request) { member in try cases(behind: place, member) }
        }
    }

    /// A number of an assessment.
    struct Number: Sendable {
        let month: String
        let rules: String
        let indicator: String
        let unit: String
        /// `12.3`: case and place of the figure before the first; the list begins at its first for any other text.
        let after: String

        fileprivate var place: (number: Int, place: Int)? {
            let parts = after.split(separator: ".").map { decimal($0.utf8) }
            guard parts.count == 2, let number = parts[0], let place = parts[1] else { return nil }
            return (number, place)
        }
    }

    private var assessing: Assessing { Assessing(desk: desk) }

    func seesAssessments(_ member: CaseStore.Member) -> Bool {
        may(member, .seeAssessments) && !surroundings.ruleSets.isEmpty
    }

    private func assessment(
        _ member: CaseStore.Member, month given: String?, rules id: String?, isTable: Bool
    ) throws -> Response {
        guard seesAssessments(member) else { throw Missing() }
        let month = given.flatMap { Month($0) } ?? Month(of: now)
        let inForce = surroundings.ruleSets.filter { $0.covers(month) }
        var fields = frame(member, "月度考核")
        fields["month"] = .text(month.text)
        fields["record"] = .optional(recorded(by: member).map { "/new/\($0.id)" })
        fields["problem"] = .optional(
            given != nil && given.flatMap { Month($0) } == nil ? "月份要写成 2026-09 这样。" : nil)
        fields["sets"] = .list(
            inForce.map {
                .fields([
                    "name": .text($0.title.text("zh")),
                    "address": .text("/assessments?month=\(month.text)&rules=\($0.id)"),
                    "isChosen": .flag($0.id == (id ?? inForce.first?.id)),
                ])
            })
        func page(_ report: AssessmentReport?, _ none: String? = nil) throws -> Response {
            fields["none"] = .optional(none)
            fields["report"] = report.map { AssessmentPage(report: $0).value } ?? .nothing
            return self.page(.ok, try views.render("assessment", fields))
        }
        let rules = id.map { id in inForce.first { $0.id == id } } ?? inForce.first
        guard let rules else { return try page(nil, "这个月没有在用的考核办法。") }
        let report: AssessmentReport
        do {
            report = try assessing.report(rules, month, at: now)
        } catch Assessing.Problem.notBegun {
            return try page(nil, "这个月还没有开始。")
        }
        // That somebody looked is on record.
        try cases.record("assessment", "\(rules.id) \(month.text)", as: member.posts, at: now)
        return isTable
            ? Self.csvFile(report.csv, name: "\(report.rules)-\(report.month.text)") : try page(report)
    }

    /// What is recorded with a subject that an officer begins: the figures of a month as they are counted now.
    func counted(_ process: Procedures.Process, _ inputs: [String: InputValue]) throws -> [String: JSON] {
        guard process.subject == .assessment else { return [:] }
        func text(_ kind: Procedures.Process.Input.Kind) -> (id: String, text: String) {
            let id = process.begin.input(kind)?.id ?? ""
            if case .text(let text) = inputs[id] { return (id, text) }
            return (id, "")
        }
        let (month, rules, why) = (text(.text), text(.id), text(.longtext))
        guard let wanted = Month(month.text) else {
            throw ActionForm.Problem(code: "assessment", text: "月份要写成 2026-09 这样。", input: month.id)
        }
        guard let set = assessing.rules(rules.text) else {
            let known = surroundings.ruleSets.map(\.id).joined(separator: "、")
            throw ActionForm.Problem(code: "assessment", text: "没有这个考核办法；在用的有：\(known)。", input: rules.id)
        }
        let earlier = try cases.recordings(at: now).contains { view in
            view.file.answers[month.id]?.string == month.text && view.file.answers[rules.id]?.string == rules.text
                && view.process.state(view.file.state)?.isFinal == false
        }
        guard !earlier || !why.text.isEmpty else {
            throw ActionForm.Problem(code: "assessment", text: "这个月已经按这个办法记录过：再算一次要写理由。", input: why.id)
        }
        do {
            let report = try assessing.report(set, wanted, at: now)
            guard report.isOver else {
                throw ActionForm.Problem(code: "assessment", text: "这个月还没有结束，不能记录。", input: month.id)
            }
            return [Assessing.figures: report.json]
        } catch let problem as Assessing.Problem {
            throw ActionForm.Problem(
                code: "assessment", text: problem == .notInForce ? "这个办法在这个月不适用。" : "这个月还没有开始。", input: month.id)
        }
    }

    /// An assessment as it was recorded.
    private func recording(_ id: String, _ member: CaseStore.Member) throws -> Response {
        let view = try cases.view(id, as: member.posts, at: now)
        guard let report = view.file.answers[Assessing.figures].flatMap(AssessmentReport.init) else { throw Missing() }
        var fields = frame(member, "月度考核记录")
        fields["month"] = .text(report.month.text)
        fields["problem"] = .nothing
        fields["none"] = .text("\(view.subject.received.minuteText(in: .shanghai)) 记录的数字，以后不变。")
        fields["record"] = .nothing
        fields["sets"] = .list([])
        fields["report"] = AssessmentPage(report: report).value
        return page(.ok, try views.render("assessment", fields))
    }

    private static let figuresOnPage = 200

    /// Exactly the cases that a number counts, as far as the reader may see them.
    private func cases(behind number: Number, _ member: CaseStore.Member) throws -> Response {
        guard seesAssessments(member), let rules = assessing.rules(number.rules), let month = Month(number.month),
            let indicator = rules.indicators.first(where: { $0.id == number.indicator }), rules.covers(month),
            month.period.lowerBound < now
        else { throw Missing() }
        let page = try assessing.figures(
            rules, indicator, month, unit: number.unit, for: .init(posts: member.posts, now: now), after: number.place,
            limit: Self.figuresOnPage, at: now)
        var fields = frame(
            member, "\(month.text) \(surroundings.unitName(number.unit)) \(indicator.label.text("zh"))")
        fields["back"] = .text("/assessments?month=\(month.text)&rules=\(rules.id)")
        fields["figures"] = .list(
            page.found.map { item in
                let figure = item.figure.figure
                return .fields([
                    "id": .text(item.figure.subject), "number": .number(item.figure.number),
                    "due": .text(figure.due?.minuteText(in: .shanghai) ?? ""),
                    "done": .text(figure.done?.minuteText(in: .shanghai) ?? "未完成"),
                    "result": .text(
                        figure.isExcused ? "不计入（异议成立）" : item.isGood ? "达到" : item.isOf ? "没有达到" : "计次"),
                ])
            })
        fields["next"] = .optional(
            page.last.map {
                AssessmentPage.cases(month, rules.id, indicator.id, number.unit) + "&after=\($0.number).\($0.place)"
            })
        return self.page(.ok, try views.render("figures", fields))
    }
}

/// A report as the pages show it.
struct AssessmentPage {
    let report: AssessmentReport

    /// Address of the cases behind a number.
    static func cases(_ month: Month, _ rules: String, _ indicator: String, _ unit: String) -> String {
        "/assessments/cases?month=\(month.text)&rules=\(rules)&indicator=\(indicator)&unit=\(unit)"
    }

    /// Totals of the scored units.
    static func chart(_ report: AssessmentReport) -> BarChart {
        BarChart(
            bars: report.rows.compactMap { row in
                row.total.map { .init(label: row.name, value: $0, text: AssessmentReport.points($0)) }
            },
            title: "\(report.title) \(report.month.text)：总分", whole: 10_000)
    }

    var value: Value {
        let scored = report.rows.filter { $0.total != nil }
        return .fields([
            "title": .text("\(report.title) \(report.month.text)"), "isOver": .flag(report.isOver),
            "csv": .text("/assessments?month=\(report.month.text)&rules=\(report.rules)&csv=1"),
            "hasScored": .flag(!scored.isEmpty),
            "chart": .html(Array(Self.chart(report).svg.utf8)),
            "heads": .list(
                report.indicators.map {
                    .fields(["label": .text($0.label), "weight": .text($0.weight == 0 ? "不计分" : "\($0.weight) 分")])
                }),
            "rows": .list(scored.map(row)), "hasApart": .flag(scored.count < report.rows.count),
            "apart": .list(report.rows.filter { $0.total == nil }.map(row)),
            "undated": .optional(report.undated == 0 ? nil : "\(report.undated)"),
        ])
    }

    /// What decisions left out of it.
    private static func left(_ row: AssessmentReport.Row) -> String? {
        let excused = row.cells.map(\.excused).max() ?? 0
        return excused == 0 ? nil : "剔除 \(excused) 件"
    }

    private func row(_ row: AssessmentReport.Row) -> Value {
        .fields([
            "name": .text(row.name), "label": .text(row.label ?? ""), "left": .optional(Self.left(row)),
            "total": .text(row.total.map(AssessmentReport.points) ?? ""),
            "cells": .list(
                zip(report.indicators, row.cells).map { indicator, cell in
                    .fields([
                        "label": .text(indicator.label), "text": .text(AssessmentText.cell(cell, of: indicator)),
                        "points": .optional(cell.points.map { "\(AssessmentReport.points($0)) 分" }),
                        "excused": .optional(cell.excused == 0 ? nil : "剔除 \(cell.excused)"),
                        "address": .text(Self.cases(report.month, report.rules, indicator.id, row.unit)),
                        "hasCases": .flag(cell.of + cell.good + cell.excused > 0),
                    ])
                }),
        ])
    }
}
