/// A point in time, in whole seconds since 1970-01-01T00:00:00Z.
package struct Instant: Sendable, Hashable, Comparable {
    package let seconds: Int

    package init(seconds: Int) {
        self.seconds = seconds
    }

    package static func < (a: Self, b: Self) -> Bool { a.seconds < b.seconds }

    package func adding(seconds delta: Int) -> Instant { Instant(seconds: seconds + delta) }
}

/// A fixed distance from UTC. China has kept one offset since 1991, so a table of rules buys nothing here.
package struct ZoneOffset: Sendable, Hashable {
    package let seconds: Int

    package static let shanghai = ZoneOffset(seconds: 8 * 3600)
    package static let utc = ZoneOffset(seconds: 0)

    package init(seconds: Int) {
        self.seconds = seconds
    }

    /// `Asia/Shanghai`, `UTC`, or `+HH:MM`; nil for a zone that this program does not know.
    package init?(name: String) {
        switch name {
        case "Asia/Shanghai", "PRC", "Asia/Chongqing": self = .shanghai
        case "UTC", "Z": self = .utc
        default:
            let bytes = Array(name.utf8)
            guard bytes.count == 6, bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-"),
                bytes[3] == UInt8(ascii: ":"), let h = decimal(bytes[1..<3]), let m = decimal(bytes[4..<6]),
                h <= 14, m < 60
            else { return nil }
            self.init(seconds: (bytes[0] == UInt8(ascii: "-") ? -1 : 1) * (h * 3600 + m * 60))
        }
    }

    /// `+08:00`
    package var text: String {
        String(unsafeUninitializedCapacity: 6) { out in
            write(out, at: 0, colon: true)
            return 6
        }
    }

    fileprivate func write(_ out: UnsafeMutableBufferPointer<UInt8>, at start: Int, colon: Bool) {
        let minutes = abs(seconds) / 60
        out[start] = UInt8(ascii: seconds < 0 ? "-" : "+")
        writeDigits(minutes / 60, 2, out, at: start + 1)
        if colon { out[start + 3] = UInt8(ascii: ":") }
        writeDigits(minutes % 60, 2, out, at: start + (colon ? 4 : 3))
    }
}

