import ArgumentParser
import Authority
import CMS
import Cases
import PortalBase
import Procedures
import Workflow

/// The end of words that are kept no longer.
struct Retention: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Destroys the words of cases whose term is over, or of one that the law orders; the record of what was done stays.",
        subcommands: [ListExpired.self, EraseExpired.self, EraseByOrder.self])
}

/// A list of erasures to be, which people read before anything is destroyed.
enum ErasureList {
    static func line(_ expired: CaseStore.Expired) -> String {
        "\(expired.subject.shownNumber) \(expired.process) \(expired.last.date(in: .shanghai).text) \(expired.subject.id)"
    }

    /// Ids of the subjects that a file of such lines names.
    static func read(_ path: String) throws -> [String] {
        let text = String(decoding: try FileSystem.read(path, limit: 64 << 20), as: UTF8.self)
        return try text.split(separator: "\n").enumerated().map { number, line in
            let words = line.split(separator: " ")
            guard words.count == 4, let id = words.last else {
                throw CommandRefused(
                    description: "\(path):\(number + 1): this line is not of `coredesk retention list`")
            }
            return String(id)
        }
    }
}

struct ListExpired: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists what is past the term of its process: number, process, day of the last event, id.",
        discussion: "Nothing is destroyed. Read the list, take out lines that must stay, and give it to `erase`.")
    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "New file for the list.") var out: String?

    func run() throws {
        let desk = try Desk(configurationOption.load(), random: systemRandomBytes)
        let expired = try desk.cases.expired(at: desk.configuration.now())
        let lines = expired.filter { !$0.isOnLegalHold }.map(ErasureList.line)
        for line in lines { print(line) }
        for held in expired where held.isOnLegalHold { print("HELD \(ErasureList.line(held))") }
        print("\(lines.count) are past their term, \(expired.count - lines.count) more are held by an officer")
        guard let out else { return }
        guard FileSystem.kind(out) == nil else { throw CommandRefused(description: "\(out) is there already") }
        try FileSystem.replaceDurably(out, with: Array(lines.map { $0 + "\n" }.joined().utf8))
    }
}

/// Two people who may erase: one does it, another agrees.
struct TwoErasers: ParsableArguments {
    @OptionGroup var administrator: Administrator
    @Option(help: "Key and certificate of another person who may erase, and agrees.") var second: String

    func acting(for ground: ErasureGround) throws -> (desk: Desk, now: Instant, erasure: CaseStore.Erasure) {
        let first = try administrator.acting()
        let other = try Acting(second, of: first.desk, at: first.now)
        let (one, two) = (try first.officer(with: .eraseCases), try other.officer(with: .eraseCases))
        guard let erasure = CaseStore.Erasure(ground: ground, by: one, confirmedBy: two.post.person) else {
            throw CommandRefused(description: "both certificates are one person's: another must agree")
        }
        return (first.desk, first.now, erasure)
    }
}

struct EraseExpired: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase", abstract: "Destroys the words of everything on a list of `retention list`.")
    @OptionGroup var erasers: TwoErasers
    @Option(help: "The list, as it was read and agreed upon.") var list: String

    func run() throws {
        let (desk, now, erasure) = try erasers.acting(for: .term)
        try desk.erase(try ErasureList.read(list), erasure, at: now)
    }
}

struct EraseByOrder: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "order",
        abstract: "Destroys the words of one case though its term is not over, as 个人信息保护法 article 47 orders.",
        discussion: "The case must have come to its end; one that an officer holds (复议, 诉讼) stays.")
    @OptionGroup var erasers: TwoErasers
    @Argument(help: "Number of the case.") var number: Int
    @Flag(help: "The number is that of something officers began, such as a person.") var other = false
    @Option(help: "Why: \(ErasureGround.orders.map(\.rawValue).joined(separator: ", ")).") var ground: ErasureGround

    func run() throws {
        guard ErasureGround.orders.contains(ground) else {
            throw ValidationError("an order says why; what is past its term is erased with `retention erase`")
        }
        let (desk, now, erasure) = try erasers.acting(for: ground)
        guard let id = try desk.cases.subject(numbered: number, isOther: other) else {
            throw CommandRefused(description: "there is no number \(number)")
        }
        try desk.erase([id], erasure, at: now)
    }
}

