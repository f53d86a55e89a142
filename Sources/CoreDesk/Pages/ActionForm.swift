import Authority
import CMS
import Cases
import Forms
import PortalBase
import Procedures
import Templates
import Workflow

/// The form of one action: what it asks for as HTML inputs, and what an officer typed as a command.
struct ActionForm {
    let action: Procedures.Process.Action
    let task: Int?
    /// Nil of an action that begins a subject.
    let view: CaseStore.View?
    let surroundings: Surroundings
    private let form: FormDefinition?

    init(_ action: Procedures.Process.Action, task: Int?, of view: CaseStore.View?, _ surroundings: Surroundings) {
        self.action = action
        self.task = task
        self.view = view
        self.surroundings = surroundings
        form = view.flatMap { surroundings.configuration.definition($0.subject.form) }
    }

    // MARK: Reading

    /// Why what an officer typed is no command.
    struct Problem: Error, Equatable {
        let code: String
        let text: String
        /// Id of the input that it is about; empty where it is none.
        var input = ""
    }

    /// Names of posted fields begin so; those of the page itself do not.
    static let prefix = "i-"

    /// - Parameters:
    ///   - posted: values by name.
    ///   - find: the id of the case with a number, of those that may be named here.
    func command(_ posted: [String: [String]], find: (Int) throws -> String?) throws -> Command {
        var inputs: [String: InputValue] = [:]
        for input in action.ask {
            let name = Self.prefix + input.id
            let label = input.label.text("zh")
            let isLine = input.kind != .longtext && input.kind != .key
            let values = try posted[name, default: []].map { try Self.stored($0, label, isLine: isLine) }.filter {
                !$0.isEmpty
            }
            switch input.kind {
            case .units, .fields: inputs[input.id] = .list(values)
            case .checklist: inputs[input.id] = .list(try checked(input, posted))
            case .limit:
                guard let count = values.first else { continue }
                let unit = posted[name + "-unit"]?.first ?? ""
                guard let limit = Procedures.Process.Limit(count + unit) else {
                    throw Problem(code: "wrongType", text: "“\(label)”要写 1 到 3660 的数字。", input: input.id)
                }
                inputs[input.id] = .limit(limit)
            case .number:
                guard let text = values.first else { continue }
                guard let number = decimal(text.utf8) else {
                    throw Problem(code: "wrongType", text: "“\(label)”要写数字。", input: input.id)
                }
                inputs[input.id] = .number(number)
            case .case:
                guard let text = values.first else { continue }
                guard let number = decimal(text.utf8), let id = try find(number) else {
                    throw Problem(
                        code: "unknown", text: "“\(label)”：没有编号为 \(text.prefix(20)) 的同类未办结办件，或不在您的职责范围内。",
                        input: input.id)
                }
                inputs[input.id] = .text(id)
            case .key: if let text = values.first { inputs[input.id] = .text(try key(text, label, input.id)) }
            default: if let text = values.first { inputs[input.id] = .text(text) }
            }
        }
        return Command(action: action.id, task: task, inputs: inputs)
    }

    /// Names of the buttons that put a phrase into a text.
    private static let phrase = "phrase-"

    private func phrases(_ input: Procedures.Process.Input) -> [String] {
        view.map { surroundings.library.phrases.texts(process: $0.process.id, action: action.id, input: input.id) }
            ?? []
    }

    /// Whether a button was pressed that puts a phrase into a text.
    static func asksForPhrase(_ typed: [String: [String]]) -> Bool { typed.keys.contains { $0.hasPrefix(phrase) } }

    /// What was typed, with a phrase behind it that the officer asked for; nil where they asked for none.
    func inserting(_ typed: [String: [String]]) -> [String: [String]]? {
        for input in action.ask {
            let (texts, name) = (phrases(input), Self.prefix + input.id)
            guard let place = typed[Self.phrase + input.id]?.first.flatMap({ decimal($0.utf8) }),
                texts.indices.contains(place)
            else { continue }
            let before = typed[name]?.first ?? ""
            return typed.merging([name: [before.isEmpty ? texts[place] : before + "\n" + texts[place]]]) { $1 }
        }
        return nil
    }

