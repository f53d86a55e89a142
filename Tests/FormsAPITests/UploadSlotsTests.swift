import Testing

@testable import FormsAPI

@Suite struct UploadSlotsTests {
    private let a: [UInt8] = [1]

    @Test func oneClientHasAQuarter() async throws {
        let slots = UploadSlots(8, patience: .milliseconds(20), stall: .seconds(600))
        let first = try await slots.take(a)
        _ = try await slots.take(a)
        await #expect(throws: Refusal.tooMany) { try await slots.take(a) }
        for client in 2..<5 { for _ in 0..<2 { _ = try await slots.take([UInt8(client)]) } }
        await #expect(throws: Refusal.unavailable) { try await slots.take([9]) }
        await slots.give(first)
        let ninth = try await slots.take([9])
        await slots.give(ninth)
        _ = try await slots.take(a)
    }

    @Test func theNextInTheQueueHasTheNextSlot() async throws {
        let slots = UploadSlots(4, patience: .seconds(600), stall: .seconds(600))
        var held: [UploadSlots.Ticket] = []
        for client in 1...4 { held.append(try await slots.take([UInt8(client)])) }
        #expect(try await !slots.progress(held[0]))
        async let waiting = slots.take([9])
        while try await !slots.progress(held[0]) { await Task.yield() }
        await slots.give(held[1])
        let ninth = try await waiting
        #expect(try await !slots.progress(held[0]))
        // Its own files are no crowd: one more slot would not help it.
        async let own = slots.take([9])
        for _ in 0..<100 { await Task.yield() }
        #expect(try await !slots.progress(held[0]))
        await slots.give(ninth)
        _ = try await own
    }

    @Test func halfSentFilesHoldNothingWhileOthersWait() async throws {
        let slots = UploadSlots(4, patience: .seconds(60), stall: .milliseconds(20))
        var held: [UploadSlots.Ticket] = []
        for client in 1...4 { held.append(try await slots.take([UInt8(client)])) }
        // Nothing comes for any of the four: the fifth has one of their slots long before its patience ends.
        _ = try await slots.take([9])
        var lost = 0
        for ticket in held {
            do { _ = try await slots.progress(ticket) } catch { lost += error == .tooSlow ? 1 : 0 }
        }
        #expect(lost >= 1)
    }

    /// However many half-sent files of the same clients wait, a newcomer has the next slot that one of them loses.
    @Test func whoLostASlotStandsBehind() async throws {
        let slots = UploadSlots(4, patience: .seconds(60), stall: .milliseconds(20))
        for client in 1...4 { _ = try await slots.take([UInt8(client)]) }
        try await withThrowingTaskGroup(of: UInt8.self) { group in
            for client in UInt8(1)...4 {
                group.addTask {
                    _ = try await slots.take([client])
                    return client
                }
            }
            while await slots.queued < 4 { await Task.yield() }
            group.addTask {
                _ = try await slots.take([9])
                return 9
            }
            var order: [UInt8] = []
            for try await client in group { order.append(client) }
            #expect(order.count == 5 && order.last != 9)
        }
    }

    @Test func oneClientHasFewPlacesInTheQueue() async throws {
        let slots = UploadSlots(4, patience: .milliseconds(300), stall: .seconds(600))
        for client in 1...4 { _ = try await slots.take([UInt8(client)]) }
        await withTaskGroup(of: Refusal?.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    do throws(Refusal) {
                        _ = try await slots.take([9])
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            var refused = 0
            for await refusal in group where refusal == .unavailable { refused += 1 }
            #expect(refused == 40)
        }
    }
}
