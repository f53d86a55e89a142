package import Ferry
import PortalBase

/// The folder in which the ferry's user leaves what arrived for the site, and from which the site's own user reads. Nothing in
/// it is believed before the release officers' signatures are.
package struct BundleDrop: Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// Puts an item there, on the disk when this returns. Again is as once.
    package func deposit(_ item: FerryItem) throws {
        let folder = try Directory(making: path)
        guard let clear = try item.part("item.json"), let json = try? JSON(parsing: clear),
            let sequence = json["buildSeq"]?.integer, let piece = json["piece"]?.integer
        else { throw FileError("site bundle without number in", path, code: 22) }
        let name = "\(padded(sequence, 10))-\(padded(piece, 5))-\(item.id)"
        if folder.kind(name) == .directory { return }
        let temporary = "." + name
        try FileSystem.removeTree(path + "/" + temporary)
        let target = try Directory(making: path + "/" + temporary)
        for part in item.parts { try target.write(part.name, part.bytes()) }
        // One sync for many files.
        try target.syncFileSystem()
        try folder.move(temporary, to: folder, name)
        try folder.syncNames()
    }

    /// Removes what belongs to this build or an older one.
    package func sweep(upTo sequence: Int) throws {
        guard FileSystem.kind(path) == .directory else { return }
        for entry in try FileSystem.list(path, skippingUndecodable: true) {
            guard let number = Int(entry.name.prefix(10)), number <= sequence else { continue }
            try FileSystem.removeTree(path + "/" + entry.name)
        }
    }

    /// Folders of items by build, newest build first.
    func builds() throws -> [(sequence: Int, items: [String])] {
        guard FileSystem.kind(path) == .directory else { return [] }
        let names = try FileSystem.list(path, skippingUndecodable: true).filter { $0.kind == .directory }.map(\.name)
        return Dictionary(grouping: names.filter { !$0.hasPrefix(".") }) { Int($0.prefix(10)) ?? 0 }
            .filter { $0.key > 0 }.map { ($0.key, $0.value.sorted()) }.sorted { $0.sequence > $1.sequence }
    }
}
