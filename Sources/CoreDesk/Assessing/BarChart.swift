import Assessment
import PortalBase

/// Totals as bars, an SVG that needs no script and that a screen reader reads as a list.
struct BarChart {
    /// Label, value and what it is of the whole, in hundredths.
    let bars: [(label: String, value: Int)]
    let title: String
    /// Hundredths that fill the width.
    let whole: Int

    private static let row = 34, left = 190, width = 420, right = 90

    var svg: String {
        let height = bars.count * Self.row + 12
        let rows = bars.enumerated().map { place, bar in
            let y = place * Self.row + 6
            let length = min(max(bar.value, 0), whole) * Self.width / max(whole, 1)
            let value = AssessmentReport.points(bar.value)
            return """
                <text x="\(Self.left - 10)" y="\(y + 20)" text-anchor="end">\(escapedHTML(bar.label))</text><rect x="\(Self.left)" y="\(y + 4)" width="\(Self.width)" height="22" fill="#e6ebf1"/><rect x="\(Self.left)" y="\(y + 4)" width="\(length)" height="22" fill="#14508c"/><text x="\(Self.left + Self.width + 8)" y="\(y + 20)">\(value)</text>
                """
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.left + Self.width + Self.right) \(height)" width="\(Self.left + Self.width + Self.right)" height="\(height)" font-family="sans-serif" font-size="15" role="img"><title>\(escapedHTML(title))</title>
            \(rows.joined(separator: "\n"))
            </svg>
            """
    }
}
