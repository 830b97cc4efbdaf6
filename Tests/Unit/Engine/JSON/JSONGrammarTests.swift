import Testing

@testable import Engine

/// RFC 8259 case by case; scanner and parser must agree on each.
@Suite struct JSONGrammarTests {
    static let accepted: [(text: String, kind: JSONKind)] = [
        ("null", .null), ("true", .bool), ("false", .bool), ("0", .number), ("-0", .number), ("-1", .number),
        ("10", .number), ("1.0", .number), ("-0.0", .number), ("1e5", .number), ("1E5", .number), ("1e+5", .number),
        ("1e-05", .number), ("0e0", .number), ("0.5", .number), ("1.25E-10", .number), ("1e400", .number),
        ("123456789012345678901234567890", .number), ("12345678", .number), ("1.12345678901234567", .number),
        ("\"\"", .string), ("\"a\"", .string), ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", .string), ("\"\\u0000\"", .string),
        ("\"\\u00e9\\u00E9\"", .string), ("\"\\ud83d\\ude00\"", .string), ("\"\\uD7FF\\uE000\\uFFFF\"", .string),
        ("\"\u{7F}\"", .string), ("\"é字😀\u{10FFFF}\"", .string), ("\"\u{FEFF}\"", .string), ("\"12345678\"", .string),
        ("[]", .array), ("[ ]", .array), ("[1]", .array), ("[1,2]", .array), ("[[],[[]],{}]", .array),
        ("[null , true\n,\t\"x\"\r]", .array), ("{}", .object), ("{ }", .object), ("{\"\":0}", .object),
        ("{\"a\":1,\"a\":2}", .object), ("{ \"a\" : { \"b\" : [ ] } , \"c\" : -1 }", .object),
        (" \t\r\n1 \t\r\n", .number),
        ("{\"\\u0061\":1}", .object), ("[\"\(String(repeating: "x", count: 100))\"]", .array),
    ]

    @Test(arguments: accepted)
    func accepts(_ text: String, _ kind: JSONKind) throws {
        let bytes = Array(text.utf8)
        #expect(scanJSON(bytes) == .success(kind))
        let tree = try parseJSON(bytes).get()
        #expect(tree.kind == kind)
        #expect(try parseJSON(compactJSON(tree)).get() == tree)
    }

    static let rejected: [(text: String, code: JSONError.Code, offset: Int)] = [
        ("", .endOfText, 0), (" ", .endOfText, 1), ("\n\t \r", .endOfText, 4), ("\u{FEFF}1", .expectedValue, 0),
        ("nul", .endOfText, 3), ("nulL", .expectedValue, 0), ("True", .expectedValue, 0), ("tru e", .expectedValue, 0),
        ("NaN", .expectedValue, 0), ("Infinity", .expectedValue, 0), ("-Infinity", .invalidNumber, 0),
        ("undefined", .expectedValue, 0), ("truefalse", .trailingCharacters, 4), ("nulll", .trailingCharacters, 4),
        ("-", .endOfText, 1), ("1.", .endOfText, 2), ("1e", .endOfText, 2), ("1e+", .endOfText, 3),
        ("-x", .invalidNumber, 0),
        ("[-]", .invalidNumber, 1), ("[1.]", .invalidNumber, 1), ("[1.e1]", .invalidNumber, 1),
        ("[1e]", .invalidNumber, 1),
        ("[1e+]", .invalidNumber, 1), ("[1e1.5]", .expectedCommaOrBracket, 4), (".5", .expectedValue, 0),
        ("+1", .expectedValue, 0), ("01", .invalidNumber, 0), ("-01", .invalidNumber, 0), ("00", .invalidNumber, 0),
        ("0x10", .trailingCharacters, 1), ("1_000", .trailingCharacters, 1), ("1 2", .trailingCharacters, 2),
        ("--1", .invalidNumber, 0), ("[-         1]", .invalidNumber, 1), ("[1.          5]", .invalidNumber, 1),
        ("\"", .endOfText, 1), ("\"abc", .endOfText, 4), ("'a'", .expectedValue, 0), ("\"\\", .endOfText, 2),
        ("\"\\x\"", .invalidEscape, 1), ("\"\\U0041\"", .invalidEscape, 1), ("\"\\'\"", .invalidEscape, 1),
        ("\"\\u12\"", .invalidEscape, 1), ("\"\\u12G4\"", .invalidEscape, 1), ("\"\\u\"", .invalidEscape, 1),
        ("\"\\u123", .endOfText, 6), ("\"\\ud800\"", .loneSurrogate, 1), ("\"\\ud800x\"", .loneSurrogate, 1),
        ("\"\\ud800\\n\"", .loneSurrogate, 1), ("\"\\ud800\\u0041\"", .loneSurrogate, 1),
        ("\"\\ud800\\ud800\"", .loneSurrogate, 1), ("\"\\udc00\"", .loneSurrogate, 1),
        ("\"x\\uDFFF\"", .loneSurrogate, 2),
        ("\"\\ud800\\u12\"", .invalidEscape, 7), ("\"\\ud83d\\ude0", .endOfText, 12),
        ("\"a\nb\"", .controlCharacter, 2), ("\"\t\"", .controlCharacter, 1), ("\"\u{0}\"", .controlCharacter, 1),
        ("\"0123456789\u{1F}\"", .controlCharacter, 11), ("\"\u{0}\u{1F}aaaaaaaaa\"", .controlCharacter, 1),
        ("[", .endOfText, 1), ("[1", .endOfText, 2), ("[1,", .endOfText, 3), ("[1,]", .expectedValue, 3),
        ("[,1]", .expectedValue, 1), ("[1,,2]", .expectedValue, 3), ("[1 2]", .expectedCommaOrBracket, 3),
        ("[1}", .expectedCommaOrBracket, 2), ("]", .expectedValue, 0), ("[]]", .trailingCharacters, 2),
        ("[1:2]", .expectedCommaOrBracket, 2), ("{", .endOfText, 1), ("{\"a\"", .endOfText, 4),
        ("{\"a\":", .endOfText, 5),
        ("{\"a\":1", .endOfText, 6), ("{\"a\":1,", .endOfText, 7), ("{\"a\":1,}", .expectedKey, 7),
        ("{,}", .expectedKeyOrEnd, 1), ("{a:1}", .expectedKeyOrEnd, 1), ("{1:1}", .expectedKeyOrEnd, 1),
        ("{'a':1}", .expectedKeyOrEnd, 1), ("{\"a\" 1}", .expectedColon, 5), ("{\"a\",1}", .expectedColon, 4),
        ("{\"a\":}", .expectedValue, 5), ("{\"a\":1]", .expectedCommaOrBrace, 6),
        ("{\"a\":1 \"b\":2}", .expectedCommaOrBrace, 7),
        ("{\"a\":1,\"b\"}", .expectedColon, 10), ("{\"a\":1,2:3}", .expectedKey, 7), ("{}}", .trailingCharacters, 2),
        ("}", .expectedValue, 0), ("[{\"a\":[}]", .expectedValue, 7), ("// c\n1", .expectedValue, 0),
        ("[1 /* c */]", .expectedCommaOrBracket, 3), ("1 # c", .trailingCharacters, 2),
        ("[1\u{A0}]", .expectedCommaOrBracket, 2),
        ("[\u{C}1]", .expectedValue, 1), ("[{,}]", .expectedKeyOrEnd, 2), ("[{\"a\":1,}]", .expectedKey, 8),
        ("\u{0}", .expectedValue, 0), ("1\u{0}", .trailingCharacters, 1),
    ]

    @Test(arguments: rejected)
    func rejects(_ text: String, _ code: JSONError.Code, _ offset: Int) {
        let bytes = Array(text.utf8)
        #expect(scanJSON(bytes).error == JSONError(code, at: offset))
        #expect(parseJSON(bytes).error == JSONError(code, at: offset))
    }

    @Test func readsNothingBehindTheEnd() {
        // The byte behind each text would make it valid.
        for text in ["\"abc\"", "[1]", "{\"a\":1}", "true", "\"\\u0041\"", "\"é\"", "[12345678]"] {
            let bytes = Array(text.utf8)
            for end in 0..<bytes.count {
                bytes.withUnsafeBytes { all in
                    let part = UnsafeRawBufferPointer(rebasing: all[..<end])
                    #expect(throws: JSONError(.endOfText, at: end)) { try JSONScanner.validate(part) }
                    #expect(throws: JSONError(.endOfText, at: end)) { try JSON.parse(part) }
                }
            }
        }
    }

    @Test func everyPrefixEndsTooSoon() {
        let text =
            #"{"a\n":[1.5e-3,-0,true,false,null,"é😀\ud83d\ude00\"\\/"],"b":{"c":[],"d":{}},"":"0123456789abcdef0"}"#
        let bytes = Array(text.utf8)
        #expect(scanJSON(bytes) == .success(.object))
        for end in 0..<bytes.count {
            let prefix = Array(bytes[..<end])
            #expect(scanJSON(prefix).error == JSONError(.endOfText, at: end))
            #expect(parseJSON(prefix).error == JSONError(.endOfText, at: end))
        }
    }

    @Test(arguments: [1, 2, 127, 128])
    func acceptsDepth(_ depth: Int) throws {
        for (opening, closing) in [("[", "]"), ("{\"k\":", "}")] {
            let core = opening == "[" ? "[]" : "{}"
            let text =
                String(repeating: opening, count: depth - 1) + core + String(repeating: closing, count: depth - 1)
            #expect(scanJSON(Array(text.utf8)).error == nil)
            #expect(try parseJSON(Array(text.utf8)).get().description == text)
        }
    }

    @Test func refusesDepth129() {
        let offset = JSONLimits.maximumDepth
        for count in [offset + 1, offset + 2, 100_000] {
            let bytes = [UInt8](repeating: UInt8(ascii: "["), count: count)
            #expect(scanJSON(bytes).error == JSONError(.tooDeep, at: offset))
            #expect(parseJSON(bytes).error == JSONError(.tooDeep, at: offset))
        }
        #expect(JSONError(.tooDeep, at: 128).description == "nesting deeper than 128 at byte 128")
    }

    @Test func depthIsOfOpenContainersOnly() {
        let wide = "[" + [String](repeating: "{\"a\":[[]]}", count: 500).joined(separator: ",") + "]"
        #expect(scanJSON(Array(wide.utf8)) == .success(.array))
        // Every mixture of the two kinds keeps its closing characters apart.
        for pattern in 0..<256 {
            let isObject = (0..<8).map { pattern >> $0 & 1 == 1 }
            let head = isObject.map { $0 ? "{\"k\":" : "[" }.joined()
            let tail = isObject.reversed().map { $0 ? "}" : "]" }
            #expect(scanJSON(Array((head + "1" + tail.joined()).utf8)).error == nil)
            for wrong in 0..<8 {
                var tail = tail
                tail[wrong] = tail[wrong] == "}" ? "]" : "}"
                let text = Array((head + "1" + tail.joined()).utf8)
                #expect(scanJSON(text).error?.offset == head.utf8.count + 1 + wrong)
                #expect(parseJSON(text).error == scanJSON(text).error)
            }
        }
    }

    @Test func errorsSayWhatAndWhere() {
        #expect(scanJSON(Array("{\"a\":1 2}".utf8)).error?.description == "expected `,` or `}` at byte 7")
        #expect(scanJSON([]).error?.description == "unexpected end of JSON at byte 0")
    }
}