extension ErasureGround: ExpressibleByArgument {
    static var orders: [ErasureGround] { allCases.filter { $0 != .term } }
}

extension Desk {
    /// Erases one after the other; what cannot be erased stops no other, and is told.
    fileprivate func erase(_ ids: [String], _ erasure: CaseStore.Erasure, at now: Instant) throws {
        var (erased, known, left) = (0, 0, 0)
        for id in ids {
            do {
                let isNew = try cases.erase(id, erasure, at: now) { id in
                    try erasures.append(ErasureRecord.Entry(id: id, erasure: erasure, at: now))
                }
                if isNew { erased += 1 } else { known += 1 }
            } catch {
                left += 1
                print("LEFT \(id): \((error as? CaseStore.Failure).map(Self.words) ?? "\(error)")")
            }
        }
        // What was published of them goes, whatever happened to the others.
        for line in try overlay.write(at: now) { print(line) }
        let isClean = try cases.removeRemains()
        print("\(erased) erased, \(left) left\(known > 0 ? ", \(known) were erased before" : "")")
        if erased + known > 0 {
            print(
                isClean
                    ? "no bytes of their keys are in the database; backups hold them until their own keys go"
                    : "bytes of their keys are in the database until readers are done: give this command the same again later"
            )
        }
        if left > 0 { throw ExitCode(1) }
    }

    private static func words(_ failure: CaseStore.Failure) -> String {
        switch failure {
        case .running: "it has not come to its end"
        case .legalHold: "an officer holds it"
        case .termRunning: "its term is not over"
        case .unknownSubject: "there is no such subject"
        default: failure.code
        }
    }
}

/// Ids of what was erased, beside the master key: a backup of the database brings words back, and this list takes them away again.
struct ErasureRecord: Sendable {
    let path: String

    /// Makes the list where it is not there yet.
    func make() throws {
        if FileSystem.kind(path) == nil { try FileSystem.replaceDurably(path, with: [], mode: 0o640) }
    }

    /// One line: id, ground, who did it in which post, who agreed, when.
    struct Entry {
        let id: String
        let erasure: CaseStore.Erasure
        let at: Instant

        var line: String {
            let post = erasure.officer.post
            return [
                id, erasure.ground.rawValue, post.person, post.role, post.unit, erasure.confirmedBy,
                at.rfc3339(in: .shanghai),
            ].joined(separator: " ")
        }

        init(id: String, erasure: CaseStore.Erasure, at instant: Instant) {
            self.id = id
            self.erasure = erasure
            at = instant
        }

        init?(_ line: some StringProtocol) {
            let words = String(line).split(separator: Character(" "), omittingEmptySubsequences: false).map(String.init)
            guard line.utf8.count <= 1_024, words.count == 7, let ground = ErasureGround(rawValue: words[1]),
                let at = Instant(iso: words[6], zone: .shanghai),
                let erasure = CaseStore.Erasure(
                    ground: ground,
                    by: Officer(
                        post: Post(person: words[2], role: words[3], unit: words[4], from: Instant(seconds: 0)),
                        level: Acting.permittedLevel), confirmedBy: words[5])
            else { return nil }
            self.init(id: words[0], erasure: erasure, at: at)
        }
    }

    /// On the disk when this returns. The same twice does no harm.
    func append(_ entry: Entry) throws {
        try make()
        try FileSystem.append(Array((entry.line + "\n").utf8), to: path, sync: true)
    }

    /// By id, the first of each. Throws where there is no list, or where it holds anything else.
    func entries() throws -> [String: Entry] {
        guard FileSystem.kind(path) == .file else {
            throw ConfigurationError(
                text:
                    "there is no list of erasures \(path): it is kept with the master key, bring both back from their backup"
            )
        }
        let lines = String(decoding: try FileSystem.read(path, limit: 1 << 30), as: UTF8.self).split(separator: "\n")
        let entries = try lines.enumerated().map { number, line in
            guard let entry = Entry(line) else {
                throw ConfigurationError(text: "\(path):\(number + 1): this line is no erasure")
            }
            return entry
        }
        return Dictionary(entries.map { ($0.id, $0) }) { first, _ in first }
    }
}
