import ArgumentParser
import CMS
import PortalBase

/// Batches by hand: for auditors, and for an operator who must look. Never moves a lane.
@main
struct FerryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ferry", abstract: "Seals, opens and verifies batch files by hand.", version: "0.1.0",
        subcommands: [Seal.self, Open.self, Verify.self, Status.self, Epoch.self, Audit.self, Apply.self])

    static func main() {
        shareOneHeap()
        main(nil)
    }
}

/// Which certificates count no longer. Nothing is judged without an answer.
struct RevocationOptions: ParsableArguments {
    @Option(parsing: .upToNextOption, help: "Revocation lists (PEM).")
    var crl: [String] = []

    @Flag(help: "Judges without revocation lists, where there are none: a revoked certificate counts.")
    var withoutCrl = false

    func validate() throws {
        if crl.isEmpty != withoutCrl { throw ValidationError("give either --crl or --without-crl") }
    }

    func lists() throws -> [[UInt8]] { try crl.map { try FileSystem.read($0) } }
}

/// Whom a signature must come from.
struct TrustOptions: ParsableArguments {
    @Option(help: "Certificates of the authority (PEM).")
    var authority: String

    @OptionGroup var revocation: RevocationOptions

    @Option(parsing: .upToNextOption, help: "Certificates of the allowed signers (PEM): a chain alone is not enough.")
    var signer: [String]

    func trust() throws -> TrustStore {
        try TrustStore(
            authorities: FileSystem.read(authority), revocationLists: try revocation.lists())
    }

    @Option(parsing: .upToNextOption, help: "Certificates of the makers of a second signature, by SM2 (PEM).")
    var sm2Signer: [String] = []

    func sm2Pinned() throws -> [Certificate] { try sm2Signer.map { try Certificate(pem: FileSystem.read($0)) } }

    func pinned() throws -> Set<SHA256Digest> {
        Set(try signer.map { try Certificate(pem: FileSystem.read($0)).publicKeyDigest })
    }
}
