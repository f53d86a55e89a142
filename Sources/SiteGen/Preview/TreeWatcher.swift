import PortalBase

/// Notices changes in folders by comparing what `stat` says of every file.
struct TreeWatcher {
    private let folders: [String]
    private var known: [String: FileMark]

    init(folders: [String]) {
        self.folders = folders
        known = Self.marks(folders)
    }

    mutating func hasChanged() -> Bool {
        let current = Self.marks(folders)
        defer { known = current }
        return current != known
    }

    private static func marks(_ folders: [String]) -> [String: FileMark] {
        var marks: [String: FileMark] = [:]
        for folder in folders {
            // A folder that cannot be listed now (being replaced, say) is looked at again next time.
            guard let files = try? FileSystem.filesBelow(folder) else { continue }
            for file in files {
                marks[folder + "/" + file] = FileMark(folder + "/" + file)
            }
        }
        return marks
    }
}
