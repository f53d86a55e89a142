import Testing

@testable import FormsAPI

@Suite struct ActiveContentTests {
    /// Feeds a file in pieces of every size, so that names part anywhere.
    private func isActive(_ text: String, _ size: Int) -> Bool {
        var content = ActiveContent()
        content.isPDF = true
        let bytes = Array(text.utf8)
        var found = false
        for start in stride(from: 0, to: bytes.count, by: size) {
            let end = min(start + size, bytes.count)
            if content.feed(Array(bytes[start..<end]), isLast: end == bytes.count) { found = true }
        }
        return found
    }

    @Test(arguments: [
        "<< /S /JavaScript /JS (app.alert(1)) >>", "<</S/J#61vaScript>>", "<< /S /Launch /F (calc.exe) >>",
        "<</S/#4c#61unch>>",
        "<< /Type /EmbeddedFile >>", "<< /S /SubmitForm >>", "<</XFA [(a) 1 0 R]>>",
    ])
    func whatActsIsFoundWhereverItIsCut(_ text: String) {
        let file =
            "%PDF-1.7\n" + String(repeating: "1 0 obj << /Type /Page >> endobj\n", count: 30) + text + "\n%%EOF\n"
        for size in [1, 7, 64, 255, 256, 257, 4_096] { #expect(isActive(file, size), "\(size)") }
    }

    @Test(arguments: [
        "<< /Type /Catalog /Names 2 0 R >>", "<< /Title (JavaScript) >>", "<< /JSX 1 >>", "<< /Launcher 1 >>",
        "BT (see the /JavaScript manual) Tj ET",
    ])
    func whatOnlyShowsPasses(_ text: String) {
        let file = "%PDF-1.7\n" + text + "\n%%EOF\n"
        for size in [1, 64, 4_096] { #expect(!isActive(file, size), "\(size)") }
    }
}
