import CBytes
import Foundation

/// Finds what a reader would take for a mark that hides something, however it was typed.
///
/// The directive syntax is strict; people are not. Whatever is left of these outside code after the marks were read is
/// a mistake that would show what was meant to be hidden. Text is folded first: width and presentation (NFKC), case, look-
/// alike letters, every space, colon and bracket to one kind; characters without width and accents are left out.
package enum VisibilityMarks {
    /// How many there are.
    package static func count(in text: some Collection<UInt8>, linesAreText: Bool = true) -> Int {
        find(in: Array(text), linesAreText: linesAreText).count
    }

    /// False where none can stand, which is nearly everywhere: one look, without folding.
    package static func mayStand(in bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        bytes.baseAddress.map { xm_may_hold_mark($0, bytes.count) } ?? false
    }

    package static func mayStand(in text: String) -> Bool {
        var text = text
        return text.withUTF8 { mayStand(in: $0) }
    }

    /// Byte offsets, rising. Each of these is one, the last three where lines are running text and no keys or titles:
    /// - three colons or more that begin a line or follow a space, a bracket or punctuation;
    /// - a colon that begins a line, then 内网;
    /// - a colon, then `intranet`, whatever follows; with spaces between where the line begins so or a bracket follows;
    /// - a colon, then `only`, 内网 or 内部, then an opening bracket;
    /// - 仅限内网 or 仅内部, then a square or curly bracket;
    /// - one of these words and a colon between square or curly brackets;
    /// - two marks of punctuation or more at the start of a line, then one of these words;
    /// - a line that begins with one of these words between square or curly brackets, or the word and a square or curly bracket;
    /// - a line that begins with `visibility` or 可见, a colon and a tag.
    package static func find(in text: [UInt8], linesAreText: Bool = true) -> [Int] {
        text.withUnsafeBufferPointer { mayStand(in: $0) } ? look(in: text, linesAreText: linesAreText) : []
    }

    /// The same without the quick look before it.
    package static func look(in text: [UInt8], linesAreText: Bool = true) -> [Int] {
        var found: [Int] = []
        var reader = LineReader(text)
        while let line = reader.next() { line.find(&found, isText: linesAreText) }
        return found
    }

    // MARK: Folding

    /// One folded character and where it begins in the text.
    fileprivate struct Folded {
        let character: Sign
        let offset: Int
        /// Whether the text holds it as an ASCII byte, unfolded.
        let isPlain: Bool
        /// `>`
        var isQuoteMark = false
    }

    /// What matters of a character.
    fileprivate enum Sign: Equatable {
        case letter(UInt8)
        case digit
        case han(UInt32)
        case space
        case colon
        case semicolon
        /// Round, square or curly; quotation marks too.
        case open(Bracket)
        case close
        /// Punctuation that Markdown gives a meaning at the start of a line: `# - * + > | ` ~ = _ ! \`.
        case markup
        case punctuation
        case other
    }

    fileprivate enum Bracket { case round, square, curly, angle, quote }

    /// Folds a text line by line.
    private struct LineReader {
        private let text: [UInt8]
        private var i = 0

        init(_ text: [UInt8]) { self.text = text }

        mutating func next() -> Line? {
            guard i < text.count else { return nil }
            var characters: [Folded] = []
            while i < text.count, text[i] != 0x0A {
                let byte = text[i]
                if byte < 0x80 {
                    characters.append(
                        Folded(
                            character: Self.ascii(byte), offset: i, isPlain: true,
                            isQuoteMark: byte == UInt8(ascii: ">")))
                    i += 1
                    continue
                }
                let length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
                let end = min(i + length, text.count)
                if let scalar = String(decoding: text[i..<end], as: UTF8.self).unicodeScalars.first {
                    for folded in VisibilityMarks.folded(scalar) {
                        characters.append(Folded(character: folded, offset: i, isPlain: false))
                    }
                }
                i = end
            }
            i += 1
            return Line(characters: characters)
        }

        static func ascii(_ byte: UInt8) -> Sign {
            switch byte {
            case 0x41...0x5A, 0x61...0x7A: .letter(byte | 0x20)
            case 0x30...0x39: .digit
            case 0x20, 0x09, 0x0B, 0x0C, 0x0D: .space
            case UInt8(ascii: ":"): .colon
            case UInt8(ascii: ";"): .semicolon
            case UInt8(ascii: "("): .open(.round)
            case UInt8(ascii: "["): .open(.square)
            case UInt8(ascii: "{"): .open(.curly)
            case UInt8(ascii: "<"): .open(.angle)
            case UInt8(ascii: "\""), UInt8(ascii: "'"): .open(.quote)
            case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): .close
            case UInt8(ascii: "#"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ">"),
                UInt8(ascii: "|"), UInt8(ascii: "`"), UInt8(ascii: "~"), UInt8(ascii: "="), UInt8(ascii: "_"),
                UInt8(ascii: "!"), UInt8(ascii: "\\"):
                .markup
            default: .punctuation
            }
        }
    }

    /// What a scalar outside ASCII folds into: nothing, or one character and more.
    fileprivate static func folded(_ scalar: Unicode.Scalar) -> [Sign] {
        switch scalar.value {
        // Dashes and ellipses belong to running text.
        case 0x2014, 0x2015, 0x2026, 0x22EF: return [.other]
        // Colons, ratios, two dots above one another.
        case 0xFF1A, 0xFE55, 0xFE13, 0x2236, 0x02D0, 0x02F8, 0xA789, 0x0589, 0x05C3, 0x0703, 0x0704, 0x16EC, 0x1804,
            0x205A,
            0x1361:
            return [.colon]
        case 0x2237, 0x2A74: return [.colon, .colon]
        case 0xFF1B, 0xFE14, 0xFE54, 0x037E, 0x204F: return [.semicolon]
        case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0x20000...0x3FFFD: return [.han(scalar.value)]
        case 0x3000: return [.space]
        case 0x201C, 0x2018, 0xFF02, 0xFF07: return [.open(.quote)]
        case 0x201D, 0x2019: return [.close]
        case 0xFF1C, 0x3008, 0x300A, 0x2039, 0xAB: return [.open(.angle)]
        case 0x3010, 0x3014, 0x3016, 0x3018, 0x301A, 0xFF3B, 0x300C, 0x300E, 0xFE3B, 0xFE39, 0xFE47:
            return [.open(.square)]
        case 0xFF5B, 0xFE37: return [.open(.curly)]
        case 0xFF08, 0xFE59, 0xFE35: return [.open(.round)]
        default: break
        }
        let properties = scalar.properties
        if properties.isDefaultIgnorableCodePoint || properties.canonicalCombiningClass != .notReordered { return [] }
        if properties.isWhitespace { return [.space] }
        switch properties.generalCategory {
        case .format, .nonspacingMark, .enclosingMark: return []
        case .openPunctuation, .initialPunctuation: return [.open(.square)]
        case .closePunctuation, .finalPunctuation: return [.close]
        default: break
        }
        if let letter = lookalikes[scalar] { return [.letter(letter)] }
        let compatible = String(Character(scalar)).decomposedStringWithCompatibilityMapping.lowercased()
        var characters: [Sign] = []
        for part in compatible.unicodeScalars {
            if part.value < 0x80 {
                characters.append(LineReader.ascii(UInt8(part.value)))
            } else if let letter = lookalikes[part] {
                characters.append(.letter(letter))
            } else if part.properties.canonicalCombiningClass == .notReordered {
                characters.append(kind(of: part))
            }
        }
        return characters
    }

    private static func kind(of scalar: Unicode.Scalar) -> Sign {
        if isHan(scalar.value) { return .han(scalar.value) }
        if scalar.properties.isAlphabetic { return .other }
        return scalar.properties.numericType != nil ? .digit : .punctuation
    }

    /// Letters of other scripts that look like one of `intranet` and `only` (confusables of UTS #39).
    private static let lookalikes: [Unicode.Scalar: UInt8] = {
        let rows: [(UInt8, String)] = [
            (UInt8(ascii: "i"), "ıɩιіɪӏⅰꙇΙІ"), (UInt8(ascii: "n"), "ոռɴոνпήηղ"), (UInt8(ascii: "t"), "тτᴛΤТţŧ"),
            (UInt8(ascii: "r"), "гᴦʀⲅꭇɾ"), (UInt8(ascii: "a"), "аαɑΑАᴀ"), (UInt8(ascii: "e"), "еєеҽΕЕᴇℯɛ"),
            (UInt8(ascii: "o"), "оοօσΟОᴏⲟ"), (UInt8(ascii: "l"), "ӏⅼןІıʟ"), (UInt8(ascii: "y"), "уүγуҮУʏỿ"),
        ]
        var map: [Unicode.Scalar: UInt8] = [:]
        for (letter, alike) in rows {
            for scalar in alike.unicodeScalars where map[scalar] == nil { map[scalar] = letter }
        }
        return map
    }()

    // MARK: Looking

    fileprivate struct Line {
        let characters: [Folded]

        private static let intranet = Array("intranet".utf8)
        private static let only = Array("only".utf8)
        private static let visibility = Array("visibility".utf8)
        private static let tags: [[UInt8]] = ["intranet", "internal", "public"].map { Array($0.utf8) }

        /// 内网 in either script; 内部, which running text has more often; either behind 仅, 仅限 or 限.
        private enum Word { case intranet, only, network, inner, limited }

        func find(_ found: inout [Int], isText: Bool) {
            // Behind the marks of quotes.
            var start = skip(0)
            while start < characters.count, characters[start].character == .markup, characters[start].isQuoteMark {
                start = skip(start + 1)
            }
            var last = -1
            func add(_ i: Int) {
                if characters[i].offset > last {
                    found.append(characters[i].offset)
                    last = characters[i].offset
                }
            }
            if isText, let i = lineMark(start) { add(i) }
            var i = 0
            while i < characters.count {
                guard characters[i].character == .colon else {
                    if let (word, end) = word(i), isBare(i, word, end) {
                        add(i)
                        i = end
                        continue
                    }
                    if isText || !characters[i].isPlain, isSquare(i), isLabel(i) { add(i) }
                    i += 1
                    continue
                }
                var end = i
                while end < characters.count, characters[end].character == .colon { end += 1 }
                if let wordEnd = markEnd(i, end, start) {
                    add(i)
                    end = wordEnd
                } else if isFence(i, end) {
                    add(i)
                }
                i = end
            }
        }

        private func skip(_ i: Int) -> Int {
            var i = i
            while i < characters.count, characters[i].character == .space { i += 1 }
            return i
        }

        private func isFence(_ i: Int, _ end: Int) -> Bool {
            guard end - i >= 3 else { return false }
            guard i > 0 else { return true }
            // In quotes and lists too.
            switch characters[i - 1].character {
            // Of punctuation, the comma of the cell before in a row of CSV.
            case .space, .markup, .open, .close, .semicolon, .punctuation: return true
            default: return false
            }
        }

        /// The end of a word that makes a mark with the colons before it.
        private func markEnd(_ i: Int, _ end: Int, _ start: Int) -> Int? {
            let at = skipMarkup(end)
            guard let (word, wordEnd) = word(at) else { return nil }
            let after = skipMarkup(wordEnd)
            let opens = after < characters.count && isOpen(after)
            let isMark =
                switch word {
                case .intranet: at == end || opens || i == start || i > 0 && !characters[i].isPlain
                case .only, .limited: opens || (i == start && end - i >= 2)
                case .network: opens && isMarkBracket(after) || i == start
                case .inner: opens && isMarkBracket(after) || (i == start && end - i >= 2)
                }
            return isMark ? wordEnd : nil
        }

        /// Spaces and marks of emphasis and code, which do not part a mark from what it hides.
        private func skipMarkup(_ i: Int) -> Int {
            var i = i
            while i < characters.count, characters[i].character == .space || characters[i].character == .markup {
                i += 1
            }
            return i
        }

        /// Running text explains the word 内网 in round brackets and quotes.
        private func isSquare(_ i: Int) -> Bool {
            characters[i].character == .open(.square) || characters[i].character == .open(.curly)
        }

        private func isOpen(_ i: Int) -> Bool { if case .open = characters[i].character { true } else { false } }

        /// A square or curly bracket that begins no number of a document, as in 〔2026〕3号.
        private func isMarkBracket(_ i: Int) -> Bool {
            guard isSquare(i) else { return false }
            let year = characters[(i + 1)...].prefix(4)
            let close = i + 1 + year.count
            return
                !(year.count == 4 && year.allSatisfy { $0.character == .digit } && close + 1 < characters.count
                && characters[close].character == .close && characters[close + 1].character == .digit)
        }

        /// `[intranet: …]`, `【内网：…】`, but the text of a Markdown link.
        private func isLabel(_ i: Int) -> Bool {
            guard let (word, end) = word(skip(i + 1)), word != .only, end < characters.count,
                characters[end].character == .colon
            else { return false }
            let rest = characters[end...].prefix(256)
            guard let close = rest.firstIndex(where: { $0.character == .close }), close + 1 < characters.count else {
                return true
            }
            return !(characters[close + 1].isPlain && characters[close + 1].character == .open(.round))
        }

        /// `intranet[…]` without a colon before it: square and curly brackets only, since words in round ones explain.
        private func isBare(_ i: Int, _ word: Word, _ end: Int) -> Bool {
            guard end < characters.count else { return false }
            if word == .limited { return isMarkBracket(end) }
            guard word == .intranet else { return false }
            if i > 0, case .letter = characters[i - 1].character { return false }
            switch characters[end].character {
            case .open(.square), .open(.curly): return !isLink(i, end)
            default: return false
            }
        }

        /// The text of a Markdown link: `[intranet][…]`.
        private func isLink(_ i: Int, _ end: Int) -> Bool {
            i > 0 && characters[i - 1].character == .open(.square) && characters[end].isPlain
        }

        /// What a whole line says: where its mark begins.
        private func lineMark(_ start: Int) -> Int? {
            guard start < characters.count else { return nil }
            if isTagLine(start) { return start }
            // Punctuation that Markdown does not know, then the word.
            var i = start
            var brackets = 0
            punctuation: while i < characters.count {
                switch characters[i].character {
                case .punctuation, .semicolon, .colon: break
                case .open(.square), .open(.curly): brackets += 1
                default: break punctuation
                }
                i += 1
            }
            guard i > start else { return nil }
            let at = skip(i)
            guard let (word, end) = word(at) else { return nil }
            let after = skip(end)
            if brackets > 0 {
                guard word != .only, after < characters.count, characters[after].character == .close || isOpen(after)
                else {
                    return nil
                }
                // A Markdown link or its definition, and running text in parentheses.
                let isLink =
                    characters[start].isPlain && characters[start].character == .open(.square)
                    && after + 1 < characters.count && characters[after + 1].isPlain
                    && [.open(.round), .open(.square), .colon].contains(characters[after + 1].character)
                return isLink ? nil : start
            }
            let opens = after < characters.count && isOpen(after)
            return i - start >= 2 && (word != .only || opens) ? start : nil
        }

        /// `visibility: intranet` or 可见：内网 in the text.
        private func isTagLine(_ start: Int) -> Bool {
            var end = matches(start, Self.visibility)
            if end == nil, han(start, 0x53EF), han(start + 1, 0x89C1) {
                end = start + 2
                // 可见性, 可见范围
                if han(start + 2, 0x6027) { end = start + 3 }
                if han(start + 2, 0x8303), han(start + 3, 0x56F4) { end = start + 4 }
            }
            guard let end else { return false }
            let colon = skip(end)
            guard colon < characters.count, [.colon, .semicolon, .markup].contains(characters[colon].character) else {
                return false
            }
            let at = skip(colon + 1)
            if let (word, end) = word(at) { return word != .inner || isEnd(end) }
            return Self.tags.contains { matches(at, $0) != nil } || isOpenTag(at)
        }

        /// 公开, and nothing after it.
        private func isOpenTag(_ i: Int) -> Bool {
            han(i, 0x516C) && han(i + 1, 0x5F00) && isEnd(i + 2)
        }

        /// Whether a word ends here.
        private func isEnd(_ i: Int) -> Bool {
            i == characters.count || [.space, .punctuation, .close].contains(characters[i].character)
        }

        private func han(_ i: Int, _ value: UInt32) -> Bool {
            i < characters.count && characters[i].character == .han(value)
        }

        /// The end of a word of letters that begins at `i`; nil where another stands there, or letters follow.
        private func matches(_ i: Int, _ letters: [UInt8]) -> Int? {
            guard i + letters.count <= characters.count else { return nil }
            for (k, letter) in letters.enumerated() where characters[i + k].character != .letter(letter) { return nil }
            if i + letters.count < characters.count, case .letter = characters[i + letters.count].character {
                return nil
            }
            return i + letters.count
        }

        private func word(_ i: Int) -> (Word, Int)? {
            guard i < characters.count else { return nil }
            switch characters[i].character {
            case .letter:
                if let end = matches(i, Self.intranet) ?? nearly(i) { return (.intranet, end) }
                return matches(i, Self.only).map { (.only, $0) }
            // 仅, 仅限, 限
            case .han(0x4EC5): return network(han(i + 1, 0x9650) ? i + 2 : i + 1).map { (.limited, $0.end) }
            case .han(0x9650): return network(i + 1).map { (.limited, $0.end) }
            default: return network(i).map { ($0.isInner ? .inner : .network, $0.end) }
            }
        }

        /// 内网 or 内部, in simplified or traditional script.
        private func network(_ i: Int) -> (end: Int, isInner: Bool)? {
            guard han(i, 0x5185) || han(i, 0x5167) else { return nil }
            if han(i + 1, 0x90E8) { return (i + 2, true) }
            return han(i + 1, 0x7F51) || han(i + 1, 0x7DB2) ? (i + 2, false) : nil
        }

        /// The end of a word that is `intranet` but for one letter left out, doubled, changed or exchanged.
        private func nearly(_ i: Int) -> Int? {
            var letters: [UInt8] = []
            var end = i
            while end < characters.count, letters.count <= 9, case .letter(let letter) = characters[end].character {
                letters.append(letter)
                end += 1
            }
            guard (7...9).contains(letters.count), letters.first == UInt8(ascii: "i"),
                letters != Array("internet".utf8),
                end < characters.count, isOpen(end)
            else { return nil }
            return editDistance(letters, Self.intranet) == 1 ? end : nil
        }
    }
}