    private static let mostCharacters = 4_000

    /// A text as it is stored; nothing of it is cut.
    static func stored(_ text: String, _ label: String, isLine: Bool = false) throws(Problem) -> String {
        let tooLong = Problem(
            code: "tooLong", text: "“\(label)”超过 \(mostCharacters) 个字，没有保存。请缩短，或分次办理。")
        guard text.utf8.count <= 8 * mostCharacters else { throw tooLong }
        switch FormDefinition.stored(words: text, allowsBreaks: !isLine) {
        case .failure(let found): throw character(found.name, label)
        case .success(let stored):
            guard stored.unicodeScalars.count <= mostCharacters else { throw tooLong }
            return stored
        }
    }

    private static func character(_ name: String, _ label: String) -> Problem {
        Problem(
            code: "characters", text: "“\(label)”里有看不见的、不能使用的字符（\(name)），没有保存。请删去或重新输入这一处。")
    }

    /// A public key's SHA-256 out of a certificate (PEM), or as tools print it: in capitals, with colons.
    private func key(_ text: String, _ label: String, _ id: String) throws(Problem) -> String {
        guard text.contains("-----BEGIN") else { return text.lowercased().filter { $0 != ":" && !$0.isWhitespace } }
        let certificate: Certificate
        do {
            certificate = try Certificate(pem: Array(text.utf8))
        } catch {
            throw Problem(code: "wrongType", text: "“\(label)”里的证书读不出来。请粘贴整个 .crt 文件的内容。", input: id)
        }
        do {
            try surroundings.configuration.verifySignIn(certificate, at: surroundings.configuration.now())
        } catch let error as CryptoError where error.code == .untrusted {
            throw Problem(
                code: "badCertificate",
                text: "“\(label)”里的证书现在不能用来登录，没有登记。请换一个本市签发的、在有效期内的个人登录证书。（\(error.detail)）", input: id)
        } catch {
            throw Problem(
                code: "listOutdated", text: "证书吊销列表缺失、损坏或过期，现在判断不了任何证书，没有登记。请系统管理员更新以后再登记。", input: id)
        }
        return certificate.publicKeyDigest.hex
    }

    /// Materials of the form: each with how it is, and a note.
    private func checked(_ input: Procedures.Process.Input, _ posted: [String: [String]]) throws -> [String] {
        try materials.compactMap { material in
            let name = Self.prefix + input.id + "-" + material.value
            guard let state = posted[name]?.first, Self.checks.contains(where: { $0.value == state }) else {
                return nil
            }
            let note = try Self.stored(posted[name + "-note"]?.first ?? "", material.label)
            return material.value + "=" + state + (note.isEmpty ? "" : ": " + note)
        }
    }

    /// How a material can be.
    static let checks: [(value: String, label: String)] = [("ok", "齐全"), ("missing", "缺"), ("wrong", "不符合要求")]

    // MARK: Writing

    private static let limitUnits: [Procedures.Process.Limit.Unit] = [.wd, .d, .h, .wh]

    /// Behind a number.
    static func name(_ unit: Procedures.Process.Limit.Unit) -> String {
        switch unit {
        case .wd: "个工作日"
        case .d: "天"
        case .h: "小时"
        case .wh: "个办公小时"
        }
    }

    private typealias Choice = (value: String, label: String)

    private var materials: [Choice] { (form?.listedMaterials ?? []).map { (value: $0.id, label: $0.name) } }

