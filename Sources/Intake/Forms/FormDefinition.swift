import PortalBase

/// A form and, for service items, its guide and process: one definition for the page, the intake and the core.
package struct FormDefinition: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable { case hotline, approval }

    package let id: String
    package let kind: Kind
    package let title: Localized
    package let service: ServiceItem?
    package let pages: [Page]
    package let conditions: [String: Condition]
    package let process: Process?
    /// Whether the pages are asked one after another; else they all stand on one.
    package let steps: Bool
    /// How an Open311 client's request becomes answers; nil where this form takes none.
    package let open311: Open311?
    /// SHA-256 of the parsed definition as canonical JSON (RFC 8785): what a submission records.
    package let digest: String

    package struct Localized: Sendable, Equatable {
        package let values: [String: String]

        package init(values: [String: String]) {
            self.values = values
        }

        package init(_ zh: String, _ en: String) {
            self.init(values: ["zh": zh, "en": en])
        }

        package func text(_ language: String) -> String { values[language] ?? values[""] ?? values["zh"] ?? "" }
    }

    package struct Page: Sendable, Equatable {
        package let id: String
        package let title: Localized
        package let help: Localized?
        /// Name of the condition under which the page is asked; nil for always.
        package let when: String?
        package let fields: [Field]
    }

    package struct Field: Sendable, Equatable {
        package enum FieldType: String, Sendable, CaseIterable {
            case text, longtext, number, date, single, multiple, phone, email, uscc, idnumber, declaration, address,
                attachment
        }

        /// How sensitive an answer is (个人信息保护法 articles 4 and 28).
        package enum Privacy: String, Sendable, CaseIterable { case none, personal, sensitive }

        package let id: String
        package let type: FieldType
        package let label: Localized
        package let hint: Localized?
        package let required: Bool
        /// Largest length in characters for texts, largest value for numbers, most files for attachments.
        package let max: Int?
        package let min: Int?
        package let options: [Option]
        package let privacy: Privacy
        package let autocomplete: String?
        /// Whether the answer is the case's title, in lists.
        package let isTitle: Bool
        /// Name of the condition under which the field is asked; nil for always.
        package let when: String?
        /// For attachments: what may be sent.
        package let files: FileRule?
        /// For numbers: digits behind the point, 0 to 6.
        package let decimals: Int
    }

    package struct FileRule: Sendable, Equatable {
        package let types: [AttachmentType]
        /// Largest size of one file.
        package let maxBytes: Int
    }

    /// Fields of the form that hold what GeoReport v2 has a name for; all others are attributes of the service.
    package struct Open311: Sendable, Equatable {
        /// The field whose options are the services.
        package let service: String
        package let description: String
        package let address: String?
        package let phone: String?
        package let name: String?
        package let email: String?

        package var fields: [String] { [service, description] + [address, phone, name, email].compactMap { $0 } }
    }

    package struct Option: Sendable, Equatable {
        package let value: String
        package let label: Localized

        /// The one value of a declaration.
        package static let yes = Option(value: "yes", label: Localized(values: ["zh": "是", "en": "Yes"]))
    }

    package indirect enum Condition: Sendable, Equatable {
        case all([Condition])
        case any([Condition])
        case not(Condition)
        case reference(String)
        case isValue(field: String, String)
        case isIn(field: String, [String])
        case isEmpty(field: String)
    }

    /// The eight elements of a service guide (办事指南) and more.
    package struct ServiceItem: Sendable, Equatable {
        package let basis: [Localized]
        package let conditions: Localized?
        package let place: Localized?
        package let hours: Localized?
        package let phone: String?
        package let fee: Localized?
        package let legalLimit: Duration?
        package let promisedLimit: Duration?
        package let materials: [Material]
        package let steps: [Localized]
    }

    package struct Material: Sendable, Equatable {
        package let id: String
        package let name: Localized
        package let required: Bool
    }

    /// A number of working days (工作日): `45wd`, or calendar days: `10d`.
    package struct Duration: Sendable, Equatable {
        package let count: Int
        package let working: Bool
    }

    /// Who decides: plain values; the core's Workflow runs them.
    package struct Process: Sendable, Equatable {
        package let lead: String
        package let branches: [Branch]
        package let join: Join
        /// How many must agree; of `atLeast` alone.
        package let least: Int?

        /// When parallel opinions are complete.
        package enum Join: String, Sendable, CaseIterable {
            /// Every branch has answered.
            case all
            /// One agrees.
            case any
            /// All have answered, or one disagrees.
            case veto
            /// All have answered, or so many agree.
            case atLeast
        }

        package struct Branch: Sendable, Equatable {
            package let department: String
            package let limit: Duration
        }
    }

    package var fields: [Field] { pages.flatMap(\.fields) }
}

extension FormDefinition.Field {
    /// The same, asked in any case.
    var unconditional: FormDefinition.Field {
        FormDefinition.Field(
            id: id, type: type, label: label, hint: hint, required: true, max: max, min: min, options: options,
            privacy: privacy, autocomplete: autocomplete, isTitle: isTitle, when: nil, files: files, decimals: decimals)
    }
}

extension FormDefinition.Duration {
    /// `45wd` or `10d`.
    init?(_ text: String) {
        let working = text.hasSuffix("wd")
        guard working || text.hasSuffix("d"), let count = decimal(text.utf8.dropLast(working ? 2 : 1)), count > 0 else {
            return nil
        }
        self.init(count: count, working: working)
    }
}

extension FormDefinition.Condition {
    /// Whether the condition holds for answers by field; a reference to nothing does not hold.
    func holds(_ answers: [String: [String]], _ named: [String: Self], depth: Int = 0) -> Bool {
        guard depth < 32 else { return false }
        return switch self {
        case .all(let parts): parts.allSatisfy { $0.holds(answers, named, depth: depth + 1) }
        case .any(let parts): parts.contains { $0.holds(answers, named, depth: depth + 1) }
        case .not(let part): !part.holds(answers, named, depth: depth + 1)
        case .reference(let name): named[name]?.holds(answers, named, depth: depth + 1) ?? false
        case .isValue(let field, let value): answers[field] == [value]
        case .isIn(let field, let values): answers[field, default: []].contains { values.contains($0) }
        case .isEmpty(let field): answers[field, default: []].allSatisfy(\.isEmpty)
        }
    }
}
