import PortalBase
import Testing

@Suite struct InstantTests {
    @Test func readsDatesTimesAndOffsets() throws {
        #expect(Instant(iso: "1970-01-01", zone: .utc)?.seconds == 0)
        #expect(
            Instant(iso: "2026-09-01T09:00:00+08:00", zone: .utc) == Instant(iso: "2026-09-01 09:00", zone: .shanghai))
        #expect(
            Instant(iso: "2026-09-01T01:00:00Z", zone: .shanghai)?.rfc3339(in: .shanghai) == "2026-09-01T09:00:00+08:00"
        )
        #expect(
            Instant(iso: "2026-09-01T01:00:00Z", zone: .shanghai)?.rfc822(in: .shanghai)
                == "Tue, 01 Sep 2026 09:00:00 +0800")
    }

    @Test(arguments: [
        "2026-02-29", "2026-13-01", "2026-1-1", "2026-09-01T25:00:00Z", "2026-09-01Tx", "", "2026-09-01 09:00 tomorrow",
    ])
    func refusesWhatIsNoInstant(_ text: String) {
        #expect(Instant(iso: text, zone: .shanghai) == nil)
    }

    @Test func everyDayNumberRoundTrips() {
        for number in stride(from: -200_000, to: 200_000, by: 37) {
            let date = CivilDate(dayNumber: number)
            #expect(CivilDate(iso: date.text)?.dayNumber == number)
        }
        #expect(CivilDate(iso: "2026-11-22")?.isoWeekday == 7)
    }

    /// The written forms against their parts, and read back.
    @Test func instantsAreWrittenAsTheyAreRead() throws {
        let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let zones = [ZoneOffset.utc, .shanghai, ZoneOffset(seconds: -9 * 3600 - 1800), ZoneOffset(seconds: 14 * 3600)]
        for zone in zones {
            let sign = zone.seconds < 0 ? "-" : "+"
            let offset = [abs(zone.seconds) / 3600, abs(zone.seconds) / 60 % 60].map { padded($0, 2) }
            #expect(zone.text == sign + offset.joined(separator: ":"))
            for seconds in stride(from: -3_000_000_000, to: 9_000_000_000, by: 86_400 * 911 + 12_345) {
                let instant = Instant(seconds: seconds)
                let day = instant.date(in: zone)
                let clock = [3600, 60, 1].map { padded((seconds + zone.seconds - day.dayNumber * 86_400) / $0 % 60, 2) }
                let hour = padded(instant.minuteOfDay(in: zone) / 60, 2)
                let time = hour + ":" + clock[1] + ":" + clock[2]
                let written = instant.rfc3339(in: zone)
                #expect(written == "\(day.text)T\(time)" + (zone.seconds == 0 ? "Z" : zone.text))
                #expect(Instant(iso: written, zone: .utc) == instant)
                let feed =
                    "\(names[day.isoWeekday - 1]), \(padded(day.day, 2)) \(months[day.month - 1]) \(padded(day.year, 4))"
                #expect(instant.rfc822(in: zone) == "\(feed) \(time) \(sign)\(offset.joined())")
            }
        }
    }
}
