import PortalBase
import Procedures

/// What is wrong with the definitions of processes, which the core runs and no page shows.
enum ProcessesCheck {
    /// - Parameter source: the folder that holds `Content`.
    static func findings(source: String) -> [Diagnostic] {
        var diagnostics: [Diagnostic] = []
        _ = ProcessLibrary(source: source, diagnostics: &diagnostics)
        return diagnostics
    }
}
