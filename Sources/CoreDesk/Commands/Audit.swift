import ArgumentParser
import Cases
import PortalBase
import Seals

/// What shows that the log of all cases is whole.
struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks the log of all cases, seals it, and writes what proves one case to a stranger.",
        subcommands: [VerifyLog.self, SealLog.self, ProveCase.self], defaultSubcommand: VerifyLog.self)
}

/// Goes over the whole log, its seals, and what is made out of it.
struct VerifyLog: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks the log of all cases and its seals, and makes lists and clocks anew out of it.",
        discussion:
            "Every event's digest covers the one before; columns say what bodies say; boxes open; no case, number or definition is missing; lines of readings follow one from another; nothing differs from what was sealed. Ends with 1 where something does not hold."
    )
    @OptionGroup var configurationOption: ConfigurationOption
    @Option(help: "The file of seals as the edge publishes it (seals.txt), fetched by somebody else.")
    var published: String?
    @Option(help: "A certificate that signed seals before the present one; may be given several times.")
    var formerSigner: [String] = []

    @Option(help: "Seals of which you know that what they cover was lost and a backup restored, such as 91-100.")
    var lost: String?

    func run() throws {
        let desk = try Desk(configurationOption.load(), random: systemRandomBytes)
        let published = try published.map(SealFile.read)
        let lost = try lost.map { text -> ClosedRange<Int> in
            let numbers = text.split(separator: "-", omittingEmptySubsequences: false).compactMap { Int($0) }
            guard (1...2).contains(numbers.count), numbers[0] <= numbers[numbers.count - 1] else {
                throw ValidationError("--lost takes a number, or two with a hyphen")
            }
            return numbers[0]...numbers[numbers.count - 1]
        }
        try desk.erasures.make()
        let breaks =
            try desk.cases.verify()
            + (try desk.cases.verifySeals(published: published, lost: lost, desk.sealCheck(former: formerSigner)))
            + (try desk.cases.verifyErasures(Set(desk.erasures.entries().keys)))
        for found in breaks { print("BROKEN \(found)") }
        guard breaks.isEmpty else {
            // What is made out of the log may be all that still says what is missing.
            print("\(breaks.count) breaks; nothing was made anew")
            throw ExitCode(1)
        }
        // Lists follow from units, days and the version too; posts and keys from the log alone.
        let isExpected = try desk.isProjectedOtherwise()
        let made = try desk.rebuild()
        let isExplained = isExpected && made.rights == 0
        for id in made.damaged { print("UNREADABLE \(id)") }
        print(
            "0 breaks, \(made.changed) rows were \(isExplained ? "made with other units or days than today's, or by an earlier version" : "other than the log says"), \(made.damaged.count) cases cannot be read"
        )
        if let newest = try desk.cases.seals().last?.seal {
            print("seal \(newest.number) of \(newest.at.rfc3339(in: .shanghai)): \(newest.digest)")
        } else {
            print("nothing is sealed yet: `coredesk audit seal`")
        }
        if let published { print("\(published.count) published seals agree") }
        if made.changed > 0 && !isExplained || !made.damaged.isEmpty { throw ExitCode(1) }
    }
}

/// The file of seals that the edge publishes.
enum SealFile {
    static func read(_ path: String) throws -> [SignedSeal] {
        let text = String(decoding: try FileSystem.read(path, limit: 256 << 20), as: UTF8.self)
        guard !text.isEmpty else { throw CommandRefused(description: "\(path) is empty: fetch it again") }
        return try text.split(separator: "\n").enumerated().map { number, line in
            guard let seal = SignedSeal(line: line) else {
                throw CommandRefused(description: "\(path):\(number + 1): this line is no seal")
            }
            return seal
        }
    }
}

/// Seals what is new in the log.
struct SealLog: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal",
        abstract: "Seals what was recorded since the last seal, for the next crossing; a timer does so each day.",
        discussion:
            "A seal is a signed root over the log. The edge publishes all seals: whoever has kept a copy can tell that nothing was changed since."
    )
    @OptionGroup var configurationOption: ConfigurationOption
    @Flag(help: "Sends all seals once more, to an edge that lost them.") var resend = false

    func run() throws {
        let configuration = try configurationOption.load()
        let desk = try Desk(configuration, random: systemRandomBytes)
        if resend { print("\(try desk.resendSeals(at: configuration.now())) seals are queued again") }
        for seal in try desk.seal(at: configuration.now()) {
            print("seal \(seal.number) over \(seal.leaves) subjects and readers: \(seal.digest)")
        }
    }
}

/// Writes what an auditor checks with openssl, a shell and nothing of ours.
struct ProveCase: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proof",
        abstract: "Writes the events of one case with their way up to the newest seal that covers it.",
        discussion: "Docs/auditor.md says how to check the folder. Words stay in their boxes.")
    @OptionGroup var configurationOption: ConfigurationOption
    @Argument(help: "Number of the case.") var number: Int
    @Flag(help: "The number is that of something officers began, such as a person.") var other = false
    @Option(help: "New folder for the files.") var out: String

    func run() throws {
        let desk = try Desk(configurationOption.load(), random: systemRandomBytes)
        guard let id = try desk.cases.subject(numbered: number, isOther: other) else {
            throw CommandRefused(description: "there is no number \(number)")
        }
        guard let proof = try desk.cases.proof(of: id) else {
            throw CommandRefused(description: "no seal covers number \(number) yet: `coredesk audit seal`")
        }
        guard FileSystem.kind(out) == nil else { throw CommandRefused(description: "\(out) is there already") }
        try FileSystem.makeDirectories(out)
        for (index, event) in proof.events.enumerated() {
            let name = "\(out)/\(padded(index + 1, 4))"
            try FileSystem.replaceDurably(name + ".json", with: event.body)
            try FileSystem.replaceDurably(name + ".box", with: event.box)
        }
        let path = proof.path.map { "\($0.isLeft ? "left" : "right") \($0.digest)\n" }.joined()
        try FileSystem.replaceDurably(out + "/leaf.txt", with: proof.leaf.bytes)
        try FileSystem.replaceDurably(out + "/path.txt", with: Array(path.utf8))
        try FileSystem.replaceDurably(out + "/seal.json", with: proof.seal.seal.bytes)
        try FileSystem.replaceDurably(out + "/seal.p7s", with: proof.seal.signature)
        print("\(proof.events.count) events of number \(proof.number) under seal \(proof.seal.seal.number)")
        if proof.unsealed > 0 { print("\(proof.unsealed) newer events are not sealed yet") }
    }
}
