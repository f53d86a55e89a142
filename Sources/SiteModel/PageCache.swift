import PortalBase
import Synchronization

/// Page files that were read before, for a process that reads the same tree again and again.
///
/// A file counts as unchanged while device, inode, size and both times are equal. Its change time must also lie some way
/// back when it was read: two writes within one tick of the file system's clock look alike.
package final class PageCache: Sendable {
    private struct Entry {
        let mark: FileMark
        let result: (source: PageSource?, diagnostics: [Diagnostic])
    }
    private let entries = Mutex<[String: Entry]>([:])

    package init() {}

    func read(_ place: ContentLayout.PagePlace) -> (source: PageSource?, diagnostics: [Diagnostic]) {
        guard let mark = FileMark(place.file.location) else { return PageSource.read(place) }
        let key = place.file.location + " " + place.file.path
        if let known = entries.withLock({ $0[key] }), known.mark == mark, known.result.source?.place == place {
            return known.result
        }
        let result = PageSource.read(place)
        entries.withLock { $0[key] = mark.isSettled ? Entry(mark: mark, result: result) : nil }
        return result
    }
}
