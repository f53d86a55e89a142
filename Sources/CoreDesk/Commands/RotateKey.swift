import ArgumentParser
import Cases
import PortalBase

/// A new master key wraps the keys of all cases: the old one opens what backups from before hold, and nothing in the database.
struct RotateKey: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key",
        abstract: "Wraps the keys of all cases by a new master key, and makes the search index anew.",
        discussion: """
            Stop the desk, its timers and the lanes first. Where the configuration says `master_key_identity`, the new key is sealed for \
            it, which also brings a key that lay in the open into a token. A backup that was made before opens with the old key alone, and \
            whoever has both reads what it holds: keep the keepers' copy of the key as long as such a backup, and no longer. Given again after \
            it died, the command goes on.
            """)
    @OptionGroup var configurationOption: ConfigurationOption

    @Option(
        help:
            "Whose key opened the file so far, where another is `master_key_identity` by now: a path without extension, or a key in a token."
    )
    var formerIdentity: String?

    func run() throws {
        let configuration = try configurationOption.load()
        let file = configuration.masterKeyFile
        let lock = try file.lock(isShared: false)
        defer { withExtendedLifetime(lock) {} }
        if FileSystem.kind(file.next) == nil { try file.write(MasterKeyFile.make(systemRandomBytes), to: file.next) }
        let key = try file.readNext(former: formerIdentity)
        let isResumed = try Desk.isWrapped(by: key, configuration)
        if isResumed {
            print("a rotation from before goes on; give the command again for another key")
        } else {
            let former = MasterKeyFile(path: file.path, identity: formerIdentity ?? file.identity)
            let desk = try Desk(configuration, random: systemRandomBytes, master: former.readPlainOrSealed())
            do {
                print("the keys of \(try desk.rewrap(by: key)) subjects are wrapped by the new master key")
            } catch CaseStore.Failure.damaged(let subject, _) {
                throw CommandRefused(
                    description:
                        "the key of \(subject) does not open: nothing was changed; `coredesk audit verify` says more, `coredesk restore` brings it back"
                )
            }
        }
        try FileSystem.replaceSecret(file.path, with: file.bytes(of: key))
        let desk = try Desk(configuration, random: systemRandomBytes)
        let isClean = try desk.cases.removeRemains(index: true)
        let damaged = try desk.rebuild().damaged
        for id in damaged { print("UNREADABLE \(id)") }
        // Its removal is the last step: the command, given again, resumes after any earlier one.
        try FileSystem.remove(file.next)
        print(
            isClean
                ? "no bytes of the old wrappings are in the database"
                : "bytes of the old wrappings are in the database until readers are done: rotate again without them")
        print("now copy the key anew for its keepers: `coredesk backup-keys`")
        if !damaged.isEmpty { throw ExitCode(1) }
    }
}
