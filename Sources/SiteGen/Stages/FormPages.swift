import Forms
import Markdown
import PortalBase
import PositionedYAML
import SiteModel

/// The form definitions that one audience sees, and the pages that carry them.
struct FormPages: Sendable {
    private let definitions: [String: FormDefinition]
    /// Canonical JSON of each definition by its digest, for formsapi and coredesk.
    let runtimeFiles: [(digest: String, bytes: [UInt8])]
    /// The definition that a new submission of each form uses.
    let current: [(id: String, digest: String)]
    private let pageOfForm: [String: [Int]]
    /// Addresses of the pages that carry forms, by form and then `site.language`, and of the look-up of requests under
    /// `_status`: where formsapi leads somebody who opens an address that only takes posts.
    let addresses: JSON
    /// What becomes of a form once it is sent.
    let processes: ProcessDirective

    /// - Parameter source: the folder that holds `Content`.
    init(_ graph: SiteGraph, source: String, diagnostics: inout [Diagnostic]) {
        var definitions: [String: FormDefinition] = [:]
        var files: [(digest: String, bytes: [UInt8])] = []
        for form in graph.forms {
            guard let definition = FormDefinition(form.node, diagnostics: &diagnostics) else { continue }
            definitions[form.id] = definition
            files.append((definition.digest, form.node.json.canonicalBytes))
        }
        var pages: [String: [Int]] = [:]
        let known = Set(graph.forms.map(\.id))
        for (index, node) in graph.nodes.enumerated() {
            guard let page = node.page, let form = page.front.form else { continue }
            if !known.contains(form) {
                let hint = nearestName(to: form, among: known.sorted())
                diagnostics.append(
                    Diagnostic(
                        "unknown-form", page.front.places.form ?? SourcePosition(path: page.path),
                        problem: Bilingual(zh: "没有表单“\(form)”，或这个版本看不到", en: "there is no form `\(form)` here"),
                        remedy: didYouMean(hint)
                            ?? Bilingual(
                                zh: "请检查 Content/forms 和表单的 visibility",
                                en: "check Content/forms and the form's `visibility`")))
            }
            pages[form, default: []].append(index)
        }
        self.definitions = definitions
        processes = ProcessDirective(source: source)
        runtimeFiles = files.sorted { $0.digest < $1.digest }
        current = definitions.map { ($0.key, $0.value.digest) }.sorted { $0.0 < $1.0 }
        pageOfForm = pages
        for layout in ["status", "verify"] {
            pages["_" + layout] = graph.nodes.indices.filter { graph.nodes[$0].page?.front.layout == layout }
        }
        addresses = .object(
            pages.mapValues { nodes in
                .object(
                    Dictionary(
                        nodes.map { index in
                            let edition = graph.editions[graph.nodes[index].edition]
                            let slug = graph.configuration.sites[edition.site].slug
                            return ("\(slug).\(edition.language)", .string(percentEncodedPath(graph.nodes[index].path)))
                        }
                    ) { first, _ in first })
            })
    }

    /// Guide and form below a page's text; the form only where the audience can post it.
    func html(_ id: String, graph: SiteGraph, edition: Int) -> [UInt8] {
        let language = graph.editions[edition].language
        guard let definition = definitions[id] else { return [] }
        var out = ServiceGuideHTML(
            definition: definition, language: language, departments: departments(graph, language)
        ).guide()
        if let prefix = graph.formsPrefix(edition) {
            out += FormHTML(
                definition: definition, language: language, prefix: prefix, gazetteer: Self.gazetteer(graph)
            ).form()
        }
        return Array(out.utf8)
    }

    /// Villages from `Content/data/villages.csv` (columns `unit`, `name`), where the audience sees it.
    private static func gazetteer(_ graph: SiteGraph) -> Gazetteer {
        guard let table = graph.tables.first(where: { $0.name == "villages.csv" }), let unit = table.column("unit"),
            let name = table.column("name")
        else { return .empty }
        return Gazetteer(table.rows.map { ($0[unit], $0[name]) })
    }

    /// What formsapi reads of it.
    static func gazetteerBytes(_ graph: SiteGraph) -> [UInt8] { gazetteer(graph).json.canonicalBytes }

    /// Department names from `Content/data/departments.csv` (columns `key`, `zh`, `en`), where the tree has it.
    private func departments(_ graph: SiteGraph, _ language: String) -> [String: String] {
        guard let table = graph.tables.first(where: { $0.name == "departments.csv" }), let key = table.column("key"),
            let name = table.column(language) ?? table.column("zh")
        else { return [:] }
        return Dictionary(table.rows.map { ($0[key], $0[name]) }) { first, _ in first }
    }

    /// `::form{id=hotline}`: a button to the page that carries the form.
    func link(
        _ directive: Directive, graph: SiteGraph, from page: Int, language: String, _ diagnostics: inout [Diagnostic]
    ) -> [UInt8] {
        let id = directive.attributes["id"] ?? ""
        let candidates = pageOfForm[id] ?? []
        guard
            let node = candidates.first(where: { graph.editions[graph.nodes[$0].edition].language == language })
                ?? candidates.first
        else {
            diagnostics.append(
                Diagnostic(
                    "unknown-form", directive.position,
                    problem: Bilingual(zh: "没有页面带有表单“\(id)”", en: "no page carries the form `\(id)`"),
                    remedy: Bilingual(zh: "请在某个页面写 form: \(id)", en: "give a page `form: \(id)`")))
            return []
        }
        let label = directive.label.isEmpty ? graph.nodes[node].title : directive.label
        return Array(
            "<p><a class=\"button\" href=\"\(graph.href(node, from: graph.docroot(of: page)))\">\(escapedHTML(label))</a></p>\n"
                .utf8)
    }
}
