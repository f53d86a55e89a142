import PortalBase

/// Language codes as people write them. `zh`, `zh-CN` and `zh-Hans` mean one language here and may stand for one
/// another in sites.yaml, file names and `i18n/`; other codes are taken in lower case.
package enum LanguageCode {
    private static let simplifiedChinese: Set<String> = ["zh", "zh-cn", "zh-hans", "zh-hans-cn"]

    package static func canonical(_ code: String) -> String {
        let lowered = String(code.lowercased().map { $0 == "_" ? "-" : $0 })
        return simplifiedChinese.contains(lowered) ? "zh" : lowered
    }

    /// Whether a canonical code has the form of BCP 47: subtags of letters and digits.
    package static func isCode(_ code: String) -> Bool {
        let parts = code.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return (2...8).contains(parts[0].count) && parts[0].allSatisfy { (0x61...0x7A).contains($0) }
            && parts.dropFirst().allSatisfy { (1...8).contains($0.count) && $0.allSatisfy(\.isASCIIAlphanumeric) }
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
