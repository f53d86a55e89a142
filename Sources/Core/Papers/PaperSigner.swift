package import CMS
package import PortalBase

/// Signs papers with the keys of organs, and keeps a register of every number that it signed: one number never stands on two papers, even
/// for a desk that was broken into. A process and a user of its own run it.
package final class PaperSigner {
    /// By unit.
    private let organs: [String: Identity]
    private let register: PaperRegister
    private let now: @Sendable () -> Instant

    package init(organs: [String: Identity], register: PaperRegister, now: @escaping @Sendable () -> Instant) {
        self.organs = organs
        self.register = register
        self.now = now
    }

    /// - Returns: a detached CMS signature over the paper's bytes.
    package func sign(_ paper: [UInt8], number: String, of organ: String) throws(PaperExchange.Failure) -> [UInt8] {
        guard PaperRenderer.isPDF(paper) else { throw .unusable }
        guard let identity = organs[organ] else { throw .noKey }
        try register.enter(
            .init(at: now(), number: number, organ: organ, digest: SHA256Digest(of: paper)))
        do {
            return try DetachedSignature.sign(paper, by: identity)
        } catch {
            throw .notSigned
        }
    }

    /// A question of the desk.
    package func answer(_ question: PaperExchange.Message) throws(PaperExchange.Failure) -> [UInt8] {
        guard question.head.count == 2, let organ = question.head["organ"]?.string,
            let number = question.head["number"]?.string, (1...100).contains(number.utf8.count), number.hasSuffix("号"),
            number.contains("〔"), !number.unicodeScalars.contains(where: { $0.value < 0x20 })
        else { throw .malformed }
        return try sign(question.body, number: number, of: organ)
    }

    package static func question(_ paper: [UInt8], number: String, of organ: String) -> PaperExchange.Message {
        .init(head: ["number": .string(number), "organ": .string(organ)], body: paper)
    }
}
