import PortalBase

/// Language codes as people write them. `zh`, `zh-CN` and `zh-Hans` mean one language here and may stand for one
/// another in sites.yaml, file names and `i18n/`; other codes are taken in lower case.
package enum LanguageCode {
    private static let simplifiedChinese: Set<String> = ["zh", "zh-cn", "zh-hans", "zh-hans-cn"]

    package static func canonical(_ code: String) -> String {
        let lowered = String(code.lowercased().map { $0 == "_" ? "-" : $0 })
        return simplifiedChinese.contains(lowered) ? "zh" : lowered
    }

    /// The HTML `lang` and `hreflang` value (BCP 47).
    package static func tag(_ language: String) -> String {
        guard language != "zh" else { return "zh-CN" }
        guard language.utf8.contains(UInt8(ascii: "-")) else { return language }
        let parts = language.split(separator: "-")
        // Regions are written in capitals: `pt-BR`.
        return parts.enumerated().map { $0 > 0 && $1.utf8.count == 2 ? $1.uppercased() : String($1) }
            .joined(separator: "-")
    }
}
