import Forms
import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase
import Submissions

/// Open311 GeoReport v2 over the forms that name an `open311` mapping: services, requests, tokens. A request gets a token
/// at once and the core's number later; nothing but what the core released is ever shown.
struct Open311Controller: Sendable {
    let services: EdgeServices

    func addRoutes(to router: Router<EdgeContext>) {
        let group = router.group("/open311/v2")
        group.get(":name") { request, context in
            await answer(context, "name") { format, name in
                switch name {
                case "services": return try serviceList(format, request)
                case "requests": return try await requests(format, request, context)
                default: throw Failure(.notFound, "not found")
                }
            }
        }
        group.get("services/:code") { request, context in
            await answer(context, "code") { format, code in try service(format, code, request) }
        }
        group.post(":name") { request, context in
            await answer(context, "name") { format, name in
                guard name == "requests" else { throw Failure(.notFound, "not found") }
                return try await submit(format, request, context)
            }
        }
        group.get("tokens/:token") { request, context in
            await answer(context, "token") { format, token in
                try await admit(request, context)
                return try await self.token(format, token)
            }
        }
        group.get("requests/:number") { request, context in
            await answer(context, "number") { format, number in
                try await admit(request, context)
                let released = try await self.released(.numbers([number]))
                if released.isEmpty { throw Failure(.notFound, "service_request_id was not found") }
                return list(format, "service_requests", "request", items(released))
            }
        }
    }

    // MARK: Formats

    private enum Format { case json, xml }

    private struct Failure: Error {
        let status: HTTPResponse.Status
        let lines: [String]

        init(_ status: HTTPResponse.Status, _ lines: String...) {
            self.status = status
            self.lines = lines
        }

        init(_ status: HTTPResponse.Status, lines: [String]) {
            self.status = status
            self.lines = lines
        }
    }

    /// `name.json` or `name.xml`.
    private func answer(
        _ context: EdgeContext, _ parameter: String, _ make: (Format, String) async throws -> Response
    ) async -> Response {
        let text = context.parameters.get(parameter) ?? ""
        let format: Format = text.hasSuffix(".json") ? .json : .xml
        do {
            guard text.hasSuffix(".json") || text.hasSuffix(".xml") else {
                throw Failure(.notFound, "ask for .json or .xml")
            }
            return try await make(format, String(text.dropLast(format == .json ? 5 : 4)))
        } catch let failure as Failure {
            services.refused(failure.status == .notFound ? .notFound : .invalid)
            return errors(format, failure.status, failure.lines)
        } catch {
            let refusal = services.refusal(error)
            services.refused(refusal)
            var response = errors(format, refusal.status, [refusal.text.en])
            response.headers[.retryAfter] = refusal.fields("")[.retryAfter]
            return response
        }
    }

    private func errors(_ format: Format, _ status: HTTPResponse.Status, _ lines: [String]) -> Response {
        list(
            format, "errors", "error",
            lines.map { [("code", .integer(status.code)), ("description", .string($0))] }, status: status)
    }

    private typealias Item = [(key: String, value: JSON)]

    private func list(
        _ format: Format, _ name: String, _ item: String, _ items: [Item], status: HTTPResponse.Status = .ok
    ) -> Response {
        switch format {
        case .json:
            return services.json(
                status, .array(items.map { .object(Dictionary($0.map { ($0.key, $0.value) }) { first, _ in first }) }))
        case .xml:
            let inner = items.map { "<\(item)>\($0.map(Self.element).joined())</\(item)>" }.joined()
            return xml(status, "<\(name)>\(inner)</\(name)>")
        }
    }

    private func xml(_ status: HTTPResponse.Status, _ root: String) -> Response {
        Response(
            status: status, headers: headers([:], type: "text/xml; charset=utf-8"),
            body: .init(byteBuffer: ByteBuffer(string: "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\(root)\n")))
    }

