import Foundation
import PortalBase
import TestSupport
import Testing

@testable import SiteGen

@Suite struct ThemeTests {
    private static let tree = [
        "portal/_index.md": page("首页", "cascade: {visibility: public}"),
        "town/_index.md": page("镇", "cascade: {visibility: public}"),
        "portal/a.md": page("甲", "", "正文\n\n```\n代码  \n\n    缩进\n```"),
    ]

    @Test func aThemeLaysItsFilesOverThoseItExtends() throws {
        let site = try SmallSite(
            Self.tree,
            sites: SmallSite.sites.replacing("name: {zh: 镇, en: Town}, theme: plain", with: "name: 镇, theme: own"))
        try site.folder.write([
            "Themes/own/theme.yaml": "name: own\nextends: plain\n", "Themes/own/i18n/zh.yaml": "notFound: 找不到\n",
            "Themes/own/templates/chrome/header.mustache": "OWN {{t.sitemap}}\n",
            "Themes/own/templates/notfound.mustache": "{{page.title}}",
        ])
        #expect(try site.build().diagnostics == [])
        #expect(try site.folder.text("out/public/xz/town/index.html").contains("OWN 地图\n"))
        #expect(try site.folder.text("out/public/xz/town/404.html") == "找不到")
        #expect(try site.folder.text("out/public/index.html").contains("H 门户"))
        #expect(try site.folder.contents("out/public").keys.filter { $0.hasPrefix("assets/own/") }.count == 1)
        try site.folder.write(["Themes/plain/theme.yaml": "name: plain\nextends: own\n"])
        #expect(Set(try site.build().diagnostics.map(\.rule)).contains("theme-extends"))
    }

    @Test func aMistakeInATemplateNamesTheChainOfIncludes() throws {
        let site = try SmallSite(Self.tree)
        try site.folder.write([
            "Themes/plain/templates/page.mustache": "x\n{{>one}}", "Themes/plain/templates/one.mustache": "{{>two}}",
            "Themes/plain/templates/two.mustache": "\n {{nope}}{{>gone}}",
        ])
        let lines = try site.build().diagnostics.map { $0.line(language: "en") }
        #expect(
            lines == [
                "Themes/plain/templates/two.mustache:2:10: error[template-missingPartial]: there is no template `gone`, included from Themes/plain/templates/one.mustache:1 ← Themes/plain/templates/page.mustache:2; correct the theme's template"
            ])
        try site.folder.write(["Themes/plain/templates/two.mustache": "\n {{nope}}"])
        #expect(
            try site.build().diagnostics.map { $0.line(language: "en") } == [
                "Themes/plain/templates/two.mustache:2:2: error[template-unknown-name]: nothing is called `nope` here, included from Themes/plain/templates/one.mustache:1 ← Themes/plain/templates/page.mustache:2; check the name against the theme contract"
            ])
    }

    @Test func aTemplateThatIsNoTextIsAnError() throws {
        let site = try SmallSite(Self.tree)
        try site.folder.write("Themes/plain/templates/chrome/footer.mustache", Array("x".utf8) + [0xFF])
        #expect(try site.findings().contains("utf8 Themes/plain/templates/chrome/footer.mustache:1"))
    }

    @Test func aDirectiveTakesOnlyWhatItsThemeDeclares() throws {
        var tree = Self.tree
        tree["portal/a.md"] = page("甲", "", ":::quiz[题]{answr=B}\n题\n:::\n\n:::notice{kind=x}\nx\n:::")
        let site = try SmallSite(tree)
        try site.folder.write([
            "Themes/plain/theme.yaml": "directives: {quiz: {required: [answer]}}\n",
            "Themes/plain/templates/directives/quiz.mustache": "{{content}}{{answer}}",
        ])
        #expect(
            try site.findings() == [
                "directive-attribute portal/a.md:4", "directive-attribute portal/a.md:4",
                "directive-attribute portal/a.md:8",
            ])
    }

    @Test func outputIsMinifiedAndPrecompressedOnRequest() throws {
        let site = try SmallSite(
            Self.tree,
            sites: SmallSite.sites.replacing(
                "variants:", with: "output: {minify: true, precompress: [gz, br]}\nvariants:"))
        try site.folder.write([
            "Themes/plain/templates/page.mustache": "<div>\n\n   <p>a\n  b</p>\n</div>{{page.content}}"
                + String(repeating: "<p>长</p>\n", count: 100),
            "Themes/plain/assets/site.css":
                "/* c */ a {\n color : red ;\n}\n@media (x) { b > c { d: calc(1px + 2px); content: \"a  b\" } }\n",
            "Themes/plain/assets/x.js": "// c\nconst a = 1;\n\n  const b = `x`;\n",
            "Themes/plain/assets/y.js": "const a = `\n  // kept\n`;\n",
        ])
        #expect(try site.build().diagnostics == [])
        let html = try site.folder.text("out/public/a/index.html")
        #expect(html.hasPrefix("<div>\n<p>a\nb</p>\n</div><p>正文</p>\n<pre><code>代码  \n\n    缩进\n</code></pre>"))
        let files = try site.folder.contents("out/public")
        func asset(_ prefix: String) -> String {
            files.first {
                $0.key.hasPrefix("assets/plain/" + prefix) && !$0.key.hasSuffix("z") && !$0.key.hasSuffix(".br")
            }.map { String(decoding: $0.value, as: UTF8.self) } ?? ""
        }
        #expect(asset("site.") == "a{color : red;}@media (x){b > c{d: calc(1px + 2px);content: \"a  b\"}}")
        #expect(asset("x.") == "const a = 1;\nconst b = `x`;\n")
        #expect(asset("y.") == "const a = `\n  // kept\n`;\n")
        #expect(files["a/index.html.br"] != nil)
        // gzip itself opens the copy.
        let gunzip = Process()
        gunzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        gunzip.arguments = ["gzip", "-dc", site.folder.path + "/out/public/a/index.html.gz"]
        let pipe = Pipe()
        gunzip.standardOutput = pipe
        try gunzip.run()
        let unpacked = pipe.fileHandleForReading.readDataToEndOfFile()
        gunzip.waitUntilExit()
        #expect(String(decoding: unpacked, as: UTF8.self) == html)
    }
}
