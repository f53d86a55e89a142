import Markdown
import PortalBase
import SiteModel

/// Where a directive is drawn: the page, its language and theme, and what its attributes may name.
struct DirectiveContext {
    let graph: SiteGraph
    let images: ImagePlan
    let loaded: LoadedContent
    let page: VisiblePage
    let node: Int
    let theme: Theme

    var language: String { page.language }
    var docroot: Int { graph.docroot(of: node) }

    func string(_ key: String) -> String { theme.string(key, language) }

    /// A file that an attribute names beside the page; nil after a diagnostic.
    func file(_ key: String, of directive: Directive, _ diagnostics: inout [Diagnostic]) -> Int? {
        guard let name = directive.attributes[key] else {
            diagnostics.append(missing(key, directive))
            return nil
        }
        switch graph.resolve(name, from: page) {
        case .file(let file): return file
        case .notShown(let source):
            diagnostics.append(
                Diagnostic(
                    "directive-file", directive.position,
                    problem: Bilingual(
                        zh: "“\(graph.variant.name)”版本里没有文件“\(name)”",
                        en: "`\(graph.variant.name)` shows no file `\(name)`"),
                    remedy: Bilingual(
                        zh: "请把文件放到本页旁边，并检查它的公开范围", en: "put the file beside the page and check who may see it"),
                    related: loaded.visibilityPosition(ofSource: source)))
        default:
            diagnostics.append(
                Diagnostic(
                    "directive-file", directive.position,
                    problem: Bilingual(zh: "“\(name)”不是本站的文件", en: "`\(name)` is no file of this site"),
                    remedy: Bilingual(zh: "请写本页旁边的文件名", en: "name a file that lies beside the page")))
        }
        return nil
    }

    func missing(_ key: String, _ directive: Directive) -> Diagnostic {
        Diagnostic(
            "directive-attribute", directive.position,
            problem: Bilingual(zh: "“\(directive.name)”缺少 \(key)", en: "`\(directive.name)` lacks `\(key)`"),
            remedy: Bilingual(zh: "写成 {\(key)=…}", en: "write {\(key)=…}"))
    }

    func href(_ file: Int) -> String {
        graph.href(graph.files[file].path, in: graph.files[file].docroot, from: docroot)
    }

    /// Attributes that the directive does not know, with the nearest one that it does.
    static func unknown(_ directive: Directive, known: [String]) -> [Diagnostic] {
        directive.attributes.keys.sorted().filter { !known.contains($0) }.map { key in
            let hint = nearestName(to: key, among: known)
            return Diagnostic(
                "directive-attribute", directive.position,
                problem: Bilingual(
                    zh: "“\(directive.name)”没有属性“\(key)”", en: "`\(directive.name)` has no attribute `\(key)`"),
                remedy: didYouMean(hint)
                    ?? Bilingual(
                        zh: "可用：\(known.joined(separator: "、"))", en: "known here: \(known.joined(separator: ", "))"))
        }
    }
}

/// HTML of one element's attribute, with a space before it.
func attribute(_ name: String, _ value: String) -> String { " \(name)=\"\(escapedHTML(value))\"" }
