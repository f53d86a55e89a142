import Markdown
import PortalBase
import SiteModel

/// `::table[caption]{src=villages.csv where="unit=chaohua" columns="name,kind" heads="名称,类别"}`
struct DataTableDirective {
    let tables: [DataTable]
    let language: String

    func draw(_ directive: Directive, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        func refuse(zh: String, en: String, remedyZh: String, remedyEn: String) -> [UInt8] {
            diagnostics.append(
                Diagnostic(
                    "table", directive.position, problem: Bilingual(zh: zh, en: en),
                    remedy: Bilingual(zh: remedyZh, en: remedyEn)))
            return []
        }
        guard let name = directive.attributes["src"] else {
            return refuse(
                zh: "表格没有写明数据文件", en: "the table names no data file", remedyZh: "写成 ::table{src=文件.csv}",
                remedyEn: "write ::table{src=file.csv}")
        }
        guard let table = tables.first(where: { $0.name == name }) else {
            let hint = nearestName(to: name, among: tables.map(\.name))
            return refuse(
                zh: "没有数据文件“\(name)”，或这个版本看不到", en: "there is no data file `\(name)` here",
                remedyZh: hint.map { "是不是“\($0)”？" } ?? "请检查 Content/data 和 _data.yaml 中的 visibility",
                remedyEn: hint.map { "did you mean `\($0)`?" } ?? "check Content/data and `visibility` in _data.yaml")
        }
        let columns = directive.attributes["columns"]?.split(separator: ",").map(String.init) ?? table.columns
        let heads = directive.attributes["heads"]?.split(separator: ",").map(String.init) ?? columns
        var picked: [Int] = []
        for column in columns {
            guard let index = table.column(column) else {
                return refuse(
                    zh: "\(name) 没有列“\(column)”", en: "\(name) has no column `\(column)`",
                    remedyZh: "可用：\(table.columns.joined(separator: "、"))",
                    remedyEn: "known here: \(table.columns.joined(separator: ", "))")
            }
            picked.append(index)
        }
        guard heads.count == columns.count else {
            return refuse(
                zh: "heads 与 columns 个数不同", en: "`heads` and `columns` differ in number", remedyZh: "请一一对应",
                remedyEn: "give one head a column")
        }
        var rows = table.rows
        if let condition = directive.attributes["where"] {
            let parts = condition.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let column = table.column(parts[0]) else {
                return refuse(
                    zh: "where 写法有误", en: "`where` is not well formed", remedyZh: "写成 where=\"列=值\"",
                    remedyEn: "write where=\"column=value\"")
            }
            rows = rows.filter { $0[column] == parts[1] }
        }
        var out = "<div class=\"table-wrap\"><table>"
        if !directive.label.isEmpty { out += "<caption>\(escapedHTML(directive.label))</caption>" }
        out +=
            "<thead><tr>" + heads.map { "<th scope=\"col\">\(escapedHTML($0))</th>" }.joined()
            + "</tr></thead>\n<tbody>\n"
        for row in rows {
            out += "<tr>" + picked.map { "<td>\(escapedHTML(row[$0]))</td>" }.joined() + "</tr>\n"
        }
        out += "</tbody></table></div>\n"
        return Array(out.utf8)
    }
}
