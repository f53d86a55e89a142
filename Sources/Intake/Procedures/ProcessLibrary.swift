import Forms
package import PortalBase
import PositionedYAML

/// All processes of a content tree, with the roles and units that they name, office hours and the dispatch catalogue.
package struct ProcessLibrary: Sendable {
    package private(set) var processes: [Process] = []
    /// Names of roles, by id.
    package private(set) var roles: [String: Process.Localized] = [:]
    /// Roles that nobody holds beside a role (三员分立).
    package private(set) var exclusions: [String: Set<String>] = [:]
    /// What roles may do besides actions of processes.
    package private(set) var permissions: [String: Set<Permission>] = [:]
    package private(set) var units: [Unit] = []
    /// By process.
    package private(set) var catalogues: [String: DispatchCatalogue] = [:]
    package private(set) var phrases = Phrases.none
    /// Office hours in minutes from midnight, rising; empty where none are said.
    package private(set) var hours: [Range<Int>] = []

    /// A department, a township, a section.
    package struct Unit: Sendable, Equatable {
        package let id: String
        package let name: Process.Localized
        /// Id of the unit above.
        package let parent: String?
    }

    /// What is no action of a process; a closed list.
    package enum Permission: String, Sendable, CaseIterable {
        /// See the lanes, their alarms and what is held; and work on them.
        case seeLanes = "lanes.see"
        case workOnLanes = "lanes.work"
        /// See how the units did in a month, and the cases behind it that one may see.
        case seeAssessments = "assessments.see"
        /// See who read what.
        case seeReadings = "audit.read"
        /// Erase what is past its term, or what the law orders; two persons do it.
        case eraseCases = "cases.erase"
        /// Bring cases of an earlier definition to the one that is put to work now.
        case adoptProcesses = "processes.adopt"
    }

    /// Where `Content` keeps them.
    package static let folder = "Content/processes"
    /// Templates of papers.
    package static let papersFolder = "Content/papers"
    package static let rolesFile = "Content/roles.yaml"
    package static let unitsFile = "Content/units.yaml"
    package static let hoursFile = "Content/hours.yaml"
    package static let catalogueFile = "Content/catalogue.yaml"
    package static let phrasesFile = "Content/phrases.yaml"
    private static let limit = 1 << 20

    /// Reads `Content/processes/*.yaml`; a tree without has none. A definition with a mistake is left out and every mistake told.
    ///
    /// - Parameters:
    ///   - source: the folder that holds `Content`.
    package init(source: String, diagnostics: inout [Diagnostic]) {
        func node(_ path: String) -> YAMLNode? {
            do {
                let bytes = try FileSystem.read(source + "/" + path, limit: Self.limit)
                guard let text = String(validating: bytes, as: UTF8.self) else {
                    diagnostics.append(Self.unreadable(path, zh: "文件不是 UTF-8 编码", en: "the file is not UTF-8"))
                    return nil
                }
                let before = diagnostics.count
                let node = YAMLNode.parse(text, path: path, diagnostics: &diagnostics)
                if node?.pairs == nil, diagnostics.count == before {
                    diagnostics.append(
                        Self.unreadable(path, zh: "文件是空的，或不是 键: 值", en: "the file is empty, or no map of keys"))
                }
                return node.flatMap { $0.pairs == nil ? nil : $0 }
            } catch {
                diagnostics.append(Self.unreadable(path, zh: "读不出来：\(error)", en: "cannot be read: \(error)"))
                return nil
            }
        }
        guard FileSystem.kind(source + "/" + Self.folder) == .directory else { return }
        var files: [String] = []
        do {
            files = try FileSystem.list(source + "/" + Self.folder).map(\.name).sorted(by: bytesPrecede)
        } catch {
            diagnostics.append(Self.unreadable(Self.folder, zh: "读不出来：\(error)", en: "cannot be read: \(error)"))
        }
        func optional(_ path: String) -> YAMLNode? {
            FileSystem.kind(source + "/" + path) == nil ? nil : node(path)
        }
        guard let roles = node(Self.rolesFile), let units = node(Self.unitsFile) else { return }
        Self.checkEntries(of: roles, ["excludes", "permissions"], &diagnostics)
        Self.checkEntries(of: units, ["parent"], &diagnostics)
        Self.checkUnits(units, &diagnostics)
        self.roles = Dictionary((roles.pairs ?? []).map { ($0.key, Self.name($0)) }) { first, _ in first }
        readRoles(roles, &diagnostics)
        self.units = (units.pairs ?? []).map {
            Unit(id: $0.key, name: Self.name($0), parent: $0.value["parent"]?.scalar)
        }
        if let node = optional(Self.hoursFile) { hours = Self.hours(node, &diagnostics) }
        for pair in optional(Self.catalogueFile)?.pairs ?? [] {
            catalogues[pair.key] = DispatchCatalogue(
                pair.value, units: Set(self.units.map(\.id)), diagnostics: &diagnostics)
        }
        let forms = Self.forms(source, &diagnostics)
        let definitions = Dictionary(
            uniqueKeysWithValues: forms.sorted().compactMap { form in
                optional("Content/forms/\(form).yaml").map { (form, $0) }
            })
        for (_, form) in definitions.sorted(by: { $0.key < $1.key }) { checkUnits(of: form, &diagnostics) }
        let names = Process.Names(roles: roles, units: units)
        var owners: [String: String] = [:]
        for file in files where !file.hasPrefix(".") {
            let path = Self.folder + "/" + file
            guard file.hasSuffix(".yaml") else {
                diagnostics.append(
                    Self.unreadable(path, zh: "流程定义要以 .yaml 结尾", en: "definitions of processes end in .yaml"))
                continue
            }
            guard let node = node(path), let process = Process(node, names: names, diagnostics: &diagnostics) else {
                continue
            }
            let position = node["id"]?.position ?? node.position
            if process.id + ".yaml" != file {
                diagnostics.append(
                    Diagnostic(
                        "process-id", position,
                        problem: Bilingual(
                            zh: "id“\(process.id)”与文件名不同", en: "the id `\(process.id)` differs from the file's name"),
                        remedy: Bilingual(
                            zh: "请写 id: \(file.dropLast(5))", en: "write `id: \(file.dropLast(5))`")))
            }
            for form in process.forms {
                if !forms.contains(form) {
                    diagnostics.append(
                        Diagnostic(
                            "process-name", node["forms"]?.position ?? position,
                            problem: Bilingual(zh: "没有表单“\(form)”", en: "there is no form `\(form)`"),
                            remedy: didYouMean(nearestName(to: form, among: forms.sorted()))
                                ?? Bilingual(zh: "请改正，或补上表单", en: "correct it, or add the form")))
                }
                if let owner = owners.updateValue(process.id, forKey: form) {
                    diagnostics.append(
                        Diagnostic(
                            "process-form", node["forms"]?.position ?? position,
                            problem: Bilingual(
                                zh: "表单“\(form)”已经由流程“\(owner)”办理",
                                en: "the form `\(form)` is handled by `\(owner)` already"),
                            remedy: Bilingual(zh: "一个表单只能有一个流程", en: "a form has one process")))
                }
            }
            if process.usesCatalogue, catalogues[process.id] == nil {
                diagnostics.append(
                    Diagnostic(
                        "process-catalogue", position,
                        problem: Bilingual(
                            zh: "时限要看派单目录，目录里却没有“\(process.id)”",
                            en: "a time limit is that of the dispatch catalogue, which has no `\(process.id)`"),
                        remedy: Bilingual(
                            zh: "请在 \(Self.catalogueFile) 里写上", en: "add it to \(Self.catalogueFile)")))
            }
            if let catalogue = catalogues[process.id] {
                let fields = process.forms.compactMap { definitions[$0] }
                check(catalogue, of: process, fields, at: position, &diagnostics)
            }
            for paper in process.papers {
                let path = Self.papersFolder + "/" + paper.template + ".html"
                guard FileSystem.kind(source + "/" + path) != .file else { continue }
                diagnostics.append(
                    Diagnostic(
                        "process-paper", paper.position,
                        problem: Bilingual(zh: "没有文书模板 \(path)", en: "there is no template \(path)"),
                        remedy: Bilingual(zh: "请改正 template:，或补上模板", en: "correct `template:`, or add the file")))
            }
            for form in process.forms where !process.papers.isEmpty && definitions[form]?["process"]?["lead"] == nil {
                diagnostics.append(
                    Diagnostic(
                        "process-paper", position,
                        problem: Bilingual(
                            zh: "文书由牵头部门出具，表单“\(form)”却没有写牵头部门",
                            en: "the lead department issues the papers, and the form `\(form)` names none"),
                        remedy: Bilingual(
                            zh: "请在表单里写 process: {lead: …}", en: "write `process: {lead: …}` in the form")))
            }
            processes.append(process)
        }
        // Where a definition does not read, what it would have handled says nothing.
        let stems = Set(files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) })
        let isWhole = processes.count == stems.count
        for form in definitions.keys.sorted() where isWhole && owners[form] == nil {
            diagnostics.append(
                Diagnostic(
                    "process-form", SourcePosition(path: "Content/forms/\(form).yaml"),
                    problem: Bilingual(zh: "没有流程办理表单“\(form)”", en: "no process handles the form `\(form)`"),
                    remedy: Bilingual(
                        zh: "请写进一个流程的 forms:", en: "list it under `forms:` of a process")))
        }
        if isWhole, let node = optional(Self.phrasesFile) {
            phrases = Phrases(node, processes, diagnostics: &diagnostics)
        }
        for id in catalogues.keys.sorted() where !stems.contains(id) {
            diagnostics.append(
                Diagnostic(
                    "process-name", SourcePosition(path: Self.catalogueFile),
                    problem: Bilingual(zh: "没有流程“\(id)”", en: "there is no process `\(id)`"),
                    remedy: didYouMean(nearestName(to: id, among: processes.map(\.id)))
                        ?? Bilingual(zh: "请改正", en: "correct it")))
        }
    }

    /// `excludes: [role, …]`, each of which excludes the other, whichever says so; `permissions: [name, …]`.
    private mutating func readRoles(_ node: YAMLNode, _ diagnostics: inout [Diagnostic]) {
        for pair in node.pairs ?? [] {
            let others = Set(roles.keys).subtracting([pair.key])
            for other in Self.names(pair, "excludes", among: others, ("角色", "role"), &diagnostics) {
                exclusions[pair.key, default: []].insert(other)
                exclusions[other, default: []].insert(pair.key)
            }
            let all = Set(Permission.allCases.map(\.rawValue))
            let names = Self.names(pair, "permissions", among: all, ("权限", "permission"), &diagnostics)
            if !names.isEmpty { permissions[pair.key] = Set(names.compactMap(Permission.init(rawValue:))) }
        }
    }

    /// Names in a list of an entry; each that is not known is told.
    private static func names(
        _ pair: YAMLNode.Pair, _ key: String, among known: Set<String>, _ kind: (zh: String, en: String),
        _ diagnostics: inout [Diagnostic]
    ) -> [String] {
        (pair.value[key]?.items ?? []).compactMap { item in
            let name = item.scalar ?? ""
            if known.contains(name) { return name }
            diagnostics.append(.unknownName(name, kind, among: known, at: item.position))
            return nil
        }
    }

    /// Who leads and who gives opinions is a unit of the city: an application would lie before nobody otherwise.
    private func checkUnits(of form: YAMLNode, _ diagnostics: inout [Diagnostic]) {
        let names = units.map(\.id)
        let branches = form["process"]?["branches"]?.items ?? []
        for node in [form["process"]?["lead"]].compactMap({ $0 }) + branches.compactMap({ $0["dept"] }) {
            guard let unit = node.scalar, !names.contains(unit) else { continue }
            diagnostics.append(
                Diagnostic(
                    "process-name", node.position,
                    problem: Bilingual(zh: "没有单位“\(unit)”", en: "there is no unit `\(unit)`"),
                    remedy: didYouMean(nearestName(to: unit, among: names))
                        ?? Bilingual(
                            zh: "请改正，或补进 \(Self.unitsFile)", en: "correct it, or add it to \(Self.unitsFile)")))
        }
    }

    /// The field and the values of a catalogue are those of the forms.
    private func check(
        _ catalogue: DispatchCatalogue, of process: Process, _ forms: [YAMLNode], at position: SourcePosition,
        _ diagnostics: inout [Diagnostic]
    ) {
        let fields = forms.flatMap { $0["pages"]?.items ?? [] }.flatMap { $0["fields"]?.items ?? [] }
        func add(_ zh: String, _ en: String, _ near: String?) {
            diagnostics.append(
                Diagnostic(
                    "process-catalogue", SourcePosition(path: Self.catalogueFile), problem: Bilingual(zh: zh, en: en),
                    remedy: didYouMean(near) ?? Bilingual(zh: "请改正", en: "correct it")))
        }
        guard let field = fields.first(where: { $0["id"]?.scalar == catalogue.field }) else {
            // Where the forms themselves cannot be read, that is said elsewhere.
            if !fields.isEmpty {
                add(
                    "“\(process.id)”的表单里没有“\(catalogue.field)”这一项",
                    "the forms of `\(process.id)` have no field `\(catalogue.field)`",
                    nearestName(to: catalogue.field, among: fields.compactMap { $0["id"]?.scalar }))
            }
            return
        }
        let options =
            (field["options"]?.items ?? [])
            + forms.flatMap { form in field["list"]?.scalar.flatMap { form["lists"]?[$0]?.items } ?? [] }
        let values = options.compactMap { $0["value"]?.scalar }
        for value in catalogue.entries.keys.sorted() where !values.contains(value) {
            add(
                "“\(process.id)”：“\(catalogue.field)”没有“\(value)”这个选项",
                "`\(process.id)`: `\(catalogue.field)` has no option `\(value)`", nearestName(to: value, among: values))
        }
        for value in values where catalogue.entries[value] == nil {
            add(
                "“\(process.id)”：派单目录里没有“\(value)”的时限", "`\(process.id)`: the catalogue has no limit for `\(value)`",
                nil)
        }
    }

    private static func name(_ pair: YAMLNode.Pair) -> Process.Localized {
        let zh = pair.value["zh"]?.scalar ?? pair.key
        return Process.Localized(zh, pair.value["en"]?.scalar ?? zh)
    }

    /// `open: ["08:30-12:00", …]`
    private static func hours(_ node: YAMLNode, _ diagnostics: inout [Diagnostic]) -> [Range<Int>] {
        func minutes(_ text: Substring) -> Int? {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hour = decimal(parts[0].utf8),
                let minute = decimal(parts[1].utf8), hour <= 24, minute < 60
            else { return nil }
            return hour * 60 + minute
        }
        var reader = MapReader(node)
        var spans: [Range<Int>] = []
        for text in reader.strings("open") ?? [] {
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(minutes)
            guard ends.count == 2, let from = ends[0], let to = ends[1], from < to, to <= 1_440,
                spans.last.map({ $0.upperBound <= from }) ?? true
            else {
                reader.wrongType("open", zh: "由早到晚的时段，如 08:30-12:00", en: "rising spans such as 08:30-12:00")
                break
            }
            spans.append(from..<to)
        }
        diagnostics += reader.finish()
        return spans
    }

    private static func forms(_ source: String, _ diagnostics: inout [Diagnostic]) -> Set<String> {
        let folder = "Content/forms"
        guard FileSystem.kind(source + "/" + folder) == .directory else { return [] }
        do {
            let names = try FileSystem.list(source + "/" + folder).map(\.name)
            return Set(names.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) })
        } catch {
            diagnostics.append(unreadable(folder, zh: "读不出来：\(error)", en: "cannot be read: \(error)"))
            return []
        }
    }

    /// Each has a name, and no key that nobody reads.
    private static func checkEntries(of node: YAMLNode, _ keys: [String], _ diagnostics: inout [Diagnostic]) {
        for pair in node.pairs ?? [] {
            var reader = MapReader(pair.value)
            _ = (reader.requiredString("zh"), reader.string("en"))
            for key in keys { _ = reader.raw(key) }
            diagnostics += reader.finish()
        }
    }

    /// Every unit above another is there, and none stands below itself.
    private static func checkUnits(_ units: YAMLNode, _ diagnostics: inout [Diagnostic]) {
        let pairs = units.pairs ?? []
        let parents = Dictionary(
            pairs.compactMap { pair in pair.value["parent"]?.scalar.map { (pair.key, $0) } }
        ) { first, _ in first }
        let names = pairs.map(\.key)
        for pair in pairs {
            var (at, steps) = (pair.key, 0)
            while let parent = parents[at], names.contains(parent), steps <= names.count {
                (at, steps) = (parent, steps + 1)
            }
            if let parent = parents[at], !names.contains(parent), at == pair.key {
                diagnostics.append(
                    Diagnostic(
                        "process-name", pair.value["parent"]?.position ?? pair.keyPosition,
                        problem: Bilingual(zh: "没有单位“\(parent)”", en: "there is no unit `\(parent)`"),
                        remedy: didYouMean(nearestName(to: parent, among: names))
                            ?? Bilingual(zh: "请改正，或补上单位", en: "correct it, or add the unit")))
            } else if steps > names.count {
                diagnostics.append(
                    Diagnostic(
                        "process-unit", pair.keyPosition,
                        problem: Bilingual(
                            zh: "单位“\(pair.key)”在自己之下", en: "the unit `\(pair.key)` stands below itself"),
                        remedy: Bilingual(zh: "请改正 parent", en: "correct `parent`")))
            }
        }
    }

    private static func unreadable(_ path: String, zh: String, en: String) -> Diagnostic {
        Diagnostic(
            "unreadable", SourcePosition(path: path), problem: Bilingual(zh: zh, en: en),
            remedy: Bilingual(zh: "请检查文件", en: "check the file"))
    }
}
