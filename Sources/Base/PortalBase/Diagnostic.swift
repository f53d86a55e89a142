/// Where something stands in a source file. Lines and columns count from 1; columns count bytes.
package struct SourcePosition: Sendable, Equatable, Hashable, Comparable {
    /// Path relative to the source folder, with `/`.
    package let path: String
    package var line: Int { Int(lineNumber) }
    package var column: Int { Int(columnNumber) }
    // Narrow, because every page and every output has a position.
    private let lineNumber: UInt32
    private let columnNumber: UInt32

    package init(path: String, line: Int = 1, column: Int = 1) {
        self.path = path
        lineNumber = UInt32(clamping: line)
        columnNumber = UInt32(clamping: column)
    }

    package static func < (a: Self, b: Self) -> Bool {
        if a.path != b.path { return a.path.utf8.lexicographicallyPrecedes(b.path.utf8) }
        return (a.line, a.column) < (b.line, b.column)
    }
}

/// One finding about what a user wrote: where, what is wrong, what to do.
///
/// Diagnostics are values that stages collect; nothing is thrown for wrong content, so one run
/// reports everything.
package struct Diagnostic: Sendable, Equatable {
    package enum Severity: String, Sendable {
        case error, warning, note

        var chinese: String {
            switch self {
            case .error: "错误"
            case .warning: "警告"
            case .note: "提示"
            }
        }
    }

    package let severity: Severity
    /// Stable kebab-case name of the rule, for filters and SARIF.
    package let rule: String
    package let position: SourcePosition
    package let problem: Bilingual
    package let remedy: Bilingual
    /// A second place that belongs to the finding, such as the first holder of a duplicate URL.
    package let related: SourcePosition?

    package init(
        _ rule: String, _ position: SourcePosition, severity: Severity = .error,
        problem: Bilingual, remedy: Bilingual, related: SourcePosition? = nil
    ) {
        self.severity = severity
        self.rule = rule
        self.position = position
        self.problem = problem
        self.remedy = remedy
        self.related = related
    }

    /// `path:line:column: error[rule]: problem; remedy`
    package func line(language: String) -> String {
        var text = "\(position.path):\(position.line):\(position.column): "
        let severityText =
            language == "en"
            ? severity.rawValue
            : severity.chinese
        text += "\(severityText)[\(rule)]: \(problem.text(language))"
        text += language == "en" ? "; \(remedy.text(language))" : "；\(remedy.text(language))"
        if let related {
            text += language == "en" ? " (see also " : "（另见 "
            text += "\(related.path):\(related.line):\(related.column)"
            text += language == "en" ? ")" : "）"
        }
        return text
    }
}

extension Array where Element == Diagnostic {
    /// Position order, so that a report never depends on which worker finished first.
    package func inOrder() -> [Diagnostic] {
        sorted { ($0.position, $0.rule, $0.problem.en) < ($1.position, $1.rule, $1.problem.en) }
    }

    package var hasErrors: Bool { contains { $0.severity == .error } }
}

/// The language that a program speaks to its operator: Chinese when `LC_ALL`, `LC_MESSAGES` or `LANG` is Chinese.
package func operatorLanguage(environment: (String) -> String?) -> String {
    for name in ["LC_ALL", "LC_MESSAGES", "LANG"] {
        if let value = environment(name), !value.isEmpty { return value.hasPrefix("zh") ? "zh" : "en" }
    }
    return "en"
}
