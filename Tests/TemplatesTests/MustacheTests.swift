import Foundation
import PortalBase
import Templates
import TestSupport
import Testing

@Suite struct MustacheTests {
    private func render(_ source: String, _ context: Value, partials: [String: String] = [:]) throws -> String {
        var templates = [try Template(name: "main", path: "main", source: Array(source.utf8))]
        for (name, text) in partials {
            templates.append(try Template(name: name, path: name, source: Array(text.utf8)))
        }
        let result = try TemplateSet(templates).render("main", [context], missingPartials: .empty)
        return String(decoding: result.bytes, as: UTF8.self)
    }

    @Test func textIsEscapedAndMadeHTMLIsNot() throws {
        let context = Value.fields(["text": .text("<b>&\"'"), "html": .html(Array("<b>".utf8))])
        #expect(try render("{{text}} {{html}}", context) == "&lt;b&gt;&amp;&quot;&#39; <b>")
    }

    @Test func anUnknownNameIsReportedWithItsPlace() throws {
        let template = try Template(name: "t", path: "Themes/x/t.mustache", source: Array("a\n {{nope}}".utf8))
        let result = try TemplateSet([template]).render("t", [.fields([:])])
        #expect(
            result.unknownNames.map(\.position) == [SourcePosition(path: "Themes/x/t.mustache", line: 2, column: 2)])
    }

    @Test func aParentIsFilledByItsBlocks() throws {
        let text = try render(
            "{{<base}}{{$main}}M{{/main}}{{/base}}", .fields([:]),
            partials: ["base": "[{{$title}}T{{/title}}|{{$main}}{{/main}}]"])
        #expect(text == "[T|M]")
    }

    @Test func indentsAddUpInPartialsInsidePartials() throws {
        let text = try render("  {{>one}}\n", .fields([:]), partials: ["one": "a\n  {{>two}}\nb\n", "two": "x\ny\n"])
        #expect(text == "  a\n    x\n    y\n  b\n")
    }

    @Test func whatIsNeverDrawnIsReported() throws {
        let set = TemplateSet([
            try Template(name: "base", path: "base", source: Array("[{{$main}}{{/main}}]".utf8)),
            try Template(name: "child", path: "child", source: Array("{{<base}}{{$mian}}x{{/mian}}{{/base}}".utf8)),
            try Template(
                name: "loose", path: "loose", source: Array("{{<base}}{{#a}}{{$main}}x{{/main}}{{/a}}{{/base}}".utf8)),
            try Template(
                name: "good", path: "good",
                source: Array("{{<base}}\n text {{! c }}\n{{$main}}x{{/main}}{{/base}}".utf8)),
        ])
        #expect(
            set.problems.map { "\($0.rule) \($0.position.path)" } == [
                "template-unknown-block child", "template-stray loose",
            ])
    }

    @Test func namesAreFoundAmongFewAndMany() throws {
        for count in [1, 8, 9, 200] {
            let names = (0..<count).map { "name\($0)" }
            let fields = Dictionary(uniqueKeysWithValues: names.map { ($0, Value.text($0)) })
            let source = names.map { "{{\($0)}}" }.joined(separator: " ") + "{{#absent}}x{{/absent}}"
            let set = TemplateSet([try Template(name: "t", path: "t", source: Array(source.utf8))])
            let result = try set.render("t", [.fields(fields)])
            #expect(String(decoding: result.bytes, as: UTF8.self) == names.joined(separator: " "))
            #expect(result.unknownNames.count == 1)
            #expect(try set.unshared().render("t", [Value.fields(fields).unshared()]).bytes == result.bytes)
        }
    }

    @Test func whatNoTagAsksForIsNotMentioned() throws {
        let set = TemplateSet([
            try Template(name: "base", path: "base", source: Array("{{$a}}{{^x}}{{page.minutes}}{{/x}}{{/a}}".utf8)),
            try Template(
                name: "t", path: "t", source: Array("{{<base}}{{$a}}{{>*which.one}}{{/a}}{{/base}} minute".utf8)),
        ])
        #expect(set.mentions(["minutes"]) && set.mentions(["one"]) && set.mentions(["x"]))
        #expect(!set.mentions(["minute", "base", "a"]))
    }

    @Test func aBlockInsideItsOwnOverrideIsRefused() {
        #expect {
            try render(
                "{{<base}}{{$main}}{{$main}}x{{/main}}{{/main}}{{/base}}", .fields([:]),
                partials: ["base": "{{$main}}{{/main}}"])
        } throws: { ($0 as? TemplateError)?.code == .recursion }
    }

    @Test func templatesThatIncludeEachOtherAreRefused() {
        #expect { try render("{{>main}}", .fields([:])) } throws: { ($0 as? TemplateError)?.code == .recursion }
    }

    @Test(arguments: [
        ("{{a", TemplateError.Code.unclosedTag), ("{{#a}}", .unclosedSection), ("{{/a}}", .strayClose),
        ("{{ }}", .emptyName), ("{{..}}", .emptyName), ("{{>*}}", .emptyName),
    ])
    func mistakesInTheSourceAreErrors(_ source: String, _ code: TemplateError.Code) {
        #expect { try Template(name: "t", path: "t", source: Array(source.utf8)) } throws: {
            ($0 as? TemplateError)?.code == code
        }
    }

    /// The official suite, where it lies beside the checkout.
    @Test(
        .enabled(if: FileSystem.kind(repositoryRoot + "/../shared/spec/mustache") == .directory),
        arguments: [
            "comments", "delimiters", "interpolation", "inverted", "partials", "sections", "~inheritance",
            "~dynamic-names",
        ])
    func officialSuite(_ name: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: repositoryRoot + "/../shared/spec/mustache/\(name).json"))
        let suite = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let tests = try #require(suite["tests"] as? [[String: Any]])
        #expect(!tests.isEmpty)
        for test in tests {
            let title = "\(name): \(test["name"] ?? "")"
            let text = try render(
                try #require(test["template"] as? String), Self.value(test["data"] ?? [:]),
                partials: test["partials"] as? [String: String] ?? [:])
            // The suite escapes only four characters; this engine escapes the apostrophe too.
            #expect(text.replacingOccurrences(of: "&#39;", with: "'") == (test["expected"] as? String), "\(title)")
        }
    }

    private static func value(_ any: Any) -> Value {
        switch any {
        case let fields as [String: Any]: return .fields(fields.mapValues(value))
        case let items as [Any]: return .list(items.map(value))
        case let text as String: return .text(text)
        case let number as NSNumber:
            if isBoolean(number) { return .flag(number.boolValue) }
            return number.doubleValue == number.doubleValue.rounded() ? .number(number.intValue) : .text("\(number)")
        default: return .nothing
        }
    }

    /// Whether a number of JSONSerialization was `true` or `false`.
    private static func isBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
