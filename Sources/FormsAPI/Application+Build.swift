import CMS
import Ferry
import Hummingbird
import Logging
import PortalBase
import ServiceLifecycle
import Submissions

/// The service, built from its configuration without opening a socket.
func buildApplication(_ configuration: Configuration) throws -> some ApplicationProtocol {
    let store = try SubmissionDatabase(location: configuration.database, random: systemRandomBytes)
    let services = try makeServices(configuration, store)
    // What libraries say may repeat what came from outside: only their warnings are heard.
    var logger = Logger(label: "formsapi")
    logger.logLevel = .critical
    let router = Router(context: EdgeContext.self, options: .autoGenerateHeadEndpoints)
    router.add(middleware: Observer(metrics: services.metrics, prefix: configuration.prefix))
    router.add(middleware: SiteFinder(prefix: configuration.prefix))
    router.add(middleware: Fallback(services: services))
    let followUp = FollowUp(
        view: StatusView(store: store), recipients: services.intake.recipients, now: { configuration.now() },
        random: systemRandomBytes)
    StatusController(services: services, followUp: followUp).addRoutes(to: router)
    PaperController(services: services, followUp: followUp).addRoutes(to: router)
    FormsController(services: services).addRoutes(to: router)
    APIController(services: services).addRoutes(to: router)
    Open311Controller(services: services).addRoutes(to: router)
    router.get("healthz") { _, _ in AdminController.text(.ok, "ok\n") }
    var application = Application(
        router: router, server: .http1(configuration: .init(idleTimeout: .seconds(30))),
        configuration: .init(address: .hostname(configuration.host, port: configuration.port), serverName: "formsapi"),
        logger: logger)
    application.addServices(
        Sweeper(
            store: store, log: services.log, now: { configuration.now() },
            keep: configuration.ferry?.keepDelivered ?? StationSettings.defaultKeepDelivered))
    if let admin = configuration.admin {
        let adminRouter = Router(context: EdgeContext.self)
        AdminController(services: services).addRoutes(to: adminRouter)
        application.addServices(
            Application(
                router: adminRouter,
                configuration: .init(address: .hostname(admin.host, port: admin.port), serverName: "formsapi"),
                logger: logger))
    }
    return application
}

private func makeServices(_ configuration: Configuration, _ store: SubmissionDatabase) throws -> EdgeServices {
    let recipients = try configuration.recipients.map { try Certificate(pem: FileSystem.read($0)) }
    let now: @Sendable () -> Instant = { configuration.now() }
    let runtime = FormRuntime(folder: configuration.runtime, site: configuration.site)
    let metrics = Metrics()
    let gate = Gate(
        limiter: RateLimiter(configuration.limits), proof: ProofOfWork(store: store, random: systemRandomBytes),
        now: now)
    return EdgeServices(
        configuration: configuration, runtime: runtime, store: store,
        intake: Intake(store: store, recipients: recipients, now: now, random: systemRandomBytes),
        reader: FormReader(
            runtime: runtime,
            uploads: .init(
                store: store, recipients: recipients, scanner: configuration.scanner,
                reserve: configuration.maxUpload, maxUnclaimed: configuration.maxUnclaimed,
                slots: UploadSlots(configuration.uploads), count: { gate.count(bytes: $0, client: $1) }, now: now),
            metrics: metrics, maxBody: configuration.maxBody, maxUpload: configuration.maxUpload),
        gate: gate,
        clients: ClientFinder(trusted: configuration.trustedProxies), metrics: metrics, log: EventLog(now: now))
}

/// Deletes what has expired, every few minutes while the service runs.
private struct Sweeper: Service {
    let store: SubmissionDatabase
    let log: EventLog
    let now: @Sendable () -> Instant
    /// Seconds that a delivered submission stays.
    let keep: Int

    func run() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    let (store, now, keep) = (store, now(), keep)
                    let purged = try await onBlockingThread { try store.purge(at: now, keepDelivered: keep) }
                    if !purged.isEmpty {
                        log.write(
                            Event("purged").with("delivered", purged.delivered).with("abandoned", purged.abandoned))
                    }
                } catch {
                    log.write(Event("purge failed").with("error", error))
                }
                do { try await Task.sleep(for: .seconds(300)) } catch { return }
            }
        }
    }
}
