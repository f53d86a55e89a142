import Glibc
import PortalBase

/// Asks the servers of external links whether they still answer, with Debian's `curl`.
///
/// Polite: one request at a time to a host and a pause between two, few hosts at once, HEAD before GET, retries only for
/// what may pass (429, 5xx, no answer) and after a longer pause each time. Answers are kept for a day.
struct ExternalLinkChecker {
    private let cachePath: String
    private let now: Instant
    /// How a URL is asked; tests put their own server's answers here.
    private let ask: @Sendable (_ url: String, _ method: String) -> Answer
    private let pause: @Sendable (_ milliseconds: Int) -> Void

    enum Answer: Sendable, Equatable {
        case status(Int)
        /// No connection, no answer in time, a bad certificate.
        case failed(Int32)
    }

    static let maxLinks = 2_000
    private static let hostsAtOnce = 4
    private static let attempts = 3
    private static let lifetime = 86_400

    init(
        cachePath: String, now: Instant, ask: @escaping @Sendable (String, String) -> Answer = Self.curl,
        pause: @escaping @Sendable (Int) -> Void = { usleep(UInt32($0) * 1_000) }
    ) {
        self.cachePath = cachePath
        self.now = now
        self.ask = ask
        self.pause = pause
    }

    mutating func check(_ links: [(url: String, position: SourcePosition)]) -> [Diagnostic] {
        let unique = Dictionary(grouping: links, by: { Self.withoutFragment($0.url) })
            .mapValues { $0.map(\.position).min()! }
        var known = readCache()
        let urls = unique.keys.sorted().filter { known[$0] == nil }
        let byHost = Dictionary(grouping: urls.prefix(Self.maxLinks), by: Self.host)
        let hosts = byHost.keys.sorted()
        let this = self
        let answers = parallelMap(hosts.count, jobs: Self.hostsAtOnce) { index, _ in
            byHost[hosts[index]]!.sorted().enumerated().map { n, url in
                if n > 0 { this.pause(500) }
                return (url, this.answer(url))
            }
        }
        for (url, answer) in answers.flatMap({ $0 }) { known[url] = answer }
        writeCache(known)
        var found: [Diagnostic] = []
        for (url, position) in unique {
            switch known[url] {
            case .status(let code) where code >= 400:
                found.append(dead(url, position, zh: "返回 \(code)", en: "answers \(code)"))
            case .failed(let code):
                found.append(dead(url, position, zh: "没有应答（curl \(code)）", en: "gives no answer (curl \(code))"))
            default: continue
            }
        }
        if urls.count > Self.maxLinks {
            found.append(
                Diagnostic(
                    "external-links", SourcePosition(path: "Content"), severity: .warning,
                    problem: Bilingual(
                        zh: "只检查了前 \(Self.maxLinks) 个外部链接",
                        en: "only the first \(Self.maxLinks) external links were asked"),
                    remedy: Bilingual(zh: "请再运行一次，其余的会接着检查", en: "run again for the rest")))
        }
        return found
    }

    /// Other people's servers come and go: a warning, never an error.
    private func dead(_ url: String, _ position: SourcePosition, zh: String, en: String) -> Diagnostic {
        Diagnostic(
            "external-link", position, severity: .warning,
            problem: Bilingual(zh: "外部链接 \(url) \(zh)", en: "the external link \(url) \(en)"),
            remedy: Bilingual(zh: "请打开看看，改正或删去", en: "open it, then correct or drop it"))
    }

    private func answer(_ url: String) -> Answer {
        var answer = Answer.failed(0)
        for attempt in 0..<Self.attempts {
            if attempt > 0 { pause(1_000 << attempt) }
            answer = ask(url, "HEAD")
            // Some servers know GET only.
            if case .status(let code) = answer, code == 403 || code == 405 || code == 501 { answer = ask(url, "GET") }
            switch answer {
            case .status(let code) where code != 429 && code < 500: return answer
            default: continue
            }
        }
        return answer
    }

    static func curl(_ url: String, _ method: String) -> Answer {
        let output = "/tmp/.sitegen-link.\(getpid()).\(UInt64.random(in: 0...UInt64.max))"
        defer { unlink(output) }
        let arguments =
            [
                "curl", "--silent", "--location", "--max-redirs", "5", "--proto", "=http,https", "--proto-redir",
                "=http,https",
            ]
            + ["--max-time", "15", "--max-filesize", "2000000", "--user-agent", "XinmiPortal-linkcheck/1"]
            + (method == "HEAD" ? ["--head"] : []) + [
                "--globoff", "--output", "/dev/null", "--write-out", "%{http_code}", "--", browserEncodedAddress(url),
            ]
        guard let status = try? ChildProcess.run(arguments, output: output) else { return .failed(-1) }
        let code = (try? FileSystem.read(output, limit: 64)).flatMap { decimal($0) } ?? 0
        // An answer larger than the limit is an answer.
        return code > 0 && (status == 0 || status == 63) ? .status(code) : .failed(status)
    }

    private static func withoutFragment(_ url: String) -> String { String(url.prefix { $0 != "#" }) }

    private static func host(_ url: String) -> String {
        String(url.split(separator: "/").dropFirst().first ?? "")
    }

    // MARK: Cache

    private func readCache() -> [String: Answer] {
        guard let json = try? JSON(parsing: FileSystem.read(cachePath, limit: 16 << 20), maxKeyBytes: 8_192),
            let entries = json.object
        else {
            return [:]
        }
        var known: [String: Answer] = [:]
        for (url, entry) in entries {
            guard let at = entry["at"]?.integer, now.seconds - at < Self.lifetime,
                let status = entry["status"]?.integer,
                status > 0
            else { continue }
            known[url] = .status(status)
        }
        return known
    }

    /// Answers only: what failed is asked again. A cache that cannot be written costs a day's requests, no result.
    private func writeCache(_ known: [String: Answer]) {
        let old = (try? JSON(parsing: FileSystem.read(cachePath, limit: 16 << 20), maxKeyBytes: 8_192))?.object ?? [:]
        var entries: [String: JSON] = [:]
        for (url, answer) in known {
            guard case .status(let code) = answer else { continue }
            entries[url] =
                old[url]?["status"]?.integer == code && (old[url]?["at"]?.integer ?? 0) > now.seconds - Self.lifetime
                ? old[url]! : .object(["status": .integer(code), "at": .integer(now.seconds)])
        }
        try? FileSystem.makeDirectories(FileSystem.parent(cachePath))
        try? FileSystem.write(JSON.object(entries).canonicalBytes, to: cachePath)
    }
}
