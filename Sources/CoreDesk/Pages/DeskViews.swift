import Logging
import PortalBase
import Templates

/// The staff pages: the templates of a folder, compiled once; their values are made by the controllers.
struct DeskViews: Sendable {
    private let templates: TemplateSet
    let stylesheet: [UInt8]

    /// Pages that the controllers render; a folder holds parts besides.
    private static let pages = [
        "action", "assessment", "audit", "calendar", "case", "figures", "lanes", "list", "me", "message", "new",
        "overview",
        "process",
        "processes", "registered", "registration", "search", "sign",
    ]

    /// - Parameter folder: such as `Themes/desk`: `templates/*.mustache` and `assets/desk.css`.
    init(folder: String) throws {
        guard FileSystem.kind(folder + "/templates") == .directory else {
            throw ConfigurationError(
                text: "\(folder) has no folder `templates`: `theme:` names the desk's theme, such as Themes/desk")
        }
        let names = try FileSystem.list(folder + "/templates").map(\.name).filter { $0.hasSuffix(Self.ending) }
        templates = TemplateSet(
            try names.sorted().map { file in
                let path = "\(folder)/templates/\(file)"
                do {
                    return try Template(
                        name: String(file.dropLast(Self.ending.count)), path: path,
                        source: try FileSystem.read(path, limit: Self.mostBytes))
                } catch let error as TemplateError {
                    throw Configuration.report([error.diagnostic])
                }
            })
        let problems = templates.problems + templates.missingPartials
        if !problems.isEmpty { throw Configuration.report(problems) }
        for page in Self.pages where !templates.contains(page) {
            throw ConfigurationError(
                text: "\(folder)/templates/\(page)\(Self.ending) is missing: `theme:` names the desk's theme")
        }
        stylesheet = try FileSystem.read(folder + "/assets/desk.css", limit: Self.mostBytes)
    }

    private static let ending = ".mustache"
    private static let mostBytes = 1 << 20

    func render(_ name: String, _ fields: [String: Value]) throws -> [UInt8] {
        let result = try templates.render(name, [.fields(fields)])
        // A name that no value answers is written empty.
        for unknown in result.unknownNames {
            Logger(label: "coredesk").error("\(Configuration.report([unknown]))")
        }
        return result.bytes
    }
}
