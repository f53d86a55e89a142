import HTTPTypes
import PortalBase
import SQL
import Submissions
import TestSupport
import Testing

@testable import FormsAPI

@Suite struct ClientFinderTests {
    private let finder = ClientFinder(trusted: ["127.0.0.0/8", "10.0.0.0/8", "::1"].compactMap(AddressRange.init))

    private func client(_ forwarded: String?, peer: String?) -> String? {
        var headers = HTTPFields()
        if let forwarded { headers[.xForwardedFor] = forwarded }
        return finder.client(headers, peer: peer).map { $0.map(String.init).joined(separator: ".") }
    }

    @Test func onlyProxiesOfOursAreBelieved() {
        #expect(client("203.0.113.9", peer: "198.51.100.7") == "198.51.100.7")
        #expect(client("203.0.113.9", peer: "127.0.0.1") == "203.0.113.9")
        #expect(client("192.0.2.1, 203.0.113.9, 10.1.2.3", peer: "127.0.0.1") == "203.0.113.9")
        #expect(client("192.0.2.1, nonsense, 10.1.2.3", peer: "127.0.0.1") == "10.1.2.3")
        #expect(client(nil, peer: "127.0.0.1") == "127.0.0.1")
        #expect(client("203.0.113.9", peer: nil) == "203.0.113.9", "a Unix socket is the proxy's")
        #expect(client(nil, peer: nil) == nil)
        #expect(client("203.0.113.9 ,\t10.1.2.3 ", peer: "127.0.0.1") == "203.0.113.9")
        #expect(client("203.0.113.9 8, 10.1.2.3", peer: "127.0.0.1") == "10.1.2.3")
        #expect(IPAddress("203.0.113.9\u{0}.example") == nil)
    }

    @Test func aSubscribersNetworkIsOneClient() {
        #expect(client("2001:db8:1:2:3:4:5:6", peer: "::1") == client("2001:db8:1:2:ffff::1", peer: "::1"))
        #expect(client("2001:db8:1:2::1", peer: "::1") != client("2001:db8:1:3::1", peer: "::1"))
        #expect(client("::ffff:203.0.113.9", peer: "::1") == "203.0.113.9")
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.128/25", "192.0.2.127", false),
        ("0.0.0.0/0", "8.8.8.8", true), ("2001:db8::/33", "2001:db8:8000::1", false), ("::1", "::1", true),
    ])
    func networksHoldTheirAddresses(_ range: String, _ address: String, _ holds: Bool) throws {
        #expect(try #require(AddressRange(range)).contains(try #require(IPAddress(address))) == holds)
    }

    @Test(arguments: ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "::/129", "10.0.0.0/8/8", "host"])
    func whatIsNoNetworkIsRefused(_ text: String) { #expect(AddressRange(text) == nil) }

    @Test func rubbishNeverCrashes() {
        var random = SeededGenerator(seed: 11)
        let letters = Array("0123456789abcdef:.,/ %-中\u{0}[]")
        for _ in 0..<50_000 {
            let text = String(
                (0..<Int.random(in: 0...40, using: &random)).map { _ in letters.randomElement(using: &random)! })
            _ = client(text.contains("\u{0}") || text.contains("中") ? nil : text, peer: "127.0.0.1")
            _ = AddressRange(text)
            _ = IPAddress(text)
        }
    }
}

@Suite struct RateLimiterTests {
    private func limiter(_ change: (inout RateLimiter.Settings) -> Void = { _ in }) -> RateLimiter {
        var settings = RateLimiter.Settings()
        settings.clientBurst = 3
        settings.clientPerMinute = 6
        settings.provenFactor = 2
        change(&settings)
        return RateLimiter(settings)
    }

    @Test func aBurstThenAProofThenTheEnd() {
        let limiter = limiter()
        func send(_ hasProof: Bool, _ now: Double) -> RateLimiter.Verdict {
            limiter.admit(.submission, client: [1], hasProof: hasProof, now: now)
        }
        #expect((0..<4).map { _ in send(false, 0) } == [.pass, .pass, .pass, .prove])
        #expect((0..<7).map { _ in send(true, 0) } == Array(repeating: .pass, count: 6) + [.wait(60)])
        // Ten seconds make room for one more; what was refused cost nothing.
        #expect(send(false, 9.9) == .prove && send(false, 10.1) == .pass && send(false, 10.2) == .prove)
        #expect(limiter.admit(.submission, client: [2], hasProof: false, now: 10.2) == .pass, "others are free")
    }

