/// Addresses that stand side by side in running Chinese text, as in `https://a.example/x、https://b.example/y`: the parser
/// takes all of it for one.
enum AddressRun {
    struct Piece: Equatable {
        let text: String
        let isAddress: Bool
    }

    /// An address ends at full-width punctuation and at the wide space; behind it, `http://`, `https://` or `www.` in any case
    /// begins the next. The pieces joined are the text; it is read once.
    static func pieces(of text: String) -> [Piece] {
        let scalars = Array(text.unicodeScalars)
        var pieces: [Piece] = []
        var (start, i) = (0, 0)
        var isAddress = begins(scalars, 0)
        func end(at end: Int) {
            if end > start {
                var view = String.UnicodeScalarView()
                view.append(contentsOf: scalars[start..<end])
                pieces.append(Piece(text: String(view), isAddress: isAddress))
            }
            start = end
        }
        while i < scalars.count {
            if isAddress {
                if scalars[i] == "\u{3000}" || FullWidthEmphasis.isFullWidthPunctuation(scalars[i]) {
                    end(at: i)
                    isAddress = false
                }
            } else if begins(scalars, i) {
                end(at: i)
                isAddress = true
            }
            i += 1
        }
        end(at: scalars.count)
        return pieces
    }

    private static let beginnings = ["http://", "https://", "www."].map { Array($0.utf8) }

    private static func begins(_ scalars: [Unicode.Scalar], _ i: Int) -> Bool {
        beginnings.contains { beginning in
            i + beginning.count < scalars.count
                && beginning.indices.allSatisfy { k in
                    let value = scalars[i + k].value
                    return value < 0x80 && (0x41...0x5A ~= value ? value | 0x20 : value) == beginning[k]
                }
        }
    }
}