    private static func element(_ key: String, _ value: JSON) -> String {
        switch value {
        case .array(let values):
            let name = key == "attributes" ? "attribute" : "value"
            return "<\(key)>\(values.map { element(name, $0) }.joined())</\(key)>"
        case .object(let fields):
            return "<\(key)>\(fields.sorted { $0.key < $1.key }.map(element).joined())</\(key)>"
        case .string(let text): return "<\(key)>\(escapedXML(text))</\(key)>"
        case .integer(let number): return "<\(key)>\(number)</\(key)>"
        case .bool(let flag): return "<\(key)>\(flag)</\(key)>"
        case .null: return "<\(key)/>"
        }
    }

    private static func escapedXML(_ text: String) -> String {
        // Validated answers hold no control characters but these.
        escapedHTML(String(text.filter { $0 == "\n" || $0 == "\t" || !($0.asciiValue.map { $0 < 0x20 } ?? false) }))
    }

    // MARK: Services

    private struct Offer {
        let form: FormDefinition
        let mapping: FormDefinition.Open311
        let option: FormDefinition.Option
    }

    private func offers() -> [Offer] {
        services.runtime.forms().flatMap { form -> [Offer] in
            guard let mapping = form.open311, let field = form.fields.first(where: { $0.id == mapping.service }) else {
                return []
            }
            return field.options.map { Offer(form: form, mapping: mapping, option: $0) }
        }
    }

    private func offer(_ code: String) throws -> Offer {
        guard let offer = offers().first(where: { $0.option.value == code }) else {
            let shown = code.utf8.count <= 120 && StreamSafe.holds(code) ? code : ""
            throw Failure(.notFound, "service_code \(shown) was not found")
        }
        return offer
    }

    private func language(_ request: Request) -> String {
        request.uri.queryParameters["locale"].map { $0.hasPrefix("en") } == true ? "en" : "zh"
    }

    private func serviceList(_ format: Format, _ request: Request) throws -> Response {
        let language = language(request)
        return list(
            format, "services", "service",
            offers().map { offer in
                [
                    ("service_code", .string(offer.option.value)),
                    ("service_name", .string(offer.option.label.text(language))),
                    ("description", .string(offer.form.title.text(language))), ("metadata", .bool(true)),
                    ("type", .string("realtime")), ("keywords", .string("")),
                    ("group", .string(offer.form.title.text(language))),
                ]
            })
    }

    private func service(_ format: Format, _ code: String, _ request: Request) throws -> Response {
        let (offer, language) = (try offer(code), language(request))
        var attributes: [JSON] = []
        func add(_ code: String, _ type: String, _ required: Bool, _ label: String, _ options: [FormDefinition.Option])
        {
            attributes.append(
                .object([
                    "variable": .bool(true), "code": .string(code), "datatype": .string(type),
                    "required": .bool(required), "datatype_description": .string(""),
                    "order": .integer(attributes.count + 1), "description": .string(label),
                    "values": .array(
                        options.map {
                            .object(["key": .string($0.value), "name": .string($0.label.text(language))])
                        }),
                ]))
        }
        for field in offer.form.fields {
            let label = field.label.text(language)
            if field.type == .address {
                add("\(field.id).unit", "singlevaluelist", field.required, label, field.options)
                add("\(field.id).village", "string", false, label, [])
                continue
            }
            if offer.mapping.fields.contains(field.id) || field.type == .attachment { continue }
            switch field.type {
            case .single: add(field.id, "singlevaluelist", field.required, label, field.options)
            case .multiple: add(field.id, "multivaluelist", field.required, label, field.options)
            case .declaration:
                add(field.id, "singlevaluelist", field.required, label, [.yes])
            case .number: add(field.id, "number", field.required, label, [])
            case .date: add(field.id, "datetime", field.required, label, [])
            case .longtext: add(field.id, "text", field.required, label, [])
            default: add(field.id, "string", field.required, label, [])
            }
        }
        switch format {
        case .json:
            return services.json(
                .ok, .object(["service_code": .string(code), "attributes": .array(attributes)]))
        case .xml:
            return xml(
                .ok,
                "<service_definition>\(Self.element("service_code", .string(code)))\(Self.element("attributes", .array(attributes)))</service_definition>"
            )
        }
    }

