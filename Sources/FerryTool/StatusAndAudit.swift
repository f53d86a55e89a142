import ArgumentParser
import LaneDatabase
import PortalBase

/// Database locations as the owners' configurations have them.
private func checked(_ database: String) throws -> String {
    guard database.contains("://") || FileSystem.kind(database) == .file else {
        throw ValidationError("there is no database \(database)")
    }
    return database
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says how the lanes of one side stand, from its owner's database.",
        discussion: "Ends with 1 while an alarm stands.")

    @Argument(help: "The owner's database (formsapi's or coredesk's).") var database: String
    @Flag(help: "JSON instead of text.") var json = false
    @Option(help: "Instant to count ages from; the clock when not given.") var now: String?

    func run() throws {
        let at = now.flatMap { Instant(iso: $0, zone: .shanghai) } ?? .systemNow()
        let lanes = try LaneDatabase.status(of: checked(database), at: at)
        if json {
            print(JSON.array(lanes.map(\.json)).canonicalText)
        } else {
            for lane in lanes { print(lane.text) }
        }
        if lanes.contains(where: { !$0.alarms.isEmpty }) { throw ExitCode(1) }
    }
}

struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the audit log of one side, or says whether its chain holds.",
        discussion: "Every line carries the SHA-256 of the line before it.")

    @Argument(help: "The owner's database, or with --verify a file of printed lines.") var source: String
    @Flag(help: "Checks the chain instead of printing it, and names the newest line's digest.") var verify = false
    @Flag(help: "The source is a file of lines.") var file = false

    func run() throws {
        let lines =
            file
            ? String(decoding: try FileSystem.read(source), as: UTF8.self).split(separator: "\n").map(String.init)
            : try AuditLog.lines(of: checked(source))
        guard verify else {
            for line in lines { print(line) }
            return
        }
        if let number = AuditLog.breakPoint(lines) {
            print("line \(number) does not follow from the one before it")
            throw ExitCode(1)
        }
        print("\(lines.count) lines hold; the newest is \(AuditLog.head(lines)?.hex ?? "none")")
    }
}
