package import PortalBase

extension TemplateSet {
    /// Of a template and everything that it can include; of all templates where a page chooses what is included.
    package func digest(of root: String) -> SHA256Digest {
        var reached: Set<String> = [root]
        var open = [root]
        var isDynamic = false
        while let name = open.popLast() {
            for next in self[name].map({ Self.included($0.nodes, &isDynamic) }) ?? []
            where reached.insert(next).inserted {
                open.append(next)
            }
        }
        var bytes: [UInt8] = []
        for name in isDynamic ? all.map(\.name) : reached.sorted() {
            bytes += name.utf8
            bytes.append(0)
            self[name]?.digest.append(to: &bytes)
        }
        return SHA256Digest(of: bytes)
    }

    /// Whether a tag of any template asks for one of these names, wherever it stands in a path.
    package func mentions(_ names: Set<String>) -> Bool {
        func asks(_ path: Template.Path) -> Bool { path.keys.contains { names.contains($0.name) } }
        func asks(_ name: Template.PartialName) -> Bool {
            if case .dynamic(let path) = name { asks(path) } else { false }
        }
        func ask(_ nodes: [Template.Node]) -> Bool {
            nodes.contains { node in
                switch node {
                case .text: false
                case .variable(let path, _): asks(path)
                case .section(let path, _, let children): asks(path) || ask(children)
                case .block(_, let children, _): ask(children)
                case .partial(let name, _, _): asks(name)
                case .parent(let name, let overrides, _, _, _): asks(name) || overrides.values.contains(where: ask)
                }
            }
        }
        return all.contains { ask($0.nodes) }
    }

    private static func included(_ nodes: [Template.Node], _ isDynamic: inout Bool) -> [String] {
        var found: [String] = []
        for node in nodes {
            switch node {
            case .text, .variable: continue
            case .section(_, _, let children), .block(_, let children, _): found += included(children, &isDynamic)
            case .partial(let name, _, _), .parent(let name, _, _, _, _):
                if case .fixed(let fixed) = name { found.append(fixed) } else { isDynamic = true }
            }
            if case .parent(_, let overrides, _, _, _) = node {
                for children in overrides.values { found += included(children, &isDynamic) }
            }
        }
        return found
    }
}

extension Value {
    /// Appends a form of the value that equal values share. Only for values made of plain scopes.
    package func append(to out: inout [UInt8]) {
        func text(_ text: String) {
            out += text.utf8
            out.append(0)
        }
        switch self {
        case .nothing: out.append(UInt8(ascii: "-"))
        case .flag(let flag): out.append(UInt8(ascii: flag ? "t" : "f"))
        case .number(let number): text("n\(number)")
        case .text(let string): text("s" + string)
        case .html(let bytes):
            out.append(UInt8(ascii: "h"))
            out += bytes
            out.append(0)
        case .list(let values):
            out.append(UInt8(ascii: "["))
            for value in values { value.append(to: &out) }
            out.append(UInt8(ascii: "]"))
        case .scope(let scope):
            out.append(UInt8(ascii: "{"))
            guard let fields = scope as? Fields else {
                preconditionFailure("this scope makes its members as they are asked for")
            }
            for (name, value) in fields.members.map({ ($0.key.name, $0.value) }).sorted(by: { $0.0 < $1.0 }) {
                text(name)
                value.append(to: &out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }
}
