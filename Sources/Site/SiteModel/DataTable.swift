package import PortalBase

/// Rows of `Content/data/*.csv`: named columns of text.
package struct DataTable: Sendable, Equatable {
    /// File name such as `villages.csv`, by which pages refer to it.
    package let name: String
    package let columns: [String]
    package let rows: [[String]]

    package func column(_ name: String) -> Int? { columns.firstIndex(of: name) }
}

/// Comma-separated values by RFC 4180, with positions.
package enum CSV {
    package static func parse(_ text: [UInt8], path: String, diagnostics: inout [Diagnostic]) -> [(
        line: Int, cells: [String]
    )] {
        var records: [(line: Int, cells: [String])] = []
        var cells: [String] = []
        var cell: [UInt8] = []
        var line = 1
        var recordLine = 1
        var quoted = false
        // Behind a closing quote only a comma or a line end may stand.
        var wasQuoted = false
        var i = 0
        func endRecord() {
            cells.append(String(decoding: cell, as: UTF8.self))
            cell = []
            wasQuoted = false
            if cells != [""] { records.append((recordLine, cells)) }
            cells = []
            recordLine = line
        }
        while i < text.count {
            let byte = text[i]
            if byte == 0x0A { line += 1 }
            if quoted {
                if byte == UInt8(ascii: "\""), i + 1 < text.count, text[i + 1] == byte {
                    cell.append(byte)
                    i += 1
                } else if byte == UInt8(ascii: "\"") {
                    quoted = false
                    wasQuoted = true
                } else {
                    cell.append(byte)
                }
            } else if byte == UInt8(ascii: "\""), cell.isEmpty {
                quoted = true
            } else if byte == UInt8(ascii: ",") {
                cells.append(String(decoding: cell, as: UTF8.self))
                cell = []
                wasQuoted = false
            } else if byte == 0x0A {
                endRecord()
            } else {
                if wasQuoted, byte != 0x20 {
                    diagnostics.append(
                        Diagnostic(
                            "csv-quote", SourcePosition(path: path, line: line),
                            problem: Bilingual(zh: "引号后面还有文字", en: "text follows a closing quote"),
                            remedy: Bilingual(
                                zh: "整格加引号，格内的引号写两次：\"他说\"\"好\"\"\"",
                                en: "quote the whole cell, and double quotes inside it")))
                    wasQuoted = false
                }
                cell.append(byte)
            }
            i += 1
        }
        if quoted {
            diagnostics.append(
                Diagnostic(
                    "csv-quote", SourcePosition(path: path, line: recordLine),
                    problem: Bilingual(zh: "引号没有结束", en: "a quote is not closed"),
                    remedy: Bilingual(zh: "请补上引号", en: "close the quote")))
        }
        if !cell.isEmpty || !cells.isEmpty { endRecord() }
        checkHeader(records.first, path, &diagnostics)
        return records
    }

    /// Two columns of one name: pages would see the first of them.
    private static func checkHeader(
        _ header: (line: Int, cells: [String])?, _ path: String, _ diagnostics: inout [Diagnostic]
    ) {
        var seen: Set<String> = []
        for name in header?.cells ?? [] where !name.isEmpty && !seen.insert(TextFolding.folded(name)).inserted {
            diagnostics.append(
                Diagnostic(
                    "csv-header", SourcePosition(path: path, line: header?.line ?? 1),
                    problem: Bilingual(zh: "表头里有两列都叫“\(name)”", en: "two columns are called `\(name)`"),
                    remedy: Bilingual(zh: "请改其中一个的名称", en: "rename one of them")))
        }
    }
}