    @Test func underPressureEverybodyProves() {
        let limiter = limiter { $0.perSecond = 10 }
        let first = (0..<12).map { limiter.admit(.submission, client: [UInt8($0)], hasProof: false, now: 0) }
        #expect(first == Array(repeating: .pass, count: 5) + Array(repeating: .prove, count: 7))
        let proven = (20..<28).map { limiter.admit(.submission, client: [UInt8($0)], hasProof: true, now: 0) }
        #expect(proven == Array(repeating: .pass, count: 5) + Array(repeating: .wait(5), count: 3))
        #expect(limiter.admit(.submission, client: [40], hasProof: false, now: 1) == .pass, "a second later it is over")
    }

    /// Many clients with many files meet a bound of their own: forms are taken in all the same.
    @Test func filesTakeNothingFromForms() {
        let limiter = limiter {
            $0.perSecond = 10
            $0.uploadsPerSecond = 10
        }
        func send(_ kind: RateLimiter.Kind, _ client: UInt8, _ hasProof: Bool = false) -> RateLimiter.Verdict {
            limiter.admit(kind, client: [client], hasProof: hasProof, now: 0)
        }
        #expect((0..<7).map { send(.upload, $0) } == Array(repeating: .pass, count: 5) + [.prove, .prove])
        #expect((5..<12).map { send(.upload, $0, true) } == Array(repeating: .pass, count: 5) + [.wait(5), .wait(5)])
        #expect(send(.submission, 100) == .pass && send(.request, 100) == .pass && send(.lookup, 100) == .pass)
    }

    @Test func lookUpsAreCountedByThemselves() {
        let limiter = limiter { $0.lookupsPerMinute = 2 }
        let looked = (0..<3).map { _ in limiter.admit(.lookup, client: [1], hasProof: false, now: 0) }
        #expect(looked == [.pass, .pass, .wait(60)])
        #expect(limiter.admit(.submission, client: [1], hasProof: false, now: 0) == .pass)
    }

    /// One client fills its share of kept pages, and no other's; two hours free it.
    @Test func halfFilledFormsHaveAShare() {
        let limiter = limiter { $0.clientStepMegabytes = 1 }
        func keep(_ client: UInt8, _ now: Double) -> Bool {
            limiter.admit(stepBytes: 400 << 10, client: [client], now: now)
        }
        #expect([keep(1, 0), keep(1, 0), keep(1, 0), keep(2, 0)] == [true, true, false, true])
        #expect(!keep(1, 600) && keep(1, 7_200))
    }

    /// A subscriber of IPv6 holds 256 networks of /64; all of them have eight shares.
    @Test func aNetworkOfNetworksHasEightShares() {
        let limiter = limiter { $0.perSecond = 1_000 }
        func sent(_ kind: RateLimiter.Kind, hasProof: Bool, _ clients: [[UInt8]]) -> Int {
            clients.flatMap { [$0, $0, $0, $0, $0, $0, $0] }.count {
                limiter.admit(kind, client: $0, hasProof: hasProof, now: 0) == .pass
            }
        }
        let own = (0..<40).map { [0x20, 1, 0xD, 0xB8, 0, 1, 0, UInt8($0)] }
        #expect(sent(.submission, hasProof: false, own) == 3 * 8)
        #expect(sent(.submission, hasProof: true, own) == 6 * 8)
        #expect(sent(.lookup, hasProof: false, own) == 30 * 8)
        #expect(sent(.submission, hasProof: false, [[0x20, 1, 0xD, 0xB8, 0, 1, 1, 0]]) == 3, "the next subscriber")
    }

    /// Memory is bounded however many addresses somebody has.
    @Test func manyClientsAreForgottenAgain() {
        let limiter = limiter { $0.perSecond = 10_000_000 }
        for number in 0..<120_000 {
            let client = withUnsafeBytes(of: number) { Array($0) }
            #expect(limiter.admit(.request, client: client, hasProof: false, now: Double(number) / 1_000) == .pass)
        }
    }
}

