import Foundation
import PortalBase
import Testing

@testable import SiteModel

@Suite struct URLSegmentTests {
    private func icu(_ text: String) -> String {
        text.applyingTransform(StringTransform(URLSegment.icuRules), reverse: false)!
    }

    @Test func theTableSaysWhatICUSays() {
        let scalars = (0x4E00...0x9FFF).compactMap { Unicode.Scalar($0) }.filter { PinyinTable.syllable($0) != nil }
        #expect(scalars.count > 20_000)
        let lines = icu(scalars.map { String(Character($0)) }.joined(separator: "\n")).split(separator: "\n")
        let differing = zip(scalars, lines).filter { PinyinTable.syllable($0) != String($1) }.map(\.0)
        #expect(differing == [])
    }

    @Test(arguments: [
        "新密市", "供水供电", "2026年预算", "A类（乙）事项", "退役军人、志愿者", "“一件事”", "网上办理 online", "x新", "新x密", "新-密",
    ])
    func wordsPartAsICUPartsThem(_ text: String) {
        #expect(PortalBase.slug(of: URLSegment.pinyin(text)) == PortalBase.slug(of: icu(text)))
    }
}
