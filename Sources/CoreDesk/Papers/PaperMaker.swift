import CMS
import Cases
import Forms
import Logging
import Papers
import PortalBase
import Procedures
import ServiceLifecycle
import Workflow

/// Brings papers from the event that issues them to the one that signs them: drawn up by one process, signed by another, verified here.
struct PaperMaker: Sendable {
    let desk: Desk
    let settings: PaperSettings

    /// Nil where the configuration has nobody who draws and signs. Throws where a certificate cannot be read.
    init?(_ desk: Desk) throws {
        guard let settings = desk.configuration.papers else { return nil }
        for unit in settings.organs.keys { _ = try settings.keys(of: unit) }
        self.desk = desk
        self.settings = settings
    }

    /// Departments that lead a form whose process issues papers, and that nobody signs for.
    var unitsWithoutKeys: [String] {
        let leads = desk.configuration.currentForms().filter { form in
            desk.surroundings.process(for: form)?.papers.isEmpty == false
        }.compactMap { $0.process?.lead }
        return Set(leads).subtracting(settings.organs.keys).sorted()
    }

    struct Place: Sendable, Hashable {
        let id: String
        let paper: Int
    }

    /// What came of one paper.
    struct Outcome: Sendable {
        let place: Place
        /// Its number.
        let paper: String
        /// For logs and operators; nil where it was signed.
        let alarm: String?
    }

    /// Bytes of a signature with its certificate.
    private static let maxSignature = 16 << 10

    /// Seconds until the signer must answer.
    private static let signing = 20

    /// Papers that are to be drawn up or signed, oldest first.
    func waiting() throws -> [Place] {
        try desk.cases.awaitingPapers().map { Place(id: $0.id, paper: $0.place) }
    }

    /// Draws up and signs a paper; nil where nothing is to be done any more. A paper that fails stops no other.
    func make(_ place: Place) -> Outcome? {
        do {
            guard let work = try work(place) else { return nil }
            return make(place, work, work.kind.number(of: work.paper))
        } catch {
            let name = "paper \(place.paper) of \(place.id)"
            return Outcome(place: place, paper: name, alarm: "ALARM \(name) cannot be read: \(Self.text(error))")
        }
    }

    /// For logs: it says nothing of what anybody typed.
    private static func text(_ error: any Error) -> String { (error as? CaseStore.Failure)?.code ?? "\(error)" }

    /// Numbers that a paper gets at most because the one before stood on another paper.
    private static let mostNumbers = 3

    private func make(_ place: Place, _ work: PaperWork, _ name: String) -> Outcome? {
        func outcome(_ alarm: String?) -> Outcome {
            Outcome(place: place, paper: name, alarm: alarm.map { "ALARM \(name) \($0)" })
        }
        do {
            if work.drawn == nil {
                try desk.cases.keepDrawn(work, draw(work, name), at: desk.configuration.now())
            }
            guard let drawn = try self.work(place), let bytes = drawn.drawn else { return nil }
            try desk.cases.keepSignature(drawn, sign(bytes, name, of: drawn.paper.organ), at: desk.configuration.now())
            return outcome(nil)
        } catch PaperExchange.Failure.numberUsed {
            return outcome(renumber(work))
        } catch let failure as PaperExchange.Failure {
            return outcome("is not signed: \(failure.rawValue)")
        } catch CaseStore.Failure.refused {
            // It was revoked, or signed by another process, meanwhile.
            return nil
        } catch {
            return outcome("is not signed: \(Self.text(error))")
        }
    }

    /// Gives a paper whose number stands on another the next number, a few times at most: a signer that knows every number is broken.
    private func renumber(_ work: PaperWork) -> String {
        let renumbered = work.view.events.count { $0.action == Procedures.Process.EventName.reissued }
        guard renumbered < Self.mostNumbers else { return "is not signed: numberUsed, \(renumbered) times" }
        do {
            try desk.cases.reissue(work, at: desk.configuration.now())
            return "stands on another paper: it is issued anew under the next number"
        } catch {
            return "is not signed: numberUsed, and no other is given: \(Self.text(error))"
        }
    }

    private func work(_ place: Place) throws -> PaperWork? {
        do {
            return try desk.cases.paperWork(place.id, place.paper, now: desk.configuration.now())
        } catch CaseStore.Failure.erased {
            return nil
        }
    }

    private func draw(_ work: PaperWork, _ number: String) throws -> [UInt8] {
        let text = CaseText(work.view, desk.surroundings)
        let page = try desk.surroundings.paperTemplates.page(
            work.kind.template,
            PaperText(
                title: work.kind.label.text("zh"), number: number, organ: desk.surroundings.unitName(work.paper.organ),
                issued: work.paper.issued.date(in: .shanghai), matter: text.formTitle, answers: text.named,
                said: text.said(in: work.event), code: work.code.grouped, verifyAt: settings.verifyAt))
        let paper = try PaperExchange.ask(
            settings.renderer, .init(head: [:], body: page), seconds: PaperRenderer.patience + 10)
        guard PaperRenderer.isPDF(paper) else { throw PaperExchange.Failure.unusable }
        return paper
    }

    /// The organ's signature, once it was verified against the organ's certificate, chain and revocation list.
    private func sign(_ paper: [UInt8], _ number: String, of organ: String) throws -> [UInt8] {
        let signature = try PaperExchange.ask(
            settings.signer, PaperSigner.question(paper, number: number, of: organ), seconds: Self.signing)
        guard signature.count <= Self.maxSignature else { throw PaperExchange.Failure.badSignature }
        let now = desk.configuration.now()
        do {
            _ = try DetachedSignature.verify(
                signature, over: paper, trust: desk.configuration.trust.store(), allowed: settings.keys(of: organ),
                at: now, revokedBy: now)
        } catch let error as CryptoError {
            Logger(label: "coredesk").warning("\(number): \(error)")
            throw PaperExchange.Failure.badSignature
        }
        return signature
    }
}

/// Makes papers while the desk serves. What fails is tried again, less and less often, and told.
struct PaperService: Service {
    let maker: PaperMaker

    /// Between looks, and after a look that failed.
    private static let pace = Duration.milliseconds(300), rest = Duration.seconds(5)
    /// Until a paper that failed is tried again: the first time, and at most.
    private static let firstPause = Duration.seconds(5), longestPause = Duration.seconds(300)

    private struct Pause {
        let until: ContinuousClock.Instant
        let length: Duration
    }

    func run() async {
        await cancelWhenGracefulShutdown {
            let log = Logger(label: "coredesk")
            var pauses: [PaperMaker.Place: Pause] = [:]
            while !Task.isCancelled {
                var pace = Self.pace
                do {
                    let now = ContinuousClock.now
                    let maker = maker
                    let waiting = try await onBlockingThread { try maker.waiting() }
                    pauses = pauses.filter { waiting.contains($0.key) }
                    for place in waiting where pauses[place].map({ $0.until <= now }) ?? true && !Task.isCancelled {
                        let made = try await onBlockingThread { maker.make(place) }
                        guard let outcome = made, let alarm = outcome.alarm else {
                            pauses[place] = nil
                            continue
                        }
                        let length =
                            pauses[outcome.place].map { min($0.length * 2, Self.longestPause) } ?? Self.firstPause
                        pauses[outcome.place] = Pause(until: .now + length, length: length)
                        log.warning("\(alarm)")
                    }
                } catch {
                    log.warning("ALARM papers cannot be made: \(error)")
                    pace = Self.rest
                }
                do { try await Task.sleep(for: pace) } catch { return }
            }
        }
    }
}