    /// - Parameters:
    ///   - typed: what comes back after a refusal; nil for a page that is opened.
    ///   - invalid: id of the input that a refusal is about.
    func values(typed: [String: [String]]?, invalid: String) -> [Value] {
        action.ask.map { input in
            let name = Self.prefix + input.id
            var fields: [String: Value] = [
                "name": .text(name), "label": .text(input.label.text("zh")), "required": .flag(input.required),
                "isInvalid": .flag(input.id == invalid),
                "value": .text(typed.map { $0[name]?.first ?? "" } ?? proposal(input)),
            ]
            for kind in ["isText", "isLine", "isDate", "isChoice", "isMany", "isLimit", "isChecklist"] {
                fields[kind] = .flag(false)
            }
            fields["options"] = .list([])
            fields["items"] = .list([])
            let texts = phrases(input)
            fields["hasPhrases"] = .flag(!texts.isEmpty)
            fields["phrases"] = .list(
                texts.enumerated().map { place, text in
                    .fields([
                        "button": .text(Self.phrase + input.id), "place": .number(place), "phrase": .text(text),
                    ])
                })
            func choose(_ choices: [Choice], _ chosen: [String]) -> Value {
                .list(
                    choices.map { choice in
                        .fields([
                            "value": .text(choice.value), "label": .text(choice.label),
                            "isChosen": .flag(chosen.contains(choice.value)),
                        ])
                    })
            }
            let chosen = typed?[name] ?? [proposal(input)]
            switch input.kind {
            case .longtext, .key: fields["isText"] = .flag(true)
            case .date: fields["isDate"] = .flag(true)
            case .yesno:
                fields["isChoice"] = .flag(true)
                fields["options"] = choose([("yes", "是"), ("no", "否")], chosen)
            case .unit:
                fields["isChoice"] = .flag(true)
                fields["options"] = choose(units, chosen)
            case .role:
                fields["isChoice"] = .flag(true)
                fields["options"] = choose(
                    surroundings.library.roles.sorted { $0.key < $1.key }.map { ($0.key, $0.value.text("zh")) }, chosen)
            case .units:
                fields["isMany"] = .flag(true)
                fields["options"] = choose(units, chosen)
            case .fields:
                fields["isMany"] = .flag(true)
                fields["options"] = choose((form?.fields ?? []).map { ($0.id, $0.label.text("zh")) }, chosen)
            case .limit:
                fields["isLimit"] = .flag(true)
                let proposed = Procedures.Process.Limit(proposal(input))
                if typed == nil { fields["value"] = .text(proposed.map { String($0.count) } ?? "") }
                let unit = typed?[name + "-unit"] ?? [proposed?.unit.rawValue ?? "wd"]
                fields["options"] = choose(Self.limitUnits.map { ($0.rawValue, Self.name($0)) }, unit)
            case .checklist:
                fields["isChecklist"] = .flag(true)
                fields["items"] = .list(
                    materials.map { material in
                        let item = name + "-" + material.value
                        return .fields([
                            "item": .text(item), "material": .text(material.label),
                            "options": choose(Self.checks, typed?[item] ?? []),
                            "note": .text(typed?[item + "-note"]?.first ?? ""),
                        ])
                    })
            default: fields["isLine"] = .flag(true)
            }
            return .fields(fields)
        }
    }

    private var units: [Choice] { surroundings.library.units.map { ($0.id, $0.name.text("zh")) } }

    /// What stands in a field before anybody typed: what the dispatch catalogue says, or the words that are to be masked.
    private func proposal(_ input: Procedures.Process.Input) -> String {
        guard let view else { return "" }
        let entry = surroundings.library.catalogues[view.process.id]?.entry(for: view.file.answers)
        switch input.kind {
        case .limit: return entry?.limit.description ?? ""
        case .unit: return entry?.unit ?? ""
        case .text where action.publishes && input.id == Procedures.Process.Page.title:
            return "关于“\(CaseText(view, surroundings).title)”的答复"
        case .longtext where action.publishes && input.id == Procedures.Process.Page.question:
            let story = form?.fields.first { $0.type == .longtext }
            return story.flatMap { view.file.answers[$0.id]?.string } ?? ""
        case .longtext where action.publishes && input.id == Procedures.Process.Page.answer:
            return view.file.toldText ?? ""
        default: return ""
        }
    }

    // MARK: Refusals

