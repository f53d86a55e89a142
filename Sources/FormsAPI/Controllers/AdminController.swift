import HTTPTypes
import Hummingbird
import NIOCore
import PortalBase
import Submissions

/// For operators, on an address of its own: whether this process can take submissions, and what it has seen.
struct AdminController: Sendable {
    let services: EdgeServices

    func addRoutes(to router: Router<EdgeContext>) {
        router.get("healthz") { _, _ in Self.text(.ok, "ok\n") }
        router.get("readyz") { _, _ in await ready() }
        router.get("metrics") { _, _ in await metrics() }
    }

    static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: headers([:], type: "text/plain; charset=utf-8"),
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    /// Ready: the database takes writes, and there is a form to fill in.
    private func ready() async -> Response {
        let store = services.store
        let isWritable = (try? await onBlockingThread { store.isWritable() }) ?? false
        if !isWritable { return Self.text(.serviceUnavailable, "the database cannot be written\n") }
        if services.runtime.forms().isEmpty { return Self.text(.serviceUnavailable, "no form definitions\n") }
        return Self.text(.ok, "ok\n")
    }

    private func metrics() async -> Response {
        let (store, now) = (services.store, services.configuration.now())
        var gauges: [(name: String, help: String, value: Int)] = []
        if let backlog = try? await onBlockingThread({ try store.backlog() }) {
            gauges = [
                ("formsapi_backlog_items", "Submissions that wait for a batch.", backlog.waiting),
                (
                    "formsapi_backlog_age_seconds", "Age of the oldest submission that the core has not acknowledged.",
                    backlog.oldest.map { now.seconds - $0.seconds } ?? 0
                ),
            ]
        }
        return Response(
            status: .ok, headers: headers([:], type: "text/plain; version=0.0.4; charset=utf-8"),
            body: .init(byteBuffer: ByteBuffer(string: services.metrics.text(gauges: gauges))))
    }
}
