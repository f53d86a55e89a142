package import CMS
import PortalBase

/// Keys made once for all tests of a run.
package enum Keys {
    package static let folder: TemporaryFolder = {
        let folder = TemporaryFolder()
        // A failure shows at the first key that is read.
        _ = try? run([repositoryRoot + "/Scripts/dev-ca", folder.path])
        return folder
    }()

    package static func identity(_ path: String) throws -> Identity { try Identity(path: folder.path + "/" + path) }

    package static func certificate(_ path: String) throws -> Certificate {
        try Certificate(pem: FileSystem.read(folder.path + "/" + path + ".crt"))
    }
}
