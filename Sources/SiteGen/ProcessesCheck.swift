import PortalBase
import Procedures

/// What is wrong with the definitions of processes, which the core runs and no page shows.
enum ProcessesCheck {
    /// - Parameter source: the folder that holds `Content`.
    static func findings(source: String) -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        let forms = try? FileSystem.list(source + "/Content/forms").map(\.name).filter { $0.hasSuffix(".yaml") }
        _ = ProcessLibrary(
            source: source, forms: forms.map { Set($0.map { String($0.dropLast(5)) }) }, diagnostics: &diagnostics)
        return diagnostics
    }
}
