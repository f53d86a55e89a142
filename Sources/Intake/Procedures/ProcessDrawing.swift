import Forms
import PortalBase

/// A process as a picture: states from top to bottom in the order of the definition, ways forward on the right, ways back on the
/// left, each with a number that the lines below explain. It fits a telephone's width.
package struct ProcessDrawing {
    private let process: Process
    private let language: String
    private let flow: ProcessFlow

    private static let width = 390
    private static let box = (width: 150, height: 40, gap: 46)
    private static let top = 12
    private static let lane = 20
    /// Height of a line of the explanation, and how many columns of Latin letters it holds.
    private static let line = (height: 20, columns: 52)

    /// A way between two states with all actions that go it.
    private struct Way {
        let from: Int
        let to: Int
        var actions: [String]
        let number: Int
        /// 0 is the next state below; else counted outwards from the boxes.
        var lane = 0
    }

    package init(_ process: Process, language: String) {
        self.process = process
        self.language = language
        flow = ProcessFlow(process)
    }

    package var svg: [UInt8] {
        let ways = placed()
        let bottom = Self.top + process.states.count * (Self.box.height + Self.box.gap)
        let lines = legend(ways).flatMap { Self.wrapped($0) }
        let height = bottom + lines.count * Self.line.height + 8
        let title = escapedHTML(process.title.text(language))
        var out = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.width) \(height)" width="\(Self.width)" height="\(height)" role="group" aria-label="\(title)" font-family="sans-serif" font-size="13">
            <title>\(title)</title>
            <defs><marker id="arrow-\(process.id)" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8Z" fill="currentColor"/></marker></defs>

            """
        let spacing = min(Self.lane, (Self.width - Self.box.width) / 2 / ((ways.map(\.lane).max() ?? 0) + 1))
        for way in ways { out += draw(way, spacing) }
        for (index, state) in process.states.enumerated() { out += draw(state, index) }
        for (index, text) in lines.enumerated() {
            let y = bottom + index * Self.line.height + 10
            out += "<text x=\"6\" y=\"\(y)\" fill=\"currentColor\">\(escapedHTML(text))</text>\n"
        }
        return Array((out + "</svg>\n").utf8)
    }

    // MARK: Placing

    /// Ways in the order of their first state.
    private func placed() -> [Way] {
        let place = Dictionary(uniqueKeysWithValues: process.states.enumerated().map { ($1.id, $0) })
        var ways: [Way] = []
        for edge in flow.edges {
            guard let from = place[edge.from], let to = place[edge.to] else { continue }
            if let known = ways.firstIndex(where: { $0.from == from && $0.to == to }) {
                ways[known].actions.append(edge.action)
            } else {
                ways.append(Way(from: from, to: to, actions: [edge.action], number: ways.count + 1))
            }
        }
        layLanes(&ways)
        return ways
    }

    /// Ways that lead to the same state from the same side share a lane; short ones lie inside.
    private func layLanes(_ ways: inout [Way]) {
        struct Lane {
            let isForward: Bool
            let to: Int
            var range: ClosedRange<Int>
            var number = 0
        }
        var lanes: [Lane] = []
        for way in ways where way.to != way.from + 1 {
            let range = min(way.from, way.to)...max(way.from, way.to)
            if let known = lanes.firstIndex(where: { $0.isForward == (way.to > way.from) && $0.to == way.to }) {
                let old = lanes[known].range
                lanes[known].range = min(old.lowerBound, range.lowerBound)...max(old.upperBound, range.upperBound)
            } else {
                lanes.append(Lane(isForward: way.to > way.from, to: way.to, range: range))
            }
        }
        for index in lanes.indices.sorted(by: { (lanes[$0].range.count, $0) < (lanes[$1].range.count, $1) }) {
            let lane = lanes[index]
            let taken = lanes.filter { $0.isForward == lane.isForward && $0.range.overlaps(lane.range) }.map(\.number)
            lanes[index].number = (1...lanes.count).first { !taken.contains($0) } ?? lanes.count
        }
        for index in ways.indices where ways[index].to != ways[index].from + 1 {
            let way = ways[index]
            ways[index].lane =
                lanes.first { $0.isForward == (way.to > way.from) && $0.to == way.to }?.number ?? 0
        }
    }

    private func y(_ state: Int) -> Int { Self.top + state * (Self.box.height + Self.box.gap) }

    // MARK: Drawing

    private func draw(_ state: Process.State, _ index: Int) -> String {
        let x = (Self.width - Self.box.width) / 2
        let label = escapedHTML(state.label.text(language))
        let radius = state.isFinal ? Self.box.height / 2 : 4
        return """
            <g><rect x="\(x)" y="\(y(index))" width="\(Self.box.width)" height="\(Self.box.height)" rx="\(radius)" fill="none" stroke="currentColor" stroke-width="\(state.isFinal ? 3 : 1)"/><text x="\(Self.width / 2)" y="\(y(index) + 25)" text-anchor="middle" fill="currentColor">\(label)</text></g>

            """
    }

    /// - Parameter spacing: between lanes.
    private func draw(_ way: Way, _ spacing: Int) -> String {
        let centre = Self.width / 2
        if way.lane == 0 {
            let (start, end) = (y(way.from) + Self.box.height, y(way.to) - 1)
            return arrow("M\(centre) \(start)V\(end)") + number(way, centre + 14, (start + end) / 2)
        }
        let isForward = way.to > way.from
        let side = isForward ? 1 : -1
        let edge = centre + side * Self.box.width / 2
        let x = edge + side * way.lane * spacing
        // Arrows leave a box in its lower half and arrive in its upper, a little apart by lane.
        let shift = min(way.lane, 4) * 3
        let (start, end) = (y(way.from) + 22 + shift, y(way.to) + 20 - shift)
        // The number stands where the way has just turned: further on others may join it.
        return arrow("M\(edge) \(start)H\(x)V\(end)H\(edge + side)") + number(way, x, start + side * 16)
    }

    private func arrow(_ path: String) -> String {
        "<path d=\"\(path)\" fill=\"none\" stroke=\"currentColor\" marker-end=\"url(#arrow-\(process.id))\"/>\n"
    }

    /// On a disc of the paper's colour, so that crossing lines leave it readable.
    private func number(_ way: Way, _ x: Int, _ y: Int) -> String {
        """
        <circle cx="\(x)" cy="\(y)" r="8.5" fill="Canvas" stroke="currentColor" stroke-width=".6"/><text x="\(x)" y="\(y + 4)" text-anchor="middle" font-size="11" fill="currentColor">\(way.number)</text>

        """
    }

    // MARK: Explanation

    private func legend(_ ways: [Way]) -> [String] {
        let between = language == "en" ? ", " : "、"
        func labels(_ ids: [String]) -> String {
            ids.compactMap { process.action($0)?.label.text(language) }.joined(separator: between)
        }
        var lines = ways.map { way in
            let (from, to) = (process.states[way.from].label, process.states[way.to].label)
            return "\(way.number)  \(labels(way.actions)): \(from.text(language)) → \(to.text(language))"
        }
        for state in process.states {
            let staying = process.actions.filter {
                $0.from.contains(state.id) && $0.enters.isEmpty && flow.takeable.contains($0.id)
            }
            guard !staying.isEmpty else { continue }
            lines.append("\(state.label.text(language)): " + labels(staying.map(\.id)))
        }
        return lines
    }

    /// Han characters are two columns wide; lines break between them, and at spaces otherwise.
    private static func wrapped(_ text: String) -> [String] {
        var lines = [""]
        var columns = 0
        for word in words(text) {
            let width = word.unicodeScalars.reduce(0) { $0 + ($1.value < 0x2E80 ? 1 : 2) }
            if columns + width > line.columns, columns > 0 {
                lines.append("   ")
                columns = 3
                if word == " " { continue }
            }
            lines[lines.count - 1] += word
            columns += width
        }
        return lines
    }

    private static func words(_ text: String) -> [String] {
        var words: [String] = []
        for character in text {
            let isLetter = character.isASCII && character != " "
            if isLetter, let last = words.last?.last, last.isASCII, last != " " {
                words[words.count - 1].append(character)
            } else {
                words.append(String(character))
            }
        }
        return words
    }
}
