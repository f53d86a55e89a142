import Foundation
import PortalBase

/// What may not stand in a text that everybody will read: names, numbers, addresses that lead to one person.
///
/// Texts are compared as their readers see them: width, spaces, dots, script and characters without width do not matter.
/// A house number is no finding, since requests name places; the citizen's own address is a secret.
package enum Masking {
    /// Something that must be masked, for the officer who is told.
    package struct Finding: Error, Sendable, Equatable {
        package enum Kind: String, Sendable { case secret, number, email, plate, dwelling }
        package let kind: Kind
        /// What the citizen's form calls it; empty where it was found by its shape.
        package let label: String
        /// The citizen's answer, or the words that were found, folded.
        package let text: String

        package init(kind: Kind, label: String = "", text: String) {
            self.kind = kind
            self.label = label
            self.text = text
        }
    }

    /// An answer that must not be published, by what the form calls it.
    package struct Secret: Sendable, Equatable {
        package let label: String
        package let text: String

        package init(label: String, text: String) {
            self.label = label
            self.text = text
        }
    }

    /// The first thing in a text that leads to one person; nil for a text that is masked.
    package static func finding(in text: String, secrets: [Secret]) -> Finding? {
        let plain = letters(text)
        let latin = letters(toneless(text))
        for secret in secrets {
            let wanted = letters(secret.text)
            if wanted.unicodeScalars.count > 1,
                plain.contains(wanted) || romanized(wanted).contains(where: latin.contains)
            {
                return Finding(kind: .secret, label: secret.label, text: secret.text)
            }
            // Their own number, whatever stands between its digits.
            let number = digits(secret.text)
            if number.count >= 7, digits(text).firstRange(of: number) != nil {
                return Finding(kind: .secret, label: secret.label, text: secret.text)
            }
        }
        let folded = TextFolding.folded(text)
        if let number = number(in: folded) { return Finding(kind: .number, text: number) }
        if let address = email(in: folded) { return Finding(kind: .email, text: address) }
        if let plate = plate(in: folded) { return Finding(kind: .plate, text: plate) }
        if let dwelling = dwelling(in: folded) { return Finding(kind: .dwelling, text: dwelling) }
        return nil
    }

    /// A name of two to four Han characters in pinyin, the family name first or last.
    private static func romanized(_ name: String) -> [String] {
        let scalars = Array(name.unicodeScalars)
        guard (2...4).contains(scalars.count), scalars.allSatisfy({ isHan($0.value) }) else { return [] }
        let syllables = scalars.map { scalar in
            letters(toneless(String(scalar).applyingTransform(.mandarinToLatin, reverse: false) ?? ""))
        }
        let family = familyNames[scalars[0]].map { [$0] + syllables.dropFirst() }
        // ü is written v, u and yu, in a passport too.
        let spellings = ([syllables] + [family].compactMap(\.self)).flatMap { syllables in
            ["v", "u", "yu"].map { letter in syllables.map { $0.replacing("v", with: letter) } }
        }
        let ways = spellings.flatMap { syllables in
            (0..<syllables.count).map { (syllables[$0...] + syllables[..<$0]).joined() }
        }
        // Four letters may be part of any word.
        return ways.filter { $0.utf8.count > 4 && $0.utf8.allSatisfy { $0 < 0x80 } }
    }

    /// Characters that are read otherwise as a family name.
    private static let familyNames: [Unicode.Scalar: String] = [
        "曾": "zeng", "单": "shan", "解": "xie", "仇": "qiu", "查": "zha", "覃": "qin", "朴": "piao", "区": "ou", "盖": "ge",
        "任": "ren",
        "翟": "zhai", "乐": "yue", "员": "yun", "缪": "miao", "种": "chong", "折": "she", "洗": "xian", "秘": "bi", "召": "shao",
        "都": "du",
    ]

    /// Letters without the marks of tones; ü is v.
    private static func toneless(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.decomposedStringWithCompatibilityMapping.unicodeScalars {
            if scalar == "\u{308}", let last = out.last, last == "u" || last == "U" {
                out.removeLast()
                out.append("v")
            } else if scalar.properties.canonicalCombiningClass == .notReordered {
                out.append(scalar)
            }
        }
        return String(out)
    }

    private static let simplified = StringTransform("Traditional-Simplified")

    /// Letters and digits alone, in lower case and simplified characters.
    private static func letters(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        let folded = TextFolding.folded(text).lowercased()
        for scalar in (folded.applyingTransform(simplified, reverse: false) ?? folded).unicodeScalars
        where scalar.properties.isAlphabetic || scalar.properties.numericType != nil {
            out.append(scalar)
        }
        return String(out)
    }

    // MARK: Numbers

    private static let chineseDigits: [Unicode.Scalar: Int] = [
        "〇": 0, "零": 0, "○": 0, "洞": 0, "一": 1, "壹": 1, "幺": 1, "二": 2, "贰": 2, "两": 2, "三": 3, "叁": 3, "四": 4, "肆": 4,
        "五": 5,
        "伍": 5, "六": 6, "陆": 6, "七": 7, "柒": 7, "八": 8, "捌": 8, "九": 9, "玖": 9,
    ]

    /// A digit in any script, in a circle, in Chinese; a letter O between digits.
    private static func digit(_ scalar: Unicode.Scalar, inRun: Bool) -> Int? {
        if let value = chineseDigits[scalar] { return value }
        if inRun, "OoＯ".unicodeScalars.contains(scalar) { return 0 }
        let properties = scalar.properties
        guard properties.numericType != nil, let value = properties.numericValue, value >= 0, value <= 9,
            value == value.rounded(), !isHan(scalar.value)
        else { return nil }
        return Int(value)
    }

    private static func digits(_ text: String) -> [Int] {
        TextFolding.folded(text).unicodeScalars.compactMap { digit($0, inRun: false) }
    }

    /// Letters that people set between digits as if they were dashes.
    private static let dashes = Set("ーｰ".unicodeScalars)

    /// Words that people say between the parts of a number.
    private static let fillers = [
        "然后", "后面", "中间", "接着", "再加", "开头", "尾号", "再", "是", "后", "转", "接", "加", "跟", "和", "横", "杠",
    ]

    /// A mobile number in its three parts, 138 0000 0000, with such words or letters between them.
    private static func partedNumber(in text: String) -> String? {
        var groups: [(digits: [Int], gap: String)] = []
        var gap = String.UnicodeScalarView()
        var isInside = false
        for scalar in text.unicodeScalars {
            if let value = digit(scalar, inRun: isInside) {
                if !isInside { groups.append(([], String(gap))) }
                groups[groups.count - 1].digits.append(value)
                gap = .init()
                isInside = true
            } else {
                if scalar.properties.isAlphabetic { gap.append(scalar) }
                isInside = false
            }
        }
        func isFilled(_ gap: String) -> Bool {
            let rest = fillers.reduce(gap) { $0.replacing($1, with: "") }
            // One letter, but the sign of a unit as in 180m、1200m.
            return rest.isEmpty
                || rest.utf8.count == 1 && rest.utf8.allSatisfy { $0 < 0x80 && !"mtghskwvl".utf8.contains($0 | 0x20) }
        }
        for i in groups.indices.dropLast(2) {
            let parts = groups[i...].prefix(3)
            guard parts.map(\.digits.count) == [3, 4, 4], groups[i].digits[0] == 1, groups[i].digits[1] >= 3,
                parts.dropFirst().allSatisfy({ isFilled($0.gap) })
            else { continue }
            return groups[i].digits.map { String($0) }.joined() + "…"
        }
        return nil
    }

    /// Seven digits with nothing but separators between them, over line ends too. A letter of any script ends the run.
    private static func number(in text: String) -> String? {
        var run = 0
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if digit(scalar, inRun: run > 0) != nil {
                run += 1
                shown.append(scalar)
                if run >= 7 { return String(shown) + "…" }
            } else if scalar.properties.isAlphabetic && !dashes.contains(scalar) {
                run = 0
                shown = .init()
            } else if run > 0 {
                shown.append(scalar == "\n" ? " " : scalar)
            }
        }
        return partedNumber(in: text)
    }

    // MARK: Addresses

    private static func email(in text: String) -> String? {
        let scalars = Array(text.unicodeScalars)
        func isPart(_ scalar: Unicode.Scalar) -> Bool {
            scalar == "。"
                || scalar.value < 0x80
                    && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                        || "._-+".unicodeScalars.contains(scalar))
        }
        for (i, scalar) in scalars.enumerated() where scalar == "@" {
            var (start, end) = (i, i + 1)
            // People part the sign from its sides.
            while start > 0, isPart(scalars[start - 1]) || (scalars[start - 1] == " " && start == i) { start -= 1 }
            while end < scalars.count, isPart(scalars[end]) || (scalars[end] == " " && end == i + 1) { end += 1 }
            // A full stop at either end belongs to the sentence, not to the address.
            while end > i + 1, scalars[end - 1] == "。" { end -= 1 }
            while start < i, scalars[start] == "。" { start += 1 }
            let address = string(scalars[start..<end])
            if start < i, address.dropFirst(i - start).contains(where: { $0 == "." || $0 == "。" }) { return address }
        }
        return nil
    }

    private static let provinces = Set("京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领".unicodeScalars)

    /// A province, a letter, then five or six letters and digits (GA 36): 豫A12345, 豫A·D12345.
    private static func plate(in text: String) -> String? {
        let scalars = Array(text.uppercased().unicodeScalars).filter {
            $0 != " " && $0 != "·" && $0 != "-" && $0 != "."
        }.map { scalar in chineseDigits[scalar].flatMap { Unicode.Scalar(UInt32(0x30 + $0)) } ?? scalar }
        func isSign(_ scalar: Unicode.Scalar) -> Bool {
            (0x30...0x39).contains(scalar.value) || (0x41...0x5A).contains(scalar.value)
        }
        for i in scalars.indices where provinces.contains(scalars[i]) && i + 6 < scalars.count {
            guard (0x41...0x5A).contains(scalars[i + 1].value) else { continue }
            let signs = scalars[(i + 2)...].prefix(6).prefix(while: isSign)
            if signs.count >= 5, signs.contains(where: { (0x30...0x39).contains($0.value) }) {
                return string(scalars[i...(i + 1)]) + string(signs)
            }
        }
        return nil
    }

    /// A number before 单元 or 室, or of a house and a flat: what leads to one door.
    private static func dwelling(in text: String) -> String? {
        let scalars = Array(text.unicodeScalars).filter { $0 != " " && $0 != "\n" }
        func isDigit(_ scalar: Unicode.Scalar) -> Bool { digit(scalar, inRun: true) != nil || scalar == "十" }
        for i in scalars.indices where i > 0 && isDigit(scalars[i - 1]) {
            let rest = string(scalars[i...].prefix(3))
            let isDoor = ["单元", "号室", "室"].contains(where: rest.hasPrefix)
            let hasFlat =
                ["号楼", "栋", "幢"].contains(where: rest.hasPrefix)
                && scalars[i...].dropFirst(rest.hasPrefix("号楼") ? 2 : 1).first.map(isDigit) ?? false
            // 501房; 两房一厅 is a kind of flat.
            let isRoom = rest.hasPrefix("房") && i >= 3 && scalars[(i - 3)..<i].allSatisfy(isDigit)
            guard isDoor || hasFlat || isRoom else { continue }
            var start = i
            while start > 0, isDigit(scalars[start - 1]) { start -= 1 }
            return string(scalars[start..<min(i + 6, scalars.count)])
        }
        return doorplate(in: scalars)
    }

    /// House, stair and flat: 3-2-501.
    private static func doorplate(in scalars: [Unicode.Scalar]) -> String? {
        func run(_ start: Int) -> Int {
            scalars[start...].prefix { digit($0, inRun: false) != nil && $0 != "洞" }.count
        }
        for start in scalars.indices where start == 0 || digit(scalars[start - 1], inRun: false) == nil {
            var (at, parts) = (start, [Int]())
            while at < scalars.count, parts.count < 3 {
                let length = run(at)
                if length == 0 { break }
                parts.append(length)
                at += length
                guard parts.count < 3, at < scalars.count, "-—–－".unicodeScalars.contains(scalars[at]) else { break }
                at += 1
            }
            if parts.count == 3, parts[0] <= 2, parts[1] <= 2, (3...4).contains(parts[2]) {
                return string(scalars[start..<at])
            }
        }
        return nil
    }

    private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }
}
