import PortalBase
import TestSupport
import Testing

@testable import CoreDesk

/// Files hold the desk's templates and style; the start refuses a mistake in them with its place.
@Suite struct DeskThemeTests {
    private static let theme = repositoryRoot + "/Themes/desk"

    private func root(_ path: String) throws -> String {
        let text = String(decoding: try FileSystem.read(path), as: UTF8.self)
        let match = try #require(try /:root \{.*?\n\}/.dotMatchesNewlines().firstMatch(in: text))
        return String(match.output)
    }

    @Test func tokensAreThoseOfThePublicTheme() throws {
        #expect(
            try root(Self.theme + "/assets/desk.css") == root(repositoryRoot + "/Themes/xinmi/assets/site.css"))
    }

    @Test func aThemeThatLacksAPageOrDoesNotReadIsRefused() throws {
        let folder = TemporaryFolder()
        for entry in try FileSystem.list(Self.theme + "/templates") {
            try folder.write(
                "templates/" + entry.name, try FileSystem.read(Self.theme + "/templates/" + entry.name))
        }
        func refused(_ words: String) {
            #expect { _ = try DeskViews(folder: folder.path) } throws: { "\($0)".contains(words) }
        }
        refused("assets/desk.css")
        try folder.write("assets/desk.css", Array(":root {}".utf8))
        _ = try DeskViews(folder: folder.path)
        try folder.write("templates/case.mustache", Array("{{#open}} never closed".utf8))
        refused("case.mustache")
        try folder.write("templates/case.mustache", Array("{{<base}}{{$mian}}x{{/mian}}{{/base}}".utf8))
        refused("mian")
        try folder.write(
            "templates/case.mustache", Array("{{<base}}{{$main}}{{#a}}{{>nosuch}}{{/a}}{{/main}}{{/base}}".utf8))
        refused("case.mustache:1:")
        try FileSystem.remove(folder.path + "/templates/case.mustache")
        refused("templates/case.mustache is missing")
        #expect { _ = try DeskViews(folder: folder.path + "/assets") } throws: { "\($0)".contains("`theme:`") }
    }
}
