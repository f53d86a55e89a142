import ArgumentParser
import CMS
import PortalBase
import SiteBundle

struct Apply: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts a released site in the place of the one that is served; run by the site's own user.",
        discussion:
            "`SITE/current` always leads to a whole tree. Ends with 1 when something came that may not be served.")

    @Option(help: "Folder in which the ferry leaves site bundles.") var drop: String
    @Option(help: "Folder that holds `current` and the trees.") var site: String
    @Option(help: "Certificates of the authority (PEM).") var authority: String
    @OptionGroup var revocation: RevocationOptions
    @Option(parsing: .upToNextOption, help: "Certificates of the release officers (PEM).") var officer: [String]
    @Option(help: "Instant to judge certificates at; the clock when not given.") var now: String?

    func run() throws {
        let trust = try TrustStore(
            authorities: FileSystem.read(authority), revocationLists: revocation.lists())
        let officers = Set(try officer.map { try Certificate(pem: FileSystem.read($0)).publicKeyDigest })
        let applier = BundleApplier(drop: drop, site: site, trust: trust, officers: officers)
        switch try applier.run(at: now.flatMap { Instant(iso: $0, zone: .shanghai) } ?? .systemNow()) {
        case .nothing: print("nothing to do")
        case .applied(let sequence, let files, let signers):
            print("serving build \(sequence), \(files) files, released by \(signers.joined(separator: " and "))")
        case .wantsFull(let sequence, let missing):
            print("build \(sequence): \(missing) files neither came nor are here; the core is asked for all of them")
            throw ExitCode(1)
        case .refused(let sequence, let reason):
            print("build \(sequence) refused: \(reason)")
            throw ExitCode(1)
        }
    }
}
