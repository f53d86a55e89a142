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
        "\(expired.subject.shownNumber) \(expired.process) \(expired.ended.date(in: .shanghai).text) \(expired.subject.id)"
    }

    /// Ids of the subjects that a file of such lines names.
    static func read(_ path: String) throws -> [String] {
        let text = String(decoding: try FileSystem.read(path, limit: 64 << 20), as: UTF8.self)
        return try text.split(separator: "\n").enumerated().map { number, line in
            let words = line.split(separator: " ")
            guard words.count == 4, let id = words.last else {
                throw ValidationError("\(path):\(number + 1): this line is not of `coredesk retention list`")
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
        let lines = expired.filter { !$0.isHeld }.map(ErasureList.line)
        for line in lines { print(line) }
        for held in expired where held.isHeld { print("HELD \(ErasureList.line(held))") }
        print("\(lines.count) are past their term, \(expired.count - lines.count) more are held by an officer")
        guard let out else { return }
        guard FileSystem.kind(out) == nil else { throw ValidationError("\(out) is there already") }
        try FileSystem.replaceDurably(out, with: Array(lines.map { $0 + "\n" }.joined().utf8))
    }
}

/// Two people who may erase: one does it, another agrees.
struct TwoErasers: ParsableArguments {
    @OptionGroup var administrator: Administrator
    @Option(help: "Key and certificate of another person who may erase, and agrees.") var second: String

    /// - Returns: the desk, when it is, the officer who acts, and the number of the person who agrees.
    func acting() throws -> (desk: Desk, now: Instant, officer: Officer, second: String) {
        let first = try administrator.acting()
        let other = try Administrator.member(second, of: first.desk, at: first.now)
        func officer(_ member: CaseStore.Member) throws -> Officer {
            let permissions = first.desk.surroundings.library.permissions
            let found = member.officers.first { officer in
                officer.level >= Self.level && permissions[officer.post.role]?.contains(.eraseCases) == true
            }
            guard let found else {
                throw CommandRefused(
                    description:
                        "somebody here may not erase: it needs a post with \(ProcessLibrary.Permission.eraseCases.rawValue) (Content/roles.yaml) and a certificate of level \(Self.level)"
                )
            }
            return found
        }
        let (one, two) = (try officer(first.member), try officer(other))
        guard one.post.person != two.post.person else {
            throw CommandRefused(description: "both certificates are one person's: another must agree")
        }
        return (first.desk, first.now, one, two.post.person)
    }

    private static let level = 3
}

struct EraseExpired: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase", abstract: "Destroys the words of everything on a list of `retention list`.")
    @OptionGroup var erasers: TwoErasers
    @Option(help: "The list, as it was read and agreed upon.") var list: String

    func run() throws {
        let (desk, now, officer, second) = try erasers.acting()
        guard let erasure = CaseStore.Erasure(ground: .term, by: officer, confirmedBy: second) else { return }
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
        let (desk, now, officer, second) = try erasers.acting()
        guard let id = try desk.cases.subject(numbered: number, isOther: other) else {
            throw ValidationError("there is no number \(number)")
        }
        guard let erasure = CaseStore.Erasure(ground: ground, by: officer, confirmedBy: second) else { return }
        try desk.erase([id], erasure, at: now)
    }
}

extension ErasureGround: ExpressibleByArgument {
    static var orders: [ErasureGround] { allCases.filter { $0 != .term } }
}

extension Desk {
    /// Erases one after the other; what cannot be erased stops no other, and is told.
    fileprivate func erase(_ ids: [String], _ erasure: CaseStore.Erasure, at now: Instant) throws {
        var (erased, left) = (0, 0)
        for id in ids {
            do {
                try cases.erase(id, erasure, at: now, note: erasures.append)
                erased += 1
            } catch let failure as CaseStore.Failure {
                left += 1
                print("KEPT \(id): \(Self.words(failure))")
            }
        }
        try overlay.write(at: now)
        let isClean = try cases.removeRemains()
        print("\(erased) erased, \(left) kept")
        print(
            isClean
                ? "no bytes of them are left in the database; backups hold them until their keys go"
                : "bytes of them are in the write-ahead log until readers are done: run `retention erase` with an empty list later"
        )
        if left > 0 { throw ExitCode(1) }
    }

    private static func words(_ failure: CaseStore.Failure) -> String {
        switch failure {
        case .running: "it has not come to its end"
        case .held: "an officer holds it"
        case .kept: "its term is not over"
        case .unknownSubject: "there is no such subject"
        default: failure.code
        }
    }
}

/// Ids of what was erased, beside the master key: a backup of the database brings words back, and this list takes them away again.
struct ErasureRecord: Sendable {
    let path: String

    /// On the disk when this returns.
    func append(_ id: String) throws {
        let lock = try FileLock.waiting(for: path + ".lock", patience: 30, mode: 0o660)
        defer { withExtendedLifetime(lock) {} }
        let known = try ids()
        if known.contains(id) { return }
        try FileSystem.replaceDurably(path, with: Array((known + [id]).map { $0 + "\n" }.joined().utf8), mode: 0o640)
    }

    func ids() throws -> [String] {
        guard FileSystem.kind(path) != nil else { return [] }
        return String(decoding: try FileSystem.read(path, limit: 1 << 30), as: UTF8.self)
            .split(separator: "\n").map(String.init)
    }
}
