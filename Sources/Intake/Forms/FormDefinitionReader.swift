package import PortalBase
package import PositionedYAML

extension FormDefinition {
    /// Names of inputs that belong to the form itself.
    package static let reservedNames: Set<String> = [
        "_form", "_lang", "_key", "_hp", "_page", "_step", "_proof", "_receipt", "_code",
    ]

    /// Reads a definition; nil when it is not usable. Every mistake goes to `diagnostics` with its position.
    package init?(_ node: YAMLNode, diagnostics: inout [Diagnostic]) {
        var reader = DefinitionReader(node)
        let definition = reader.read()
        let found = reader.finish()
        diagnostics += found
        guard let definition, !found.hasErrors else { return nil }
        self = definition
    }

    /// Reads the canonical JSON that sitegen wrote for formsapi and coredesk.
    package init?(canonicalJSON bytes: [UInt8]) {
        guard let json = try? JSON(parsing: bytes) else { return nil }  // Any mistake means: not a definition.
        var diagnostics: [Diagnostic] = []
        self.init(YAMLNode(json, path: "form"), diagnostics: &diagnostics)
    }
}

private struct DefinitionReader {
    var reader: MapReader
    var lists: [String: [FormDefinition.Option]] = [:]
    var conditionNames: Set<String> = []
    var fieldIDs: Set<String> = []

    init(_ node: YAMLNode) {
        reader = MapReader(node)
    }

    mutating func finish() -> [Diagnostic] { reader.finish() }

    mutating func read() -> FormDefinition? {
        let id = reader.requiredString("id")
        _ = reader.string("visibility")
        let kindNode = reader.raw("kind")
        let kind = kindNode?.scalar.flatMap(FormDefinition.Kind.init(rawValue:))
        if kind == nil {
            if let kindNode {
                reader.wrongType(kindNode, zh: "hotline 或 approval", en: "hotline or approval")
            } else {
                reader.missing("kind")
            }
        }
        let title = reader.localized("title")
        if title == nil { reader.missing("title") }
        for pair in reader.raw("lists")?.pairs ?? [] { lists[pair.key] = options(pair.value.items ?? []) }
        let conditionPairs = reader.raw("conditions")?.pairs ?? []
        conditionNames = Set(conditionPairs.map(\.key))
        let pageNodes = reader.list("pages")
        let pages = pageNodes.compactMap { page($0) }
        if pages.isEmpty { reader.missing("pages") }
        fieldIDs = Set(pages.flatMap(\.fields).map(\.id))
        checkFiles(pages.flatMap(\.fields))
        var conditions: [String: FormDefinition.Condition] = [:]
        for pair in conditionPairs { conditions[pair.key] = condition(pair.value) }
        let serviceNode = reader.raw("service")
        let processNode = reader.raw("process")
        let service: FormDefinition.ServiceItem? = if let serviceNode { readService(serviceNode) } else { nil }
        let process: FormDefinition.Process? = if let processNode { readProcess(processNode) } else { nil }
        if kind == .approval, process == nil { reader.missing("process") }
        let steps = reader.bool("steps") ?? false
        let open311Node = reader.raw("open311")
        let open311: FormDefinition.Open311? =
            if let open311Node { readOpen311(open311Node, pages.flatMap(\.fields)) } else { nil }
        guard let id, let kind, let title, !pages.isEmpty else { return nil }
        return FormDefinition(
            id: id, kind: kind, title: .init(values: title), service: service, pages: pages, conditions: conditions,
            process: process, steps: steps, open311: open311,
            digest: SHA256Digest(of: reader.node.json.canonicalBytes).hex)
    }

    private mutating func absorb(_ inner: MapReader) {
        var inner = inner
        for diagnostic in inner.finish() { reader.add(diagnostic) }
    }

    private mutating func page(_ node: YAMLNode) -> FormDefinition.Page? {
        var inner = MapReader(node)
        let id = inner.requiredString("id")
        let title = inner.localized("title")
        if title == nil { inner.missing("title") }
        let help = inner.localized("help").map(FormDefinition.Localized.init)
        let when = conditionName("when", &inner)
        let fieldNodes = inner.list("fields")
        absorb(inner)
        let fields = fieldNodes.compactMap { field($0) }
        guard let id, let title else { return nil }
        return .init(id: id, title: .init(values: title), help: help, when: when, fields: fields)
    }

