import CLinux
import Glibc
import PortalBase
import Synchronization

/// Changes to the output folder: staged beside it, then applied file by file under a journal.
///
/// Nothing that is served changes before `commit`. A process that dies while committing leaves a journal, and
/// `recover` finishes its work; one that dies before leaves only a stage, which `recover` removes.
final class OutputTransaction: Sendable {
    /// Root of all trees, such as `Output`.
    let root: String
    private let stage: String
    private let journal: String
    private let lock: FileLock

    private struct State {
        /// Trees and files at the root before anything was staged.
        var existing: Set<String> = []
        /// Trees that were not there: what is staged for them is renamed into place as a whole.
        var newTrees: Set<String> = []
        var puts: [String] = []
        var deletes: [String] = []
        var changed = 0
        var unchanged = 0
    }
    private let state = Mutex(State())

    private static let journalFormat = "xinmi-journal/1"

    /// Takes the folder's lock and finishes or rolls back what an earlier process left.
    init(root: String) throws(FileError) {
        self.root = root
        stage = root + "/.stage"
        journal = root + "/.journal.json"
        try FileSystem.makeDirectories(root)
        lock = try FileLock(root + "/.lock")
        try recover()
        let existing = Set(try FileSystem.list(root).map(\.name))
        state.withLock { $0.existing = existing }
    }

    /// Whether the tree that a path lies in was not there before.
    func isNew(_ path: String) -> Bool {
        guard let slash = path.utf8.firstIndex(of: UInt8(ascii: "/")) else { return false }
        let tree = String(path[..<slash])
        return state.withLock { state in
            if state.newTrees.contains(tree) { return true }
            guard !state.existing.contains(tree) else { return false }
            state.newTrees.insert(tree)
            return true
        }
    }

    /// Declares that files are as they shall be, as the caller knows.
    func keep(_ count: Int) { state.withLock { $0.unchanged += count } }

    /// Declares that `path` (below the root) shall hold `bytes`; staged only if it does not already.
    func put(_ path: String, _ bytes: [UInt8]) throws(FileError) {
        let target = root + "/" + path
        let isNew = isNew(path)
        if !isNew, FileSystem.kind(target) == .file, try FileSystem.read(target) == bytes { return keep(1) }
        let staged = stage + "/" + path
        if path.hasSuffix("/index.html") {
            // A page has a folder to itself.
            try FileSystem.makeDirectories(FileSystem.parent(staged))
            try FileSystem.write(bytes, to: staged)
        } else {
            do {
                try FileSystem.write(bytes, to: staged)
            } catch {
                guard error.code == ENOENT else { throw error }
                try FileSystem.makeDirectories(FileSystem.parent(staged))
                try FileSystem.write(bytes, to: staged)
            }
        }
        state.withLock { state in
            state.changed += 1
            if !isNew { state.puts.append(path) }
        }
    }

    /// Declares that nothing shall be at `path`.
    func delete(_ path: String) {
        state.withLock { $0.deletes.append(path) }
    }

    var counts: (changed: Int, deleted: Int, unchanged: Int) {
        state.withLock { ($0.changed, $0.deletes.count, $0.unchanged) }
    }

    /// Drops everything staged: the build failed. Once the journal is there, what it names must still be applied: by the next
    /// build, where this one could not.
    func abandon() throws(FileError) {
        guard FileSystem.kind(journal) == nil else { return }
        try FileSystem.removeTree(stage)
    }

    /// Applies everything. Withdrawn pages go first; assets come before the pages that need them, and old assets go
    /// after the pages that needed them.
    func commit() throws(FileError) {
        let (puts, deletes) = state.withLock { state in
            (state.puts + state.newTrees.filter { FileSystem.kind(stage + "/" + $0) == .directory }, state.deletes)
        }
        guard !puts.isEmpty || !deletes.isEmpty else {
            try FileSystem.removeTree(stage)
            return
        }
        func isAsset(_ path: String) -> Bool { path.split(separator: "/").dropFirst().first == "assets" }
        let sortedPuts = puts.sorted()
        let sortedDeletes = deletes.sorted()
        var operations: [JSON] = []
        for path in sortedDeletes where !isAsset(path) { operations.append(Self.delete(path)) }
        for path in sortedPuts where isAsset(path) { operations.append(Self.put(path)) }
        for path in sortedPuts where !isAsset(path) { operations.append(Self.put(path)) }
        for path in sortedDeletes where isAsset(path) { operations.append(Self.delete(path)) }
        try syncFileSystem()
        let record = JSON.object(["fmt": .string(Self.journalFormat), "operations": .array(operations)])
        try FileSystem.replaceDurably(journal, with: record.canonicalBytes)
        try apply(operations)
    }

