import Glibc
import PortalBase

/// Notices changes in folders by comparing what `stat` says of every file.
struct TreeWatcher {
    private let folders: [String]
    private var known: [String: Mark]

    private struct Mark: Equatable {
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    init(folders: [String]) {
        self.folders = folders
        known = Self.marks(folders)
    }

    mutating func hasChanged() -> Bool {
        let current = Self.marks(folders)
        defer { known = current }
        return current != known
    }

    private static func marks(_ folders: [String]) -> [String: Mark] {
        var marks: [String: Mark] = [:]
        for folder in folders {
            // A folder that cannot be listed now (being replaced, say) is looked at again next time.
            guard let files = try? FileSystem.filesBelow(folder) else { continue }
            for file in files {
                var info = stat()
                guard stat(folder + "/" + file, &info) == 0 else { continue }
                marks[folder + "/" + file] = Mark(
                    inode: UInt(info.st_ino), size: Int(info.st_size), seconds: info.st_mtim.tv_sec,
                    nanoseconds: info.st_mtim.tv_nsec)
            }
        }
        return marks
    }
}
