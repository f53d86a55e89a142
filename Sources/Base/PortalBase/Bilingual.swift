/// A text in the two languages that every message of these programs is written in.
package struct Bilingual: Sendable, Equatable, Hashable {
    package let zh: String
    package let en: String

    package init(zh: String, en: String) {
        self.zh = zh
        self.en = en
    }

    /// The text for a language code; anything but `en` reads Chinese, the authoritative version.
    package func text(_ language: String) -> String {
        language == "en" ? en : zh
    }
}
