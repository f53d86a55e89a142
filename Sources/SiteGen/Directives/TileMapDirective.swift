import Markdown
import PortalBase
import SiteModel

/// `::map[title]{src=tiles.csv}`: a schematic map of equal tiles, one a site, and the same as a list.
///
/// Columns `slug`, `column`, `row` (counted from 1). It shows who is whose neighbour, roughly, and no boundary, so it is
/// no map in the sense of 地图管理条例; a page with a real one names its 审图号 in `map_review_no`.
struct TileMapDirective {
    let context: DirectiveContext

    private static let width = 118
    private static let height = 74
    private static let gap = 8

    func draw(_ directive: Directive, _ diagnostics: inout [Diagnostic]) -> [UInt8] {
        diagnostics += DirectiveContext.unknown(directive, known: ["src"])
        guard let name = directive.attributes["src"] else {
            diagnostics.append(context.missing("src", directive))
            return []
        }
        guard let table = context.graph.tables.first(where: { $0.name == name }),
            let slug = table.column("slug"), let column = table.column("column"), let row = table.column("row")
        else {
            diagnostics.append(
                Diagnostic(
                    "map-data", directive.position,
                    problem: Bilingual(
                        zh: "没有含 slug、column、row 三列的数据文件“\(name)”",
                        en: "there is no data file `\(name)` with the columns slug, column, row"),
                    remedy: Bilingual(zh: "请检查 Content/data 和 _data.yaml", en: "check Content/data and _data.yaml")))
            return []
        }
        let tiles = table.rows.compactMap { cells -> Tile? in
            guard let x = Int(cells[column]), let y = Int(cells[row]), (1...40).contains(x), (1...40).contains(y) else {
                return nil
            }
            return tile(cells[slug], x, y)
        }
        guard !tiles.isEmpty else { return [] }
        return Array((svg(tiles, directive.label) + list(tiles) + note()).utf8)
    }

    private struct Tile {
        let x: Int
        let y: Int
        let name: String
        let href: String
    }

    /// Nil for a site that this audience does not see.
    private func tile(_ slug: String, _ x: Int, _ y: Int) -> Tile? {
        let graph = context.graph
        func edition(_ language: String) -> SiteGraph.Edition? {
            graph.editions.first { graph.configuration.sites[$0.site].slug == slug && $0.language == language }
        }
        guard let found = edition(context.language) ?? edition(graph.configuration.group.defaultLanguage) else {
            return nil
        }
        return Tile(
            x: x, y: y, name: graph.configuration.sites[found.site].name.text(context.language),
            href: graph.href(found.path, in: found.docroot, from: context.docroot))
    }

    private func svg(_ tiles: [Tile], _ title: String) -> String {
        let columns = tiles.map(\.x).max() ?? 1
        let rows = tiles.map(\.y).max() ?? 1
        let (stepX, stepY) = (Self.width + Self.gap, Self.height + Self.gap)
        let label = title.isEmpty ? context.string("map") : title
        var out = "<nav class=\"tiles\"\(attribute("aria-label", label))>"
        out += "<svg viewBox=\"0 0 \(columns * stepX) \(rows * stepY)\" aria-hidden=\"false\">"
        for tile in tiles.sorted(by: { ($0.y, $0.x) < ($1.y, $1.x) }) {
            let (left, top) = ((tile.x - 1) * stepX + Self.gap / 2, (tile.y - 1) * stepY + Self.gap / 2)
            out += "<a\(attribute("href", tile.href))\(attribute("aria-label", tile.name))>"
            out += "<rect x=\"\(left)\" y=\"\(top)\" width=\"\(Self.width)\" height=\"\(Self.height)\" rx=\"8\"/>"
            let lines = Self.lines(tile.name)
            for (n, line) in lines.enumerated() {
                let y = top + Self.height / 2 + 8 + (2 * n - lines.count + 1) * 12
                out +=
                    "<text\(lines.count > 1 ? " class=\"\(n > 0 ? "minor" : "major")\"" : "") x=\"\(left + Self.width / 2)\" y=\"\(y)\" text-anchor=\"middle\">\(escapedHTML(line))</text>"
            }
            out += "</a>"
        }
        return out + "</svg></nav>\n"
    }

    /// A tile holds five Chinese characters or one English word a line.
    private static func lines(_ name: String) -> [String] {
        if name.contains(" ") {
            let words = name.split(separator: " ").map(String.init)
            // The name, then as much of what it is as a tile holds.
            let kind = words.dropFirst().reduce(into: "") { text, word in
                if text.utf8.count + word.utf8.count < 14 { text += (text.isEmpty ? "" : " ") + word }
            }
            return kind.isEmpty ? [words[0]] : [words[0], kind]
        }
        let suffixes = ["风景区管理委员会", "街道办事处", "人民政府", "管理委员会", "管委会", "风景区"]
        for suffix in suffixes where name.hasSuffix(suffix) && name.count > suffix.count {
            return [String(name.dropLast(suffix.count)), suffix]
        }
        return name.count > 5 ? [String(name.prefix(5)), String(name.dropFirst(5))] : [name]
    }

    private func list(_ tiles: [Tile]) -> String {
        "<details class=\"tiles-list\"><summary>\(escapedHTML(context.string("mapAsList")))</summary><ul>"
            + tiles.map { "<li><a\(attribute("href", $0.href))>\(escapedHTML($0.name))</a></li>" }.joined()
            + "</ul></details>\n"
    }

    private func note() -> String {
        var text = context.string("mapNote")
        if let number = context.page.front.mapReviewNo { text += " " + context.string("mapReviewNumber") + number }
        return "<p class=\"hint\">\(escapedHTML(text))</p>\n"
    }
}
