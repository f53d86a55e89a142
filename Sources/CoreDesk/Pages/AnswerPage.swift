import PortalBase

/// A released answer as a page of the portal, for `sitegen build --overlay`.
///
/// The texts are outside words: the title is quoted YAML, and everything in the body that Markdown or a directive
/// could act on is escaped, so that the page shows the words and nothing else.
struct AnswerPage {
    let number: Int
    let date: CivilDate
    let question: String
    let answer: String
    let title: String

    /// Path below the overlay folder.
    static func path(_ number: Int) -> String { "portal/hotline/answers/\(padded(number, 6)).md" }

    /// Whether a path is that of an answer.
    static func isPath(_ path: String) -> Bool {
        let digits = FileSystem.name(path).dropLast(3)
        return decimal(digits.utf8).map { Self.path($0) == path } ?? false
    }

    var text: String {
        """
        ---
        title: \(Self.quoted(title))
        date: \(date.text)
        source: \(Self.quoted("便民热线"))
        tags: [\(Self.quoted("便民热线"))]
        visibility: public
        ---
        ## 诉求

        \(markdownWords(question))

        ## 答复

        \(markdownWords(answer))

        """
    }

    /// A double-quoted YAML scalar on one line.
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n", "\r", "\t": out += " "
            default:
                if scalar.properties.generalCategory == .control { continue }
                out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
