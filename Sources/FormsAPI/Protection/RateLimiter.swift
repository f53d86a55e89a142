import Synchronization

/// Token buckets by client, and one for all: how many forms somebody may send in a while.
///
/// Many citizens share one address (a village's line, an office, a mobile network), so a client that sends much is asked
/// for a proof first, and refused only far beyond that.
final class RateLimiter: Sendable {
    struct Settings: Sendable, Equatable {
        /// Forms and files that one client may send at once, and how many more each minute.
        var clientBurst = 20
        var clientPerMinute = 20
        /// So many times as much with a proof for each.
        var provenFactor = 10
        /// Forms from all clients: beyond half of it everybody is asked for a proof.
        var perSecond = 200
        /// Files from all clients, counted apart, so that files never keep a form out: beyond half of it a proof is asked for.
        var uploadsPerSecond = 50
        /// Megabytes of files that one client may send at once, and how many more each hour.
        var clientMegabytes = 1_024
        /// Megabytes of half-filled forms in steps that are kept for one client, which two hours free again: a sixteenth of all.
        var clientStepMegabytes = 16
        /// Look-ups of one client each minute: receipts cannot be guessed, and nobody should try.
        var lookupsPerMinute = 30
    }

    enum Kind: Sendable {
        /// A form that is to be stored.
        case submission
        /// Any posted form, before its body is read.
        case request
        /// A file.
        case upload
        /// Receipt and code.
        case lookup
    }

    enum Verdict: Sendable, Equatable {
        case pass
        /// A proof is needed first.
        case prove
        /// Nothing helps but waiting so many seconds.
        case wait(Int)
    }

    private struct Bucket {
        var spent: Double
        var at: Double
    }

    private struct State {
        var submissions: [[UInt8]: Bucket] = [:]
        /// Those that came with a proof are counted by themselves.
        var proven: [[UInt8]: Bucket] = [:]
        var requests: [[UInt8]: Bucket] = [:]
        var lookups: [[UInt8]: Bucket] = [:]
        var uploads: [[UInt8]: Bucket] = [:]
        /// Megabytes.
        var volumes: [[UInt8]: Bucket] = [:]
        /// Megabytes of pages of forms in steps.
        var steps: [[UInt8]: Bucket] = [:]
        var all = Bucket(spent: 0, at: 0)
        var allUploads = Bucket(spent: 0, at: 0)
    }

    /// So many clients are remembered; when there are more, those that were quiet longest are forgotten.
    private static let maxClients = 50_000

    private let settings: Settings
    private let state = Mutex(State())

    init(_ settings: Settings) {
        self.settings = settings
    }

    /// - Parameters:
    ///   - hasProof: whether a proof came with the request and holds.
    ///   - now: seconds on a clock that only goes forward.
    func admit(_ kind: Kind, client: [UInt8]?, hasProof: Bool, now: Double) -> Verdict {
        let client = client ?? []
        return state.withLock { state in
            switch kind {
            case .lookup:
                let most = Double(settings.lookupsPerMinute)
                return Self.take(&state.lookups, client, most: most, perSecond: most / 60, now) ? .pass : .wait(60)
            case .upload: return upload(&state, client, hasProof, now)
            case .request:
                let most = Double(settings.clientBurst * settings.provenFactor)
                let rate = Double(settings.clientPerMinute * settings.provenFactor) / 60
                guard Self.take(&state.requests, client, most: most, perSecond: rate, now) else { return .wait(60) }
                Self.leak(&state.all, Double(settings.perSecond), now)
                return state.all.spent >= Double(settings.perSecond) ? .wait(5) : .pass
            case .submission: return submission(&state, client, hasProof, now)
            }
        }
    }

    private func submission(_ state: inout State, _ client: [UInt8], _ hasProof: Bool, _ now: Double) -> Verdict {
        Self.leak(&state.all, Double(settings.perSecond), now)
        if state.all.spent >= Double(settings.perSecond) { return .wait(5) }
        if !hasProof, state.all.spent >= Double(settings.perSecond) / 2 { return .prove }
        let (burst, rate) = (Double(settings.clientBurst), Double(settings.clientPerMinute) / 60)
        let factor = Double(settings.provenFactor)
        let hasRoom =
            hasProof
            ? Self.take(&state.proven, client, most: burst * factor, perSecond: rate * factor, now)
            : Self.take(&state.submissions, client, most: burst, perSecond: rate, now)
        guard hasRoom else { return hasProof ? .wait(60) : .prove }
        state.all.spent += 1
        return .pass
    }