    private mutating func conditionName(_ key: String, _ inner: inout MapReader) -> String? {
        guard let name = inner.string(key) else { return nil }
        if !conditionNames.contains(name) {
            inner.wrongType(key, zh: "conditions 里的名称", en: "the name of an entry in `conditions`")
        }
        return name
    }

    private mutating func field(_ node: YAMLNode) -> FormDefinition.Field? {
        var inner = MapReader(node)
        let id = inner.requiredString("id")
        let typeNode = inner.raw("type")
        let type = typeNode?.scalar.flatMap(FormDefinition.Field.FieldType.init(rawValue:))
        if type == nil {
            let known = FormDefinition.Field.FieldType.allCases.map(\.rawValue).joined(separator: ", ")
            if let typeNode {
                inner.wrongType(typeNode, zh: "字段类型之一：\(known)", en: "one of \(known)")
            } else {
                inner.missing("type")
            }
        }
        if let id,
            FormDefinition.reservedNames.contains(id) || id.hasPrefix("_")
                || !id.utf8.allSatisfy({
                    $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-")
                })
        {
            inner.wrongType(
                "id", zh: "不以 _ 开头的字母、数字、连字符", en: "letters, digits and hyphens, not starting with _")
        }
        if let id, !fieldIDs.insert(id).inserted {
            inner.wrongType("id", zh: "不重复的 id", en: "an id that no other field has")
        }
        let label = inner.localized("label")
        if label == nil { inner.missing("label") }
        let hint = inner.localized("hint").map(FormDefinition.Localized.init)
        let required = inner.bool("required") ?? false
        let max = inner.integer("max")
        let min = inner.integer("min")
        let decimals = inner.integer("decimals") ?? 0
        if let written = inner.node["decimals"], type != .number || !(0...6).contains(decimals) {
            inner.wrongType(written, zh: "数字字段的小数位数，0 到 6", en: "the decimal places of a number, 0 to 6")
        }
        let privacy = inner.string("privacy").flatMap(FormDefinition.Field.Privacy.init(rawValue:))
        if privacy == nil, let written = inner.raw("privacy") {
            inner.wrongType(written, zh: "none、personal 或 sensitive", en: "none, personal or sensitive")
        }
        let autocomplete = inner.string("autocomplete")
        let isTitle = inner.bool("title") ?? false
        if isTitle, privacy != nil, privacy != FormDefinition.Field.Privacy.none {
            inner.wrongType("title", zh: "不含个人信息的一项", en: "a field without personal answers")
        }
        let when = conditionName("when", &inner)
        var fieldOptions = options(inner.list("options"))
        if let list = inner.string("list") {
            if let known = lists[list] {
                fieldOptions = known
            } else {
                inner.wrongType("list", zh: "lists 里的名称", en: "the name of an entry in `lists`")
            }
        }
        if type == .single || type == .multiple || type == .address, fieldOptions.isEmpty { inner.missing("list") }
        let files = type == .attachment ? fileRule(&inner) : nil
        absorb(inner)
        guard let id, let type, let label else { return nil }
        return .init(
            id: id, type: type, label: .init(values: label), hint: hint, required: required, max: max, min: min,
            options: fieldOptions, privacy: privacy ?? .none, autocomplete: autocomplete, isTitle: isTitle, when: when,
            files: files,
            decimals: (0...6).contains(decimals) ? decimals : 0)
    }

