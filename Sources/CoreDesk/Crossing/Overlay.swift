import Cases
import PortalBase
import Procedures
import SQL
import Workflow

/// Published answers as files for `sitegen build --overlay`.
struct Overlay {
    let folder: String
    let database: any SQLDatabase
    let cases: CaseStore

    static let tables = [
        // Digest of the file that was written last, another is somebody's own work; version of the event that it was made from.
        "CREATE TABLE overlay_file (path TEXT PRIMARY KEY, written TEXT NOT NULL, version INTEGER NOT NULL)"
    ]

    /// Brings the folder to what the cases say: pages that lack are written, those taken back are removed. A process that died
    /// between commit and file is made good by the next call; a file that somebody changed since it was written is left alone.
    ///
    /// - Returns: a line for each file that was left.
    @discardableResult
    func write(at now: Instant) throws -> [String] {
        // Officers and the lanes' process do this side by side: who read the table earlier must not write later.
        let lock = try FileLock.waiting(for: folder + ".lock", patience: 30, mode: 0o660)
        defer { withExtendedLifetime(lock) {} }
        var left: [String] = []
        for published in try cases.pages() {
            let path = AnswerPage.path(published.number)
            let file = folder + "/" + path
            let found = FileSystem.kind(file) == .file ? try FileSystem.read(file) : nil
            guard published.isPublished else {
                // Whatever was made of it: it was taken back.
                if found != nil { try FileSystem.remove(file) }
                continue
            }
            // Written already, and nobody published anew since.
            let known: Int? = try database.read {
                try $0.value("SELECT version FROM overlay_file WHERE path = ?", path)
            }
            let written: String? = try database.read {
                try $0.value("SELECT written FROM overlay_file WHERE path = ?", path)
            }
            let isOthers = found.map { SHA256Digest(of: $0).hex != written } ?? false
            if known == published.version, found != nil, !isOthers { continue }
            let made: AnswerPage?
            do {
                made = try page(published, at: now)
            } catch let failure as CaseStore.Failure {
                left.append("kept \(path): \(failure.code)")
                continue
            }
            guard let page = made else { continue }
            let wanted = Array(page.text.utf8)
            let digest = SHA256Digest(of: wanted).hex
            if found != wanted {
                if isOthers {
                    left.append("kept \(path): somebody changed it since it was released")
                    continue
                }
                try FileSystem.makeDirectories(FileSystem.parent(file))
                try FileSystem.replaceDurably(file, with: wanted)
            }
            try database.write { db in
                try db.execute(
                    """
                    INSERT INTO overlay_file (path, written, version) VALUES (?, ?, ?)
                    ON CONFLICT (path) DO UPDATE SET written = excluded.written, version = excluded.version
                    """, path, digest, published.version)
            }
        }
        return left
    }

    /// Removes answers of which the cases know nothing, after a backup was restored: they were published since, or their number is another's.
    ///
    /// - Returns: a line for each.
    func removeUnknown() throws -> [String] {
        let known = Set(try cases.pages().map { AnswerPage.path($0.number) })
        let place = FileSystem.parent(AnswerPage.path(1))
        guard FileSystem.kind(folder + "/" + place) == .directory else { return [] }
        return try FileSystem.list(folder + "/" + place).map { place + "/" + $0.name }
            .filter { path in AnswerPage.isPath(path) && !known.contains(path) }
            .map { path in
                try FileSystem.remove(folder + "/" + path)
                return "removed \(path), which was published after the backup: publish it anew, and the sites"
            }
    }

    /// The page that the publishing event holds.
    private func page(_ published: CaseStore.PublishedPage, at now: Instant) throws -> AnswerPage? {
        let view = try cases.view(published.subject, at: now)
        guard view.events.indices.contains(published.version - 1) else { return nil }
        let event = view.events[published.version - 1]
        func text(_ input: String) -> String {
            if case .text(let text) = event.inputs[input] { text } else { "" }
        }
        // Erased meanwhile.
        guard Procedures.Process.Page.answerPage.inputs.allSatisfy({ !text($0).isEmpty }) else { return nil }
        return AnswerPage(
            number: published.number, date: event.at.date(in: .shanghai),
            question: text(Procedures.Process.Page.question), answer: text(Procedures.Process.Page.answer),
            title: text(Procedures.Process.Page.title))
    }
}
