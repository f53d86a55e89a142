import PortalBase

/// Draws a form as HTML that works without scripts: the static page and formsapi's answer to mistakes are the same.
package struct FormHTML: Sendable {
    package let definition: FormDefinition
    package let language: String
    /// Path of formsapi on this origin, such as `/forms`.
    package let prefix: String

    package init(definition: FormDefinition, language: String, prefix: String) {
        self.definition = definition
        self.language = language
        self.prefix = prefix
    }

    private func say(_ zh: String, _ en: String) -> String { language == "en" ? en : zh }

    /// The error summary (role alert, a link to each field), or nothing.
    package func errorSummary(_ errors: [FieldError]) -> String {
        guard !errors.isEmpty else { return "" }
        let items = errors.map { error in
            "<li><a href=\"#f-\(escapedHTML(error.field))\">\(escapedHTML(error.message.text(language)))</a></li>"
        }
        return """
            <div class="error-summary" role="alert" tabindex="-1" autofocus aria-labelledby="error-title">
            <h2 id="error-title">\(say("有几处需要修改", "There is a problem"))</h2>
            <ul>\(items.joined())</ul>
            </div>

            """
    }

    /// The form. `values` keep what was typed; `errors` stand beside their fields.
    package func form(values: [String: [String]] = [:], errors: [FieldError] = []) -> String {
        let byField = Dictionary(errors.map { ($0.field, $0.message.text(language)) }) { first, _ in first }
        var out = errorSummary(errors)
        out +=
            "<form class=\"form\" method=\"post\" action=\"\(escapedHTML(prefix))/\(escapedHTML(definition.id))\" accept-charset=\"utf-8\" novalidate data-form=\"\(escapedHTML(definition.id))\">\n"
        out += "<input type=\"hidden\" name=\"_form\" value=\"\(definition.digest)\">\n"
        out += "<input type=\"hidden\" name=\"_lang\" value=\"\(escapedHTML(language))\">\n"
        // A field that people do not see and programs fill in.
        out +=
            "<div class=\"hp\" aria-hidden=\"true\"><label for=\"f-_hp\">\(say("请勿填写", "Leave this empty"))</label><input id=\"f-_hp\" name=\"_hp\" tabindex=\"-1\" autocomplete=\"off\"></div>\n"
        for page in definition.pages {
            out +=
                "<fieldset id=\"p-\(escapedHTML(page.id))\"><legend>\(escapedHTML(page.title.text(language)))</legend>\n"
            if let help = page.help { out += "<p class=\"help\">\(escapedHTML(help.text(language)))</p>\n" }
            for field in page.fields { out += draw(field, values[field.id] ?? [], byField[field.id]) }
            out += "</fieldset>\n"
        }
        out += privacyNotice
        out += "<p><button type=\"submit\">\(say("提交", "Submit"))</button></p>\n</form>\n"
        return out
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

    private func draw(_ field: FormDefinition.Field, _ values: [String], _ error: String?) -> String {
        let id = "f-\(escapedHTML(field.id))"
        let name = escapedHTML(field.id)
        var described: [String] = []
        var notes = ""
        if let hint = field.hint {
            notes += "<p class=\"hint\" id=\"\(id)-hint\">\(escapedHTML(hint.text(language)))</p>"
            described.append("\(id)-hint")
        }
        if let error {
            notes +=
                "<p class=\"error\" id=\"\(id)-error\"><span class=\"visually-hidden\">\(say("错误：", "Error: "))</span>\(escapedHTML(error))</p>"
            described.append("\(id)-error")
        }
        var attributes = described.isEmpty ? "" : " aria-describedby=\"\(described.joined(separator: " "))\""
        if error != nil { attributes += " aria-invalid=\"true\"" }
        if field.required { attributes += " required" }
        if let autocomplete = field.autocomplete { attributes += " autocomplete=\"\(escapedHTML(autocomplete))\"" }
        let optional = field.required ? "" : " <span class=\"optional\">\(say("（选填）", "(optional)"))</span>"
        let label = escapedHTML(field.label.text(language)) + optional
        let value = escapedHTML(values.first ?? "")
        var out = "<div class=\"field\(error == nil ? "" : " has-error")\">"
        switch field.type {
        case .longtext:
            out +=
                "<label for=\"\(id)\">\(label)</label>\(notes)<textarea id=\"\(id)\" name=\"\(name)\" rows=\"6\" maxlength=\"\(field.max ?? FormDefinition.defaultMax(.longtext))\"\(attributes)>\n\(value)</textarea>"
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
        case .declaration:
            out +=
                "\(notes)<div class=\"choice\"><input type=\"checkbox\" id=\"\(id)\" name=\"\(name)\" value=\"yes\"\(values.contains("yes") ? " checked" : "")\(attributes)><label for=\"\(id)\">\(escapedHTML(field.label.text(language)))</label></div>"
        default:
            out +=
                "<label for=\"\(id)\">\(label)</label>\(notes)<input id=\"\(id)\" name=\"\(name)\" value=\"\(value)\" \(Self.inputKind(field))\(attributes)>"
        }
        return out + "</div>\n"
    }

    private static func inputKind(_ field: FormDefinition.Field) -> String {
        switch field.type {
        case .phone: "type=\"tel\" inputmode=\"tel\" maxlength=\"30\""
        case .email: "type=\"email\" maxlength=\"254\""
        case .number: "type=\"text\" inputmode=\"numeric\" maxlength=\"15\""
        case .date: "type=\"date\""
        case .uscc, .idnumber: "type=\"text\" maxlength=\"18\" spellcheck=\"false\""
        default: "type=\"text\" maxlength=\"\(field.max ?? FormDefinition.defaultMax(field.type))\""
        }
    }
}
