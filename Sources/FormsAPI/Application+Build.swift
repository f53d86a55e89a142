import CMS
import Hummingbird
import PortalBase
import Submissions

/// The service, built from its configuration without opening a socket.
func buildApplication(_ configuration: Configuration) throws -> some ApplicationProtocol {
    let store = try SubmissionDatabase(path: configuration.database, random: systemRandomBytes)
    let recipients = try configuration.recipients.map { try Certificate(pem: FileSystem.read($0)) }
    let router = Router()
    FormsController(
        configuration: configuration, runtime: FormRuntime(folder: configuration.runtime, site: configuration.site),
        intake: Intake(store: store, recipients: recipients, now: { configuration.now() }, random: systemRandomBytes),
        store: store
    ).addRoutes(to: router)
    return Application(
        router: router,
        configuration: .init(address: .hostname(configuration.host, port: configuration.port), serverName: "formsapi"))
}
