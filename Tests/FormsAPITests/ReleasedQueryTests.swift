import PortalBase
import Submissions
import Testing

@testable import FormsAPI

@Suite struct ReleasedQueryTests {
    private static let now = Instant(iso: "2026-09-01T09:00:00+08:00", zone: .shanghai)!

    private func selection(_ arguments: [String: [String]]) throws -> ReleasedRequest.Selection {
        try ReleasedQuery(now: Self.now) { arguments[$0] ?? [] }.selection
    }

    private func period(
        _ from: String, _ to: String, _ services: [String] = [], isOpen: Bool? = nil
    ) -> ReleasedRequest.Selection {
        let (from, to) = (Instant(iso: from, zone: .shanghai)!, Instant(iso: to, zone: .shanghai)!)
        return .period(from: from, to: to, services: services, isOpen: isOpen)
    }

    @Test func aPeriodIsNinetyDaysUnlessItIsSaid() throws {
        #expect(try selection([:]) == period("2026-06-03 09:00", "2026-09-01 09:00"))
        #expect(try selection(["start_date": ["2026-01-01"]]) == period("2026-01-01", "2026-04-01"))
        #expect(
            try selection(["end_date": ["2026-01-01T00:00:00.5Z"]]) == period("2025-10-03 08:00", "2026-01-01 08:00"))
        for last in ["2026-01-31", "2026-04-01"] {
            #expect(
                try selection(["start_date": ["2026-01-01"], "end_date": [last]])
                    == period("2026-01-01", last + " 23:59:59"))
        }
    }

    @Test func numbersOverruleTheRestAndListsAreOne() throws {
        #expect(try selection(["service_request_id": ["3,1", "2"], "status": ["open"]]) == .numbers(["3", "1", "2"]))
        #expect(
            try selection([
                "service_code": ["a", "b,c"], "status": ["closed,closed"], "end_date": ["2026-09-01 09:00"],
            ])
                == period("2026-06-03 09:00", "2026-09-01 09:00", ["a", "b", "c"], isOpen: false))
    }

    private static let manyCodes = (0...50).map(String.init).joined(separator: ",")
    private static let manyNumbers = (0...1_000).map(String.init).joined(separator: ",")

    @Test(arguments: [
        ["status": "new"], ["start_date": "2026-13-01"], ["end_date": "x"], ["service_code": manyCodes],
        ["service_request_id": manyNumbers], ["end_date": "2026-04-02", "start_date": "2026-01-01"],
        ["end_date": "2026-01-01", "start_date": "2026-01-02"],
    ])
    func whatCannotBeReadIsNamed(_ arguments: [String: String]) {
        let error = #expect(throws: ReleasedQuery.Invalid.self) { try selection(arguments.mapValues { [$0] }) }
        // The end of a period is named where the two do not fit.
        #expect(error?.lines.map { $0.prefix { $0 != ":" } } == [arguments.keys.min()!.prefix { _ in true }])
    }
}
