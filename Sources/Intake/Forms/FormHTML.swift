package import PortalBase

/// Draws a form as HTML that works without scripts: the static page and formsapi's answer to mistakes are the same.
package struct FormHTML: Sendable {
    package let definition: FormDefinition
    package let language: String
    /// Path of formsapi on this origin, such as `/forms`.
    package let prefix: String
    /// Villages and communities by unit, offered while an address is typed.
    package let gazetteer: Gazetteer

    package init(definition: FormDefinition, language: String, prefix: String, gazetteer: Gazetteer) {
        self.definition = definition
        self.language = language
        self.prefix = prefix
        self.gazetteer = gazetteer
    }

    /// What a form shows of what was given before.
    package struct Filled: Sendable {
        package var values: [String: [String]] = [:]
        /// Files that were uploaded with their claims.
        package var files: [(claim: String, file: AttachmentDescription)] = []
        package var errors: [FieldError] = []
        /// Of a form in steps: the page to ask; nil for the first.
        package var page: String?

        package init() {}
    }

    /// The name of the last step of a form in steps, where everything is shown once more.
    package static let reviewStep = "review"

    private func say(_ zh: String, _ en: String) -> String { language == "en" ? en : zh }

    /// The error summary (role alert, a link to each field), or nothing.
    package func errorSummary(_ errors: [FieldError]) -> String {
        guard !errors.isEmpty else { return "" }
        let items = errors.map { error in
            "<li><a href=\"#f-\(escapedHTML(error.field))\">\(escapedHTML(error.message.text(language)))</a></li>"
        }
        return """
            <div class="error-summary" role="alert" tabindex="-1" autofocus aria-labelledby="error-title">
            <h2 id="error-title">\(say(errors.count == 1 ? "有一处需要修改" : "有 \(errors.count) 处需要修改", "There is a problem"))</h2>
            <ul>\(items.joined())</ul>
            </div>

            """
    }

    /// The form. Values keep what was typed; errors stand beside their fields.
    ///
    /// - Parameters:
    ///   - proof: what a client must add before the form is taken (HTML), where the service is under pressure.
    ///   - fileProof: the same for its files: it stands before them, since bodies are read as they come.
    ///   - carrying: reserved names and values that travel with the form.
    package func form(
        _ filled: Filled = Filled(), proof: String = "", fileProof: String = "",
        carrying: [(name: String, value: String)] = []
    ) -> String {
        let byField = Dictionary(filled.errors.map { ($0.field, $0.message.text(language)) }) { first, _ in first }
        let hasFiles = definition.fields.contains { $0.type == .attachment }
        var out = errorSummary(filled.errors)
        out +=
            "<form class=\"form\" method=\"post\" action=\"\(escapedHTML(prefix))/\(escapedHTML(definition.id))\" accept-charset=\"utf-8\"\(hasFiles ? " enctype=\"multipart/form-data\"" : "") novalidate data-form=\"\(escapedHTML(definition.id))\">\n"
        out += "<input type=\"hidden\" name=\"_form\" value=\"\(definition.digest)\">\n"
        out += "<input type=\"hidden\" name=\"_lang\" value=\"\(escapedHTML(language))\">\n"
        for (name, value) in carrying {
            out += "<input type=\"hidden\" name=\"\(name)\" value=\"\(escapedHTML(value))\">\n"
        }
        // A field that people do not see and programs fill in.
        out +=
            "<div class=\"hp\" aria-hidden=\"true\"><label for=\"f-_hp\">\(say("请勿填写", "Leave this empty"))</label><input id=\"f-_hp\" name=\"_hp\" tabindex=\"-1\" autocomplete=\"off\"></div>\n"
        out += fileProof
        out += definition.steps ? step(filled, byField, proof) : whole(filled, byField, proof)
        return out + "</form>\n"
    }

    private func whole(_ filled: Filled, _ errors: [String: String], _ proof: String) -> String {
        definition.pages.map { self.page($0, filled, errors) }.joined() + privacyNotice + proof
            + "<p><button type=\"submit\">\(say("提交", "Submit"))</button></p>\n"
    }

    /// One page of a form in steps; the answers of all others travel with it.
    private func step(_ filled: Filled, _ errors: [String: String], _ proof: String) -> String {
        let name = filled.page ?? definition.pages[0].id
        let asked = definition.pages.filter { $0.id == name }
        let others = definition.pages.filter { $0.id != name }.flatMap(\.fields)
        var out = "<input type=\"hidden\" name=\"_page\" value=\"\(escapedHTML(name))\">\n"
        for input in others.flatMap(\.inputNames) {
            for value in filled.values[input] ?? [] {
                out += "<input type=\"hidden\" name=\"\(escapedHTML(input))\" value=\"\(escapedHTML(value))\">\n"
            }
        }
        for (claim, file) in filled.files where others.contains(where: { $0.id == file.field }) {
            out += "<input type=\"hidden\" name=\"\(escapedHTML(file.field))\" value=\"\(escapedHTML(claim))\">\n"
        }
        // Pages that are not asked, as far as that is known by now, are not counted.
        let wanted = definition.pages.filter { $0.id == name || definition.isAsked($0.when, filled.values) }
        let place = wanted.firstIndex { $0.id == name }.map { $0 + 1 }
        if let place {
            let count = wanted.count
            out += "<p class=\"step\">\(say("第 \(place) 步，共 \(count) 步", "Step \(place) of \(count)"))</p>\n"
        }
        // The first button is what the Enter key presses.
        let isReview = name == Self.reviewStep
        let next = isReview ? say("提交", "Submit") : say("继续", "Continue")
        let back =
            place == 1
            ? ""
            : " <button type=\"submit\" class=\"secondary\" name=\"_step\" value=\"back\">\(say("上一步", "Back"))</button>"
        out += isReview ? review(filled) : asked.map { page($0, filled, errors) }.joined()
        if place == 1 || isReview { out += privacyNotice }
        if isReview { out += proof }
        return out
            + "<p><button type=\"submit\" name=\"_step\" value=\"\(isReview ? "submit" : "next")\">\(next)</button>\(back)</p>\n"
    }

    private func page(_ page: FormDefinition.Page, _ filled: Filled, _ errors: [String: String]) -> String {
        var out =
            "<fieldset id=\"p-\(escapedHTML(page.id))\"><legend>\(escapedHTML(page.title.text(language)))</legend>\n"
        if let help = page.help { out += "<p class=\"help\">\(escapedHTML(help.text(language)))</p>\n" }
        for field in page.fields { out += draw(field, filled, errors[field.id]) }
        return out + "</fieldset>\n"
    }

    /// Everything that was answered, before it is sent.
    private func review(_ filled: Filled) -> String {
        var out = "<h2>\(say("请核对您填写的内容", "Check your answers"))</h2>\n<dl class=\"guide\">\n"
        if case .success(let answers) = definition.validate(filled.values, files: filled.files.map(\.file)) {
            for field in definition.fields {
                let files = answers.files.filter { $0.field == field.id }.map(\.name)
                let shown = answers.values[field.id].map { field.text($0, language) } ?? files.joined(separator: "、")
                if shown.isEmpty { continue }
                let lines = escapedHTMLLines(shown)
                out += "<div><dt>\(escapedHTML(field.label.text(language)))</dt><dd>\(lines)</dd></div>\n"
            }
        }
        return out + "</dl>\n"
    }

    /// What 个人信息保护法 articles 17 and 35 ask a state organ to say; a notice, not a consent.
    private var privacyNotice: String {
        let sensitive = definition.fields.filter { $0.privacy == .sensitive }.map { $0.label.text(language) }
        let sensitiveText =
            sensitive.isEmpty
            ? ""
            : say(
                "其中“\(sensitive.joined(separator: "”“"))”属于敏感个人信息，只用于核实身份和办理本事项。",
                " Of these, “\(sensitive.joined(separator: "”, “"))” is sensitive personal information and serves only to verify your identity and handle this matter."
            )
        let text = say(
            "处理者：本网站的主办单位和办理本事项的部门。目的：登记、办理和答复您提交的事项。方式：提交后立即加密，只有办理系统能够解密。保存：办结后按档案规定保存，互联网一侧在送达办理系统后删除。您有权查阅、复制、更正您的信息，可拨打便民热线 69812345。",
            "Who: the organiser of this site and the departments that handle this matter. Why: to register, handle and answer what you send. How: it is encrypted on receipt and only the handling system can decrypt it. How long: as archive rules require after closure; the internet side deletes it once it has been delivered. You may consult, copy and correct your information: call the hotline 69812345."
        )
        return
            "<aside class=\"privacy\"><h2>\(say("个人信息处理告知", "How your information is used"))</h2><p>\(escapedHTML(text + sensitiveText))</p></aside>\n"
    }

    private func draw(_ field: FormDefinition.Field, _ filled: Filled, _ error: String?) -> String {
        let values = filled.values[field.id] ?? []
        let id = "f-\(escapedHTML(field.id))"
        let name = escapedHTML(field.id)
        var described: [String] = []
        var notes = ""
        if let hint = field.hint {
            notes += "<p class=\"hint\" id=\"\(id)-hint\">\(escapedHTML(hint.text(language)))</p>"
            described.append("\(id)-hint")
        }
        if let rule = field.files {
            let kinds = rule.types.map { $0.rawValue.uppercased() }.joined(separator: say("、", ", "))
            let (most, megabytes) = (field.max ?? 1, rule.maxBytes >> 20)
            let text = say(
                "\(kinds)；每个不超过 \(megabytes) MB，最多 \(most) 个。",
                "\(kinds); up to \(megabytes) MB each, \(most) at most.")
            notes += "<p class=\"hint\" id=\"\(id)-rule\">\(text)</p>"
            described.append("\(id)-rule")
        }
        if let error {
            notes +=
                "<p class=\"error\" id=\"\(id)-error\"><span class=\"visually-hidden\">\(say("错误：", "Error: "))</span>\(escapedHTML(error))</p>"
            described.append("\(id)-error")
        }
        var attributes = described.isEmpty ? "" : " aria-describedby=\"\(described.joined(separator: " "))\""
        if error != nil { attributes += " aria-invalid=\"true\"" }
        if field.required { attributes += " required" }
        // A script may check while somebody types; what it says is what the server would say.
        if let error = field.formatError {
            attributes +=
                " data-check=\"\(field.type.rawValue)\" data-error=\"\(escapedHTML(error.message.text(language)))\""
        }
        if let autocomplete = field.autocomplete { attributes += " autocomplete=\"\(escapedHTML(autocomplete))\"" }
        let optional = field.required ? "" : " <span class=\"optional\">\(say("（选填）", "(optional)"))</span>"
        let label = escapedHTML(field.label.text(language)) + optional
        let value = escapedHTML(values.first ?? "")
        // Sensitive answers are not kept in drafts.
        let isPrivate = field.privacy == .sensitive ? " data-private" : ""
        var out = "<div class=\"field\(error == nil ? "" : " has-error")\"\(isPrivate)>"
        switch field.type {
        case .longtext:
            out +=
                "<label for=\"\(id)\">\(label)</label>\(notes)<textarea id=\"\(id)\" name=\"\(name)\" rows=\"6\"\(attributes)>\n\(value)</textarea>"
        case .single where field.options.count > 6:
            let options = field.options.map { option in
                "<option value=\"\(escapedHTML(option.value))\"\(values.contains(option.value) ? " selected" : "")>\(escapedHTML(option.label.text(language)))</option>"
            }
            out +=
                "<label for=\"\(id)\">\(label)</label>\(notes)<select id=\"\(id)\" name=\"\(name)\"\(attributes)><option value=\"\">\(say("请选择", "Choose"))</option>\(options.joined())</select>"
        case .single, .multiple:
            let type = field.type == .single ? "radio" : "checkbox"
            // `required` on a checkbox would demand each of them.
            let inputAttributes = field.type == .single && field.required ? " required" : ""
            let options = field.options.enumerated().map { index, option in
                let optionID = index == 0 ? id : "\(id)-\(index)"
                return
                    "<div class=\"choice\"><input type=\"\(type)\" id=\"\(optionID)\" name=\"\(name)\" value=\"\(escapedHTML(option.value))\"\(values.contains(option.value) ? " checked" : "")\(inputAttributes)><label for=\"\(optionID)\">\(escapedHTML(option.label.text(language)))</label></div>"
            }
            let describedBy = described.isEmpty ? "" : " aria-describedby=\"\(described.joined(separator: " "))\""
            out +=
                "<fieldset class=\"choices\"\(describedBy)><legend>\(label)</legend>\(notes)\(options.joined())</fieldset>"
        case .attachment:
            out += attachment(field, label, notes, filled, attributes)
        case .address:
            out += address(field, label, notes, filled, described)
        case .declaration:
            out +=
                "\(notes)<div class=\"choice\"><input type=\"checkbox\" id=\"\(id)\" name=\"\(name)\" value=\"yes\"\(values.contains("yes") ? " checked" : "")\(attributes)><label for=\"\(id)\">\(escapedHTML(field.label.text(language)))</label></div>"
        default:
            out +=
                "<label for=\"\(id)\">\(label)</label>\(notes)<input id=\"\(id)\" name=\"\(name)\" value=\"\(value)\" \(Self.inputKind(field))\(attributes)>"
        }
        return out + "</div>\n"
    }

    /// Files that are here already stay ticked; another may be chosen beside them.
    private func attachment(
        _ field: FormDefinition.Field, _ label: String, _ notes: String, _ filled: Filled, _ attributes: String
    ) -> String {
        let (id, name) = ("f-\(escapedHTML(field.id))", escapedHTML(field.id))
        let known = filled.files.filter { $0.file.field == field.id }
        let accept = (field.files?.types ?? []).flatMap { $0.endings + [$0.mediaType] }.joined(separator: ",")
        var out = "<label for=\"\(id)\">\(label)</label>\(notes)"
        for (index, entry) in known.enumerated() {
            let size = "\(max(1, entry.file.bytes >> 10)) KB"
            out +=
                "<div class=\"choice\"><input type=\"checkbox\" id=\"\(id)-file\(index)\" name=\"\(name)\" value=\"\(escapedHTML(entry.claim))\" checked><label for=\"\(id)-file\(index)\">\(say("已上传：", "Attached: "))\(escapedHTML(entry.file.name)) (\(size))</label></div>"
        }
        let multiple = (field.max ?? 1) > 1 ? " multiple" : ""
        let kept = known.isEmpty ? attributes : attributes.replacing(" required", with: "")
        return out + "<input type=\"file\" id=\"\(id)\" name=\"\(name)\" accept=\"\(accept)\"\(multiple)\(kept)>"
    }

    private func address(
        _ field: FormDefinition.Field, _ label: String, _ notes: String, _ filled: Filled, _ described: [String]
    ) -> String {
        let (id, name) = ("f-\(escapedHTML(field.id))", escapedHTML(field.id))
        func value(_ part: String) -> String { filled.values["\(field.id).\(part)"]?.first ?? "" }
        let units = field.options.map { option in
            "<option value=\"\(escapedHTML(option.value))\"\(value("unit") == option.value ? " selected" : "")>\(escapedHTML(option.label.text(language)))</option>"
        }
        let villages = gazetteer.villages(of: field.options.map(\.value)).map { entry in
            let unit = field.options.first { $0.value == entry.unit }?.label.text(language) ?? ""
            return "<option value=\"\(escapedHTML(entry.village))\" label=\"\(escapedHTML(unit))\">"
        }
        let describedBy = described.isEmpty ? "" : " aria-describedby=\"\(described.joined(separator: " "))\""
        var out = "<fieldset class=\"address\"\(describedBy)><legend>\(label)</legend>\(notes)"
        out +=
            "<label for=\"\(id)\">\(say("乡镇（街道）", "Town or subdistrict"))</label><select id=\"\(id)\" name=\"\(name).unit\"><option value=\"\">\(say("请选择", "Choose"))</option>\(units.joined())</select>"
        out +=
            "<label for=\"\(id)-village\">\(say("村（社区）", "Village or community"))</label><input id=\"\(id)-village\" name=\"\(name).village\" value=\"\(escapedHTML(value("village")))\" list=\"\(id)-villages\"><datalist id=\"\(id)-villages\">\(villages.joined())</datalist>"
        out +=
            "<label for=\"\(id)-rest\">\(say("路名、门牌或附近的标志", "Road, number or a landmark"))</label><input id=\"\(id)-rest\" name=\"\(name).rest\" value=\"\(escapedHTML(value("rest")))\">"
        // Filled by a script where the citizen offers the device's position.
        out +=
            "<input type=\"hidden\" id=\"\(id)-position\" name=\"\(name).position\" value=\"\(escapedHTML(Address.Position(value("position"))?.text ?? ""))\" data-position=\"\(say("使用手机定位|已记下位置，误差约 {m} 米|无法取得位置", "Use my position|Position noted, within about {m} m|No position available"))\">"
        return out + "</fieldset>"
    }

    /// No `maxlength`: browsers cut what is pasted without a word, and count otherwise than the server.
    private static func inputKind(_ field: FormDefinition.Field) -> String {
        switch field.type {
        case .phone: "type=\"tel\" inputmode=\"tel\""
        case .email: "type=\"email\""
        case .number: "type=\"text\" inputmode=\"\(field.decimals > 0 ? "decimal" : "numeric")\""
        case .date: "type=\"date\""
        case .uscc, .idnumber: "type=\"text\" spellcheck=\"false\""
        default: "type=\"text\""
        }
    }
}
