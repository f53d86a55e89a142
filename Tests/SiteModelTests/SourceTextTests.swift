import Foundation
import PortalBase
import Testing

@testable import SiteModel

@Suite struct SourceTextTests {
    /// Whole characters of every length and kind, and pieces of them.
    private static let pieces: [[UInt8]] =
        [
            "a", "~", "\n", "\t", " ", "文", "件", "，", "！", "é", "\u{7FF}", "\u{800}", "\u{FFF}", "\u{1000}", "\u{CFFF}",
            "\u{D7FF}",
            "\u{E000}", "\u{F900}", "\u{FDCF}", "\u{FEFE}", "\u{FF00}", "\u{FFBF}", "\u{FFFD}", "𠀀", "😀", "\u{A0}",
            "\u{10FFFD}",
        ].map { Array($0.utf8) } + [
            // U+0085, U+10FFFF, U+2028, U+202E
            [0xC2, 0x85], [0xF4, 0x8F, 0xBF, 0xBF], [0xE2, 0x80, 0xA8], [0xE2, 0x80, 0xAE],
            [0x80], [0xBF], [0xC0], [0xC2], [0xE4], [0xE4, 0xB8], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xEF], [0xEF, 0xBC], [0xEF, 0xB7, 0x90], [0xFF], [0x00], [0x1F], [0x7F],
        ]

    private func isText(_ bytes: [UInt8]) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        return PublishableText.forbidden(in: text) == nil
    }

    @Test func textIsTakenAndAnythingElseIsRefusedAtItsPlace() {
        var generator = SystemRandomNumberGenerator()
        var refused = 0
        for round in 0..<20_000 {
            // Long stretches of text with at most one piece that may be none.
            var bytes = (0..<Int.random(in: 0...40, using: &generator)).flatMap { _ in
                Self.pieces[Int.random(in: 0..<(round % 2 == 0 ? 9 : 27), using: &generator)]
            }
            if round % 3 == 0 {
                let place = Int.random(in: 0...bytes.count, using: &generator)
                bytes.insert(contentsOf: Self.pieces.randomElement(using: &generator)!, at: place)
            }
            var diagnostics: [Diagnostic] = []
            let decoded = decodeSource(bytes, path: "a.md", diagnostics: &diagnostics)
            if isText(bytes) {
                if decoded != bytes { Issue.record("refused: \(bytes)") }
            } else {
                refused += 1
                if decoded != nil || diagnostics.count != 1 { Issue.record("taken: \(bytes)") }
            }
        }
        #expect(refused > 1_000)
    }
}