    // MARK: Requests

    /// Counts a call against its client's share.
    @discardableResult
    private func admit(_ request: Request, _ context: EdgeContext) async throws -> [UInt8]? {
        let client = services.client(request, context)
        try await services.admit(.request, from: client)
        return client
    }

    private func submit(_ format: Format, _ request: Request, _ context: EdgeContext) async throws -> Response {
        let client = try await admit(request, context)
        let body = try await services.reader.read(request)
        func first(_ name: String) -> String? { body.fields[name]?.first }
        guard let code = first("service_code") else { throw Failure(.badRequest, "service_code was not provided") }
        let offer = try offer(code)
        var notices: [String] = []
        let input = try Self.input(body.fields, offer, first, &notices)
        switch offer.form.validate(input) {
        case .failure(let failure):
            throw Failure(.badRequest, lines: failure.errors.map { "\($0.field): \($0.message.en)" })
        case .success(let answers):
            switch try await services.gate.check(.submission, client: client, proof: first("_proof")) {
            case .pass: break
            case .wait, .prove: throw Refusal.tooMany
            }
            let token = services.store.newTicket()
            let outcome = try await services.intake.accept(
                answers, files: [], form: offer.form,
                .init(
                    channel: .open311, client: client ?? [], idempotencyKey: request.headers.checkedIdempotencyKey(),
                    open311Token: token))
            guard case .accepted = outcome else { throw Refusal.keyReused }
            services.metrics.submitted(KnownForm(offer.form), "stored")
            return list(
                format, "service_requests", "request",
                [[("token", .string(token)), ("service_notice", .string(notices.joined(separator: " ")))]],
                status: .created)
        }
    }

    /// Arguments of a request that have one value (GeoReport v2, POST Service Request); `_proof` is this service's own.
    private static let known: Set<String> = [
        "api_key", "jurisdiction_id", "service_code", "description", "lat", "long", "address_string", "address_id",
        "email", "device_id", "account_id", "first_name", "last_name", "phone", "_proof", "_lang",
    ]

    /// What GeoReport calls by its names, as this form's answers.
    ///
    /// - Parameter notices: what was not used, for the caller to know.
    private static func input(
        _ fields: [String: [String]], _ offer: Offer, _ first: (String) -> String?, _ notices: inout [String]
    ) throws -> [String: [String]] {
        let mapping = offer.mapping
        var input = [mapping.service: [offer.option.value]]
        if let twice = fields.sorted(by: { $0.key < $1.key }).first(where: {
            known.contains($0.key) && $0.value.count > 1
        }) {
            throw Failure(.badRequest, "\(twice.key) was given \(twice.value.count) times")
        }
        let other = fields.keys.filter { !known.contains($0) && $0 != "media_url" && !$0.hasPrefix("attribute[") }
        if !other.isEmpty {
            notices.append("Arguments that this service does not know were left out: \(other.count).")
        }
        if first("description") != nil || fields["media_url"]?.contains(where: { !$0.isEmpty }) == true {
            var text = first("description") ?? ""
            let most =
                offer.form.fields.first { $0.id == mapping.description }?.max ?? FormDefinition.defaultMax(.longtext)
            // An address is told to the officers and never called: a server that fetches what strangers name is a weapon.
            for media in fields["media_url"] ?? [] where !media.isEmpty {
                guard let address = webAddress(media) else {
                    throw Failure(.badRequest, "media_url: not an http or https address of at most 1000 characters")
                }
                // What this program adds is not held against the caller's own words.
                let line = "\n附件网址（未下载、未检查）：" + address
                if text.unicodeScalars.count + line.unicodeScalars.count <= most {
                    text += line
                    notices.append("media_url was added to the description; nothing was fetched.")
                } else {
                    notices.append("media_url was left out: the description is full.")
                }
            }
            input[mapping.description] = [text]
        }
        let unused = [
            ("email", mapping.email), ("phone", mapping.phone), ("first_name", mapping.name),
            ("last_name", mapping.name), ("address_string", mapping.address), ("address_id", nil), ("device_id", nil),
            ("account_id", nil),
        ].filter { name, field in field == nil && first(name)?.isEmpty == false }.map(\.0)
        if !unused.isEmpty { notices.append("This service does not use \(unused.joined(separator: ", ")).") }
        if let field = mapping.phone, let text = first("phone") { input[field] = [text] }
        if let field = mapping.email, let text = first("email") { input[field] = [text] }
        let name = [first("last_name"), first("first_name")].compactMap { $0 }.filter { !$0.isEmpty }
        if let field = mapping.name, !name.isEmpty { input[field] = [name.joined(separator: " ")] }
        let (lat, long) = (first("lat") ?? "", first("long") ?? "")
        guard lat.isEmpty == long.isEmpty else { throw Failure(.badRequest, "lat and long: both or neither") }
        if let id = mapping.address, let field = offer.form.fields.first(where: { $0.id == id }) {
            let isAddress = field.type == .address
            var place = [first("address_string") ?? ""]
            if !lat.isEmpty {
                // How accurate it is, GeoReport does not say.
                if isAddress {
                    input["\(id).position"] = ["\(long),\(lat),0"]
                } else {
                    place.append("(\(lat), \(long))")
                }
            }
            let text = place.filter { !$0.isEmpty }.joined(separator: " ")
            if !text.isEmpty { input[isAddress ? "\(id).rest" : id] = [text] }
        } else if !lat.isEmpty {
            notices.append("This service takes no position: lat and long were left out.")
        }
        for (key, values) in fields where key.hasPrefix("attribute[") {
            let code = key.dropFirst("attribute[".count).prefix { $0 != "]" }
            input[String(code)] = values
        }
        return input
    }

