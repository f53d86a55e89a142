import Glibc
import PortalBase
import SiteModel
import Synchronization

/// Makes the sizes of a picture with GraphicsMagick, once for each content.
///
/// Every picture that is published goes through here, the fallback included: what a camera wrote beside the pixels
/// (place, time, owner) is never copied. Results lie in a folder outside every docroot, named by the digest of the
/// source, the size and the tool's version.
final class ImageMaker: Sendable {
    private let cache: String
    private let quality: Int
    private let version: Mutex<Result<String, FileError>?> = Mutex(nil)

    static let tool = "gm"

    init(cache: String, quality: Int) {
        self.cache = cache
        self.quality = quality
    }

    /// What pictures are made with: quality, and the state of the tool.
    var inputs: String {
        let folders = (environmentVariable("PATH") ?? "").split(separator: ":")
        let mark = folders.lazy.compactMap { FileMark($0 + "/" + Self.tool) }.first
        return "\(quality) \(mark?.words.description ?? "")"
    }

    func make(_ rendition: ImagePlan.Rendition, of header: ImageHeader, from location: String) throws(FileError)
        -> [UInt8]
    {
        let source = try FileSystem.read(location, limit: 64 << 20)
        let version = try toolVersion()
        let recipe =
            "\(SHA256Digest(of: source).hex) \(rendition.width)x\(rendition.height) \(rendition.format.rawValue) \(quality) icc \(version)"
        let name = SHA256Digest(of: Array(recipe.utf8)).hex + "." + rendition.format.rawValue
        let made = cache + "/" + name
        if let known = try? FileSystem.read(made) { return known }
        try FileSystem.makeDirectories(cache)
        // The tool reads a copy of what was hashed, by an absolute name that no option can hide in.
        let unique = Self.uniqueName(in: cache)
        let (input, output) = (unique + ".in", unique + ".out")
        defer {
            unlink(input)
            unlink(output)
        }
        try FileSystem.write(source, to: input)
        // Colours keep their meaning: the profile is taken out of the source and put beside the pixels again.
        let profile = ColourProfile.find(in: source).map { (unique + ".icc", $0) }
        if let profile { try FileSystem.write(profile.1, to: profile.0) }
        defer { if let profile { unlink(profile.0) } }
        let status = try ChildProcess.run(
            [
                Self.tool, "convert", "-limit", "memory", "512MB", "-limit", "map", "512MB", "-limit", "disk", "1GB",
                "-limit", "pixels", "50MP", "-limit", "threads", "1",
                "\(header.format == .jpeg ? "jpeg" : header.format.rawValue):\(input)", "-auto-orient", "-resize",
                "\(rendition.width)x\(rendition.height)!", "-strip",
            ] + (profile.map { ["-profile", $0.0] } ?? []) + [
                "-quality", "\(quality)", "\(rendition.format == .jpeg ? "jpeg" : rendition.format.rawValue):\(output)",
            ])
        guard status == 0 else { throw FileError("\(Self.tool) convert (exit \(status))", location, code: EINVAL) }
        let bytes = try FileSystem.read(output)
        try FileSystem.rename(output, made)
        return bytes
    }

    /// Of a file that nobody else writes or takes away, in this process or another.
    private static func uniqueName(in folder: String) -> String {
        "\(folder)/.\(getpid()).\(UInt64.random(in: 0...UInt64.max))"
    }

    private func toolVersion() throws(FileError) -> String {
        let result = version.withLock { known -> Result<String, FileError> in
            if let known { return known }
            let found = Result<String, FileError> { () throws(FileError) in try Self.findVersion(in: cache) }
            known = found
            return found
        }
        return try result.get()
    }

    /// First line of `gm version`, such as `GraphicsMagick 1.3.40 …`.
    private static func findVersion(in folder: String) throws(FileError) -> String {
        try FileSystem.makeDirectories(folder)
        let output = uniqueName(in: folder) + ".version"
        defer { unlink(output) }
        guard try ChildProcess.run([tool, "version"], output: output) == 0 else {
            throw FileError(
                "GraphicsMagick is needed for pictures (apt-get install graphicsmagick); looking for", tool,
                code: ENOENT)
        }
        let text = String(decoding: try FileSystem.read(output), as: UTF8.self)
        return String(text.prefix { $0 != "\n" })
    }
}
