import Glibc
import PortalBase
import Testing

@Suite struct FileLockTests {
    @Test func oneHoldsItAtATime() throws {
        try withFolder { folder in
            let lock = try FileLock(folder + "/lock")
            #expect(throws: FileError.self) { try FileLock(folder + "/lock") }
            withExtendedLifetime(lock) {}
        }
    }

    /// A child process has copies of all descriptors from when it is made until it runs its own program.
    @Test func aCopyOfTheDescriptorKeepsNothingLocked() throws {
        try withFolder { folder in
            let path = folder + "/lock"
            var lock: FileLock? = try FileLock(path)
            let copy = dup(try #require(descriptor(of: path)))
            defer { close(copy) }
            withExtendedLifetime(lock) {}
            lock = nil
            lock = try FileLock(path)
        }
    }

    private func descriptor(of path: String) -> Int32? {
        (3..<1024).first { number in
            var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
            let count = target.withUnsafeMutableBytes {
                readlink("/proc/self/fd/\(number)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
            }
            return count > 0 && String(decoding: target[..<count], as: UTF8.self) == path
        }
    }

    private func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/xinmi-lock.XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
        let folder = try #require(made)
        defer { try? FileSystem.removeTree(folder) }
        try body(folder)
    }
}
