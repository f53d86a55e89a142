import Ferry
import PortalBase

/// Whether a virus scanner looks into files as large as forms take: clamd calls a file above its own limits clean unless
/// `AlertExceedsMax` is set, and says nothing of it.
///
/// The question is the harmless test file of EICAR, which every scanner must find, in an archive of the size in question.
enum ScannerCheck {
    enum Result: Equatable {
        case looks
        /// A file of this size is called clean, whatever it holds.
        case passesOver
        /// The scanner has no signature of the test file: nothing can be said.
        case knowsNoTest
        case silent
        /// Files of this size get no verdict, and so are refused, clean or not.
        case refuses
    }

    /// - Parameter bytes: of the largest file that a form takes.
    static func result(_ address: ClamScanner.Address, bytes: Int) throws -> Result {
        switch try verdict(address, padding: 0) {
        case .infected: break
        case .clean: return .knowsNoTest
        case .unknown, nil: return .silent
        }
        switch try verdict(address, padding: max(0, bytes - 4_096)) {
        case .infected: return .looks
        case .unknown: return .refuses
        case .clean: return .passesOver
        case nil: return .silent
        }
    }

    /// EICAR's file from behind, so that no scanner finds it in this program.
    private static let testFile = Array("*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X".utf8)

    private static func verdict(_ address: ClamScanner.Address, padding: Int) throws -> ClamScanner.Verdict? {
        guard let scanner = ClamScanner(address) else { return nil }
        let archive = TarWriter { scanner.feed($0) }
        // Last, so that a scanner that stops half way finds nothing.
        if padding > 0 { try archive.add("padding", [UInt8](repeating: 0, count: padding)) }
        try archive.add("eicar.com", Array(testFile.reversed()))
        try archive.finish()
        return scanner.verdict()
    }
}
