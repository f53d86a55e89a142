import PortalBase
import SiteModel
import Templates

/// What the pages of each edition share: strings, site, menu, and header and footer already drawn.
struct EditionFrames: Sendable {
    /// By edition; nil where the theme could not be loaded.
    let values: [PageValues?]
    /// By edition.
    let frames: [Value]
    /// Of all rows of data files.
    let dataInputs: SHA256Digest
    let diagnostics: [Diagnostic]

    init(_ graph: SiteGraph, _ bodies: PageBodies, _ themes: [String: Theme], jobs: Int) {
        // As they are, in their order: templates see them by names in which some become the same.
        var tables = RecordWriter("")
        tables.put(graph.tables) { writer, table in
            writer.put(table.name)
            writer.put(table.columns) { $0.put($1) }
            writer.put(table.rows) { writer, row in writer.put(row) { $0.put($1) } }
        }
        dataInputs = SHA256Digest(of: tables.bytes)
        let values = PageValues.all(graph, bodies, themes)
        let data = PageValues.data(graph.tables)
        let made = parallelMap(graph.editions.count, jobs: jobs) { index, _ -> (frame: Value, found: [Diagnostic]) in
            guard let values = values[index] else { return (.nothing, []) }
            var found: [Diagnostic] = []
            return (Self.frame(index, values, data, &found).unshared(), found)
        }
        self.values = values
        frames = made.map(\.frame)
        diagnostics = made.flatMap(\.found)
    }

    private static func frame(
        _ edition: Int, _ values: PageValues, _ data: Value, _ diagnostics: inout [Diagnostic]
    ) -> Value {
        let graph = values.graph
        let language = graph.editions[edition].language
        var frame: [String: Value] = [
            "language": .text(language), "lang": .text(LanguageCode.tag(language)),
            "t": values.theme.stringValues(language), "site": values.site(), "menu": values.menu(),
            "sites": values.sites(), "asset": values.theme.assetValues, "isChinese": .flag(language == "zh"),
            "forms": .optional(graph.formsPrefix(edition)), "data": data,
        ]
        for part in ["header", "footer"] {
            frame["chrome_" + part] = .html(
                VariantRenderer.render(values.theme, "chrome/" + part, [.fields(frame)], &diagnostics))
        }
        return .fields(frame)
    }
}
