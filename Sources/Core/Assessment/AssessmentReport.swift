import Forms
package import PortalBase

/// A month's assessment in words and numbers, whole in itself: what is shown, recorded and published.
package struct AssessmentReport: Sendable, Equatable {
    package struct Indicator: Sendable, Equatable {
        package let id: String
        package let label: String
        package let weight: Int
        /// Whether it is a mere count, and no share of anything.
        package let isVolume: Bool
    }

    package struct Row: Sendable, Equatable {
        package let unit: String
        package let name: String
        package let cells: [MonthlyAssessment.Cell]
        /// Hundredths of a point; nil of a unit that stands apart.
        package let total: Int?
        /// Of the rules' classes.
        package let label: String?
    }

    /// Id and digest of the rule set.
    package let rules: String
    package let digest: String
    package let title: String
    package let month: Month
    package let indicators: [Indicator]
    /// Scored units by class, and in a class by their ids, then those that stand apart: no ranking.
    package let rows: [Row]
    package let undated: Int
    package let isOver: Bool

    package init(_ assessment: MonthlyAssessment, unitName: (String) -> String) {
        let rules = assessment.rules
        self.rules = rules.id
        digest = rules.digest.hex
        title = rules.title.text("zh")
        month = assessment.month
        indicators = rules.indicators.map { indicator in
            let isVolume = if case .volume = indicator.measure { true } else { false }
            return Indicator(
                id: indicator.id, label: indicator.label.text("zh"), weight: indicator.weight, isVolume: isVolume)
        }
        let order = rules.classes.map { $0.label.text("zh") }
        func row(_ unit: MonthlyAssessment.Unit) -> Row {
            Row(
                unit: unit.unit, name: unitName(unit.unit), cells: unit.cells, total: unit.total,
                label: unit.total.flatMap(assessment.label)?.text("zh"))
        }
        let scored = assessment.units.map(row)
        rows = order.flatMap { label in scored.filter { $0.label == label } } + assessment.apart.map(row)
        undated = assessment.undated
        isOver = assessment.isOver
    }

    package var json: JSON {
        func optional(_ number: Int?) -> JSON { number.map(JSON.integer) ?? .null }
        return .object([
            "digest": .string(digest),
            "indicators": .array(
                indicators.map {
                    .object([
                        "id": .string($0.id), "isVolume": .bool($0.isVolume), "label": .string($0.label),
                        "weight": .integer($0.weight),
                    ])
                }),
            "isOver": .bool(isOver), "month": .string(month.text),
            "rows": .array(
                rows.map { row in
                    .object([
                        "cells": .array(
                            row.cells.map {
                                .array([.integer($0.good), .integer($0.of), .integer($0.excused), optional($0.points)])
                            }),
                        "label": row.label.map(JSON.string) ?? .null, "name": .string(row.name),
                        "total": optional(row.total), "unit": .string(row.unit),
                    ])
                }),
            "rules": .string(rules), "title": .string(title), "undated": .integer(undated),
        ])
    }

    /// Nil for what `json` would not have written.
    package init?(_ json: JSON) {
        guard let rules = json["rules"]?.string, let digest = json["digest"]?.string, let title = json["title"]?.string,
            let month = json["month"]?.string.flatMap({ Month($0) }), let undated = json["undated"]?.integer,
            let isOver = json["isOver"]?.bool, let listed = json["indicators"]?.array, let units = json["rows"]?.array
        else { return nil }
        self.rules = rules
        self.digest = digest
        self.title = title
        self.month = month
        self.undated = undated
        self.isOver = isOver
        indicators = listed.compactMap { item in
            guard let id = item["id"]?.string, let label = item["label"]?.string, let weight = item["weight"]?.integer,
                let isVolume = item["isVolume"]?.bool
            else { return nil }
            return Indicator(id: id, label: label, weight: weight, isVolume: isVolume)
        }
        rows = units.compactMap { item in
            guard let unit = item["unit"]?.string, let name = item["name"]?.string, let cells = item["cells"]?.array
            else {
                return nil
            }
            return Row(
                unit: unit, name: name, cells: cells.compactMap(MonthlyAssessment.Cell.init(json:)),
                total: item["total"]?.integer, label: item["label"]?.string)
        }
        guard self.json == json else { return nil }
    }

    /// A line a unit and indicator, as RFC 4180 says; spreadsheets take nothing in it for a formula.
    package var csv: [UInt8] {
        var lines = [["单位", "等级", "总分", "指标", "权重", "达到", "总数", "剔除", "比率", "得分"]]
        for row in rows {
            for (indicator, cell) in zip(indicators, row.cells) {
                lines.append([
                    row.name, row.label ?? "不计分", row.total.map(Self.points) ?? "", indicator.label,
                    String(indicator.weight),
                    String(cell.good), String(cell.of), String(cell.excused), cell.rate.map(Self.percent) ?? "",
                    cell.points.map(Self.points) ?? "",
                ])
            }
        }
        return CSV.text(lines)
    }

    /// Hundredths as people read them.
    package static func points(_ hundredths: Int) -> String { "\(hundredths / 100).\(padded(hundredths % 100, 2))" }
    package static func percent(_ hundredths: Int) -> String { points(hundredths) + "%" }
}

extension MonthlyAssessment.Cell {
    fileprivate init?(json: JSON) {
        guard let list = json.array, list.count == 4, let good = list[0].integer, let of = list[1].integer,
            let excused = list[2].integer
        else { return nil }
        self.init(good: good, of: of, excused: excused, points: list[3].integer)
    }
}

/// Tables for spreadsheets.
package enum CSV {
    package static func text(_ lines: [[String]]) -> [UInt8] {
        // Excel takes UTF-8 for what it is by its mark alone.
        [0xEF, 0xBB, 0xBF] + Array(lines.map { $0.map(field).joined(separator: ",") + "\r\n" }.joined().utf8)
    }

    private static func field(_ text: String) -> String {
        // What a spreadsheet would run is text.
        let safe = ["=", "+", "-", "@", "\t", "\r"].contains { text.hasPrefix($0) } ? "'" + text : text
        guard safe.contains(where: { "\",\r\n".contains($0) }) else { return safe }
        return "\"" + safe.replacing("\"", with: "\"\"") + "\""
    }
}
