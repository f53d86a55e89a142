import CMS
import Cases
import Glibc
import Hummingbird
import Logging
import PortalBase
import Workflow

/// The service on its Unix socket, readable by nginx's group only.
func buildApplication(_ configuration: Configuration) throws -> some ApplicationProtocol {
    // Read again with every request; here only to fail at start when it cannot be read.
    _ = try configuration.trust.store()
    try configuration.checkPublished()
    let desk = try Desk(configuration, random: systemRandomBytes)
    let authenticator = StaffAuthenticator(
        configuration: configuration, cases: desk.cases, tokenKey: try desk.tokenKey())
    let calendar = desk.surroundings.calendar
    let left = calendar.daysLeft(on: configuration.now().date(in: .shanghai))
    if left <= WorkingCalendar.warningDays {
        Logger(label: "coredesk").warning(
            "ALARM the working calendar ends on \(calendar.last.text), in \(left) days: take the next notice with `coredesk calendar`"
        )
    }
    if try desk.isProjectedOtherwise() {
        Logger(label: "coredesk").warning(
            "ALARM lists and clocks were made with other units, office hours or working days than today's, or by an earlier version: run `coredesk audit`"
        )
    }
    for missing in desk.surroundings.vacant(try desk.cases.posts(at: configuration.now())) {
        Logger(label: "coredesk").warning("ALARM nobody holds the post \(missing)")
    }
    if let now = configuration.fixedNow {
        Logger(label: "coredesk").warning("the clock is stopped at \(now.rfc3339(in: .shanghai)), for a demonstration")
    }
    let router = Router()
    DeskController(desk: desk, authenticator: authenticator, views: try DeskViews(folder: configuration.theme))
        .addRoutes(to: router)
    // A socket that a killed process left behind; anything else at that path is not ours to remove.
    if FileSystem.kind(configuration.socket) == .other { unlink(configuration.socket) }
    umask(0o007)
    var application = Application(
        router: router,
        configuration: .init(address: .unixDomainSocket(path: configuration.socket), serverName: "coredesk"))
    if let maker = try PaperMaker(desk) {
        for unit in maker.unitsWithoutKeys {
            Logger(label: "coredesk").warning("ALARM no certificate under `papers:` signs for \(unit): its papers wait")
        }
        application.addServices(PaperService(maker: maker))
    }
    return application
}
