import PortalBase
import TestSupport
import Testing

@testable import SiteGen

/// What office files and PDFs carry besides their pages.
struct DocumentTests {
    /// Rules of what is told of one file beside a page, with its visibility.
    private func told(_ name: String, _ bytes: [UInt8], _ head: String = "") throws -> [Diagnostic] {
        let home = page("首页", "cascade: {visibility: public}")
        let site = try SmallSite([
            "portal/_index.md": home, "town/_index.md": home,
            "portal/a/index.md": page("a", "files: [\(name)]\n\(head)"),
        ])
        try site.folder.write("Content/portal/a/\(name)", bytes)
        return try site.build(output: nil).diagnostics
    }

    private func rules(_ name: String, _ bytes: [UInt8], _ head: String = "") throws -> [String] {
        try told(name, bytes, head).map(\.rule)
    }

    private let core = "<cp:coreProperties><dc:creator>张三</dc:creator><cp:lastModifiedBy/></cp:coreProperties>"

    @Test func whatAnOfficeFileCarriesBesidesItsPagesIsTold() throws {
        let plain = [("word/document.xml", "<w:document><w:p><w:t>通知</w:t></w:p></w:document>")]
        #expect(try rules("a.docx", archive(plain)) == [])
        let author = try told("a.docx", archive(plain + [("docProps/core.xml", core)]))
        #expect(author.map(\.rule) == ["document-author"] && author.map(\.severity) == [.warning])
        #expect(author.first?.problem.zh.contains("张三") == true)
        for (rule, part) in [
            (
                "document-changes",
                ("word/document.xml", "<w:p><w:del w:id=\"1\"><w:delText>密</w:delText></w:del></w:p>")
            ),
            ("document-remarks", ("word/comments.xml", "<w:comments><w:comment w:id=\"0\">密</w:comment></w:comments>")),
            ("document-remarks", ("ppt/comments/comment1.xml", "<p:cmLst><p:cm authorId=\"0\"/></p:cmLst>")),
            ("document-hidden", ("xl/workbook.xml", "<sheet name=\"名单\" sheetId=\"2\" state=\"veryHidden\"/>")),
            (
                "personal-number",
                ("xl/worksheets/sheet1.xml", "<c r=\"A1\"><v>13800138000</v></c><c r=\"B1\"><v>7</v></c>")
            ),
            (
                "personal-number",
                ("word/document.xml", "<w:p><w:t>1101051949</w:t></w:r><w:r><w:t>1231002X</w:t></w:p>")
            ),
            ("document-changes", ("word/document.xml", "<w:p><w:pPr><w:rPrChange\tw:id=\"1\"/></w:pPr></w:p>")),
            ("document-hidden", ("word/document.xml", "<w:r><w:rPr><w:vanish/></w:rPr><w:t>密</w:t></w:r>")),
            ("document-hidden", ("ppt/slides/slide3.xml", "<p:cNvPr id=\"2\" hidden=\"1\"/>")),
            (
                "document-hidden",
                ("xl/worksheets/sheet3.xml", "<row r=\"1\" ht=\"0\" customHeight=\"1\"><c r=\"A1\"><v>7</v></c></row>")
            ),
            ("document-remarks", ("xl/comments1.xml", "<x:comments><x:comment ref=\"A1\"/></x:comments>")),
            ("personal-number", ("xl/sharedStrings.xml", "<x:si><x:t>13800138000</x:t></x:si>")),
            ("document-hidden", ("ppt/slides/slide2.xml", "<p:sld show=\"0\"/>")),
            ("document-hidden", ("content.xml", "<style table:display=\"false\"/>")),
            ("document-hidden", ("Object 1/content.xml", "<table:table-row table:visibility=\"collapse\"/>")),
            (
                "document-hidden",
                ("xl/worksheets/sheet1.xml", "<row r=\"2\" hidden=\"1\"><c r=\"A2\"><v>7</v></c></row>")
            ),
            (
                "document-hidden",
                (
                    "xl/worksheets/sheet1.xml",
                    "<cols><col hidden='true' min='2' max='3'/></cols><row><c r=\"C1\" t=\"s\"><v>0</v></c></row>"
                )
            ),
            (
                "document-hidden",
                ("xl/worksheets/sheet2.xml", "<x:row hidden=\"1\"><x:c r=\"A1\"><x:v>7</x:v></x:c></x:row>")
            ),
            ("personal-number", ("xl/worksheets/_rels/sheet1.xml.rels", "<Relationship Target=\"tel:13800138000\"/>")),
            ("document-hidden", ("xl/externalLinks/externalLink1.xml", "<cell r=\"A1\"><v>3</v></cell>")),
            ("document-changes", ("xl/revisions/revisionLog1.xml", "<revisions/>")),
            ("document-files", ("word/embeddings/oleObject1.bin", "OLE")),
            ("personal-number", ("docProps/core.xml", "<dc:title>张三13800138000</dc:title>")),
            ("personal-number", ("word/_rels/document.xml.rels", "<Relationship Target=\"tel:13800138000\"/>")),
            ("personal-number", ("styles.xml", "<style:footer><text:p>13800138000</text:p></style:footer>")),
            ("document-camera", ("word/media/image1.webp", "RIFF0000WEBPVP8X EXIF")),
            ("document-files", ("Doc_0/Attachs/名单.pdf", "%PDF")),
            ("document-notes", ("ppt/notesSlides/notesSlide1.xml", "<a:p><a:t>不要念出来</a:t></a:p>")),
            ("document-remarks", ("Doc_0/Annots/Page_0/Annotation.xml", "<ofd:Annot ID=\"1\"/>")),
            ("personal-number", ("content.xml", "<text:p>13800138000</text:p>")),
        ] {
            #expect(try rules("a.xlsx", archive([part])) == [rule], "\(part.0)")
            // Inside, officers share what they please.
            #expect(try rules("a.xlsx", archive([part]), "visibility: intranet") == [], "\(part.0)")
        }
        // A style that nothing uses, and words that are shown.
        for part in [
            ("word/styles.xml", "<w:style><w:rPr><w:vanish/></w:rPr></w:style>"),
            ("word/document.xml", "<w:r><w:rPr><w:vanish w:val=\"0\"/></w:rPr><w:t>文</w:t></w:r>"),
        ] {
            #expect(try rules("a.docx", archive([part])) == [], "\(part.0)")
        }
        // Columns that hide nothing, and rows that are shown.
        for cells in [
            "<cols><col min=\"5\" max=\"16384\" hidden=\"1\"/></cols><row r=\"1\"><c r=\"D1\"><v>7</v></c></row>",
            "<row r=\"2\" hidden=\"1\"><c r=\"A2\"/></row><row r=\"3\"><c r=\"A3\"><v>7</v></c></row>",
        ] {
            #expect(try rules("a.xlsx", archive([("xl/worksheets/sheet1.xml", cells)])) == [], "\(cells)")
        }
        // Cells and measures that stand side by side are no number.
        for part in [
            ("xl/worksheets/sheet1.xml", "<c><v>150</v></c><c><v>2024</v></c><c><v>3456</v></c>"),
            ("word/document.xml", "<w:p><wp:posOffset>1828800</wp:posOffset><wp:posOffset>6350</wp:posOffset></w:p>"),
            ("word/charts/chart1.xml", "<c:v>150</c:v><c:v>2024</c:v><c:v>3456</c:v>"),
            ("word/document.xml", "<w:p><w:t>150</w:t></w:p><w:p><w:t>2024</w:t></w:p><w:p><w:t>3456</w:t></w:p>"),
        ] {
            #expect(try rules("a.docx", archive([part])) == [], "\(part.1)")
        }
        #expect(try rules("a.docx", Array("PK damaged".utf8)) == ["file-kind"])
        #expect(try rules("a.doc", [0xD0, 0xCF, 0x11, 0xE0]) == ["document-unread"])
    }

