/// Numbers that lead to one person, in text as people write it: resident identity numbers with a good check character,
/// mobile telephones of China, bank cards.
///
/// Digits may be of any width or circled, and parted by single spaces, hyphens, dots or a line end. Masked numbers
/// (`138****0000`) are none. Digits that follow a letter, `/`, `=`, `_`, `%` or `#` belong to an address or a code.
package enum PersonalNumbers {
    package enum Kind: String, Sendable { case identity, mobile, bankCard }

    package struct Found: Sendable, Equatable {
        package let kind: Kind
        /// Byte offset of its first digit.
        package let offset: Int
        /// Digits alone.
        package let digits: String
    }

    /// - Parameter bytes: valid UTF-8.
    package static func find(in bytes: [UInt8]) -> [Found] { bytes.withUnsafeBufferPointer { find(in: $0) } }

    package static func find(in bytes: UnsafeBufferPointer<UInt8>) -> [Found] {
        var found: [Found] = []
        var start = 0
        while let i = bytes.find(digitStarts, from: start) {
            let (end, digits) = extent(bytes, from: i)
            guard digits >= fewestDigits else {
                start = max(end, i + 1)
                continue
            }
            let run = Run(bytes, from: i)
            let numbers = run.numbers(from: isInsideCode(bytes, before: i) ? 1 : 0)
            if !numbers.isEmpty {
                let isAmount = isAmount(bytes, at: run.end)
                found += numbers.filter {
                    $0.kind == .identity
                        || !isAmount && !hasDecimals(bytes, after: $0.offset + $0.digits.utf8.count)
                            && !isDecimals(bytes, at: $0.offset)
                }
            }
            start = run.end
        }
        return found
    }

    /// Digits, and the first bytes of digits of another width.
    private static let digitStarts = ByteSet(Array("0123456789".utf8) + [0xEF, 0xE2])

    /// Digits of a mobile telephone, the shortest of these numbers.
    private static let fewestDigits = 11

    /// Where groups of digits end that begin at `start`, and how many digits they have, the check letter left out.
    private static func extent(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> (end: Int, digits: Int) {
        var digits = 0
        let end = walk(bytes, from: start, group: { _, _ in }, digit: { _ in digits += 1 })
        return (end, digits)
    }

    /// Goes over groups of digits with one separator between each two.
    ///
    /// - Parameters:
    ///   - group: hears where each group begins, and whether on another line than the group before.
    ///   - digit: hears each digit.
    /// - Returns: where the last group ends.
    @inline(__always)
    private static func walk(
        _ bytes: UnsafeBufferPointer<UInt8>, from start: Int, group: (Int, Bool) -> Void, digit: (UInt8) -> Void
    ) -> Int {
        var i = start
        var isOnNewLine = false
        while true {
            group(i, isOnNewLine)
            while let (value, length) = Self.digit(bytes, i) {
                digit(value)
                i += length
            }
            guard i > start, let next = separator(bytes, i), Self.digit(bytes, next) != nil else { return i }
            isOnNewLine = bytes[i] == 0x0A
            i = next
        }
    }

    /// Whether the digits at `i` stand behind a decimal point, as those of a coordinate do.
    private static func isDecimals(_ bytes: UnsafeBufferPointer<UInt8>, at i: Int) -> Bool {
        i >= 2 && bytes[i - 1] == UInt8(ascii: ".") && (0x30...0x39).contains(bytes[i - 2])
    }

    /// Groups of digits with one separator between each two.
    private struct Run {
        private struct Group {
            let offset: Int
            var digits: [UInt8]
            /// Whether it begins a line.
            let isOnNewLine: Bool
        }

        /// A number is written in no more groups, and over no more than two lines.
        private static let mostGroups = 6

        private var groups: [Group]
        private(set) var end: Int

        init(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) {
            var groups: [Group] = []
            end = PersonalNumbers.walk(
                bytes, from: start,
                group: { groups.append(Group(offset: $0, digits: [], isOnNewLine: $1)) },
                digit: { groups[groups.count - 1].digits.append($0) })
            // The check character of an identity number may be a letter.
            if let next = PersonalNumbers.checkLetter(bytes, end) {
                groups[groups.count - 1].digits.append(UInt8(ascii: "X"))
                end = next
            }
            self.groups = groups
        }

        /// Neighbouring groups that make a number, from the left, none used twice.
        func numbers(from first: Int) -> [Found] {
            var found: [Found] = []
            var start = first
            while start < groups.count {
                var digits: [UInt8] = []
                var next = start
                var match: (kind: Kind, end: Int, digits: [UInt8])?
                var lines = 1
                while next < groups.count, next - start < Self.mostGroups,
                    digits.count + groups[next].digits.count <= 19
                {
                    if next > start, groups[next].isOnNewLine { lines += 1 }
                    guard lines <= 2 else { break }
                    digits += groups[next].digits
                    next += 1
                    let isWhole = groups[start..<next].allSatisfy { $0.digits.count >= 3 }
                    // The zero of a long-distance call stands before a number without gaps.
                    let isLong = digits.count == 12 && digits[0] == UInt8(ascii: "0") && next == start + 1
                    if let kind = Self.kind(isLong ? Array(digits.dropFirst()) : digits, isWhole: isWhole) {
                        match = (kind, next, digits)
                    }
                }
                if let match {
                    found.append(
                        Found(
                            kind: match.kind, offset: groups[start].offset,
                            digits: String(decoding: match.digits, as: UTF8.self)))
                    start = match.end
                } else {
                    start += 1
                }
            }
            return found
        }

        /// - Parameter isWhole: no group is shorter than three digits, as in 138 0000 0000.
        private static func kind(_ digits: [UInt8], isWhole: Bool) -> Kind? {
            if digits.count == 18, isResidentIDNumber(String(decoding: digits, as: UTF8.self)) { return .identity }
            guard isWhole else { return nil }
            // The letter may begin the next word.
            if isMobile(digits.last == UInt8(ascii: "X") ? Array(digits.dropLast()) : digits) { return .mobile }
            if digits.last == UInt8(ascii: "X") { return nil }
            return isBankCard(digits) ? .bankCard : nil
        }

        /// Eleven digits from 13 to 19 on, also behind the country code.
        private static func isMobile(_ digits: [UInt8]) -> Bool {
            var rest = digits[...]
            for code in ["0086", "86"] where rest.count == 11 + code.utf8.count && rest.starts(with: code.utf8) {
                rest = rest.dropFirst(code.utf8.count)
            }
            return rest.count == 11 && rest.first == UInt8(ascii: "1")
                && (UInt8(ascii: "3")...UInt8(ascii: "9")).contains(rest[rest.startIndex + 1])
        }

        /// UnionPay (62) of 16 to 19 digits and cards of 16 that begin with 4 or 5, by the Luhn check.
        private static func isBankCard(_ digits: [UInt8]) -> Bool {
            guard (16...19).contains(digits.count),
                digits.starts(with: "62".utf8) || (digits.count == 16 && "45".utf8.contains(digits[0]))
            else { return false }
            var sum = 0
            for (place, byte) in digits.reversed().enumerated() {
                let value = Int(byte - 0x30) * (place.isMultiple(of: 2) ? 1 : 2)
                sum += value / 10 + value % 10
            }
            return sum.isMultiple(of: 10)
        }
    }

    /// The digit at a place in ASCII, full width or a circle, and its bytes.
    fileprivate static func digit(_ bytes: UnsafeBufferPointer<UInt8>, _ i: Int) -> (value: UInt8, length: Int)? {
        guard i < bytes.count else { return nil }
        if (0x30...0x39).contains(bytes[i]) { return (bytes[i], 1) }
        guard i + 2 < bytes.count else { return nil }
        switch (bytes[i], bytes[i + 1], bytes[i + 2]) {
        case (0xEF, 0xBC, 0x90...0x99): return (bytes[i + 2] - 0x90 + 0x30, 3)
        // ① to ⑨, and ⓪.
        case (0xE2, 0x91, 0xA0...0xA8): return (bytes[i + 2] - 0xA0 + 0x31, 3)
        case (0xE2, 0x93, 0xAA): return (0x30, 3)
        default: return nil
        }
    }

    /// Where the digits go on behind one separator, or behind characters without width.
    fileprivate static func separator(_ bytes: UnsafeBufferPointer<UInt8>, _ i: Int) -> Int? {
        guard i < bytes.count else { return nil }
        switch bytes[i] {
        case 0x20, UInt8(ascii: "-"), UInt8(ascii: "."): return i + 1
        case 0x0A:
            // A line may begin with blanks.
            var next = i + 1
            while next < bytes.count, bytes[next] == 0x20 { next += 1 }
            return next
        case UInt8(ascii: "*"), UInt8(ascii: "_"), UInt8(ascii: "\\"), UInt8(ascii: "("), UInt8(ascii: ")"), 0xC2, 0xE2,
            0xE3, 0xEF:
            break
        default: return nil
        }
        // Emphasis in a number, an escaped hyphen, the parenthesis of 138（0013）8000; four stars are a mask.
        if i + 2 < bytes.count {
            let pair = (bytes[i], bytes[i + 1])
            if pair == (0x2A, 0x2A) || pair == (0x5F, 0x5F), bytes[i + 2] != bytes[i] { return i + 2 }
            if pair.0 == UInt8(ascii: "\\"), "-.".utf8.contains(pair.1) { return i + 2 }
            if pair.0 == UInt8(ascii: "(") { return i + 1 }
            if pair.0 == UInt8(ascii: ")") { return " -".utf8.contains(pair.1) ? i + 2 : i + 1 }
            // （ and ）
            if pair == (0xEF, 0xBC), bytes[i + 2] == 0x88 || bytes[i + 2] == 0x89 { return i + 3 }
        }
        if i + 1 < bytes.count, bytes[i] == 0xC2, [0xA0, 0xAD, 0xB7].contains(bytes[i + 1]) { return i + 2 }
        guard i + 2 < bytes.count else { return nil }
        switch (bytes[i], bytes[i + 1], bytes[i + 2]) {
        // Spaces and characters without width, dashes, the ideographic space, the full-width hyphen, the byte-order mark.
        case (0xE2, 0x80, 0x80...0x95), (0xE2, 0x80, 0xAF), (0xE2, 0x81, 0x9F...0xA4), (0xE3, 0x80, 0x80),
            (0xEF, 0xBC, 0x8D), (0xEF, 0xBB, 0xBF), (0xE2, 0x88, 0x92):
            return i + 3
        default: return nil
        }
    }

    /// The end of an `X` of either width, the check character of an identity number.
    fileprivate static func checkLetter(_ bytes: UnsafeBufferPointer<UInt8>, _ i: Int) -> Int? {
        var i = i
        if i < bytes.count, bytes[i] == 0x20 || bytes[i] == UInt8(ascii: "-") { i += 1 }
        guard i < bytes.count else { return nil }
        if bytes[i] | 0x20 == UInt8(ascii: "x") { return i + 1 }
        // × and the Cyrillic letter.
        if i + 1 < bytes.count,
            (bytes[i], bytes[i + 1]) == (0xC3, 0x97) || (bytes[i], bytes[i + 1]) == (0xD0, 0xA5)
                || (bytes[i], bytes[i + 1]) == (0xD1, 0x85)
        {
            return i + 2
        }
        // Ｘ and ｘ
        guard i + 2 < bytes.count, bytes[i] == 0xEF else { return nil }
        let isWide = (bytes[i + 1] == 0xBC && bytes[i + 2] == 0xB8) || (bytes[i + 1] == 0xBD && bytes[i + 2] == 0x98)
        return isWide ? i + 3 : nil
    }

    private static func isInsideCode(_ bytes: UnsafeBufferPointer<UInt8>, before i: Int) -> Bool {
        guard i > 0 else { return false }
        func isLetter(_ byte: UInt8) -> Bool { byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A }
        let byte = bytes[i - 1]
        guard isLetter(byte) || "/=%&?".utf8.contains(byte) else { return false }
        var start = i
        while start > 0, i - start < 256, bytes[start - 1] > 0x20, bytes[start - 1] < 0x7F,
            !"()<>[]\"'".utf8.contains(bytes[start - 1])
        {
            start -= 1
        }
        let word = bytes[start..<i]
        // An address, or the name of a file in one.
        if word.contains(UInt8(ascii: "?"))
            || word.count > 1 && (word.first == UInt8(ascii: "/") || word.first == UInt8(ascii: "."))
        {
            return true
        }
        if word.indices.dropLast(2).contains(where: {
            bytes[$0] == 0x3A && bytes[$0 + 1] == 0x2F && bytes[$0 + 2] == 0x2F
        }) {
            return true
        }
        // `tel138…` is a word and a number; `a3f138…` is neither.
        return isLetter(byte) && (!word.allSatisfy(isLetter) || word.count > 8)
    }

    /// One or two decimals behind a number that is written without gaps.
    private static func hasDecimals(_ bytes: UnsafeBufferPointer<UInt8>, after end: Int) -> Bool {
        guard end + 1 < bytes.count, bytes[end] == UInt8(ascii: "."), digit(bytes, end + 1) != nil else { return false }
        // A table of numbers writes a telephone as 13800138000.0.
        if bytes[end + 1] == 0x30, digit(bytes, end + 2) == nil { return false }
        return digit(bytes, end + 2) == nil || digit(bytes, end + 3) == nil
    }

    /// Whether what follows makes a sum of money or a quantity of a number: 元, 万, 亿.
    private static func isAmount(_ bytes: UnsafeBufferPointer<UInt8>, at end: Int) -> Bool {
        let isApart = end < bytes.count && bytes[end] == 0x20
        let rest = bytes[min(isApart ? end + 1 : end, bytes.count)...]
        // Apart, 万 and 亿 may begin a name.
        let units = isApart ? ["万元", "亿元", "元。", "元，", "元,", "元;"] : ["元", "万", "亿"]
        return units.contains { rest.starts(with: $0.utf8) } || isApart && rest.elementsEqual("元".utf8)
    }
}

/// GB 11643: 17 digits with a real date of birth, and the ISO 7064 MOD 11-2 check character.
package func isResidentIDNumber(_ text: String) -> Bool {
    let bytes = Array(text.uppercased().utf8)
    guard bytes.count == 18, decimal(bytes[0..<17]) != nil, bytes[0] != 0x30,
        let y = decimal(bytes[6..<10]), let m = decimal(bytes[10..<12]), let d = decimal(bytes[12..<14]),
        CivilDate(year: y, month: m, day: d) != nil
    else { return false }
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    let sum = zip(bytes, weights).reduce(0) { $0 + (Int($1.0) - 0x30) * $1.1 }
    return bytes[17] == Array("10X98765432".utf8)[sum % 11]
}
