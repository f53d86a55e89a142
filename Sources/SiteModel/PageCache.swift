import PortalBase
import PositionedYAML
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
    private let readings = Atomic<Int>(0)

    /// Everything that a page's typed head and its findings are made from.
    struct LoadedKey: Equatable {
        let reading: Int
        let cascades: [YAMLNode]
        let configuration: SHA256Digest
        let now: Instant
    }
    private let loaded = Mutex<[String: (key: LoadedKey, result: (LoadedPage, [Diagnostic]))]>([:])

    package init() {}

    func read(_ place: ContentLayout.PagePlace) -> (source: PageSource?, diagnostics: [Diagnostic]) {
        guard let mark = FileMark(place.file.location) else { return PageSource.read(place) }
        let key = place.file.location + " " + place.file.path
        if let known = entries.withLock({ $0[key] }), known.mark == mark, known.result.source?.place == place {
            return known.result
        }
        var result = PageSource.read(place)
        result.source?.reading = readings.add(1, ordering: .relaxed).newValue
        entries.withLock { $0[key] = mark.isSettled ? Entry(mark: mark, result: result) : nil }
        return result
    }

    /// A page made before from the same reading under the same cascades, or what `make` makes of it.
    func page(
        _ path: String, _ key: LoadedKey, _ make: () -> (LoadedPage, [Diagnostic])
    ) -> (LoadedPage, [Diagnostic]) {
        guard key.reading > 0 else { return make() }
        if let known = loaded.withLock({ $0[path] }), known.key == key { return known.result }
        let result = make()
        loaded.withLock { $0[path] = (key, result) }
        return result
    }
}
