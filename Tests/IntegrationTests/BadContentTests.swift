import PortalBase
import TestSupport
import Testing

@testable import SiteGen

@Suite struct BadContentTests {
    private static let index = page("首页", "cascade: {visibility: public}")

    @Test func everyMistakeIsReportedInOneRunWithItsPlace() throws {
        let site = try SmallSite([
            "portal/_index.md": Self.index, "town/_index.md": Self.index,
            "portal/a-yaml.md": "---\ntitle: a\n  bad: [\n---\n",
            "portal/b-key.md": page("b", "titel: x"),
            "portal/d-twin.en.md": page("d"),
            "portal/e-link.md": page("e", "", "one\n\n[x](nowhere.md)"),
            "portal/f-open.md": page("f", "", ":::notice\nx"),
            "portal/g-url.md": page("g", "slug: same"), "portal/h-url.md": page("h", "slug: same"),
            "portal/i-directive.md": page("i", "", ":::notize\nx\n:::"),
            "portal/j-none.md": "no head\n",
            "portal/k-html.md": page("k", "", "<b>x</b>"),
            "portal/l-tag.md": page("l", "visibility: pubic"),
            "portal/m-hidden.md": page("m", "", "[x](z-secret.md)"),
            "portal/n-anchor.md": page("n", "", "[x](e-link.md#no)"),
            "portal/o-date.md": page("o", "date: yesterday"),
            "portal/p-scheme.md": page("p", "", "[x](javascript:alert)"),
            "portal/q-layout.md": page("q", "layout: nope"),
            "portal/r-form.md": page("r", "form: nope"),
            "portal/z-secret.md": page("z", "visibility: intranet"),
        ])
        try site.folder.write("Content/portal/c-utf8.md", Array("---\ntitle: c\n---\nok\nb".utf8) + [0xFF])
        let found = try site.findings()
        #expect(
            found == [
                "yaml portal/a-yaml.md:3", "unknown-key portal/b-key.md:3", "utf8 portal/c-utf8.md:5",
                "missing-original portal/d-twin.en.md:1", "dead-link portal/e-link.md:6",
                "unclosed-directive portal/f-open.md:4",
                "duplicate-url portal/h-url.md:1", "unknown-directive portal/i-directive.md:4",
                "front-matter portal/j-none.md:1",
                "raw-html portal/k-html.md:4", "raw-html portal/k-html.md:4", "unknown-visibility portal/l-tag.md:3",
                "link-to-hidden portal/m-hidden.md:4", "dead-anchor portal/n-anchor.md:4",
                "wrong-type portal/o-date.md:3",
                "link-scheme portal/p-scheme.md:4", "unknown-layout portal/q-layout.md:3",
                "unknown-form portal/r-form.md:3",
            ])
    }

    @Test func aPageIsHiddenUnlessSomethingSaysOtherwise() throws {
        let site = try SmallSite([
            "portal/_index.md": page("首页", "visibility: public"), "portal/a.md": page("a"), "town/_index.md": page("镇"),
        ])
        #expect(try !site.build().hasErrors)
        let files = try site.folder.contents("out/public")
        #expect(files["a/index.html"] == nil)
        #expect(!files.keys.contains { $0.hasPrefix("xz/") })
        #expect(try site.folder.contents("out/intranet")["xz/town/index.html"] != nil)
    }

    @Test func publicBelowIntranetIsAnError() throws {
        let site = try SmallSite([
            "portal/_index.md": Self.index, "portal/in/_index.md": page("in", "visibility: intranet"),
            "portal/in/deep/a.md": page("a", "visibility: public"), "town/_index.md": Self.index,
        ])
        #expect(try site.findings() == ["public-below-intranet portal/in/deep/a.md:3"])
    }

    @Test func aTranslationMayNotBeMorePublicThanItsOriginal() throws {
        let site = try SmallSite([
            "portal/_index.md": Self.index, "portal/a.md": page("a", "visibility: intranet"),
            "portal/a.en.md": page("a"), "town/_index.md": Self.index,
        ])
        let found = try site.findings()
        #expect(found == ["twin-visibility portal/_index.md:3"])
    }

    @Test func symbolicLinksAreErrors() throws {
        let site = try SmallSite(["portal/_index.md": Self.index, "town/_index.md": Self.index])
        _ = try run(["ln", "-s", "/etc/hostname", site.folder.path + "/Content/portal/link.txt"])
        #expect(try site.findings() == ["not-a-file portal/link.txt:1"])
    }

    @Test func aBrokenTemplateNameIsAnError() throws {
        let site = try SmallSite(["portal/_index.md": Self.index, "town/_index.md": Self.index])
        try site.folder.write("Themes/plain/templates/notfound.mustache", Array("{{page.titel}}".utf8))
        #expect(try site.findings() == ["template-unknown-name Themes/plain/templates/notfound.mustache:1"])
    }

    @Test func mistakesInTheListOfSitesHaveTheirPlace() throws {
        let site = try SmallSite(
            [:],
            sites:
                "group: {name: x}\nvariants: {public: {admit: [public]}}\nsites: [{slug: A B, kind: nope, name: x}]\n")
        let found = try site.findings()
        #expect(
            found == [
                "missing-key sites.yaml:1", "missing-key sites.yaml:2", "missing-key sites.yaml:2",
                "unknown-key sites.yaml:2",
                "wrong-type sites.yaml:3", "wrong-type sites.yaml:3",
            ])
    }
}
