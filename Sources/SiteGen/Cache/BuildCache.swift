import Dispatch
import PortalBase
import SiteModel
import Synchronization

/// The records of the last build into an output folder. They lie outside every docroot and only spare work: a build
/// with them equals a build without, byte for byte.
struct BuildCache: Sendable {
    private let folder: String
    private let request: BuildRequest
    /// Whether the records name every file that lies in the trees: false after a build that died before it left its
    /// record, or left none on purpose. What to take away can then only be told by looking at the disk.
    let isComplete: Bool
    /// What is known of page files; nil before `open`.
    private(set) var pages: PageCache?
    private var pagesLog = Log.replace
    private let records: Records

    /// How a log lies on the disk.
    private enum Log: Sendable {
        case append, replace

        init(_ log: RecordLog) { self = log.isWhole && !log.blocks.isEmpty && !log.isWorn ? .append : .replace }
    }

    /// Nil where nothing is to be written, or only a part of it.
    init?(_ request: BuildRequest) {
        guard let output = request.output, request.sites.isEmpty, request.usesCache else { return nil }
        folder = Self.folder(output)
        self.request = request
        isComplete = FileSystem.kind(folder + "/open") == nil
        records = Records(folder)
    }

    /// What outputs were made from, by variant: read while the tree is walked.
    private final class Records: Sendable {
        typealias Entry = (record: BuildRecord?, isWorn: Bool)
        static let suffix = ".outputs"

        private let reading = DispatchGroup()
        private let entries = Mutex<[String: Entry]>([:])

        init(_ folder: String) {
            // No folder, no records.
            for file in (try? FileSystem.list(folder)) ?? [] where file.name.hasSuffix(Self.suffix) {
                DispatchQueue.global().async(group: reading) { [self] in
                    let log = RecordLog((try? FileSystem.read(folder + "/" + file.name)) ?? [])
                    let record = BuildRecord(log)
                    let entry = (record, record == nil || Log(log) == .replace)
                    entries.withLock { $0[file.name] = entry }
                }
            }
        }

        subscript(variant: String) -> Entry {
            reading.wait()
            return entries.withLock { $0[variant + Self.suffix] } ?? (nil, true)
        }
    }

    private static func folder(_ output: String) -> String { output + "/.cache/build" }

    /// Reads what is known of page files.
    mutating func open() -> PageCache {
        let log = RecordLog(request.comparesContent ? [] : (try? FileSystem.read(folder + "/pages")) ?? [])
        pagesLog = Log(log)
        let pages = PageCache(isLongLived: false, trustsMarks: !request.comparesContent, record: log)
        self.pages = pages
        return pages
    }

    /// What the last build left, if it read the same tree at an instant that makes no difference.
    func unchanged(_ tree: SourceTree) -> TreeRecord? {
        guard isComplete, !request.comparesContent, let bytes = try? FileSystem.read(folder + "/tree"),
            let record = TreeRecord(bytes), record.isDue(request.now),
            TreeRecord.look(request, tree, others: record.others) == record.sources
        else { return nil }
        return record
    }

    /// The record of a variant, and how changes to it are written.
    func record(_ variant: String) -> (record: BuildRecord?, isWorn: Bool) { records[variant] }

    /// Page texts of the search index as it was built last.
    func searchTexts(_ variant: String) -> [UInt8] { (try? FileSystem.read("\(folder)/\(variant).search")) ?? [] }

    /// Before anything changes in an output folder: until `close`, its records do not say everything.
    static func leaveOpen(_ output: String) throws(FileError) {
        try FileSystem.makeDirectories(folder(output))
        try FileSystem.write([], to: folder(output) + "/open")
        try FileSystem.remove(folder(output) + "/tree")
    }

    /// All records are written.
    func close() throws(FileError) { try FileSystem.remove(folder + "/open") }

    func savePages() throws(FileError) {
        guard let pages else { return }
        if pagesLog == .append {
            if !pages.isRecorded { try append("pages", pages.block(whole: false)) }
        } else {
            try save("pages", RecordLog.framed(pages.block(whole: true)))
        }
    }

    func saveRecord(_ variant: String, _ record: BuildRecord, since earlier: BuildRecord?) throws(FileError) {
        let block = record.block(since: earlier)
        let name = variant + Records.suffix
        if earlier == nil { try save(name, RecordLog.framed(block)) } else { try append(name, block) }
    }

    func save(_ name: String, _ bytes: [UInt8]) throws(FileError) {
        try FileSystem.makeDirectories(folder)
        let path = folder + "/" + name
        try FileSystem.write(bytes, to: path + ".tmp")
        try FileSystem.rename(path + ".tmp", path)
    }

    private func append(_ name: String, _ block: [UInt8]) throws(FileError) {
        try FileSystem.append(RecordLog.framed(block), to: folder + "/" + name)
    }
}
