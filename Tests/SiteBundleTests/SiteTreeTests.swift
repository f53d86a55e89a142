import PortalBase
import SiteBundle
import Testing

@Suite struct SiteTreeTests {
    private static let digest = SHA256Digest(of: [])

    @Test func isReadAsItIsWritten() throws {
        let tree = SiteTree([
            "public/index.html": Self.digest, "public.runtime/current.json": Self.digest,
            "public/关于/index.html": Self.digest,
        ])
        #expect(SiteTree(tree.bytes) == tree)
        #expect(String(decoding: tree.bytes, as: UTF8.self).hasPrefix("\(Self.digest)  public.runtime/current.json\n"))
        #expect(SiteTree([]) == SiteTree([:]))
    }

    @Test(arguments: [
        "public/../secret.html", "/etc/passwd.html", "public//index.html", "public/.htaccess",
        "public/.well-known/x.txt", "intranet/index.html",
        "public.evil/index.html", "public/index.php", "public/index", "public", "public/a\\b.html",
        "public/a\u{1}.html",
        "public/\(String(repeating: "x", count: 252)).html",
    ])
    func refusesWhatMayNotBeServed(_ path: String) {
        #expect(!SiteTree.isAllowed(path))
        #expect(SiteTree(Array("\(Self.digest)  \(path)\n".utf8)) == nil)
    }

    @Test func refusesAnotherOrderTwiceTheSameAndAFileThatIsAFolder() {
        func tree(_ paths: String...) -> SiteTree? {
            SiteTree(Array(paths.map { "\(Self.digest)  \($0)\n" }.joined().utf8))
        }
        #expect(tree("public/a.html", "public/b.html") != nil)
        #expect(tree("public/b.html", "public/a.html") == nil)
        #expect(tree("public/a.html", "public/a.html") == nil)
        #expect(tree("public/a.html", "public/a.html/b.html") == nil)
        #expect(SiteTree(Array("\(Self.digest)  public/a.html".utf8)) == nil)
        #expect(SiteTree(Array("\(Self.digest) public/a.html\n".utf8)) == nil)
        #expect(SiteTree(Array("\(Self.digest.hex.uppercased())  public/a.html\n".utf8)) == nil)
    }
}