    /// A chart keeps the whole workbook that it was drawn from, a pivot table the records of its source.
    @Test func whatIsKeptBehindChartsAndPivotTablesIsTold() throws {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let hidden = archive([("xl/workbook.xml", "<sheet name=\"名单\" state=\"hidden\"/>")])
        let shown = archive([("xl/workbook.xml", "<sheet name=\"图表\"/>")])
        #expect(try rules("a.docx", archive([("word/embeddings/book1.xlsx", text(hidden))])) == ["document-hidden"])
        #expect(try rules("a.docx", archive([("word/embeddings/book1.xlsx", text(shown))])) == [])

        func pivot(_ sheets: String, _ source: String) -> [UInt8] {
            archive([
                ("xl/pivotCache/pivotCacheDefinition1.xml", "<cacheSource type=\"worksheet\">\(source)</cacheSource>"),
                ("xl/pivotCache/pivotCacheRecords1.xml", "<r><s v=\"张三\"/></r>"),
                ("xl/workbook.xml", "<sheets>\(sheets)</sheets>"),
            ])
        }
        let source = "<worksheetSource ref=\"A1:C9\" sheet=\"名单\"/>"
        #expect(try rules("a.xlsx", pivot("<sheet name=\"名单\"/><sheet name=\"汇总\"/>", source)) == [])
        #expect(try rules("a.xlsx", pivot("<sheet name=\"汇总\"/>", source)) == ["document-hidden"])
        let away = "<worksheetSource ref=\"A1:C9\" sheet=\"名单\" r:id=\"rId1\"/>"
        #expect(try rules("a.xlsx", pivot("<sheet name=\"名单\"/>", away)) == ["document-hidden"])
    }

