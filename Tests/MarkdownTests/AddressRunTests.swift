import PortalBase
import Testing

@testable import Markdown

@Suite struct AddressRunTests {
    private func shown(_ text: String) -> [String] {
        AddressRun.pieces(of: text).map { ($0.isAddress ? "@" : "") + $0.text }
    }

    @Test func addressesEndWhereChineseTextGoesOn() {
        #expect(shown("https://a.cn/x、https://b.cn/y。") == ["@https://a.cn/x", "、", "@https://b.cn/y", "。"])
        #expect(shown("HTTPS://A.cn/x　HTTP://b.cn") == ["@HTTPS://A.cn/x", "　", "@HTTP://b.cn"])
        #expect(shown("www.a.cn（见www.b.cn）") == ["@www.a.cn", "（见", "@www.b.cn", "）"])
        #expect(shown("https://a.cn/中文?q=1") == ["@https://a.cn/中文?q=1"])
        #expect(shown("") == [])
    }

    @Test func thePiecesAreTheText() {
        let text = String(repeating: "https://a.cn/、", count: 3_000) + "http"
        #expect(AddressRun.pieces(of: text).map(\.text).joined() == text)
    }

    @Test func eachAddressIsALink() throws {
        let engine = MarkdownEngine(containers: [], leaves: [])
        var diagnostics = [Diagnostic]()
        let document = engine.render(
            CutBody(uncut: Array("见https://a.cn/x、www.b.cn、c\n".utf8), firstLine: 1), path: "p",
            diagnostics: &diagnostics)
        #expect(document.slots.count == 4)
    }
}
