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
    private let records: Records

    /// Nil where nothing is to be written, or only a part of it.
    init?(_ request: BuildRequest) {
        guard let output = request.output, request.sites.isEmpty, request.usesCache, request.writesManifest
        else { return nil }
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
        private let looking = DispatchGroup()
        private let entries = Mutex<[String: Entry]>([:])

        init(_ folder: String) {
            // No folder, no records.
            for file in (try? FileSystem.list(folder)) ?? [] where file.name.hasSuffix(Self.suffix) {
                DispatchQueue.global().async(group: reading) { [self] in
                    let log = RecordLog((try? FileSystem.read(folder + "/" + file.name)) ?? [])
                    let record = BuildRecord(log)
                    let entry = (record, record == nil || !log.mayGrow)
                    entries.withLock { $0[file.name] = entry }
                }
            }
        }

        /// On another thread, while the caller goes on.
        func look(below output: String) {
            DispatchQueue.global().async(group: looking) { [self] in
                reading.wait()
                for (name, entry) in entries.withLock({ $0 }) {
                    let tree = output + "/" + name.dropLast(Self.suffix.count) + "/"
                    // Docroots have names of their own only where sites have hosts; those are looked at when it is known.
                    for (place, made) in entry.record?.outputs ?? [:] where place.docroot == 0 { made.look(tree) }
                }
            }
        }

        subscript(variant: String) -> Entry {
            reading.wait()
            looking.wait()
            return entries.withLock { $0[variant + Self.suffix] } ?? (nil, true)
        }
    }

    private static func folder(_ output: String) -> String { output + "/.cache/build" }

    /// Reads what is known of page files.
    mutating func open() -> PageCache {
        let path = folder + "/pages"
        let pages = PageCache(
            isLongLived: false, trustsMarks: !request.comparesContent, program: OutputInputs.program
        ) {
            RecordLog((try? FileSystem.read(path)) ?? [])
        }
        self.pages = pages
        return pages
    }

    /// What the last build left, if it read the same tree at an instant that makes no difference.
    ///
    /// - Parameter sources: the state of the tree.
    func unchanged(_ sources: TreeRecord.Look?) -> TreeRecord? {
        guard isComplete, !request.comparesContent, let sources, let bytes = try? FileSystem.read(folder + "/tree"),
            let record = TreeRecord(bytes), record.isDue(request.now), sources.with(record.others) == record.sources
        else { return nil }
        return record
    }

    /// The record of a variant, and how changes to it are written.
    func record(_ variant: String) -> (record: BuildRecord?, isWorn: Bool) { records[variant] }

    /// Has a look at the files that the records name, so that `Output.isAsWritten` can tell.
    func lookAtOutputs() {
        if !request.comparesContent, let output = request.output { records.look(below: output) }
    }

    /// Page texts of the search index as it was built last.
    func searchTexts(_ variant: String) -> RecordLog {
        RecordLog((try? FileSystem.read("\(folder)/\(variant).search")) ?? [])
    }

    func saveSearchTexts(_ variant: String, blocks: Int, _ block: (Int) -> [UInt8]) throws(FileError) {
        try FileSystem.makeDirectories(folder)
        let path = "\(folder)/\(variant).search"
        try FileSystem.write([], to: path + ".tmp")
        for number in 0..<blocks { try FileSystem.append(RecordLog.framed(block(number)), to: path + ".tmp") }
        try FileSystem.rename(path + ".tmp", path)
    }

    /// Adds texts that stand for earlier ones of the same pages.
    func addSearchTexts(_ variant: String, _ block: [UInt8]) throws(FileError) {
        try append(variant + ".search", block)
    }

    /// Before anything changes in an output folder: until `close`, its records do not say everything.
    static func leaveOpen(_ output: String) throws(FileError) {
        try FileSystem.makeDirectories(folder(output))
        try FileSystem.write([], to: folder(output) + "/open")
        try FileSystem.remove(folder(output) + "/tree")
    }

    /// All records are written. Where some variants were left out, and their records did not say everything before, they
    /// still do not.
    func close() throws(FileError) {
        guard isComplete || request.variants.isEmpty else { return }
        try Directory(folder).syncFileSystem()
        try FileSystem.remove(folder + "/open")
    }

    func savePages() throws(FileError) {
        guard let pages else { return }
        if pages.recordMayGrow {
            if !pages.isRecorded { try append("pages", pages.block(whole: false)) }
        } else {
            try save("pages", RecordLog.framed(pages.block(whole: true)))
        }
    }

    /// - Parameter change: from the record that lies there; nil to write all of it.
    func saveRecord(_ variant: String, _ record: BuildRecord, _ change: BuildRecord.Change?) throws(FileError) {
        let block = record.block(change)
        let name = variant + Records.suffix
        if change == nil { try save(name, RecordLog.framed(block)) } else { try append(name, block) }
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