    @Test func filesInsideAPDFAreTold() throws {
        let note = "%PDF-1.7\n1 0 obj <</Names<</EmbeddedFiles 2 0 R>>>> endobj %%EOF"
        #expect(try rules("a.pdf", Array(note.utf8)) == ["document-files"])
    }

    /// What lies in an archive is told as what lies beside the page.
    @Test func anArchiveIsLookedInto() throws {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        let document = text(archive([("word/comments.xml", "<w:comment w:id=\"0\">密</w:comment>")]))
        for (expected, name, content) in [
            ("document-remarks", "报名表/a.docx", document), ("personal-number", "a.csv", "甲,13800138000\n"),
            ("personal-number", "张三13800138000.txt", "x"), ("attachment-mark", "a.txt", "电话 :intranet[8021]"),
            ("attachment-copy", "a.txt", "---\ntitle: x\n---\n"), ("archive-leftover", "__MACOSX/._a.txt", "x"),
            ("archive-leftover", "~$a.docx", "x"), ("file-kind", "a.pdf", "x"), ("document-unread", "a.doc", "x"),
            ("archive-pictures", "a.gif", "GIF89a"), ("file-kind", "a.html", "<p>x"),
            ("document-unread", "a.rar", "Rar!\u{0}"),
            ("film-place", "a.mp4", "location.ISO6709"), ("file-kind", "b.txt", "a\u{1}\u{2}b\u{0}"),
            ("personal-number", "b.zip", text(archive([("a.txt", "13800138000")]))),
        ] {
            let found = try told("a.zip", archive([("说明.txt", "说明"), (name, content)]))
            #expect(found.map(\.rule) == [expected], "\(name)")
            let isNamed = found.first?.problem.zh.contains(name) == true || expected == "archive-pictures"
            #expect(isNamed, "\(name)")
            #expect(try rules("a.zip", archive([(name, content)]), "visibility: intranet") == [], "\(name)")
        }
        #expect(try rules("a.zip", archive([("说明.txt", "说明")])) == [])
        #expect(try rules("a.zip", Array("PK damaged".utf8)) == ["file-kind"])
    }

