package import Markdown
package import PortalBase
package import PositionedYAML

/// A text by language code; the empty code stands for every language.
package struct LocalizedText: Sendable, Equatable {
    private let values: [String: String]

    package init(_ values: [String: String]) {
        self.values = values
    }

    /// The text in `language`, else the one for every language, else Chinese, else any (in key order).
    package func text(_ language: String) -> String {
        values[language] ?? values[""] ?? values["zh"] ?? values.min { $0.key < $1.key }?.value ?? ""
    }

    package func has(_ language: String) -> Bool { values[language] != nil || values[""] != nil }
}

/// `Content/sites.yaml`: the group, its audiences and its sites.
package struct SiteConfiguration: Sendable {
    package let group: Group
    package let variants: [Variant]
    package let sites: [Site]
    package let unknownKeys: Diagnostic.Severity
    package let rawHTML: RawHTMLPolicy

    package struct Group: Sendable {
        package let name: LocalizedText
        /// Language codes; the first is the authoritative one, whose files carry no suffix.
        package let languages: [String]
        package let zone: ZoneOffset

        package var defaultLanguage: String { languages[0] }
    }

    /// One audience: the tags that it may see and where its tree is served.
    package struct Variant: Sendable, Equatable {
        package let name: String
        package let admits: Set<String>
        /// Origin of absolute URLs, without a slash at the end.
        package let base: String
        /// Path prefix under which formsapi answers; nil for guides without forms.
        package let forms: String?
    }

    package struct Site: Sendable {
        package enum Kind: String, Sendable, CaseIterable {
            case portal
            case subdistrict = "街道办事处"
            case town = "镇"
            case township = "乡"
            case committee = "管委会"
            case department
        }

        package enum AddressMode: String, Sendable { case path, host }

        package let slug: String
        package let kind: Kind
        /// Folder below `Content/`.
        package let folder: String
        package let name: LocalizedText
        package let theme: String
        package let mode: AddressMode
        /// Path of the site's Chinese home page, with slashes at both ends.
        package let path: String
        /// Front matter for every page of the site.
        package let cascade: YAMLNode?
        package let footer: Footer
        package let codes: [AdministrativeCode]
        package let position: SourcePosition
    }

    /// What the norms ask of every page's foot (国办发〔2017〕47号). Empty texts are left out.
    package struct Footer: Sendable {
        package var organiser: LocalizedText?
        package var contact: LocalizedText?
        package var siteCode: String?
        package var icp: String?
        package var police: String?
        package var superior: [Superior] = []
        /// Shown beside values that are examples, so that nobody takes them for registered ones.
        package var sampleNote: LocalizedText?

        package struct Superior: Sendable {
            package let name: LocalizedText
            package let url: String
        }
    }

    /// A code of a public code system, good at a date and never an identity.
    package struct AdministrativeCode: Sendable {
        package let system: String
        package let code: String
        package let asOf: String
    }
}
