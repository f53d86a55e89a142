import Assessment
import Cases
import PortalBase
import Procedures
import SQL
import Workflow

/// Published answers and assessments as files for `sitegen build --overlay`.
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
            let paths = Self.paths(of: published)
            guard published.isPublished else {
                // Whatever was made of it: it was taken back.
                for path in paths where FileSystem.kind(folder + "/" + path) == .file {
                    try FileSystem.remove(folder + "/" + path)
                }
                continue
            }
            // Made when a file needs it, and once for all of them.
            var made: [[UInt8]]?
            do {
                for (place, path) in paths.enumerated() {
                    if let line = try write(
                        path, of: published,
                        { () throws -> [UInt8]? in
                            let files = try made ?? self.contents(of: published, at: now)
                            made = files
                            return files.indices.contains(place) ? files[place] : nil
                        })
                    {
                        left.append(line)
                    }
                }
            } catch let failure as CaseStore.Failure {
                left.append("kept \(paths[0]): \(failure.code)")
            }
        }
        return left
    }

    private static func paths(of published: CaseStore.PublishedPage) -> [String] {
        published.isOther ? AssessmentFiles.paths(published.shownNumber) : [AnswerPage.path(published.number)]
    }

    /// What the files of a page hold; empty where its words were erased.
    private func contents(of published: CaseStore.PublishedPage, at now: Instant) throws -> [[UInt8]] {
        if published.isOther {
            let view = try cases.view(published.subject, at: now)
            guard let report = view.file.answers[Assessing.figures].flatMap(AssessmentReport.init),
                let event = view.events.first(where: { $0.version == published.version })
            else { return [] }
            return AssessmentFiles(
                number: published.shownNumber, report: report, published: event.at.date(in: .shanghai)
            ).contents
        }
        return try page(published, at: now).map { [Array($0.text.utf8)] } ?? []
    }

    /// Writes a file that lacks, or that was published anew.
    ///
    /// - Returns: a line where somebody changed it since.
    private func write(
        _ path: String, of published: CaseStore.PublishedPage, _ content: () throws -> [UInt8]?
    ) throws -> String? {
        let file = folder + "/" + path
        let found = FileSystem.kind(file) == .file ? try FileSystem.read(file) : nil
        let row = try database.read { try $0.row("SELECT version, written FROM overlay_file WHERE path = ?", path) }
        let version: Int? = try row?["version"], written: String? = try row?["written"]
        let isOthers = found.map { SHA256Digest(of: $0).hex != written } ?? false
        // Written already, and nobody published anew since.
        if version == published.version, found != nil, !isOthers { return nil }
        guard let wanted = try content() else { return nil }
        if found != wanted {
            if isOthers { return "kept \(path): somebody changed it since it was released" }
            try FileSystem.makeDirectories(FileSystem.parent(file))
            try FileSystem.replaceDurably(file, with: wanted)
        }
        try database.write { db in
            try db.execute(
                """
                INSERT INTO overlay_file (path, written, version) VALUES (?, ?, ?)
                ON CONFLICT (path) DO UPDATE SET written = excluded.written, version = excluded.version
                """, path, SHA256Digest(of: wanted).hex, published.version)
        }
        return nil
    }

    /// Removes answers of which the cases know nothing, after a backup was restored: they were published since, or their number is another's.
    ///
    /// - Returns: a line for each.
    func removeUnknown() throws -> [String] {
        let known = Set(try cases.pages().flatMap(Self.paths))
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
