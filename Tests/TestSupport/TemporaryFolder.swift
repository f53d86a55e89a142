import Foundation
import PortalBase

/// A folder that goes away with this value.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() {
        path = NSTemporaryDirectory() + "xinmi-" + UUID().uuidString
        // A failure shows at the first write.
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)  // Left-overs of a test are the system's to clean.
    }

    package func write(_ files: [String: String]) throws {
        for (name, text) in files { try write(name, Array(text.utf8)) }
    }

    package func write(_ name: String, _ bytes: [UInt8]) throws {
        try FileSystem.makeDirectories(FileSystem.parent(path + "/" + name))
        try FileSystem.write(bytes, to: path + "/" + name)
    }

    package func text(_ name: String) throws -> String {
        String(decoding: try FileSystem.read(path + "/" + name), as: UTF8.self)
    }

    /// Every file below `folder` with its bytes, but what hides behind a dot.
    package func contents(_ folder: String) throws -> [String: [UInt8]] {
        guard FileSystem.kind(path + "/" + folder) == .directory else { return [:] }
        var result: [String: [UInt8]] = [:]
        for file in try FileSystem.filesBelow(path + "/" + folder) where !file.hasPrefix(".") {
            result[file] = try FileSystem.read(path + "/" + folder + "/" + file)
        }
        return result
    }
}

/// The repository that these tests were built from.
package let repositoryRoot: String = {
    var url = URL(fileURLWithPath: #filePath)
    for _ in 0..<3 { url.deleteLastPathComponent() }
    return url.path
}()

/// What a finished process said.
package struct ProcessResult: Sendable {
    package let status: Int32
    package let output: String
    package let error: String
}

/// Runs a program to its end; `/usr/bin/env` finds it on the path.
package func run(_ arguments: [String], input: [UInt8] = [], in folder: String? = nil) throws -> ProcessResult {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    // Files, not pipes: a program that says much cannot block on us.
    let scratch = TemporaryFolder()
    try scratch.write("in", input)
    for name in ["out", "err"] { try scratch.write(name, []) }
    process.standardInput = FileHandle(forReadingAtPath: scratch.path + "/in")
    process.standardOutput = FileHandle(forWritingAtPath: scratch.path + "/out")
    process.standardError = FileHandle(forWritingAtPath: scratch.path + "/err")
    try process.run()
    process.waitUntilExit()
    return ProcessResult(
        status: process.terminationStatus, output: try scratch.text("out"), error: try scratch.text("err"))
}

/// A small reproducible generator (SplitMix64) for property tests.
package struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
