import Synchronization

/// One part's bytes on their way from thread to thread: who takes them has them alone, so that their memory is free as soon as
/// they are used.
final class PartSlot: Sendable {
    private let bytes: Mutex<[UInt8]>

    init(_ bytes: [UInt8] = []) {
        self.bytes = Mutex(bytes)
    }

    func put(_ new: [UInt8]) { bytes.withLock { $0 = new } }

    func take() -> [UInt8] {
        bytes.withLock { bytes in
            defer { bytes = [] }
            return bytes
        }
    }
}
