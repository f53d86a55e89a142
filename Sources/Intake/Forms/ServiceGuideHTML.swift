import PortalBase

/// Draws the guide (办事指南) of a service item: its eight elements, materials, limits and who decides.
package struct ServiceGuideHTML: Sendable {
    private let definition: FormDefinition
    private let language: String
    /// Display names of departments by their keys in `process`.
    private let departments: [String: String]

    package init(definition: FormDefinition, language: String, departments: [String: String]) {
        self.definition = definition
        self.language = language
        self.departments = departments
    }

    private func say(_ zh: String, _ en: String) -> String { language == "en" ? en : zh }

    package func guide() -> String {
        guard let service = definition.service else { return "" }
        var rows: [(String, String)] = [(say("事项名称", "Service"), escapedHTML(definition.title.text(language)))]
        func add(_ title: String, _ text: String?) {
            if let text, !text.isEmpty { rows.append((title, escapedHTML(text))) }
        }
        if !service.basis.isEmpty {
            let items = service.basis.map { "<li>\(escapedHTML($0.text(language)))</li>" }
            rows.append((say("设定依据", "Legal basis"), "<ul>\(items.joined())</ul>"))
        }
        add(say("申请条件", "Who can apply"), service.conditions?.text(language))
        if !service.materials.isEmpty {
            let items = service.materials.map { material in
                "<li>\(escapedHTML(material.name.text(language)))\(material.required ? "" : say("（视情况）", " (where it applies)"))</li>"
            }
            rows.append((say("办理材料", "Materials"), "<ol>\(items.joined())</ol>"))
        }
        add(say("办理地点", "Where"), service.place?.text(language))
        add(say("办理时间", "Opening hours"), service.hours?.text(language))
        add(say("联系电话", "Telephone"), service.phone)
        add(say("收费", "Fee"), service.fee?.text(language))
        add(say("法定办结时限", "Legal time limit"), service.legalLimit.map(text))
        add(say("承诺办结时限", "Promised time limit"), service.promisedLimit.map(text))
        if let process = definition.process {
            let branches = process.branches.map { branch in
                "<li>\(escapedHTML(name(branch.department)))：\(escapedHTML(text(branch.limit)))</li>"
            }
            let lead = escapedHTML(name(process.lead))
            let join =
                switch process.join {
                case .all: say("全部给出意见后一次决定", "one decision follows when all have answered")
                case .any: say("其中一个部门同意，即可决定", "one decision follows when one of them agrees")
                case .veto:
                    say(
                        "全部给出意见，或有一个部门不同意时，一次决定", "one decision follows when all have answered, or one disagrees")
                case .atLeast:
                    say(
                        "其中 \(process.least ?? branches.count) 个部门同意，即可决定",
                        "one decision follows when \(process.least ?? branches.count) of them agree")
                }
            rows.append(
                (
                    say("办理流程", "How it is decided"),
                    "<p>\(say("牵头部门：\(lead)。以下部门同时办理，\(join)：", "Lead department: \(lead). These departments work at the same time; \(join):"))</p><ul>\(branches.joined())</ul>"
                ))
        }
        if !service.steps.isEmpty {
            let items = service.steps.map { "<li>\(escapedHTML($0.text(language)))</li>" }
            rows.append((say("办理步骤", "Steps"), "<ol>\(items.joined())</ol>"))
        }
        let body = rows.map { "<div><dt>\(escapedHTML($0.0))</dt><dd>\($0.1)</dd></div>" }
        return "<dl class=\"guide\">\n\(body.joined(separator: "\n"))\n</dl>\n"
    }

    private func name(_ department: String) -> String { departments[department] ?? department }

    private func text(_ duration: FormDefinition.Duration) -> String {
        duration.working
            ? say("\(duration.count) 个工作日", "\(duration.count) working days")
            : say("\(duration.count) 日", "\(duration.count) days")
    }
}