    private mutating func fileRule(_ inner: inout MapReader) -> FormDefinition.FileRule {
        let names = inner.strings("accept") ?? AttachmentType.pictures.map(\.rawValue)
        let types = names.compactMap(AttachmentType.init(rawValue:))
        if types.count != names.count || types.isEmpty {
            let known = AttachmentType.allCases.map(\.rawValue).joined(separator: ", ")
            inner.wrongType("accept", zh: "文件类型：\(known)", en: "kinds of files: \(known)")
        }
        let megabytes = inner.integer("megabytes") ?? 10
        if !(1...FormDefinition.maxFileMegabytes).contains(megabytes) {
            inner.wrongType(
                "megabytes", zh: "1 到 \(FormDefinition.maxFileMegabytes)",
                en: "a number from 1 to \(FormDefinition.maxFileMegabytes)")
        }
        if let max = inner.node["max"], !(1...20).contains(inner.integer("max") ?? 0) {
            inner.wrongType(max, zh: "1 到 20", en: "a number from 1 to 20")
        }
        return .init(types: types, maxBytes: megabytes << 20)
    }

    /// All files of a form cross in one item, which holds so many parts.
    private mutating func checkFiles(_ fields: [FormDefinition.Field]) {
        let partBytes = AttachmentDescription.partBytes
        let parts = fields.reduce(0) { sum, field in
            sum + (field.files.map { ($0.maxBytes + partBytes - 1) / partBytes * (field.max ?? 1) } ?? 0)
        }
        guard parts > AttachmentDescription.maxParts, let pages = reader.node["pages"] else { return }
        let most = AttachmentDescription.maxParts * partBytes >> 20
        reader.wrongType(
            pages, zh: "附件合计不超过 \(most) MB（各项 megabytes 乘以 max 之和）",
            en: "files of \(most) MB at most, all together (the sum of `megabytes` times `max`)")
    }

    private mutating func readOpen311(
        _ node: YAMLNode, _ fields: [FormDefinition.Field]
    ) -> FormDefinition.Open311? {
        var inner = MapReader(node)
        func name(_ key: String, _ types: Set<FormDefinition.Field.FieldType>, _ inner: inout MapReader) -> String? {
            guard let id = inner.string(key) else { return nil }
            if !fields.contains(where: { $0.id == id && types.contains($0.type) }) {
                let known = types.map(\.rawValue).sorted().joined(separator: ", ")
                inner.wrongType(
                    key, zh: "本表单里类型为 \(known) 的字段", en: "a field of this form of type \(known)")
            }
            return id
        }
        let service = name("service", [.single], &inner)
        let description = name("description", [.longtext], &inner)
        if service == nil { inner.missing("service") }
        if description == nil { inner.missing("description") }
        let mapping = FormDefinition.Open311(
            service: service ?? "", description: description ?? "",
            address: name("address", [.address, .text], &inner),
            phone: name("phone", [.phone], &inner), name: name("name", [.text], &inner),
            email: name("email", [.email], &inner))
        absorb(inner)
        return mapping
    }

    private mutating func options(_ nodes: [YAMLNode]) -> [FormDefinition.Option] {
        nodes.compactMap { node in
            var inner = MapReader(node)
            let value = inner.requiredString("value")
            let label = inner.localized("label")
            if label == nil { inner.missing("label") }
            absorb(inner)
            guard let value, let label else { return nil }
            return .init(value: value, label: .init(values: label))
        }
    }

    private mutating func condition(_ node: YAMLNode, depth: Int = 0) -> FormDefinition.Condition {
        let never = FormDefinition.Condition.any([])
        guard depth < 16 else { return never }
        if let name = node.scalar {
            if !conditionNames.contains(name) {
                reader.wrongType(node, zh: "conditions 里的名称", en: "the name of an entry in `conditions`")
            }
            return .reference(name)
        }
        if let parts = node["all"]?.items { return .all(parts.map { condition($0, depth: depth + 1) }) }
        if let parts = node["any"]?.items { return .any(parts.map { condition($0, depth: depth + 1) }) }
        if let part = node["not"] { return .not(condition(part, depth: depth + 1)) }
        guard let field = node["field"]?.scalar, fieldIDs.contains(field) else {
            reader.wrongType(
                node["field"] ?? node, zh: "条件：all、any、not，或 {field: 字段, is/in/empty: …}",
                en: "a condition: all, any, not, or {field: …, is | in | empty: …} over a field of this form")
            return never
        }
        if let value = node["is"]?.scalar { return .isValue(field: field, value) }
        if let values = node["in"]?.items { return .isIn(field: field, values.compactMap(\.scalar)) }
        if node["empty"]?.bool == true { return .isEmpty(field: field) }
        reader.wrongType(node, zh: "带 is、in 或 empty 的条件", en: "a condition with is, in or empty")
        return never
    }