@Suite struct FileNameTests {
    @Test(arguments: [
        ("照片.jpg", "照片.jpg"), ("a\u{202E}gpj.exe", "agpj.exe"), ("x\u{0}y\n.pdf", "xy.pdf"), ("e\u{301}.png", "é.png"),
    ])
    func whatMisleadsIsTakenOut(_ given: String, _ shown: String) { #expect(FileUpload.displayName(given) == shown) }

    @Test func longNamesKeepTheirEnding() {
        let name = FileUpload.displayName(String(repeating: "长", count: 300) + ".pdf")
        #expect(name.hasSuffix("….pdf") && name.count <= 101)
    }
}

@Suite struct GateTests {
    /// Solves a challenge as a client's script does.
    private func solve(_ challenge: JSON) throws -> String {
        let salt = try #require(challenge["salt"]?.string)
        let number = try #require(
            (0...100_000).first { challenge["challenge"]?.string == SHA256Digest(of: Array("\(salt)\($0)".utf8)).hex })
        var fields: [String: JSON] = ["number": .integer(number)]
        for key in ["algorithm", "challenge", "salt", "signature"] { fields[key] = challenge[key] }
        return base64(JSON.object(fields).canonicalBytes)
    }

    /// A slip is good after its time, once, for the client and the words that it was given out for.
    @Test func aSlipIsBoundToItsClientAndWords() throws {
        let folder = TemporaryFolder()
        let store = try SubmissionDatabase(location: folder.path + "/forms.sqlite", random: systemRandomBytes)
        let proof = ProofOfWork(store: store, random: systemRandomBytes)
        let now = Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)!
        let mine = ProofOfWork.binding([1], [7])
        let slip = try proof.slip(for: mine, at: now)
        let later = now.adding(seconds: ProofOfWork.waiting)
        #expect(try !proof.accept(slip, for: mine, at: later.adding(seconds: -1)))
        #expect(try !proof.accept(slip, for: ProofOfWork.binding([2], [7]), at: later))
        #expect(try !proof.accept(slip, for: ProofOfWork.binding([1], [8]), at: later))
        #expect(try proof.accept(slip, for: mine, at: later))
        #expect(try !proof.accept(slip, for: mine, at: later))
    }

    /// A log says what failed on the disk or in the database, and nothing that came from outside.
    @Test func anEventSaysWhatFailed() throws {
        struct Other: Error, CustomStringConvertible { let description = "13800138000" }
        let now = Instant(seconds: 0)
        let full = Event("failed").with("error", SQLError(.full, "database or disk is full")).line(at: now)
        #expect(full.contains("database full: database or disk is full"))
        let file = Event("failed").with("error", FileError("open", "/x\ny", code: 13)).line(at: now)
        #expect(file.contains("open /x?y: Permission denied"))
        #expect(!Event("failed").with("error", Other()).line(at: now).contains("138"))
    }

    @Test func oneProofPaysForAFormAndItsFiles() async throws {
        let folder = TemporaryFolder()
        let store = try SubmissionDatabase(location: folder.path + "/forms.sqlite", random: systemRandomBytes)
        var settings = RateLimiter.Settings()
        settings.clientBurst = 1
        settings.provenFactor = 10
        let now = Instant(seconds: 1_800_000_000)
        let proof = ProofOfWork(store: store, random: systemRandomBytes)
        let gate = Gate(limiter: RateLimiter(settings), proof: proof, now: { now })
        #expect(try await gate.check(.submission, client: [1]) == .pass)
        #expect(try await gate.check(.submission, client: [1]) == .prove)
        let solved = try solve(proof.challenge(at: now))
        let payment = Gate.Payment()
        for kind in [RateLimiter.Kind.submission, .upload, .submission] {
            #expect(try await gate.check(kind, client: [1], proof: solved, payment: payment) == .pass)
        }
        #expect(try await gate.check(.submission, client: [1], proof: solved) == .prove, "another request pays anew")
    }
}
