import PortalBase
import SiteModel

/// The records of the last build into an output folder. They lie outside every docroot and only spare work: a build
/// with them equals a build without, byte for byte.
struct BuildCache: Sendable {
    private let folder: String
    private let request: BuildRequest
    let pages: PageCache

    /// Nil where nothing is to be written, or only a part of it.
    init?(_ request: BuildRequest) {
        guard let output = request.output, request.sites.isEmpty, request.usesCache else { return nil }
        folder = output + "/.cache/build"
        self.request = request
        let record = request.comparesContent ? [] : (try? FileSystem.read(folder + "/pages")) ?? []
        pages = PageCache(isLongLived: false, trustsMarks: !request.comparesContent, record: record)
    }

    /// What the last build left, if nothing that it read or wrote has changed.
    static func unchanged(_ request: BuildRequest) -> TreeRecord? {
        guard let output = request.output, request.sites.isEmpty, request.usesCache, !request.comparesContent,
            let bytes = try? FileSystem.read(output + "/.cache/build/tree"), let record = TreeRecord(bytes),
            record.holds(
                request, sources: TreeRecord.look(request, others: record.others), output: output)
        else { return nil }
        return record
    }

    func variant(_ site: VariantSite) -> VariantCache {
        let bytes = (try? FileSystem.read(folder + "/" + site.graph.variant.name)) ?? []
        return VariantCache(site: site, request: request, pages: pages, record: BuildRecord(bytes))
    }

    /// Page texts of the search index as it was built last.
    func searchTexts(_ variant: String) -> [UInt8] { (try? FileSystem.read("\(folder)/\(variant).search")) ?? [] }

    /// Before anything changes: a build that dies leaves no record of what is not there.
    func invalidate() throws(FileError) { try FileSystem.remove(folder + "/tree") }

    func save(_ name: String, _ bytes: [UInt8]) throws(FileError) {
        try FileSystem.makeDirectories(folder)
        let path = folder + "/" + name
        try FileSystem.write(bytes, to: path + ".tmp")
        try FileSystem.rename(path + ".tmp", path)
    }
}