    private mutating func localizedList(_ key: String, _ inner: inout MapReader) -> [FormDefinition.Localized] {
        guard let node = inner.raw(key) else { return [] }
        func one(_ node: YAMLNode) -> FormDefinition.Localized {
            if let text = node.scalar { return .init(values: ["": text]) }
            let pairs = node.pairs ?? []
            return .init(
                values: Dictionary(pairs.compactMap { pair in pair.value.scalar.map { (pair.key, $0) } }) { first, _ in
                    first
                })
        }
        return node.items?.map(one) ?? [one(node)]
    }

    private mutating func duration(_ key: String, _ inner: inout MapReader) -> FormDefinition.Duration? {
        guard let text = inner.string(key) else { return nil }
        if let duration = FormDefinition.Duration(text) { return duration }
        inner.wrongType(
            key, zh: "时限，如 20wd（工作日）或 10d（自然日）",
            en: "a time limit such as 20wd (working days) or 10d (days)")
        return nil
    }

    private mutating func readService(_ node: YAMLNode) -> FormDefinition.ServiceItem {
        var inner = MapReader(node)
        let basis = localizedList("basis", &inner)
        let steps = localizedList("steps", &inner)
        var legal: FormDefinition.Duration?
        var promised: FormDefinition.Duration?
        if let limits = inner.raw("limits") {
            var limitReader = MapReader(limits)
            legal = duration("legal", &limitReader)
            promised = duration("promised", &limitReader)
            absorb(limitReader)
        }
        let materials = inner.list("materials").compactMap { material -> FormDefinition.Material? in
            var materialReader = MapReader(material)
            let id = materialReader.requiredString("id")
            let name = materialReader.localized("name")
            let required = materialReader.bool("required") ?? false
            absorb(materialReader)
            guard let id, let name else { return nil }
            return .init(id: id, name: .init(values: name), required: required)
        }
        let item = FormDefinition.ServiceItem(
            basis: basis, conditions: inner.localized("conditions").map(FormDefinition.Localized.init),
            place: inner.localized("place").map(FormDefinition.Localized.init),
            hours: inner.localized("hours").map(FormDefinition.Localized.init), phone: inner.string("phone"),
            fee: inner.localized("fee").map(FormDefinition.Localized.init), legalLimit: legal, promisedLimit: promised,
            materials: materials, steps: steps)
        absorb(inner)
        return item
    }

    private mutating func readProcess(_ node: YAMLNode) -> FormDefinition.Process? {
        var inner = MapReader(node)
        let lead = inner.requiredString("lead")
        let join = inner.choice("join", FormDefinition.Process.Join.self) ?? .all
        let branches = inner.list("branches").compactMap { branch -> FormDefinition.Process.Branch? in
            var branchReader = MapReader(branch)
            let department = branchReader.requiredString("dept")
            let limit = duration("days", &branchReader)
            if limit == nil, branchReader.node["days"] == nil { branchReader.missing("days") }
            absorb(branchReader)
            guard let department, let limit else { return nil }
            return .init(department: department, limit: limit)
        }
        if branches.isEmpty { inner.missing("branches") }
        let least = inner.integer("least")
        if join == .atLeast, inner.node["least"] == nil { inner.missing("least") }
        if let least, join != .atLeast || !(1...max(1, branches.count)).contains(least) {
            inner.wrongType(
                "least", zh: "1 到 \(branches.count)（部门数）之间的数，只和 join: atLeast 一起写",
                en: "a number from 1 to \(branches.count), that of the branches, beside `join: atLeast` alone")
        }
        absorb(inner)
        guard let lead, !branches.isEmpty else { return nil }
        return .init(lead: lead, branches: branches, join: join, least: least)
    }
}