    /// What an officer reads of a refusal: the true cause, and what to do.
    func problem(_ refusal: Refusal) -> Problem {
        func input(_ id: String) -> Procedures.Process.Input? { action.ask.first { $0.id == id } }
        func label(_ id: String) -> String { input(id)?.label.text("zh") ?? id }
        /// How an input is written.
        func manner(_ id: String) -> String {
            switch input(id)?.kind {
            case .date: "请写成 2027-06-30 这样的日期"
            case .number, .limit: "请写数字"
            case .id: "只能用字母、数字和连字符，最多 40 个"
            case .key: "请粘贴整个证书文件（.crt）的内容"
            default: "请重新选择或填写"
            }
        }
        func bounds(_ id: String) -> String {
            let input = input(id)
            let parts = [input?.min.map { "最小 \($0)" }, input?.max.map { "最大 \($0)" }].compactMap { $0 }
            return parts.isEmpty
                ? (input?.kind == .date ? "不能早于今天" : "请改小一些") : parts.joined(separator: "，")
        }
        switch refusal {
        case .input(let id, let problem):
            let text =
                switch problem {
                case .missing: "请填写“\(label(id))”。"
                case .unknown: "“\(label(id))”不是可以选的。"
                case .wrongType: "“\(label(id))”填得不对：\(manner(id))。"
                case .outOfRange: "“\(label(id))”超出了范围：\(bounds(id))。"
                case .tooLong: "“\(label(id))”太长，没有保存。请缩短。"
                case .character: "“\(label(id))”里有看不见的、不能使用的字符，没有保存。请删去或重新输入这一处。"
                case .incomplete: "“\(label(id))”：每一件都要看过；有缺的或不符合要求的不能这样办，可以一次告知补正，或容缺受理。"
                case .mark: "“\(label(id))”里有像内网标记的写法（如“:intranet”），网站会拒绝发布。请改写这一处。"
                }
            return Problem(code: problem.rawValue, text: text, input: id)
        case .masking(let id, let finding):
            let what =
                switch finding.kind {
                case .secret: "诉求人填写的“\(finding.label)”：\(finding.text)"
                case .number: "七位以上的号码：\(finding.text)（日期请写成“9月1日”）"
                case .email: "电子邮箱：\(finding.text)"
                case .plate: "车牌号：\(finding.text)"
                case .dwelling: "具体门牌：\(finding.text)"
                }
            return Problem(code: "notMasked", text: "“\(label(id))”里还有\(what)。请隐去后再公开。", input: id)
        case .level(let level): return Problem(code: "level", text: "这项操作要求更高级别的证书（\(level) 级）。请插入 UKey 后再办。")
        case .officer(.samePerson): return Problem(code: "samePerson", text: "上一步是您办的，这一步要由别人办。")
        case .officer(.otherPerson): return Problem(code: "otherPerson", text: "只有上一步的经办人才能办这一步。")
        case .officer: return Problem(code: "officer", text: "您的岗位不能进行这项操作。")
        case .once: return Problem(code: "once", text: "这项操作只能做一次，已经做过了。")
        case .late: return Problem(code: "late", text: "这项操作的期限已过。")
        case .task: return Problem(code: "task", text: "这个任务已经结束，或还没有结束。")
        case .unit: return Problem(code: "unit", text: "这件事还没有主办单位。")
        case .excluded: return Problem(code: "excluded", text: "此人已有与这个角色互斥的岗位（三员分立），不能兼任。")
        case .held: return Problem(code: "held", text: "此人已经有这个岗位。")
        case .taken: return Problem(code: "taken", text: "这个工号或证书已经登记过了。")
        case .lastTwo: return Problem(code: "lastTwo", text: "至少要留两名能登录的人员管理员，否则以后谁也登记不了。请先任命别人。")
        case .nobody: return Problem(code: "nobody", text: "没有这个在职人员。请填写工号。")
        case .state, .condition, .unknownAction, .rung:
            return Problem(code: "state", text: "当前状态不能进行这个操作。")
        }
    }
}