    /// An http or https address, characters outside ASCII percent-encoded; nil for anything else.
    private static func webAddress(_ text: String) -> String? {
        guard text.utf8.count <= 3_000, StreamSafe.holds(text), text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { return nil }
        let encoded = percentEncoded(text) { $0 < 0x80 }
        let isWeb = ["http://", "https://"].contains { encoded.hasPrefix($0) && encoded.utf8.count > $0.utf8.count }
        return isWeb && text.unicodeScalars.count <= 1_000 ? encoded : nil
    }

    private func token(_ format: Format, _ token: String) async throws -> Response {
        let store = services.store
        guard token.utf8.count == 32, let known = try await onBlockingThread({ try store.open311(token: token) }) else {
            throw Failure(.notFound, "token was not found")
        }
        return list(
            format, "service_requests", "request",
            [[("service_request_id", .string(known.request?.number ?? "")), ("token", .string(token))]])
    }

    private static let keys = [
        "service_request_id", "status", "status_notes", "service_name", "service_code", "description",
        "agency_responsible", "requested_datetime", "updated_datetime", "address",
    ]

    private func items(_ requests: [ReleasedRequest]) -> [Item] {
        let names = Dictionary(offers().map { ($0.option.value, $0.option.label.text("zh")) }) { first, _ in first }
        return requests.map { request in
            var shown = request.shown.object ?? [:]
            if let name = names[request.service] { shown["service_name"] = .string(name) }
            return Self.keys.compactMap { key in shown[key].map { (key, $0) } }
        }
    }

    private func released(_ selection: ReleasedRequest.Selection) async throws -> [ReleasedRequest] {
        let store = services.store
        return try await onBlockingThread { try store.released(selection, limit: ReleasedQuery.limit) }
    }

    private func requests(_ format: Format, _ request: Request, _ context: EdgeContext) async throws -> Response {
        try await admit(request, context)
        let given = request.uri.queryParameters
        do {
            let query = try ReleasedQuery(now: services.configuration.now()) { name in
                given[values: name[...]].map(String.init)
            }
            return list(format, "service_requests", "request", items(try await released(query.selection)))
        } catch let invalid as ReleasedQuery.Invalid {
            throw Failure(.badRequest, lines: invalid.lines)
        }
    }
}
