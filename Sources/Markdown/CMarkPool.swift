import CCMarkGFM
import Glibc
import Synchronization

/// Private copies of cmark-gfm, lent to one thread at a time.
///
/// Copies are opened on demand, at most `maxCopies`; the loader cannot take namespaces back, so they live as long as
/// the process. Where no private copy can be had, all threads share the process's copy one after another.
final class CMarkPool: Sendable {
    static let shared = CMarkPool()

    /// glibc reserves static TLS for about 15 namespaces; other libraries may want some.
    static let maxCopies = 12

    /// A table of functions is immutable after `xm_cmark_open`, and the copy behind it is used by the thread that
    /// holds it alone: that is what makes handing it between threads sound.
    private struct Copy: @unchecked Sendable {
        let table: UnsafePointer<xm_cmark>
    }

    private struct State {
        var idle: [Copy] = []
        var opened = 0
        var canOpen = true
    }
    private let state = Mutex(State())
    private let sharedLock = Mutex(())
    private let sharedCopy: Copy?

    private init() {
        sharedCopy = xm_cmark_open(0, nil).map { Copy(table: $0) }
    }

    /// Runs `body` with a copy that no other thread uses meanwhile.
    func withCopy<T>(_ body: (UnsafePointer<xm_cmark>) -> T) -> T {
        if let copy = take() {
            defer { state.withLock { $0.idle.append(copy) } }
            return body(copy.table)
        }
        guard let sharedCopy else {
            // The loader named the library when this program started to link: without it nothing can be rendered.
            fatalError("libcmark-gfm-extensions.so.0.29.0.gfm.6 cannot be loaded; install libcmark-gfm-extensions-dev")
        }
        return sharedLock.withLock { _ in body(sharedCopy.table) }
    }

    private func take() -> Copy? {
        state.withLock { state in
            if let copy = state.idle.popLast() { return copy }
            guard state.canOpen, state.opened < Self.maxCopies, let table = xm_cmark_open(1, nil) else {
                state.canOpen = state.opened < Self.maxCopies ? false : state.canOpen
                return nil
            }
            state.opened += 1
            return Copy(table: table)
        }
    }
}

/// One parsed document: owns the tree and the parser whose extensions render it.
struct CMarkTree: ~Copyable {
    let cmark: UnsafePointer<xm_cmark>
    let root: OpaquePointer
    private let parser: OpaquePointer
    private let options: Int32

    static let extensionNames = ["table", "strikethrough", "autolink", "tagfilter", "tasklist"]

    init(_ source: [UInt8], with cmark: UnsafePointer<xm_cmark>, options: Int32, extensions: [String] = extensionNames)
    {
        self.cmark = cmark
        self.options = options
        let parser = cmark.pointee.parser_new(options)!
        for name in extensions {
            _ = cmark.pointee.parser_attach_syntax_extension(parser, cmark.pointee.find_syntax_extension(name))
        }
        source.withUnsafeBytes { buffer in
            cmark.pointee.parser_feed(parser, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
        }
        self.parser = parser
        // cmark returns no tree only when memory is gone, which it answers by aborting itself.
        root = cmark.pointee.parser_finish(parser)!
    }

    deinit {
        cmark.pointee.node_free(root)
        cmark.pointee.parser_free(parser)
    }

    func html() -> [UInt8] {
        guard let text = cmark.pointee.render_html(root, options, cmark.pointee.parser_get_syntax_extensions(parser))
        else {
            return []
        }
        defer { xm_cmark_free(cmark, text) }
        return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    /// Every node once, in document order.
    func nodes() -> [OpaquePointer] {
        var found: [OpaquePointer] = []
        guard let iterator = cmark.pointee.iter_new(root) else { return [] }
        while true {
            let event = cmark.pointee.iter_next(iterator)
            if event == CMARK_EVENT_DONE { break }
            if event == CMARK_EVENT_ENTER, let node = cmark.pointee.iter_get_node(iterator) { found.append(node) }
        }
        cmark.pointee.iter_free(iterator)
        return found
    }
}
