import ArgumentParser
import Cases
import PortalBase

/// A new master key: copies of the old one, and who had it, open nothing that the database holds from here on.
struct RotateKey: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-key",
        abstract: "Wraps the keys of all cases by a new master key, and makes the search index anew.",
        discussion: """
            Stop the desk, its timers and the lanes first. Where the configuration says `master_key_identity`, the new key is sealed for \
            it, which also brings a key that lay in the open into a token. A backup that was made before opens with the old key alone: keep \
            the keepers' copy of it as long as such a backup. Given again after it died, the command goes on.
            """)
    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        let configuration = try configurationOption.load()
        let file = configuration.masterKeyFile
        let next = file.path + ".next"
        if FileSystem.kind(next) == nil { try file.write(MasterKeyFile.make(systemRandomBytes), to: next) }
        let key = try file.read(next)
        if try !Desk.isWrapped(by: key, configuration) {
            let desk = try Desk(configuration, random: systemRandomBytes, master: file.readPlainOrSealed())
            do {
                print("the keys of \(try desk.rewrap(by: key)) subjects are wrapped by the new master key")
            } catch let failure as CaseStore.Failure {
                throw CommandRefused(
                    description: "\(failure.code): `coredesk audit verify` says more; nothing was changed")
            }
        }
        try FileSystem.replaceDurably(
            file.path, with: FileSystem.read(next, limit: 16 << 10), mode: FileSystem.permissions(file.path) ?? 0o600)
        try FileSystem.remove(next)
        let desk = try Desk(configuration, random: systemRandomBytes)
        let (_, damaged) = try desk.rebuild()
        for id in damaged { print("UNREADABLE \(id)") }
        print(
            try desk.cases.removeRemains()
                ? "no bytes of the old wrappings are in the database"
                : "bytes of the old wrappings are in the database until readers are done: `coredesk audit` later")
        print("now copy the key anew for its keepers: `coredesk backup-keys`")
        if !damaged.isEmpty { throw ExitCode(1) }
    }
}
