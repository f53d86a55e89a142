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
}
