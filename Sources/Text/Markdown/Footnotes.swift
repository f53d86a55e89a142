import CCMarkGFM
import Glibc

/// The footnotes of one document, which cmark has put at its end in the order of their numbers.
struct Footnotes {
    private let functions: UnsafePointer<xm_cmark>
    /// References to each note: those that were written, and those in the notes themselves besides.
    private var written: [Int: Int] = [:]
    private var ahead: [Int: Int] = [:]
    /// The number of the note being written, from 1.
    private var current = 0
    private var isAnswered = false

    var isOpen: Bool { current > 0 }

    init(_ functions: UnsafePointer<xm_cmark>) {
        self.functions = functions
    }

    /// One more reference to a note.
    ///
    /// - Returns: the number that cmark gave the note, and which of the references to it this is, from 1.
    mutating func refer(_ reference: OpaquePointer) -> (number: Int, use: Int) {
        let number = number(reference)
        written[number, default: 0] += 1
        if isOpen { ahead[number]! -= 1 }
        return (number, written[number]!)
    }

    /// The next note.
    mutating func open(_ note: OpaquePointer) -> Int {
        if !isOpen { look(through: note) }
        current += 1
        isAnswered = false
        return current
    }

    /// References that lead to the note being written, the first time it is asked for.
    mutating func takeReferences() -> (number: Int, uses: Int)? {
        guard isOpen, !isAnswered else { return nil }
        isAnswered = true
        return (current, max(1, written[current, default: 0] + ahead[current, default: 0]))
    }

    private func number(_ reference: OpaquePointer) -> Int {
        functions.pointee.node_get_literal(reference).map { Int(strtol($0, nil, 10)) } ?? 0
    }

    /// Notes refer to each other, to earlier ones too.
    private mutating func look(through first: OpaquePointer) {
        var note: OpaquePointer? = first
        while let next = note {
            CMarkTree.walk(next, functions) { node, type, isEntering in
                if isEntering, type == CMARK_NODE_FOOTNOTE_REFERENCE { ahead[number(node), default: 0] += 1 }
            }
            note = functions.pointee.node_next(next)
        }
    }
}