    private static func put(_ path: String) -> JSON { .array([.string("put"), .string(path)]) }
    private static func delete(_ path: String) -> JSON { .array([.string("delete"), .string(path)]) }

    /// `put` or `delete` of a relative path of plain names below the trees' root.
    private static func isOperation(_ operation: JSON) -> Bool {
        guard let parts = operation.array, parts.count == 2, let verb = parts[0].string,
            verb == "put" || verb == "delete", let path = parts[1].string, path.utf8.count <= 4_096
        else { return false }
        return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(0)
        }
    }

    private func recover() throws(FileError) {
        if FileSystem.kind(journal) == .file {
            // A journal of this program is whole, since it is replaced atomically. A damaged or foreign one, or one that
            // names a path outside the trees, is set aside and none of it done; a failing disk throws.
            let bytes = try FileSystem.read(journal, limit: 256 << 20)
            guard let record = try? JSON(parsing: bytes),
                record["fmt"] == .string(Self.journalFormat), let operations = record["operations"]?.array,
                operations.allSatisfy(Self.isOperation)
            else {
                try FileSystem.rename(journal, root + "/.journal.refused")
                try FileSystem.removeTree(stage)
                return
            }
            try apply(operations)
        }
        try FileSystem.removeTree(stage)
    }

    /// Idempotent: a staged file that is gone was already moved.
    private func apply(_ operations: [JSON]) throws(FileError) {
        var emptied: Set<String> = []
        for operation in operations {
            guard let parts = operation.array, parts.count == 2, let verb = parts[0].string, let path = parts[1].string
            else { continue }
            let target = root + "/" + path
            // A path below a symbolic link leads out of the tree: nothing is deleted or written there.
            if passesLink(path) {
                if verb == "delete" { continue }
                throw FileError("open", target, code: ELOOP)
            }
            if verb == "delete" {
                // Done already where the path has become a folder, or lies below what has become a file.
                if [.file, .symlink].contains(FileSystem.kind(target)) { try FileSystem.remove(target) }
                emptied.insert(FileSystem.parent(path))
            } else if FileSystem.kind(stage + "/" + path) != nil {
                try makeRoom(for: path)
                try FileSystem.rename(stage + "/" + path, target)
            }
        }
        for folder in emptied.sorted(by: { $0.utf8.count > $1.utf8.count }) {
            var current = folder
            while current.contains("/") {
                let isGone = FileSystem.kind(root + "/" + current) == nil
                guard isGone || FileSystem.removeEmptyDirectory(root + "/" + current) else { break }
                current = FileSystem.parent(current)
            }
        }
        try syncFileSystem()
        try FileSystem.remove(journal)
        try FileSystem.removeTree(stage)
    }

    private func passesLink(_ path: String) -> Bool {
        var prefix = root
        // The tree itself may be one: that is the operator's own choice.
        for (depth, part) in path.split(separator: "/").dropLast().enumerated() {
            prefix += "/" + part
            if depth > 0, FileSystem.kind(prefix) == .symlink { return true }
        }
        return false
    }

    /// A file may stand where a folder is wanted, or an emptied folder where a file is.
    private func makeRoom(for path: String) throws(FileError) {
        var prefix = root
        for part in path.split(separator: "/").dropLast() {
            prefix += "/" + part
            if FileSystem.kind(prefix) == .file { try FileSystem.remove(prefix) }
        }
        try FileSystem.makeDirectories(prefix)
        if FileSystem.kind(root + "/" + path) == .directory { try FileSystem.removeTree(root + "/" + path) }
    }

    /// Everything written so far reaches the disk: the stage before the journal names it, the result before the
    /// journal goes.
    private func syncFileSystem() throws(FileError) { try Directory(root).syncFileSystem() }
}
