import HTTPTypes
import Hummingbird
import PortalBase

/// Finds out from the address which site a citizen is on, so that answers wear its dress.
struct SiteFinder: RouterMiddleware {
    let prefix: String

    func handle(
        _ request: Request, context: EdgeContext, next: (Request, EdgeContext) async throws -> Response
    ) async throws -> Response {
        let lead = prefix + "/site/"
        let path = request.uri.path
        guard path.hasPrefix(lead) else { return try await next(request, context) }
        let site = String(path.dropFirst(lead.count).prefix { $0 != "/" })
        guard FormRuntime.isName(site) else { return try await next(request, context) }
        return try await FormRuntime.$requestSite.withValue(site) { try await next(request, context) }
    }
}

/// Answers what no controller answers, in words: addresses that are not here, methods that are not taken.
struct Fallback: RouterMiddleware {
    let services: EdgeServices

    func handle(
        _ request: Request, context: EdgeContext, next: (Request, EdgeContext) async throws -> Response
    ) async throws -> Response {
        let path = request.uri.path
        func refuse(_ refusal: Refusal) -> Response {
            services.refused(refusal)
            return path.hasPrefix("/api/")
                ? refusal.problem() : refusal.response(services.runtime, language: "zh")
        }
        if let allowed = allowed(path), !allowed.contains(request.method) {
            var response = refuse(.method)
            response.headers[.allow] = allowed.map(\.rawValue).joined(separator: ", ")
            return response
        }
        do {
            return try await next(request, context)
        } catch let error as any HTTPResponseError where error.status == .notFound {
            return refuse(.noPage)
        }
    }

    /// Methods of an address; nil where nothing is.
    private func allowed(_ path: String) -> [HTTPRequest.Method]? {
        let parts = path.split(separator: "/").map(String.init)
        let own = services.configuration.prefix.split(separator: "/").map(String.init)
        if parts.starts(with: own) {
            var rest = parts.dropFirst(own.count)
            if rest.first == "site", rest.count > 2 { rest = rest.dropFirst(2) }
            switch Array(rest) {
            case ["follow-up"], ["papers"]: return [.post]
            case ["challenge"], ["receipts"]: return [.get, .head]
            case let rest where rest.count == 2 && rest[0] == "receipts": return [.get, .head, .post]
            case let rest where rest.count == 3 && rest[1] == "steps": return [.get, .head]
            case let rest where rest.count == 2 && rest[0] == "supplements": return [.post]
            case let rest where rest.count == 1: return [.get, .head, .post]
            default: return nil
            }
        }
        if parts.starts(with: ["open311", "v2"]) {
            return parts.last?.hasPrefix("requests.") == true ? [.get, .head, .post] : [.get, .head]
        }
        guard parts.starts(with: ["api", "v1"]) else { return nil }
        switch Array(parts.dropFirst(2)) {
        case ["status"], ["papers"], ["verify"]: return [.post]
        case ["forms"], ["challenge"], ["openapi.json"]: return [.get, .head]
        case let rest where rest.count == 2 && rest[0] == "forms": return [.get, .head]
        case let rest where rest.count == 3 && rest[0] == "forms": return [.post]
        default: return nil
        }
    }
}
