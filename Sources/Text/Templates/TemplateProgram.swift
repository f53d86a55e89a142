import PortalBase

/// The templates of a set, linked for drawing: steps that lie one after another, with numbers for what they name. A step
/// is nothing but numbers, so that going from one to the next counts no references.
final class TemplateProgram: Sendable {
    struct Step: Sendable {
        enum Kind: UInt8, Sendable { case text, variable, section, block, include }

        let kind: Kind
        /// Of a variable, whether it is escaped; of a section, whether it is inverted.
        var flag = false
        /// Where the bytes of a text begin; else the path, block or include that is meant.
        let subject: Int32
        /// Where the bytes of a text end; else the step behind everything that belongs to this one.
        var end: Int32 = 0
    }

    struct Path: Sendable {
        let isDot: Bool
        let first: Key
        /// Of `keys`.
        let rest: Range<Int32>
    }

    final class Block: Sendable {
        let key: Key
        let name: String
        let indent: [UInt8]

        init(_ name: String, indent: [UInt8]) {
            key = Key(name)
            self.name = name
            self.indent = indent
        }
    }

    final class Include: Sendable {
        let name: Template.PartialName
        /// Index of the template that is meant; nil where it is chosen while rendering, or is not there.
        let template: Int?
        /// Index of the path that chooses it.
        let path: Int?
        /// Nil for a partial, whose blocks are not reached by what includes it.
        let overrides: [(key: Key, steps: Range<Int>)]?
        let indent: [UInt8]
        let place: Template.Place

        init(
            name: Template.PartialName, template: Int?, path: Int?, overrides: [(key: Key, steps: Range<Int>)]?,
            indent: [UInt8], place: Template.Place
        ) {
            self.name = name
            self.template = template
            self.path = path
            self.overrides = overrides
            self.indent = indent
            self.place = place
        }
    }

    let steps: [Step]
    let bytes: [UInt8]
    let paths: [Path]
    let keys: [Key]
    let blocks: [Block]
    let includes: [Include]
    /// As written, for messages: in the order of `paths`.
    let sources: [Template.Path]
    /// The steps of each template, and which is which.
    let templates: [Range<Int>]
    let indices: [String: Int]

    init(_ templates: [Template]) {
        var linker = Linker(indices: Dictionary(uniqueKeysWithValues: templates.enumerated().map { ($1.name, $0) }))
        self.templates = templates.map { linker.add($0.nodes) }
        indices = linker.indices
        steps = linker.steps
        bytes = linker.bytes
        paths = linker.paths
        keys = linker.keys
        blocks = linker.blocks
        includes = linker.includes
        sources = linker.sources
    }

    private struct Linker {
        let indices: [String: Int]
        var steps: [Step] = []
        var bytes: [UInt8] = []
        var paths: [Path] = []
        var keys: [Key] = []
        var blocks: [Block] = []
        var includes: [Include] = []
        var sources: [Template.Path] = []

        init(indices: [String: Int]) { self.indices = indices }

        mutating func add(_ nodes: [Template.Node]) -> Range<Int> {
            let start = steps.count
            for node in nodes { add(node) }
            return start..<steps.count
        }

        private mutating func add(_ node: Template.Node) {
            switch node {
            case .text(let text):
                let start = bytes.count
                bytes += text
                steps.append(Step(kind: .text, subject: Int32(start), end: Int32(bytes.count)))
            case .variable(let path, let escaped):
                steps.append(Step(kind: .variable, flag: escaped, subject: Int32(add(path))))
            case .section(let path, let inverted, let children):
                let place = steps.count
                steps.append(Step(kind: .section, flag: inverted, subject: Int32(add(path))))
                steps[place].end = Int32(add(children).upperBound)
            case .block(let name, let children, let indent):
                let place = steps.count
                steps.append(Step(kind: .block, subject: Int32(blocks.count)))
                blocks.append(Block(name, indent: indent))
                steps[place].end = Int32(add(children).upperBound)
            case .partial(let name, let indent, let place): add(name, nil, indent, place)
            case .parent(let name, let overrides, let indent, _, let place): add(name, overrides, indent, place)
            }
        }

        private mutating func add(
            _ name: Template.PartialName, _ overrides: [String: [Template.Node]]?, _ indent: [UInt8],
            _ written: Template.Place
        ) {
            let place = steps.count
            // Its number stands fast when everything below it has been added.
            steps.append(Step(kind: .include, subject: 0))
            let filled = overrides?.sorted { $0.key < $1.key }.map { (key: Key($0.key), steps: add($0.value)) }
            var (template, path): (Int?, Int?)
            switch name {
            case .fixed(let text): template = indices[text]
            case .dynamic(let chosen): path = add(chosen)
            }
            includes.append(
                Include(
                    name: name, template: template, path: path, overrides: filled, indent: indent, place: written))
            steps[place] = Step(kind: .include, subject: Int32(includes.count - 1), end: Int32(steps.count))
        }

        private mutating func add(_ path: Template.Path) -> Int {
            let start = Int32(keys.count)
            keys += path.keys.dropFirst()
            paths.append(
                Path(isDot: path.isDot, first: path.keys.first ?? Key("."), rest: start..<Int32(keys.count)))
            sources.append(path)
            return paths.count - 1
        }
    }
}
