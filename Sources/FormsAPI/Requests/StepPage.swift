import Forms
import PortalBase
import Submissions

/// One page of a form in steps as it is kept between two requests: everything typed so far, claims of files, mistakes.
struct StepPage: Sendable {
    /// Of the definition that the form was drawn from.
    let digest: String
    /// Nil for the first page.
    let page: String?
    let fields: [String: [String]]
    let claims: [String]
    let errors: [FieldError]

    init(digest: String, page: String?, body: FormBody, errors: [FieldError]) {
        self.digest = digest
        self.page = page
        fields = body.input.merging(["_lang": [body.language]]) { first, _ in first }
        claims = body.files.map(\.claim)
        self.errors = errors
    }

    var bytes: [UInt8] {
        func texts(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }
        return JSON.object([
            "digest": .string(digest), "page": page.map { .string($0) } ?? .null,
            "fields": .object(fields.mapValues(texts)), "claims": texts(claims),
            "errors": .array(
                errors.map { texts([$0.field, $0.code.rawValue, $0.message.zh, $0.message.en]) }),
        ]).canonicalBytes
    }

    /// Nil for anything that `bytes` did not make.
    init?(_ bytes: [UInt8]) {
        func texts(_ json: JSON?) -> [String]? {
            guard let items = json?.array else { return nil }
            let texts = items.compactMap(\.string)
            return texts.count == items.count ? texts : nil
        }
        guard let json = try? JSON(parsing: bytes), let digest = json["digest"]?.string,
            let fields = json["fields"]?.object, let claims = texts(json["claims"]), let errors = json["errors"]?.array
        else { return nil }
        self.digest = digest
        page = json["page"]?.string
        self.fields = fields.compactMapValues(texts)
        self.claims = claims
        self.errors = errors.compactMap { entry in
            guard let parts = texts(entry), parts.count == 4, let code = FieldError.Code(rawValue: parts[1]) else {
                return nil
            }
            return FieldError(field: parts[0], code: code, message: Bilingual(zh: parts[2], en: parts[3]))
        }
        guard self.fields.count == fields.count, self.errors.count == errors.count else { return nil }
    }
}
