import Dispatch
import Markdown
package import PortalBase
import PositionedYAML
import Synchronization

/// Page files that were read before, in this process or, by a record on the disk, in an earlier one.
///
/// A file counts as unchanged while device, inode, size and both times are equal. Its change time must also lie some way
/// back when it was read: two writes within one tick of the file system's clock look alike. Files with findings are
/// read again every time.
package final class PageCache: Sendable {
    /// What was read of a page's file.
    private struct Entry {
        let head: [UInt8]
        let headDigest: SHA256Digest
        let tags: [(tag: String, position: SourcePosition)]
        let references: [FileReference]
        let known: SourceFile.Known
        /// The reading with its head parsed, in a process that goes on.
        var source: PageSource?
        /// Whether it was asked for: what is gone from the tree leaves the record.
        var isUsed = false
        /// Whether the record says it.
        var isRecorded = false
    }

    private struct State {
        /// By path: a file that lies elsewhere has another mark.
        var entries: [String: Entry] = [:]
        /// Digests of files that are not pages, by location.
        var files: [String: (mark: FileMark, digest: SHA256Digest)] = [:]
        /// Pages with findings, which are read again every time: what the record says of them goes.
        var dropped: Set<String> = []
        var usedFiles: Set<String> = []
        /// What the record does not say yet.
        var changedFiles: Set<String> = []
        var recordMayGrow = false
    }

    private let state = Mutex(State())
    /// The record is read while the caller goes on.
    private let opening = DispatchGroup()
    private let readings = Atomic<Int>(0)
    /// Whether heads stay parsed and pages made, for a process that reads the same tree again and again.
    let isLongLived: Bool
    /// Whether equal marks mean equal bytes; else everything is read and its digest taken.
    private let trustsMarks: Bool

    /// Names the program too: another one may see in the same bytes what this one does not.
    private let format: String

    /// Everything that a page's typed head and its findings are made from.
    struct LoadedKey: Equatable {
        let reading: Int
        /// Of the written head and of the heads whose cascades reach it.
        let identity: SHA256Digest
        let configuration: SHA256Digest
        let now: Instant
    }
    private let loaded = Mutex<[String: (key: LoadedKey, result: (LoadedPage, [Diagnostic]))]>([:])

    /// - Parameters:
    ///   - program: of the program that reads: a record of another is none.
    ///   - readRecord: called on another thread; what is asked for waits for it.
    package init(
        isLongLived: Bool, trustsMarks: Bool = true, program: SHA256Digest = SHA256Digest(of: []),
        readRecord: (@Sendable () -> RecordLog)? = nil
    ) {
        format = "xinmi-pages/5 " + program.hex
        self.isLongLived = isLongLived
        self.trustsMarks = trustsMarks
        guard trustsMarks, let readRecord else { return }
        DispatchQueue.global().async(group: opening) { self.open(readRecord()) }
    }

    private func open(_ record: RecordLog) {
        var entries: [String: Entry] = [:]
        var files: [String: (mark: FileMark, digest: SHA256Digest)] = [:]
        for block in record.blocks {
            guard var reader = RecordReader(block, format: format) else { return }
            if entries.isEmpty { entries.reserveCapacity(block.count / 300) }
            for (path, entry) in reader.values(Self.readEntry) { entries[path] = entry }
            for key in reader.values({ $0.text() }) { entries[key] = nil }
            for (key, file) in reader.values({ ($0.text(), (mark: $0.mark(), digest: $0.digest())) }) {
                files[key] = file
            }
        }
        state.withLock { state in
            state.entries = entries
            state.files = files
            state.recordMayGrow = record.mayGrow
        }
    }

    /// Whether changes may be written behind the record that was read: not where a page is gone, whose words must go too.
    package var recordMayGrow: Bool {
        state.withLock { $0.recordMayGrow && $0.entries.values.allSatisfy(\.isUsed) }
    }

    /// What was read in this process and the record does not say; all of it for a new record.
    package func block(whole: Bool) -> [UInt8] {
        state.withLock { state in
            var writer = RecordWriter(format)
            let told = state.entries.filter { whole ? $0.value.isUsed : $0.value.isUsed && !$0.value.isRecorded }
            writer.put(Array(told)) { Self.write($1.key, $1.value, &$0) }
            // What has findings is read again.
            writer.put(whole ? [] : Array(state.dropped)) { $0.put($1) }
            let files = whole ? state.usedFiles : state.changedFiles
            let known = files.compactMap { key in state.files[key].map { (key, $0) } }
            writer.put(known) { writer, file in
                writer.put(file.0)
                writer.put(file.1.mark)
                writer.put(file.1.digest)
            }
            return writer.finished()
        }
    }

    /// Whether the record says everything.
    package var isRecorded: Bool {
        state.withLock { state in
            state.dropped.isEmpty && state.changedFiles.isEmpty
                && state.entries.values.allSatisfy { $0.isUsed && $0.isRecorded }
        }
    }

    private static func readEntry(_ reader: inout RecordReader) -> (String, Entry) {
        let path = reader.text()
        let head = reader.blob()
        let headDigest = reader.digest()
        let tags = reader.values { reader in
            (tag: reader.text(), position: SourcePosition(path: path, line: reader.number(), column: reader.number()))
        }
        let references = reader.values { reader in
            FileReference(destination: reader.text(), tags: reader.values { $0.text() })
        }
        let known = SourceFile.Known(
            digest: reader.digest(), mark: reader.mark(), isText: reader.flag(), isPlain: reader.flag())
        return (
            path,
            Entry(
                head: head, headDigest: headDigest, tags: tags, references: references, known: known, isRecorded: true)
        )
    }

    private static func write(_ path: String, _ entry: Entry, _ writer: inout RecordWriter) {
        writer.put(path)
        writer.put(entry.head)
        writer.put(entry.headDigest)
        writer.put(entry.tags) { writer, tag in
            writer.put(tag.tag)
            writer.put(tag.position.line)
            writer.put(tag.position.column)
        }
        writer.put(entry.references) { writer, reference in
            writer.put(reference.destination)
            writer.put(reference.tags) { $0.put($1) }
        }
        // Always: it is taken of every file that is read for a record.
        writer.put(entry.known.digest!)
        writer.put(entry.known.mark)
        writer.put(entry.known.isText)
        writer.put(entry.known.isPlain)
    }

    func read(_ place: ContentLayout.PagePlace) -> (source: PageSource?, diagnostics: [Diagnostic]) {
        opening.wait()
        let path = place.file.path
        // A process that goes on walks the tree once and reads later; any other has just walked it.
        if trustsMarks, let mark = isLongLived ? FileMark(place.file.location) : place.file.mark,
            let entry = use(path, mark)
        {
            if let source = entry.source, source.place == place { return (source, []) }
            if let source = source(place, entry) {
                if isLongLived { state.withLock { $0.entries[path]?.source = source } }
                return (source, [])
            }
        }
        var result = PageSource.read(place)
        if isLongLived { result.source?.reading = readings.add(1, ordering: .relaxed).newValue }
        guard let source = result.source, source.known.mark.isSettled, result.diagnostics.isEmpty else {
            state.withLock { state in
                if state.entries.removeValue(forKey: path) != nil { state.dropped.insert(path) }
            }
            return result
        }
        state.withLock { state in
            state.entries[path] = Entry(
                head: source.headBytes, headDigest: source.headDigest, tags: source.tags, references: source.references,
                known: source.known,
                source: isLongLived ? source : nil, isUsed: true)
        }
        return result
    }

    /// What is known of a file that is in this state.
    private func use(_ path: String, _ mark: FileMark) -> Entry? {
        state.withLock { state in
            guard let index = state.entries.index(forKey: path), state.entries.values[index].known.mark == mark else {
                return nil
            }
            state.entries.values[index].isUsed = true
            return state.entries.values[index]
        }
    }

    private func source(_ place: ContentLayout.PagePlace, _ entry: Entry) -> PageSource? {
        var found: [Diagnostic] = []
        let head = YAMLNode.parse(head: entry.head[...], path: place.file.path, firstLine: 2, diagnostics: &found)
        guard found.isEmpty else { return nil }
        return PageSource(
            place: place,
            head: head?.namingVisibility ?? YAMLNode(value: .map([]), position: SourcePosition(path: place.file.path)),
            headDigest: entry.headDigest, headBytes: entry.head, tags: entry.tags, references: entry.references,
            known: entry.known,
            reading: isLongLived ? readings.add(1, ordering: .relaxed).newValue : 0)
    }

    /// The digest of a file that is not a page.
    package func digest(of location: String) throws(FileError) -> SHA256Digest {
        opening.wait()
        if trustsMarks, let mark = FileMark(location),
            let entry = state.withLock({ state in
                state.usedFiles.insert(location)
                return state.files[location]
            }), entry.mark == mark
        {
            return entry.digest
        }
        let (bytes, mark) = try FileSystem.readMarked(location)
        let digest = SHA256Digest(of: bytes)
        state.withLock { state in
            state.usedFiles.insert(location)
            state.changedFiles.insert(location)
            state.files[location] = mark.isSettled ? (mark, digest) : nil
        }
        return digest
    }

    /// A page made before from the same reading under the same cascades, or what `make` makes of it.
    func page(
        _ path: String, _ key: LoadedKey, _ make: () -> (LoadedPage, [Diagnostic])
    ) -> (LoadedPage, [Diagnostic]) {
        if let known = loaded.withLock({ $0[path] }), known.key == key { return known.result }
        let result = make()
        loaded.withLock { $0[path] = (key, result) }
        return result
    }
}
