import PortalBase
import Testing

@Suite struct JSONTests {
    @Test func canonicalTextFollowsRFC8785() throws {
        let json = try JSON(
            parsing: Array(#" { "b" : [ 1 , true , null ] , "a" : "\u20ac\n\u0007\"" , "é": {} } "#.utf8))
        #expect(json.canonicalText == "{\"a\":\"€\\n\\u0007\\\"\",\"b\":[1,true,null],\"é\":{}}")
    }

    @Test func keysSortByUTF16() throws {
        // U+1F600 (surrogates d83d …) comes before U+FB33 in UTF-16 though after it in code points.
        #expect(
            JSON.object(["\u{FB33}": .null, "\u{1F600}": .null]).canonicalText
                == "{\"\u{1F600}\":null,\"\u{FB33}\":null}")
    }

    @Test(arguments: [
        ("{\"a\":1,\"a\":2}", JSONError.Code.duplicateKey), ("1.5", .notInteger), ("1e3", .notInteger),
        ("[1,]", .syntax), ("01", .syntax),
        ("\"\\ud800\"", .syntax), ("{} x", .trailing), ("", .syntax), ("nul", .syntax), ("-", .syntax),
        ("\"a", .syntax),
        (String(repeating: "[", count: 40), .tooDeep),
    ])
    func refuses(_ text: String, _ code: JSONError.Code) {
        #expect { try JSON(parsing: Array(text.utf8)) } throws: { ($0 as? JSONError)?.code == code }
    }

    @Test func refusesBytesThatAreNoUTF8() {
        #expect { try JSON(parsing: [0x22, 0xFF, 0x22]) } throws: { ($0 as? JSONError)?.code == .utf8 }
    }

    @Test func base64RoundTrips() {
        for count in 0..<20 {
            let bytes = (0..<count).map { UInt8($0 * 13 & 255) }
            #expect(bytesFromBase64(base64(bytes)) == bytes)
        }
        #expect(bytesFromBase64("AB=C") == nil)
        #expect(bytesFromBase64("A") == nil)
    }
}

/// Bounds that hold before anything is hashed or compared.
@Suite struct HostileJSONTests {
    private func code(_ text: String) -> JSONError.Code? {
        do throws(JSONError) {
            _ = try JSON(parsing: Array(text.utf8))
            return nil
        } catch { return error.code }
    }

    @Test func keysAreShortAndTextsStreamSafe() {
        #expect(code("{\"\(String(repeating: "k", count: 128))\":1}") == nil)
        #expect(code("{\"\(String(repeating: "k", count: 129))\":1}") != nil)
        let marks = String(repeating: "\u{301}", count: 31)
        #expect(code("{\"a\(marks)\":1}") != nil && code("[\"a\(marks)\"]") != nil)
        #expect(code("[\"a\(String(repeating: "\\u0301", count: 31))\"]") != nil)
    }

    /// é in one character or two: readers see one key, and so does a dictionary.
    @Test func keysThatLookTheSameAreOne() { #expect(code("{\"\u{E9}\":1,\"e\u{301}\":2}") != nil) }
}
