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
        let arena: OpaquePointer

        init(_ table: UnsafePointer<xm_cmark>) {
            self.table = table
            arena = xm_arena_new()
        }

        /// Lends the copy to the calling thread, with memory that lasts until `leave`.
        func enter() -> CMark { CMark(table: table, memory: xm_arena_enter(arena)) }
        func leave() { xm_arena_leave(arena) }
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
        sharedCopy = xm_cmark_open(0, nil).map { Copy($0) }
    }

    /// Runs `body` with a copy that no other thread uses meanwhile.
    func withCopy<T>(_ body: (CMark) -> T) -> T {
        if let copy = take() {
            defer { state.withLock { $0.idle.append(copy) } }
            defer { copy.leave() }
            return body(copy.enter())
        }
        guard let sharedCopy else {
            // The loader named the library when this program started to link: without it nothing can be rendered.
            fatalError("libcmark-gfm-extensions.so.0.29.0.gfm.6 cannot be loaded; install libcmark-gfm-extensions-dev")
        }
        return sharedLock.withLock { _ in
            defer { sharedCopy.leave() }
            return body(sharedCopy.enter())
        }
    }

    private func take() -> Copy? {
        state.withLock { state in
            if let copy = state.idle.popLast() { return copy }
            guard state.canOpen, state.opened < Self.maxCopies, let table = xm_cmark_open(1, nil) else {
                state.canOpen = state.opened < Self.maxCopies ? false : state.canOpen
                return nil
            }
            state.opened += 1
            return Copy(table)
        }
    }
}

/// A copy in use: its functions, and memory that is gone when the use ends.
struct CMark {
    let table: UnsafePointer<xm_cmark>
    let memory: UnsafeMutablePointer<cmark_mem>

    func newNode(_ type: cmark_node_type) -> OpaquePointer? { table.pointee.node_new(type, memory) }
}

/// One parsed document. Its nodes lie in the memory of the copy's use and are not freed one by one.
struct CMarkTree: ~Copyable {
    let cmark: CMark
    let root: OpaquePointer
    private let parser: OpaquePointer
    private let options: Int32

    init(
        _ source: [UInt8], with cmark: CMark, options: Int32,
        extensions: [MarkdownSource.Extension] = MarkdownSource.Extension.allCases
    ) {
        self.cmark = cmark
        self.options = options
        let parser = cmark.table.pointee.parser_new(options, cmark.memory)!
        for one in extensions {
            _ = cmark.table.pointee.parser_attach_syntax_extension(
                parser, cmark.table.pointee.find_syntax_extension(one.rawValue))
        }
        source.withUnsafeBytes { buffer in
            cmark.table.pointee.parser_feed(
                parser, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
        }
        self.parser = parser
        // cmark returns no tree only when memory is gone, which it answers by aborting itself.
        root = cmark.table.pointee.parser_finish(parser)!
    }

    /// Goes over a node and all below it in the order of the document: every node is entered, and left when what is below
    /// it was gone over.
    @inline(__always)
    static func walk(
        _ top: OpaquePointer, _ functions: UnsafePointer<xm_cmark>,
        _ visit: (_ node: OpaquePointer, _ type: cmark_node_type, _ isEntering: Bool) -> Void
    ) {
        var node = top
        while true {
            let type = functions.pointee.node_get_type(node)
            visit(node, type, true)
            if type != CMARK_NODE_TEXT, let child = functions.pointee.node_first_child(node) {
                node = child
                continue
            }
            visit(node, type, false)
            while node != top {
                if let next = functions.pointee.node_next(node) {
                    node = next
                    break
                }
                guard let parent = functions.pointee.node_parent(node) else { return }
                node = parent
                visit(node, functions.pointee.node_get_type(node), false)
            }
            if node == top { return }
        }
    }

    /// Hands the HTML of cmark's own renderer to `body`, which must not keep it.
    ///
    /// The tag filter asks the C library about letters, and glibc has the answer in a private copy for the thread alone that
    /// opened it: a document with raw HTML is rendered on that thread, or not at all.
    func withHTML<T>(_ body: (UnsafeBufferPointer<UInt8>) -> T) -> T {
        guard
            let text = cmark.table.pointee.render_html(
                root, options, cmark.table.pointee.parser_get_syntax_extensions(parser), cmark.memory)
        else { return body(UnsafeBufferPointer(start: nil, count: 0)) }
        let count = strlen(text)
        return text.withMemoryRebound(to: UInt8.self, capacity: count) {
            body(UnsafeBufferPointer(start: $0, count: count))
        }
    }
}
