/// Words from outside in a Markdown body: the page shows them and does nothing else.
///
/// Both the check before publication and the page use it: what is checked is what will be written.
package func markdownWords(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).map { line -> String in
        var out = ""
        for scalar in line.unicodeScalars {
            switch scalar {
            // Colons as references: a backslash before them would look like the beginning of a mark.
            case ":": out += "&#58;"
            case "：": out += "&#65306;"
            case "@": out += "&#65312;"
            case "!"..."/", ";"..."?", "["..."`", "{"..."~": out += "\\" + String(scalar)
            case "\t": out += " "
            default:
                if scalar.properties.generalCategory == .control { continue }
                out.unicodeScalars.append(scalar)
            }
        }
        return String(out.drop { $0 == " " })
    }.filter { !$0.isEmpty }.joined(separator: "\n\n")
}
