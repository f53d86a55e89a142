import ArgumentParser
import PortalBase
import SiteModel

struct New: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes a new site or page from the theme's archetypes.",
        subcommands: [NewSite.self, NewPage.self])
}

extension SiteConfiguration.Site.Kind: ExpressibleByArgument {}

struct NewSite: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "site", abstract: "Makes a unit's subsite complete: its entry in sites.yaml and its columns.")

    @Argument(help: "Slug: lower-case letters, digits, hyphens. It never changes afterwards.")
    var slug: String

    @Option(help: "Chinese name.")
    var name: String

    @Option(help: "English name; the Chinese one when not given.")
    var nameEn: String?

    @Option(help: "街道办事处, 镇, 乡, 管委会 or department.")
    var kind: SiteConfiguration.Site.Kind = .department

    @Option(help: "Theme; that of the first site when not given.")
    var theme: String?

    @Option(help: "Host name of its own; a path below the portal when not given.")
    var host: String?

    @Option(help: "Folder that holds Content/ and Themes/.")
    var source = "."

    func run() throws {
        guard !slug.isEmpty,
            slug.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
        else { throw ValidationError("the slug must be lower-case letters, digits and hyphens") }
        let scaffold = SiteScaffold(
            root: source, slug: slug, kind: kind, name: name, nameEn: nameEn ?? name, host: host,
            now: Instant.systemNow())
        try scaffolding { try scaffold.make(theme: theme) }
    }
}

struct NewPage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "page", abstract: "Makes a page of a section from its archetype, as a draft.")

    @Argument(help: "Section below Content/, such as portal/news.")
    var section: String

    @Argument(help: "Title.")
    var title: String

    @Option(help: "File name without .md; made from the title when not given.")
    var name: String?

    @Option(help: "Theme whose archetypes are used.")
    var theme = "xinmi"

    @Option(help: "Folder that holds Content/ and Themes/.")
    var source = "."

    func run() throws {
        try scaffolding {
            let parts = section.split(separator: "/").map(String.init)
            guard !parts.isEmpty, !parts.contains(".."), FileSystem.kind("\(source)/Content/\(section)") == .directory
            else { throw ScaffoldError(zh: "没有栏目目录 Content/\(section)", en: "there is no folder Content/\(section)") }
            let stem = name ?? URLSegment.make(title)
            guard !stem.isEmpty, !stem.contains("/"), !stem.contains("."), !["index", "_index"].contains(stem) else {
                throw ScaffoldError(
                    zh: "文件名不能为空，不能含斜杠和点，不能叫 index 或 _index",
                    en: "the name must not be empty, hold a slash or dot, or be index or _index")
            }
            let folder = "\(source)/Content/\(section)"
            guard !["data", "forms"].contains(parts[0]), FileSystem.kind(folder + "/index.md") == nil else {
                throw ScaffoldError(zh: "Content/\(section) 不是栏目", en: "Content/\(section) is no section of a site")
            }
            let path = "Content/\(section)/\(stem).md"
            guard FileSystem.kind(source + "/" + path) == nil else {
                throw ScaffoldError(zh: "\(path) 已经有了", en: "\(path) is there already")
            }
            let now = Instant.systemNow()
            let bytes = try Archetypes(root: source, theme: theme).page(
                section: parts.last!,
                [
                    "title": YAMLText.quoted(title), "date": now.minuteText(in: .shanghai),
                    "day": now.date(in: .shanghai).text,
                ])
            try FileSystem.write(bytes, to: source + "/" + path)
            return [path]
        }
    }
}

/// Prints what was made, or why nothing was.
private func scaffolding(_ body: () throws -> [String]) throws {
    do {
        for path in try body() { print(path) }
    } catch let error as ScaffoldError {
        printError("sitegen: \(error.message.text(operatorLanguage(environment: environmentVariable)))\n")
        throw ExitCode(1)
    }
}
