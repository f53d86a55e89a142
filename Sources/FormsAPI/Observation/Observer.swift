import Hummingbird

/// Counts every request and its answer.
struct Observer: RouterMiddleware {
    let metrics: Metrics
    let prefix: String

    func handle(
        _ request: Request, context: EdgeContext, next: (Request, EdgeContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        metrics.began()
        do {
            let response = try await next(request, context)
            end(request, response.status.code, start)
            return response
        } catch {
            end(request, (error as? any HTTPResponseError)?.status.code ?? 500, start)
            throw error
        }
    }

    private func end(_ request: Request, _ status: Int, _ start: ContinuousClock.Instant) {
        let passed = start.duration(to: .now).components
        let seconds = Double(passed.seconds) + Double(passed.attoseconds) / 1e18
        metrics.ended(route(request), status: status, seconds: seconds)
    }

    private func route(_ request: Request) -> Route {
        let path = request.uri.path
        if path.hasPrefix("/open311/") { return .open311 }
        let isAPI = path.hasPrefix("/api/v1/")
        guard isAPI || path.hasPrefix(prefix + "/") else { return .other }
        if path.hasSuffix("/status") { return .status }
        if path.hasSuffix("/challenge") { return .challenge }
        if path.hasSuffix("/attachments") { return .attachment }
        if !isAPI, path.contains("/receipts/") { return .receipt }
        return request.method == .post ? .submit : isAPI ? .definition : .other
    }
}
