import Forms
import PortalBase
import Procedures
import TestSupport
import Testing

@testable import Workflow

@Suite struct WorkingCalendarTests {
    private func calendar() throws -> WorkingCalendar {
        try WorkingCalendar(csv: FileSystem.read(repositoryRoot + "/Content/data/workdays.csv"))
    }

    /// The last day of a limit that begins on a day.
    private func end(_ start: String, _ count: Int, _ unit: Procedures.Process.Limit.Unit, guesses: Bool = false) throws
        -> CivilDate?
    {
        let form = FormFacts(lead: nil, branches: [], join: .all, legal: nil, promised: nil, fields: [])
        let from = try #require(Instant(iso: start + "T09:00:00+08:00", zone: .shanghai))
        let world = World(
            now: from, calendar: try calendar(), hours: Walk.hours, units: Walk.units, form: form, catalogueLimit: nil)
        let budget = TimeBudget(world: world, guesses: guesses)
        return budget.end(of: .init(count: count, unit: unit), from: from)?.date(in: .shanghai)
    }

    /// Vectors recomputed from the State Council's schedules.
    @Test(arguments: [
        ("2026-09-18", 20, "2026-10-22"), ("2026-02-10", 20, "2026-03-16"), ("2026-04-28", 7, "2026-05-11"),
        ("2025-12-30", 20, "2026-01-28"),
        ("2024-09-30", 20, "2024-11-01"), ("2007-04-27", 20, "2007-05-30"), ("2007-09-28", 15, "2007-10-24"),
        ("2005-12-29", 15, "2006-01-20"),
        ("2026-11-20", 20, "2026-12-18"), ("2026-02-12", 1, "2026-02-13"), ("2026-02-12", 5, "2026-02-26"),
        ("2026-02-15", 5, "2026-02-28"),
        ("2025-09-26", 5, "2025-10-10"), ("2025-12-31", 5, "2026-01-08"), ("2026-01-05", 45, "2026-03-13"),
    ])
    func workingDaysAreCountedFromTheDayAfter(_ start: String, _ days: Int, _ due: String) throws {
        #expect(try end(start, days, .wd) == CivilDate(iso: due)!)
    }

    @Test func anEndBeyondTheSchedulesIsUnknown() throws {
        #expect(try end("2026-12-20", 20, .wd) == nil)
        // For the order of a list, every weekday beyond is worked.
        #expect(try end("2026-12-20", 20, .wd, guesses: true) == CivilDate(iso: "2027-01-15")!)
    }

    @Test func calendarDaysRollForwardOffAHoliday() throws {
        #expect(try end("2026-09-22", 10, .d) == CivilDate(iso: "2026-10-08")!)
    }
}
