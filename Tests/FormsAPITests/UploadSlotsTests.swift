import Testing

@testable import FormsAPI

@Suite struct UploadSlotsTests {
    private let a: [UInt8] = [1]
    private let b: [UInt8] = [2]

    @Test func oneClientHasAQuarter() async throws {
        let slots = UploadSlots(8, patience: .milliseconds(20))
        try await slots.take(a)
        try await slots.take(a)
        await #expect(throws: Refusal.tooMany) { try await slots.take(a) }
        for client in 2..<5 { for _ in 0..<2 { try await slots.take([UInt8(client)]) } }
        await #expect(throws: Refusal.unavailable) { try await slots.take([9]) }
        await slots.give(a)
        try await slots.take([9])
        await slots.give([9])
        try await slots.take(a)
    }

    @Test func whoWaitsHasTheNextSlot() async throws {
        let slots = UploadSlots(4, patience: .seconds(600))
        for client in 1...4 { try await slots.take([UInt8(client)]) }
        #expect(await !slots.isCrowded)
        async let waiting: Void = slots.take([9])
        while await !slots.isCrowded { await Task.yield() }
        await slots.give(b)
        try await waiting
        #expect(await !slots.isCrowded)
        // Its own files are no crowd: one more slot would not help it.
        async let own: Void = slots.take([9])
        for _ in 0..<100 { await Task.yield() }
        #expect(await !slots.isCrowded)
        await slots.give([9])
        try await own
    }
}