/// A date in the proleptic Gregorian calendar.
package struct CivilDate: Sendable, Hashable, Comparable {
    package let year: Int
    package let month: Int
    package let day: Int

    /// Days since 1970-01-01.
    package let dayNumber: Int

    package init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month),
            (1...CivilDate.daysIn(month: month, year: year)).contains(day)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
        // Days from civil, with years starting in March so that the leap day is the last of its year.
        let y = month <= 2 ? year - 1 : year
        let era = y / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        dayNumber = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    package init(dayNumber: Int) {
        let shifted = dayNumber + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let m = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * m + 2) / 5 + 1
        month = m < 10 ? m + 3 : m - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        self.dayNumber = dayNumber
    }

    /// `YYYY-MM-DD`, nothing else.
    package init?(iso text: some StringProtocol) {
        guard let date = Array(text.utf8).withUnsafeBufferPointer({ CivilDate(iso: $0[...]) }) else { return nil }
        self = date
    }

    /// A date as people write it: `2026-9-1`, `2026/9/1`, `2026.9.1`, `2026年9月1日`, digits of any width.
    package init?(written text: String) {
        guard text.utf8.count <= 64 else { return nil }
        let plain = TextFolding.folded(text).filter { $0 != " " }
        var numbers: [Int] = []
        var marks: [Character] = []
        var digits: [UInt8] = []
        for character in plain {
            if let byte = character.asciiValue, (0x30...0x39).contains(byte) {
                digits.append(byte)
                continue
            }
            guard let number = decimal(digits), digits.count <= 4 else { return nil }
            numbers.append(number)
            marks.append(character)
            digits = []
        }
        if !digits.isEmpty, digits.count <= 2, let last = decimal(digits) { numbers.append(last) }
        let isChinese = marks == ["年", "月", "日"] || marks == ["年", "月", "号"]
        guard numbers.count == 3, isChinese || [["-", "-"], ["/", "/"], [".", "."]].contains(marks), numbers[0] >= 1_000
        else { return nil }
        self.init(year: numbers[0], month: numbers[1], day: numbers[2])
    }

    fileprivate init?(iso text: Slice<UnsafeBufferPointer<UInt8>>) {
        guard text.count == 10 else { return nil }
        let b = UnsafeBufferPointer(rebasing: text)
        guard b[4] == UInt8(ascii: "-"), b[7] == UInt8(ascii: "-"),
            let y = decimal(b[0..<4]), let m = decimal(b[5..<7]), let d = decimal(b[8..<10])
        else { return nil }
        self.init(year: y, month: m, day: d)
    }

    /// 1 = Monday … 7 = Sunday (ISO 8601).
    package var isoWeekday: Int {
        let w = (dayNumber + 3) % 7
        return (w < 0 ? w + 7 : w) + 1
    }

    /// `YYYY-MM-DD`
    package var text: String {
        guard (0...9999).contains(year) else { return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) }
        return String(unsafeUninitializedCapacity: 10) { out in
            write(self, out)
            return 10
        }
    }

    package static func < (a: Self, b: Self) -> Bool { a.dayNumber < b.dayNumber }

    private static func daysIn(month: Int, year: Int) -> Int {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

extension Instant {
    /// Reads `YYYY-MM-DD`, `YYYY-MM-DD HH:MM[:SS]` or RFC 3339; what names no offset is in `zone`.
    package init?(iso text: String, zone: ZoneOffset) {
        var text = text
        guard let seconds = text.withUTF8({ Self.seconds($0, zone) }) else { return nil }
        self.init(seconds: seconds)
    }

    private static func seconds(_ b: UnsafeBufferPointer<UInt8>, _ zone: ZoneOffset) -> Int? {
        guard b.count >= 10, let date = CivilDate(iso: b[..<10]) else { return nil }
        var time = 0
        var offset = zone
        if b.count > 10 {
            guard b[10] == UInt8(ascii: "T") || b[10] == UInt8(ascii: " ") || b[10] == UInt8(ascii: "t"),
                b.count >= 16, let h = decimal(b[11..<13]), b[13] == UInt8(ascii: ":"),
                let m = decimal(b[14..<16]), h < 24, m < 60
            else { return nil }
            time = h * 3600 + m * 60
            var i = 16
            if i < b.count, b[i] == UInt8(ascii: ":") {
                guard b.count >= 19, let s = decimal(b[17..<19]), s < 60 else { return nil }
                time += s
                i = 19
                if i < b.count, b[i] == UInt8(ascii: ".") {
                    // Parts of a second are left out.
                    let digits = b[(i + 1)...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                    guard !digits.isEmpty else { return nil }
                    i += 1 + digits.count
                }
            }
            if i < b.count {
                let rest = String(decoding: b[i...], as: UTF8.self)
                guard let named = ZoneOffset(name: rest == "z" ? "Z" : rest),
                    rest == "Z" || rest == "z" || b.count == i + 6
                else { return nil }
                offset = named
            }
        }
        return date.dayNumber * 86_400 + time - offset.seconds
    }

    package func date(in zone: ZoneOffset) -> CivilDate {
        CivilDate(dayNumber: floorDivide(seconds + zone.seconds, 86_400))
    }

    /// Minutes since midnight in the zone.
    package func minuteOfDay(in zone: ZoneOffset) -> Int {
        let local = seconds + zone.seconds
        return (local - floorDivide(local, 86_400) * 86_400) / 60
    }

    /// `YYYY-MM-DDTHH:MM:SS+08:00`
    package func rfc3339(in zone: ZoneOffset) -> String {
        let day = date(in: zone)
        let inDay = seconds + zone.seconds - day.dayNumber * 86_400
        guard (0...9999).contains(day.year) else {
            return day.text + "T" + padded(inDay / 3600, 2) + ":" + padded(inDay / 60 % 60, 2) + ":"
                + padded(inDay % 60, 2) + (zone.seconds == 0 ? "Z" : zone.text)
        }
        return String(unsafeUninitializedCapacity: 25) { out in
            write(day, out)
            out[10] = UInt8(ascii: "T")
            writeClock(inDay, out, at: 11)
            guard zone.seconds != 0 else {
                out[19] = UInt8(ascii: "Z")
                return 20
            }
            zone.write(out, at: 19, colon: true)
            return 25
        }
    }

    /// `YYYY-MM-DD HH:MM`, the form that the page tags of the norms use.
    package func minuteText(in zone: ZoneOffset) -> String {
        let minute = minuteOfDay(in: zone)
        return date(in: zone).text + " " + padded(minute / 60, 2) + ":" + padded(minute % 60, 2)
    }

    /// `Tue, 01 Sep 2026 09:00:00 +0800` (RFC 822 as RSS 2.0 uses it).
    package func rfc822(in zone: ZoneOffset) -> String {
        let day = date(in: zone)
        let inDay = seconds + zone.seconds - day.dayNumber * 86_400
        let weekdays: StaticString = "MonTueWedThuFriSatSun"
        let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        return String(unsafeUninitializedCapacity: 31) { out in
            func name(_ names: StaticString, _ number: Int, at start: Int) {
                for k in 0..<3 { out[start + k] = names.utf8Start[number * 3 + k] }
            }
            for place in [4, 7, 11, 16, 25] { out[place] = 0x20 }
            name(weekdays, day.isoWeekday - 1, at: 0)
            out[3] = UInt8(ascii: ",")
            writeDigits(day.day, 2, out, at: 5)
            name(months, day.month - 1, at: 8)
            writeDigits(min(max(day.year, 0), 9999), 4, out, at: 12)
            writeClock(inDay, out, at: 17)
            zone.write(out, at: 26, colon: false)
            return 31
        }
    }
}

/// `YYYY-MM-DD` at the start, for years of four digits.
private func write(_ date: CivilDate, _ out: UnsafeMutableBufferPointer<UInt8>) {
    writeDigits(date.year, 4, out, at: 0)
    out[4] = UInt8(ascii: "-")
    writeDigits(date.month, 2, out, at: 5)
    out[7] = UInt8(ascii: "-")
    writeDigits(date.day, 2, out, at: 8)
}

/// `HH:MM:SS`
private func writeClock(_ seconds: Int, _ out: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
    writeDigits(seconds / 3600, 2, out, at: start)
    out[start + 2] = UInt8(ascii: ":")
    writeDigits(seconds / 60 % 60, 2, out, at: start + 3)
    out[start + 5] = UInt8(ascii: ":")
    writeDigits(seconds % 60, 2, out, at: start + 6)
}

/// Decimal digits to a non-negative number; nil for anything else.
package func decimal(_ digits: some Collection<UInt8>) -> Int? {
    guard !digits.isEmpty, digits.count <= 18 else { return nil }
    var value = 0
    for digit in digits {
        guard digit >= 0x30, digit <= 0x39 else { return nil }
        // Always: eighteen digits at most.
        value = value * 10 + Int(digit - 0x30)
    }
    return value
}

/// A number with leading zeros.
package func padded(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    let missing = width - digits.utf8.count
    guard missing > 0 else { return digits }
    guard value >= 0, width <= 15 else { return String(repeating: "0", count: missing) + digits }
    return String(unsafeUninitializedCapacity: width) { out in
        writeDigits(value, width, out, at: 0)
        return width
    }
}

/// The last decimal digits of a number that is not negative.
private func writeDigits(_ value: Int, _ width: Int, _ out: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
    var rest = value
    for place in (start..<(start + width)).reversed() {
        out[place] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
    }
}

private func floorDivide(_ a: Int, _ b: Int) -> Int {
    let q = a / b
    return a % b < 0 ? q - 1 : q
}

extension CivilDate {
    /// Midnight at which the day begins.
    package func start(in zone: ZoneOffset) -> Instant { Instant(seconds: dayNumber * 86_400 - zone.seconds) }
}
