import PortalBase

/// Attributes of a start tag of XML, by name; values are not unescaped.
private func attributes(_ tag: Slice<UnsafeBufferPointer<UInt8>>) -> [String: String] {
    var found: [String: String] = [:]
    var rest = tag
    while let equals = rest.firstIndex(of: UInt8(ascii: "=")) {
        let name = rest[..<equals].split { $0 <= 0x20 }.last.map { String(decoding: $0, as: UTF8.self) } ?? ""
        let value = rest[(equals + 1)...].drop { $0 <= 0x20 }
        guard let quote = value.first, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'"),
            let end = value.dropFirst().firstIndex(of: quote)
        else { return found }
        found[name] = String(decoding: value[(value.startIndex + 1)..<end], as: UTF8.self)
        rest = tag[(end + 1)...]
    }
    return found
}

/// Start tags of a part of SpreadsheetML, one after another: the name and what stands between it and `>`.
private func forEachTag(
    in xml: UnsafeBufferPointer<UInt8>, _ body: (_ name: String, _ rest: Slice<UnsafeBufferPointer<UInt8>>) -> Bool
) {
    var i = 0
    while let open = xml.find(UInt8(ascii: "<"), from: i), let close = xml.find(UInt8(ascii: ">"), from: open) {
        let tag = xml[(open + 1)..<close]
        let name = tag.prefix { $0 > 0x20 && ($0 != UInt8(ascii: "/") || tag.first == $0) }
        // Any prefix may stand for the one vocabulary of a sheet; the longest name that is asked for has 15 bytes.
        let local = name.lastIndex(of: UInt8(ascii: ":")).map { name[($0 + 1)...] } ?? name
        if local.count <= 15, !body(String(decoding: local, as: UTF8.self), tag[name.endIndex...]) { return }
        i = close + 1
    }
}

/// Cells of a worksheet (ISO/IEC 29500-1, 18.3).
enum SheetCells {
    /// Whether a cell with a value stands in a hidden row or a hidden column.
    static func hidesAny(_ xml: UnsafeBufferPointer<UInt8>) -> Bool {
        guard ["hidden=", "ht=\"0\"", "width=\"0\""].contains(where: { xml.find($0) != nil }) else { return false }
        var columns: [ClosedRange<Int>] = []
        var isHiddenRow = false
        var column = 0
        var isHidden = false
        forEachTag(in: xml) { name, rest in
            switch name {
            case "col":
                let values = attributes(rest)
                if isTrue(values["hidden"]) || values["width"] == "0", let first = values["min"].flatMap({ Int($0) }),
                    let last = values["max"].flatMap({ Int($0) }), first <= last
                {
                    columns.append(first...last)
                }
            case "row":
                let values = attributes(rest)
                isHiddenRow = isTrue(values["hidden"]) || values["ht"] == "0"
                column = 0
            case "c": column = attributes(rest)["r"].flatMap(Self.column) ?? column + 1
            case "v", "is":
                isHidden = isHiddenRow || columns.contains { $0.contains(column) }
            default: break
            }
            return !isHidden
        }
        return isHidden
    }

    private static func isTrue(_ value: String?) -> Bool { value == "1" || value == "true" }

    /// The number of the column in a reference such as `AB12`; at most three letters.
    private static func column(_ reference: String) -> Int? {
        let letters = reference.utf8.prefix { (0x41...0x5A).contains($0) }
        guard (1...3).contains(letters.count) else { return nil }
        return letters.reduce(0) { $0 * 26 + Int($1 - 0x40) }
    }
}

/// What pivot tables keep of the tables that they were made of (ISO/IEC 29500-1, 18.10).
struct PivotCaches {
    private var sources: Set<String> = []
    /// Whether a source is another workbook or no sheet at all.
    private var isFromElsewhere = false
    private var hasRecords = false
    private var sheets: Set<String> = []

    mutating func read(_ xml: UnsafeBufferPointer<UInt8>, of name: String) {
        if name == "xl/workbook.xml" {
            forEachTag(in: xml) { tag, rest in
                if tag == "sheet", let name = attributes(rest)["name"] { sheets.insert(name) }
                return true
            }
        } else if name.hasPrefix("xl/pivotCache/pivotCacheRecords") {
            hasRecords = true
        } else if name.hasPrefix("xl/pivotCache/pivotCacheDefinition") {
            forEachTag(in: xml) { tag, rest in
                guard tag == "worksheetSource" || tag == "cacheSource" else { return true }
                let values = attributes(rest)
                if tag == "worksheetSource" {
                    // A source in another workbook has a relationship id; a named range names no sheet of its own workbook.
                    if values["r:id"] != nil {
                        isFromElsewhere = true
                    } else if let sheet = values["sheet"] {
                        sources.insert(sheet)
                    }
                } else if values["type"] != "worksheet" {
                    isFromElsewhere = true
                }
                return true
            }
        }
    }

    /// Whether records are kept of a sheet that is no longer in the workbook, or never was.
    var outliveTheirTables: Bool {
        hasRecords && (isFromElsewhere || !sources.isSubset(of: sheets))
    }
}
