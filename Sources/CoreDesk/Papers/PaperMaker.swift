import CMS
import Cases
import Forms
import Logging
import Papers
import PortalBase
import Procedures
import ServiceLifecycle
import Workflow

/// Brings papers from the event that issues them to the one that seals them: drawn up by one process, signed by another, verified here.
struct PaperMaker: Sendable {
    let desk: Desk
    let settings: PaperSettings

    /// Nil where the configuration has nobody who draws and signs.
    init?(_ desk: Desk) {
        guard let settings = desk.configuration.papers else { return nil }
        self.desk = desk
        self.settings = settings
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
        let failure: PaperExchange.Failure?

        /// For logs; nil where it was signed.
        var alarm: String? {
            switch failure {
            case nil: nil
            case .numberUsed: "ALARM \(paper) stands on another paper: it is issued anew under the next number"
            case .some(let failure): "ALARM \(paper) is not signed: \(failure.rawValue)"
            }
        }
    }

    /// Seconds until the signer must answer.
    private static let signing = 20

    /// Draws up and signs what waits.
    ///
    /// - Parameter left: papers that are left for later.
    func make(except left: Set<Place> = []) throws -> [Outcome] {
        try desk.cases.awaitingPapers().map { Place(id: $0.id, paper: $0.place) }.filter { !left.contains($0) }
            .compactMap(make)
    }

    private func make(_ place: Place) throws -> Outcome? {
        guard let work = try work(place) else { return nil }
        let name = work.kind.number(work.paper.number, of: work.paper.year)
        func outcome(_ failure: PaperExchange.Failure?) -> Outcome {
            Outcome(place: place, paper: name, failure: failure)
        }
        do {
            if work.drawn == nil {
                try desk.cases.draw(work, draw(work, name), at: desk.configuration.now())
            }
            guard let drawn = try self.work(place), let bytes = drawn.drawn else { return nil }
            try desk.cases.seal(drawn, sign(bytes, name, of: drawn.paper.organ), at: desk.configuration.now())
            return outcome(nil)
        } catch PaperExchange.Failure.numberUsed {
            try desk.cases.reissue(work, at: desk.configuration.now())
            return outcome(.numberUsed)
        } catch let failure as PaperExchange.Failure {
            return outcome(failure)
        } catch CaseStore.Failure.refused {
            // It was revoked, or sealed by another process, meanwhile.
            return nil
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
        let now = desk.configuration.now()
        do {
            _ = try DetachedSignature.verify(
                signature, over: paper, trust: desk.configuration.trust.store(), allowed: settings.keys(of: organ),
                at: now, revokedBy: now)
        } catch is CryptoError {
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
                    let (maker, waiting) = (maker, Set(pauses.filter { $0.value.until > now }.keys))
                    for outcome in try await onBlockingThread({ try maker.make(except: waiting) }) {
                        guard let alarm = outcome.alarm else {
                            pauses[outcome.place] = nil
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