    private func upload(_ state: inout State, _ client: [UInt8], _ hasProof: Bool, _ now: Double) -> Verdict {
        let most = Double(settings.clientBurst * settings.provenFactor)
        let rate = Double(settings.clientPerMinute * settings.provenFactor) / 60
        Self.leak(&state.allUploads, Double(settings.uploadsPerSecond), now)
        if state.allUploads.spent >= Double(settings.uploadsPerSecond) { return .wait(5) }
        if !hasProof, state.allUploads.spent >= Double(settings.uploadsPerSecond) / 2 { return .prove }
        guard hasVolume(&state, client, now),
            Self.take(&state.uploads, client, most: most, perSecond: rate, now)
        else { return .wait(60) }
        state.allUploads.spent += 1
        return .pass
    }

    /// Whether a client has room for another page of a form in steps; counts it where it has.
    func admit(stepBytes bytes: Int, client: [UInt8]?, now: Double) -> Bool {
        let most = Double(settings.clientStepMegabytes)
        return state.withLock { state in
            Self.take(
                &state.steps, client ?? [], Double(bytes) / Double(1 << 20), most: most, perSecond: most / 7_200, now)
        }
    }

    /// Counts bytes of a file against its client's share.
    func count(bytes: Int, client: [UInt8]?, now: Double) {
        state.withLock { state in
            let client = client ?? []
            for name in Self.names(client) {
                var bucket = state.volumes[name] ?? Bucket(spent: 0, at: now)
                Self.leak(&bucket, Double(settings.clientMegabytes) * Self.factor(name) / 3_600, now)
                bucket.spent += Double(bytes) / Double(1 << 20)
                state.volumes[name] = bucket
            }
            Self.forget(&state.volumes)
        }
    }

    private func hasVolume(_ state: inout State, _ client: [UInt8], _ now: Double) -> Bool {
        Self.names(client).allSatisfy { name in
            guard var bucket = state.volumes[name] else { return true }
            Self.leak(&bucket, Double(settings.clientMegabytes) * Self.factor(name) / 3_600, now)
            return bucket.spent < Double(settings.clientMegabytes) * Self.factor(name)
        }
    }

    /// A client, and the /56 of an IPv6 client, which one subscriber may hold: it may send eight times as much.
    private static func names(_ client: [UInt8]) -> [[UInt8]] {
        client.count == 8 ? [client, Array(client[..<7])] : [client]
    }

    private static func factor(_ name: [UInt8]) -> Double { name.count == 7 ? 8 : 1 }

    private static func leak(_ bucket: inout Bucket, _ perSecond: Double, _ now: Double) {
        bucket.spent = max(0, bucket.spent - max(0, now - bucket.at) * perSecond)
        bucket.at = now
    }

    /// Whether there was room; what is refused costs nothing more, so that waiting helps.
    private static func take(
        _ buckets: inout [[UInt8]: Bucket], _ client: [UInt8], _ amount: Double = 1, most: Double, perSecond: Double,
        _ now: Double
    ) -> Bool {
        var taken: [(name: [UInt8], bucket: Bucket)] = []
        var hasRoom = true
        for name in names(client) {
            var bucket = buckets[name] ?? Bucket(spent: 0, at: now)
            leak(&bucket, perSecond * factor(name), now)
            hasRoom = hasRoom && bucket.spent + amount <= most * factor(name)
            taken.append((name, bucket))
        }
        for (name, bucket) in taken {
            buckets[name] = Bucket(spent: bucket.spent + (hasRoom ? amount : 0), at: bucket.at)
        }
        forget(&buckets)
        return hasRoom
    }

    private static func forget(_ buckets: inout [[UInt8]: Bucket]) {
        guard buckets.count > maxClients else { return }
        let newest = buckets.sorted { $0.value.at > $1.value.at }.prefix(maxClients / 2)
        buckets = Dictionary(uniqueKeysWithValues: newest.map { ($0.key, $0.value) })
    }
}
