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
    /// - a colon, then `only`, `internal`, 内网, 内部 or 隐藏, then an opening bracket; the word may have spaces in it;
    /// - a colon and one of these words between square brackets;
    /// - a colon, then 内网 with a character that looks or sounds like one of the two, and a bracket;
    /// - 仅内网 or 仅限内网 alone between 【 and 】;
    /// - 内网 or 仅限内网, then a square or curly bracket that is no link and no reference;
    /// - one of these words and a colon between square or curly brackets, or a tag as the next but one has it;
    /// - two marks of punctuation or more at the start of a line, then one of these words;
    /// - a line that begins with one of these words between brackets, or with the word and a square or curly bracket;
    /// - a line that begins with `visibility` or 可见, a colon and a tag;
    /// - a table with such a column, and a tag in a row below.
    package static func find(in text: [UInt8], linesAreText: Bool = true) -> [Int] {
        text.withUnsafeBufferPointer { mayStand(in: $0) } ? look(in: text, linesAreText: linesAreText) : []
    }

    /// The same without the quick look before it.
    package static func look(in text: [UInt8], linesAreText: Bool = true) -> [Int] {
        var found: [Int] = []
        var reader = LineReader(text)
        var column: Int?
        while let line = reader.next() {
            let first = found.count
            line.find(&found, isText: linesAreText)
            guard linesAreText else { continue }
            let row = line.row(below: column)
            column = row.column
            if found.count == first, let mark = row.mark { found.append(mark) }
        }
        return found
    }

    // MARK: Folding

    /// One folded character and where it begins in the text.
    fileprivate struct Folded {
        let character: Sign
        let offset: Int
        /// The byte of the text, where it is one of ASCII.
        var byte: UInt8?

        /// Whether the text holds it as it is, unfolded.
        var isPlain: Bool { byte != nil }

        func isByte(_ sign: Unicode.Scalar) -> Bool { byte == UInt8(ascii: sign) }
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
        /// Punctuation that Markdown gives a meaning at the start of a line: `# - * + > | ` ~ = _ \`.
        case markup
        case punctuation
        case other
    }

    /// Brackets of titles and numbers, as in 【…】 and 〔…〕, may be square ones too.
    fileprivate enum Bracket { case round, square, title, curly, angle, quote }

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
                if byte == UInt8(ascii: "&"), let (scalar, end) = reference(i) {
                    append(scalar, at: i, to: &characters)
                    i = end
                    continue
                }
                if byte < 0x80 {
                    characters.append(Folded(character: Self.ascii(byte), offset: i, byte: byte))
                    i += 1
                    continue
                }
                let length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
                let end = min(i + length, text.count)
                if let scalar = String(decoding: text[i..<end], as: UTF8.self).unicodeScalars.first {
                    append(scalar, at: i, to: &characters)
                }
                i = end
            }
            i += 1
            return Line(characters: characters)
        }

        private func append(_ scalar: Unicode.Scalar, at offset: Int, to characters: inout [Folded]) {
            if scalar.isASCII {
                characters.append(Folded(character: Self.ascii(UInt8(scalar.value)), offset: offset))
            } else {
                for folded in VisibilityMarks.folded(scalar) {
                    characters.append(Folded(character: folded, offset: offset))
                }
            }
        }

        /// The character that a reference of HTML at `i` stands for, and where the reference ends: any by number, by name
        /// those that a mark is made of or hides behind.
        private func reference(_ i: Int) -> (Unicode.Scalar, Int)? {
            guard let end = text[i...].prefix(24).firstIndex(of: UInt8(ascii: ";")) else { return nil }
            let name = String(decoding: text[(i + 1)..<end], as: UTF8.self)
            guard name.hasPrefix("#") else { return Self.named[name].map { ($0, end + 1) } }
            let isHexadecimal = name.dropFirst().first == "x" || name.dropFirst().first == "X"
            let digits = name.dropFirst(isHexadecimal ? 2 : 1)
            guard let value = UInt32(digits, radix: isHexadecimal ? 16 : 10), let scalar = Unicode.Scalar(value) else {
                return nil
            }
            return (scalar, end + 1)
        }

        private static let named: [String: Unicode.Scalar] = [
            "colon": ":", "lbrack": "[", "lsqb": "[", "lcub": "{", "lbrace": "{", "lpar": "(", "shy": "\u{AD}",
            "zwj": "\u{200D}", "zwnj": "\u{200C}", "ZeroWidthSpace": "\u{200B}", "nbsp": "\u{A0}", "ensp": "\u{2002}",
            "emsp": "\u{2003}", "thinsp": "\u{2009}", "NoBreak": "\u{2060}",
        ]

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
                UInt8(ascii: "\\"):
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
        // Quotation marks of both scripts.
        case 0x201C, 0x2018, 0xFF02, 0xFF07, 0x300C, 0x300E, 0xFF62, 0xFE41, 0xFE43: return [.open(.quote)]
        case 0x201D, 0x2019: return [.close]
        case 0x3008, 0x300A, 0x2039, 0xAB: return [.open(.quote)]
        case 0xFF1C: return [.open(.angle)]
        case 0xFF3B, 0xFE47: return [.open(.square)]
        case 0x3010, 0x3014, 0x3016, 0x3018, 0x301A, 0xFE3B, 0xFE39: return [.open(.title)]
        case 0xFF5B, 0xFE37: return [.open(.curly)]
        case 0xFF08, 0xFE59, 0xFE35: return [.open(.round)]
        default: break
        }
        let properties = scalar.properties
        if properties.isDefaultIgnorableCodePoint || properties.canonicalCombiningClass != .notReordered { return [] }
        if properties.isWhitespace { return [.space] }
        switch properties.generalCategory {
        case .format, .nonspacingMark, .enclosingMark: return []
        case .openPunctuation, .initialPunctuation: return [.open(.title)]
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
        private static let internalWord = Array("internal".utf8)
        private static let visibility = Array("visibility".utf8)
        private static let tags: [[UInt8]] = ["intranet", "internal", "public"].map { Array($0.utf8) }

        /// 内网 in either script; 内部, which running text has more often; either behind 仅, 仅限 or 限; 隐藏 and the like.
        private enum Word { case intranet, only, network, inner, limited, hidden }

        func find(_ found: inout [Int], isText: Bool) {
            // Behind the marks of quotes.
            var start = skip(0)
            while start < characters.count, characters[start].isByte(">") {
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
                    if let (word, end) = word(i), isBare(i, word, end, isFirst: i == start && isText) {
                        add(i)
                        i = end
                        continue
                    }
                    let isOfText = isText || !characters[i].isPlain
                    if isOfText && isSquare(i) && isLabel(i) || isClass(i) || isAfterSemicolon(i) { add(i) }
                    i += 1
                    continue
                }
                var end = i
                while end < characters.count, characters[end].character == .colon { end += 1 }
                if let wordEnd = markEnd(i, end, start) {
                    add(i)
                    end = wordEnd
                } else if isFence(i, end), isText || word(skipMarkup(end)) != nil {
                    // A cell of nothing but colons hides nothing by itself.
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
            // `：internal［`; behind a colon of ASCII it is read as an unknown directive, or is English.
            if !characters[i].isPlain, let end = matches(at, Self.internalWord), end < characters.count, isOpen(end) {
                return end
            }
            guard let (word, wordEnd) = word(at) else {
                return spacedWord(at) ?? bracketedWord(i, at) ?? misspeltNetwork(at)
            }
            let after = skipMarkup(wordEnd)
            // 接入网络：内网[^1]
            let isNote =
                after + 1 < characters.count && characters[after].isByte("[") && characters[after + 1].isByte("^")
            let opens = after < characters.count && isOpen(after) && !isNote
            // An explanation in English, as in `types: intranet (LAN)`, and the proper noun, as in 类型：Intranet（内网）.
            let explains = at > end && opens && (characters[after].isByte("(") || isFootnote(after))
            let isNoun = characters[at].isByte("I") && characters.dropFirst(at + 1).first?.isByte("N") != true
            let isSquared = opens && isSquare(after)
            let isMark =
                switch word {
                case .intranet:
                    !isAddress(wordEnd) && !explains && (!isNoun || isSquared && after == wordEnd)
                        && (at == end || opens || i == start || i > 0 && !characters[i].isPlain)
                case .only:
                    opens && (at == end || after == wordEnd) && !(after > wordEnd && characters[after].isByte("("))
                        || (i == start && end - i >= 2)
                case .limited: opens || (i == start && end - i >= 2)
                // 网络:内网（办公） is an ordinary entry; behind a space the colon belongs to the word.
                case .network:
                    opens && isMarkBracket(after) || i == start
                        || opens && after == wordEnd && characters[after].character == .open(.round)
                            && characters[i].isPlain && at == end && characters[i - 1].character == .space
                case .inner: opens && isMarkBracket(after) || (i == start && end - i >= 2)
                // 公开方式：不公开【依据条例】 is an ordinary line.
                case .hidden:
                    characters[i].isPlain && at == end && isSquared && characters[after].character != .open(.title)
                }
            return isMark ? wordEnd : nil
        }

        /// Whether the word that ends at `end` is part of a host name or an e-mail address.
        private func isAddress(_ end: Int) -> Bool {
            guard end + 1 < characters.count, let byte = characters[end].byte, "@.-/_".utf8.contains(byte) else {
                return false
            }
            if case .letter = characters[end + 1].character { return true }
            return false
        }

        /// The end of one of the words with spaces or marks of emphasis in it, before a bracket: `intra_net[`, `内 网【`.
        private func spacedWord(_ at: Int) -> Int? {
            var signs: [Sign] = []
            var i = at
            while i < characters.count, i - at < 24, !isOpen(i) {
                if characters[i].character != .space, characters[i].character != .markup, !characters[i].isByte("-") {
                    signs.append(characters[i].character)
                }
                i += 1
            }
            guard i < characters.count, isMarkBracket(i) else { return nil }
            return Self.words.contains(signs) ? i : nil
        }

        private static let words: [[Sign]] =
            [intranet.map { .letter($0) }]
            + [[0x5185, 0x7F51], [0x5167, 0x7DB2], [0x4EC5, 0x5185, 0x7F51], [0x4EC5, 0x9650, 0x5185, 0x7F51]].map {
                $0.map { .han($0) }
            }

        /// The end of 内网 with a character that looks or sounds like one of the two, before a square bracket: `:内纲[`.
        private func misspeltNetwork(_ at: Int) -> Int? {
            guard at + 2 < characters.count, case .han(let first) = characters[at].character,
                case .han(let second) = characters[at + 1].character,
                Self.likeInner.contains(first), Self.likeNet.contains(second),
                first == 0x5185 || first == 0x5167 || second == 0x7F51 || second == 0x7DB2
            else { return nil }
            let after = skipMarkup(at + 2)
            let isSquare = after < characters.count && characters[after].character == .open(.square)
            return isSquare && !isFootnote(after) ? at + 2 : nil
        }

        private static let likeInner = Set("内內肉纳呐讷".unicodeScalars.map(\.value))
        private static let likeNet = Set("网網纲罔刚".unicodeScalars.map(\.value))

        /// The end of a word in square brackets behind a colon, which is no link.
        private func bracketedWord(_ i: Int, _ at: Int) -> Int? {
            guard at < characters.count, characters[at].character == .open(.square), !isLink(at),
                let (word, end) = word(skip(at + 1)), word != .only, word != .inner || characters[i].isPlain,
                word != .hidden || characters[i].isPlain
            else { return nil }
            let close = skip(end)
            return close < characters.count && characters[close].character == .close ? end : nil
        }

        /// `[…]{.intranet}`
        private func isClass(_ i: Int) -> Bool {
            guard i > 0, characters[i].isByte("{"), characters[i - 1].character == .close else { return false }
            let dot = skip(i + 1)
            let at = dot < characters.count && characters[dot].isByte(".") ? dot + 1 : dot
            guard let (word, end) = word(at), word != .only else { return false }
            return end == characters.count || characters[end].character == .close || characters[end].character == .space
        }

        /// `；内网【…】`, where a finger slipped from the colon.
        private func isAfterSemicolon(_ i: Int) -> Bool {
            guard characters[i].character == .semicolon, let (word, end) = word(skipMarkup(i + 1)) else { return false }
            let after = skipMarkup(end)
            return word != .only && word != .inner && after < characters.count && isMarkBracket(after)
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
            [.open(.square), .open(.title), .open(.curly)].contains(characters[i].character)
        }

        private func isOpen(_ i: Int) -> Bool { if case .open = characters[i].character { true } else { false } }

        /// A square or curly bracket that begins no number of a document, as in 〔2026〕3号 and [豫]2026-12号.
        private func isMarkBracket(_ i: Int) -> Bool {
            guard isSquare(i) else { return false }
            let inside = characters[(i + 1)...].prefix(5).prefix { $0.character != .close }
            let close = i + 1 + inside.count
            return
                !(close + 1 < characters.count && characters[close].character == .close
                && characters[close + 1].character == .digit)
        }

        /// `[intranet: …]`, `【内网：…】`, `[visibility: intranet]`, but the text of a Markdown link.
        private func isLabel(_ i: Int) -> Bool {
            let at = skip(i + 1)
            if isTagLine(at) { return !isLink(i) }
            guard let (word, end) = word(at), word != .only, end < characters.count else { return false }
            // 甲【仅内网】
            if word == .limited, characters[i].character == .open(.title), characters[end].character == .close {
                return true
            }
            return characters[end].character == .colon && !isLink(i)
        }

        /// `intranet[…]` without a colon before it: square and curly brackets only, since words in round ones explain, and
        /// 【…】 names things behind 内网 unless a line begins with it.
        private func isBare(_ i: Int, _ word: Word, _ end: Int, isFirst: Bool) -> Bool {
            guard end < characters.count else { return false }
            let isSquare = characters[end].character == .open(.square) || characters[end].character == .open(.curly)
            switch word {
            case .intranet:
                if i > 0, case .letter = characters[i - 1].character { return false }
                // The proper noun before 【…】.
                if characters[i].isByte("I"), !isSquare { return false }
                // The text of a Markdown link: `[intranet][…]`.
                let isLink = i > 0 && characters[i - 1].character == .open(.square) && characters[end].isPlain
                return self.isSquare(end) && !isLink && !isFootnote(end)
            case .network:
                // Behind other words the bracket belongs to what is said: 部署在内网[核心区].
                var isApart = i == 0
                if i > 0 {
                    switch characters[i - 1].character {
                    case .han, .letter, .digit, .other: break
                    default: isApart = true
                    }
                }
                return isApart && isMarkBracket(end) && (isSquare || isFirst) && !isLink(end) && !isFootnote(end)
            case .limited: return isMarkBracket(end) && !isFootnote(end)
            case .inner: return isFirst && isMarkBracket(end) && !isLink(end) && !isFootnote(end)
            case .only, .hidden: return false
            }
        }

        /// `[^1]`, `[12]`
        private func isFootnote(_ i: Int) -> Bool {
            guard characters[i].isByte("["), i + 1 < characters.count else { return false }
            if characters[i + 1].isByte("^") { return true }
            let digits = characters[(i + 1)...].prefix { $0.character == .digit }
            return (1...2).contains(digits.count) && digits.endIndex < characters.count
                && characters[digits.endIndex].character == .close
        }

        /// Whether the square bracket at `i` begins a Markdown link or its definition.
        private func isLink(_ i: Int) -> Bool {
            guard characters[i].isByte("[") else { return false }
            guard let close = characters[i...].prefix(256).firstIndex(where: { $0.character == .close }),
                close + 1 < characters.count
            else { return false }
            let next = characters[close + 1]
            return next.isByte("(") || next.isByte("[") || next.isByte(":")
        }

        /// What a whole line says: where its mark begins.
        private func lineMark(_ start: Int) -> Int? {
            guard start < characters.count else { return nil }
            if isTagLine(start) { return start }
            // Punctuation that Markdown does not know, with spaces in it or without, then the word.
            var i = start
            var signs = 0
            var bracket: Int?
            punctuation: while i < characters.count {
                switch characters[i].character {
                case .punctuation, .semicolon, .colon: signs += 1
                case .open(.square), .open(.title), .open(.curly), .open(.angle):
                    signs += 1
                    bracket = bracket ?? i
                case .space: break
                default: break punctuation
                }
                i += 1
            }
            guard signs > 0, let (word, end) = word(i) else { return nil }
            let after = skip(end)
            if let bracket {
                guard word != .only, word != .hidden, after < characters.count else { return nil }
                let isClosed =
                    characters[after].character == .close || characters[after].isByte(">") || isOpen(after)
                    || characters[after].character == .punctuation && after + 1 < characters.count
                        && characters[after + 1].character == .close
                return isClosed && !isLink(bracket) ? start : nil
            }
            let opens = after < characters.count && isOpen(after)
            return signs >= 2 && (word == .intranet || word == .network || word == .limited || opens) ? start : nil
        }

        /// `visibility: intranet` or 可见：内网 in the text.
        private func isTagLine(_ start: Int) -> Bool {
            guard let end = keyEnd(start) else { return false }
            let colon = skip(end)
            guard colon < characters.count, [.colon, .semicolon, .markup].contains(characters[colon].character) else {
                return false
            }
            let at = skip(colon + 1)
            if let (word, end) = word(at) {
                // More than a noun behind 内网 makes it a sentence.
                let more = characters[end...].prefix { if case .han = $0.character { true } else { false } }
                return word == .inner ? isEnd(end) : more.count <= 3
            }
            return Self.tags.contains { matches(at, $0).map { isEnd(skip($0)) } ?? false } || isOpenTag(at)
        }

        /// What a row of a table says: which column is one of visibility, here or in the head above, and where that column's tag
        /// stands in this row.
        func row(below column: Int?) -> (column: Int?, mark: Int?) {
            guard characters.contains(where: { $0.isByte("|") }) else { return (nil, nil) }
            let cells = characters.indices.split(omittingEmptySubsequences: false) { characters[$0].isByte("|") }
            func isWhole(_ cell: Range<Int>, _ end: Int?) -> Bool { end.map { skip($0) == cell.endIndex } ?? false }
            if let column, column < cells.count {
                let at = skip(cells[column].startIndex)
                let tag = word(at).flatMap { $0.0 == .only || $0.0 == .hidden ? nil : $0.1 }
                return (column, isWhole(cells[column], tag) ? characters[at].offset : nil)
            }
            return (cells.firstIndex { isWhole($0, keyEnd(skip($0.startIndex))) } ?? column, nil)
        }

        /// The end of `visibility`, 可见, 可见性, 可见范围 or 可见对象.
        private func keyEnd(_ i: Int) -> Int? {
            if let end = matches(i, Self.visibility) { return end }
            guard han(i, 0x53EF), han(i + 1, 0x89C1) || han(i + 1, 0x898B) else { return nil }
            if han(i + 2, 0x6027) { return i + 3 }
            if han(i + 2, 0x5BF9) || han(i + 2, 0x5C0D), han(i + 3, 0x8C61) { return i + 4 }
            return han(i + 2, 0x8303) && (han(i + 3, 0x56F4) || han(i + 3, 0x570D)) ? i + 4 : i + 2
        }

        /// 公开, and nothing after it.
        private func isOpenTag(_ i: Int) -> Bool {
            han(i, 0x516C) && han(i + 1, 0x5F00) && isEnd(i + 2)
        }

        /// Whether a word ends here.
        private func isEnd(_ i: Int) -> Bool {
            i == characters.count || isOpen(i)
                || [.space, .punctuation, .close, .markup].contains(characters[i].character)
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
            // 隐藏, 不公开, 非公开, 保密
            case .han(0x9690): return han(i + 1, 0x85CF) ? (.hidden, i + 2) : nil
            case .han(0x4E0D), .han(0x975E):
                return han(i + 1, 0x516C) && han(i + 2, 0x5F00) ? (.hidden, i + 3) : nil
            case .han(0x4FDD): return han(i + 1, 0x5BC6) ? (.hidden, i + 2) : nil
            // 仅, 仅限, 限
            case .han(0x4EC5): return network(han(i + 1, 0x9650) ? i + 2 : i + 1).map { (.limited, $0.end) }
            case .han(0x9650): return network(i + 1).map { (.limited, $0.end) }
            default: return network(i).map { ($0.isInner ? .inner : .network, $0.end) }
            }
        }

        /// 内网 or 内部, in simplified or traditional script, with 可见 behind it or without.
        private func network(_ i: Int) -> (end: Int, isInner: Bool)? {
            guard han(i, 0x5185) || han(i, 0x5167) else { return nil }
            let isSeen = han(i + 2, 0x53EF) && (han(i + 3, 0x89C1) || han(i + 3, 0x898B))
            let end = isSeen ? i + 4 : i + 2
            if han(i + 1, 0x90E8) { return (end, true) }
            return han(i + 1, 0x7F51) || han(i + 1, 0x7DB2) ? (end, false) : nil
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
