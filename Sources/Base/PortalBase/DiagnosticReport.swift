/// The forms in which diagnostics leave a program.
package enum DiagnosticReport: String, Sendable, CaseIterable {
    case text, json, sarif

    /// The whole report, ending in a newline; empty text for no findings in text form.
    package func render(_ diagnostics: [Diagnostic], language: String) -> String {
        switch self {
        case .text: diagnostics.map { $0.line(language: language) + "\n" }.joined()
        case .json: JSON.array(diagnostics.map { Self.object($0, language) }).canonicalText + "\n"
        case .sarif: Self.sarif(diagnostics, language).canonicalText + "\n"
        }
    }

    private static func object(_ d: Diagnostic, _ language: String) -> JSON {
        var fields: [String: JSON] = [
            "severity": .string(d.severity.rawValue), "rule": .string(d.rule), "path": .string(d.position.path),
            "line": .integer(d.position.line), "column": .integer(d.position.column),
            "problem": .string(d.problem.text(language)), "remedy": .string(d.remedy.text(language)),
        ]
        if let related = d.related {
            fields["related"] = .object([
                "path": .string(related.path), "line": .integer(related.line), "column": .integer(related.column),
            ])
        }
        return .object(fields)
    }

    /// SARIF 2.1.0 (OASIS), the fields that code hosts read.
    private static func sarif(_ diagnostics: [Diagnostic], _ language: String) -> JSON {
        func location(_ p: SourcePosition) -> JSON {
            .object([
                "physicalLocation": .object([
                    "artifactLocation": .object(["uri": .string(p.path)]),
                    "region": .object(["startLine": .integer(p.line), "startColumn": .integer(p.column)]),
                ])
            ])
        }
        let results = diagnostics.map { d -> JSON in
            var result: [String: JSON] = [
                "ruleId": .string(d.rule), "level": .string(d.severity.rawValue),
                "message": .object(["text": .string(d.problem.text(language) + "; " + d.remedy.text(language))]),
                "locations": .array([location(d.position)]),
            ]
            if let related = d.related { result["relatedLocations"] = .array([location(related)]) }
            return .object(result)
        }
        let rules = Set(diagnostics.map(\.rule)).sorted().map { JSON.object(["id": .string($0)]) }
        let driver = JSON.object(["name": .string("sitegen"), "rules": .array(rules)])
        let run = JSON.object(["tool": .object(["driver": driver]), "results": .array(results)])
        return .object([
            "version": .string("2.1.0"),
            "$schema": .string("https://json.schemastore.org/sarif-2.1.0.json"),
            "runs": .array([run]),
        ])
    }
}
