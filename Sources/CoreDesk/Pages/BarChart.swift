import PortalBase

/// Values as bars, an SVG that needs no script and that a screen reader reads as a list.
struct BarChart {
    struct Bar {
        let label: String
        let value: Int
        /// A part of the value that is drawn in another colour, such as what is overdue.
        var marked = 0
        /// The value as people read it.
        let text: String
    }

    let bars: [Bar]
    let title: String
    /// The value that fills the width.
    let whole: Int

    private static let row = 34, left = 190, width = 420, right = 130

    var svg: String {
        let height = bars.count * Self.row + 12
        let rows = bars.enumerated().map { place, bar in
            let y = place * Self.row + 6
            func length(_ value: Int) -> Int { min(max(value, 0), whole) * Self.width / max(whole, 1) }
            func rectangle(_ length: Int, _ colour: String) -> String {
                "<rect x=\"\(Self.left)\" y=\"\(y + 4)\" width=\"\(length)\" height=\"22\" fill=\"\(colour)\"/>"
            }
            return """
                <text x="\(Self.left - 10)" y="\(y + 20)" text-anchor="end">\(escapedHTML(bar.label))</text>\(rectangle(Self.width, "#e6ebf1"))\(rectangle(length(bar.value), "#14508c"))\(bar.marked > 0 ? rectangle(length(bar.marked), "#b3261e") : "")<text x="\(Self.left + Self.width + 8)" y="\(y + 20)">\(escapedHTML(bar.text))</text>
                """
        }
        let width = Self.left + Self.width + Self.right
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" font-family="sans-serif" font-size="15" role="img"><title>\(escapedHTML(title))</title>
            \(rows.joined(separator: "\n"))
            </svg>
            """
    }
}
