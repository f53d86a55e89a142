import Foundation

/// Normalization forms of UAX #15, for text that keeps `StreamSafe`.
extension String {
    /// Form C: the same characters, composed.
    package var nfc: String { settled { $0.precomposedStringWithCanonicalMapping } }

    /// Form KC: composed, and without differences of width and presentation.
    package var nfkc: String { settled { $0.precomposedStringWithCompatibilityMapping } }

    /// Foundation leaves marks of an expanded character (U+0F73, U+FCF3) out of order with the marks beside them; made normal
    /// once more, they are in order.
    private func settled(_ form: (String) -> String) -> String {
        let once = form(self)
        return form(once)
    }
}