    @Test(arguments: [
        "1 0 obj <</Author (Zhang \\(San\\))>> endobj", "1 0 obj <</Author <FEFF5F204E09>>> endobj",
        "<rdf><dc:creator><rdf:Seq><rdf:li>李四</rdf:li></rdf:Seq></dc:creator></rdf>",
        "1 0 obj <</Author 11 0 R>> endobj\n11 0 obj (Zhang San) endobj", "<rdf><pdf:Author>李四</pdf:Author></rdf>",
        "/Title (streamlining /Encrypted things) /Author(Zhang San)",
    ])
    func theAuthorOfAPDFIsTold(_ body: String) throws {
        #expect(try rules("a.pdf", Array("%PDF-1.4\n\(body)\n%%EOF".utf8)) == ["document-author"])
        #expect(
            try rules("a.pdf", Array("%PDF-1.4\n\(body)\n<</Encrypt 2 0 R>>%%EOF".utf8)) == ["document-unread"])
    }

    @Test func theAuthorInsideAStreamOfObjectsIsTold() throws {
        // <</Author(Zhang San)>> behind zlib's header, stored.
        let body = Array("<</Author(Zhang San)>>".utf8)
        let packed: [UInt8] = [0x78, 0x01, 0x01, UInt8(body.count), 0, ~UInt8(body.count), 0xFF] + body + adler32(body)
        let head = Array("%PDF-1.5\n1 0 obj <</Type /ObjStm /Filter /FlateDecode>> stream\r\n".utf8)
        #expect(try rules("a.pdf", head + packed + Array("\nendstream endobj".utf8)) == ["document-author"])
        #expect(try rules("a.pdf", head + [0x78] + Array("\nendstream endobj".utf8)) == [])
    }

    @Test func remarksInAPDFAreTold() throws {
        let note = "%PDF-1.4\n1 0 obj <</Type/Annot/Subtype/Text/Contents(x)>> endobj %%EOF"
        #expect(try rules("a.pdf", Array(note.utf8)) == ["document-remarks"])
        #expect(try rules("a.pdf", Array(note.replacing("/Text", with: "/Link").utf8)) == [])
    }

    @Test func aTableInUTF16IsLookedAtToo() throws {
        let text = "姓名\t电话\r\n乙\t13800138000\r\n".utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        #expect(try rules("a.txt", [0xFF, 0xFE] + text) == ["personal-number"])
    }

    @Test func numbersOfPersonsInTablesBesidePagesStopTheBuild() throws {
        let found = try told("a.csv", Array("姓名,电话\n甲,69812345\n乙,13800138000\n".utf8))
        #expect(found.map(\.rule) == ["personal-number"] && found.map(\.position.line) == [3])
        #expect(try rules("a.geojson", Array("[113.13800138000, 34.13900139001]".utf8)) == [])
    }

    /// An archive of stored entries.
    private func archive(_ entries: [(name: String, text: String)]) -> [UInt8] {
        func little(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        var (out, directory): ([UInt8], [UInt8]) = ([], [])
        for entry in entries {
            let sizes =
                little(entry.text.utf8.count, 4) + little(entry.text.utf8.count, 4) + little(entry.name.utf8.count, 2)
            directory +=
                [0x50, 0x4B, 1, 2] + little(0, 16) + sizes + little(0, 12) + little(out.count, 4) + entry.name.utf8
            out +=
                [0x50, 0x4B, 3, 4] + little(0, 14) + sizes + little(0, 2) + Array(entry.name.utf8)
                + Array(entry.text.utf8)
        }
        let end = little(0, 4) + little(entries.count, 2) + little(entries.count, 2)
        return out + directory + [0x50, 0x4B, 5, 6] + end + little(directory.count, 4) + little(out.count, 4)
            + little(0, 2)
    }

    private func adler32(_ bytes: [UInt8]) -> [UInt8] {
        let (a, b) = bytes.reduce((1, 0)) { sums, byte in
            let a = (sums.0 + Int(byte)) % 65_521
            return (a, (sums.1 + a) % 65_521)
        }
        return [b >> 8, b & 255, a >> 8, a & 255].map { UInt8($0) }
    }
}
