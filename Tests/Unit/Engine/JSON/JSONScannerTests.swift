import Testing

@testable import Engine

/// What the scanner reports about members, elements and tokens.
@Suite struct JSONScannerTests {
    private struct Seen: Equatable {
        var key: String
        var value: String
        var kind: JSONKind
    }

    private func members(_ text: String) throws(JSONError) -> [Seen] {
        var text = text
        return try text.withUTF8 { utf8 -> Result<[Seen], JSONError> in
            let bytes = UnsafeRawBufferPointer(utf8)
            var seen: [Seen] = []
            return Result { () throws(JSONError) in
                try JSONScanner.scanObject(bytes) { member in
                    let value = String(decoding: bytes[member.valueRange], as: UTF8.self)
                    seen.append(Seen(key: JSONScanner.key(bytes, of: member), value: value, kind: member.kind))
                }
                return seen
            }
        }.get()
    }

    @Test func reportsMembersInOrder() throws {
        let text = #" { "a" : 1 ,"b":"x\"}", "\u0063\n" : [ {"a":2} , 3 ] ,"":{ },"a":null,"t":true,"f":-0.5e1} "#
        #expect(
            try members(text) == [
                Seen(key: "a", value: "1", kind: .number), Seen(key: "b", value: #""x\"}""#, kind: .string),
                Seen(key: "c\n", value: #"[ {"a":2} , 3 ]"#, kind: .array), Seen(key: "", value: "{ }", kind: .object),
                Seen(key: "a", value: "null", kind: .null), Seen(key: "t", value: "true", kind: .bool),
                Seen(key: "f", value: "-0.5e1", kind: .number),
            ]
        )
        #expect(try members("{}").isEmpty)
        #expect(try members("\n{\t}\n").isEmpty)
    }

    @Test(arguments: [
        ("[]", JSONError(.notAnObject, at: 0)), (" \"x\"", JSONError(.notAnObject, at: 1)),
        ("null", JSONError(.notAnObject, at: 0)),
        ("[1", JSONError(.endOfText, at: 2)), ("1 2", JSONError(.trailingCharacters, at: 2)),
        ("{} {}", JSONError(.trailingCharacters, at: 3)), ("{\"a\":1} x", JSONError(.trailingCharacters, at: 8)),
        ("{\"a\":[1}", JSONError(.expectedCommaOrBracket, at: 7)), ("{\"a\":1,}", JSONError(.expectedKey, at: 7)),
        ("", JSONError(.endOfText, at: 0)),
    ])
    func refusesWhatIsNoObject(_ text: String, _ error: JSONError) {
        #expect(throws: error) { try members(text) }
    }

    @Test func scanObjectAndValidateAgree() throws {
        var random = JSONSeededGenerator(seed: 5)
        for round in 0..<300 {
            let tree = JSON.random(depth: 3, &random)
            let text = tree.description
            guard case .object(let object) = tree else {
                #expect(throws: JSONError(.notAnObject, at: 0), "seed 5, round \(round)") { try members(text) }
                continue
            }
            let seen = try members(text)
            #expect(seen.map(\.key) == object.map(\.key), "seed 5, round \(round)")
            #expect(seen.map(\.value) == object.map(\.value.description), "seed 5, round \(round)")
        }
    }

    @Test func depthCountsTheOutermostContainer() {
        let inner = String(repeating: "[", count: 127) + String(repeating: "]", count: 127)
        #expect(throws: Never.self) { try members("{\"a\":\(inner)}") }
        #expect(throws: JSONError(.tooDeep, at: 132)) { try members("{\"a\":[\(inner)]}") }
    }

    @Test func reportsElements() throws {
        let bytes = Array(" [ 1, \"a\" ,[2],{},null,true ] ".utf8)
        var seen: [String] = []
        var kinds: [JSONKind] = []
        try bytes.withUnsafeBytes { text in
            try JSONScanner.scanArray(text) { range, kind in
                seen.append(String(decoding: text[range], as: UTF8.self))
                kinds.append(kind)
            }
        }
        #expect(seen == ["1", "\"a\"", "[2]", "{}", "null", "true"])
        #expect(kinds == [.number, .string, .array, .object, .null, .bool])
    }

    @Test(
        arguments: [
            ("[]", nil), ("[ ]", nil), ("{}", .init(.notAnArray, at: 0)), ("[1,]", .init(.expectedValue, at: 3)),
            ("[1}", .init(.expectedCommaOrBracket, at: 2)), ("[1]]", .init(.trailingCharacters, at: 3)),
        ] as [(String, JSONError?)]
    )
    func arrayErrors(_ text: String, _ error: JSONError?) {
        let bytes = Array(text.utf8)
        let found = bytes.withUnsafeBytes { text in
            Result { () throws(JSONError) in try JSONScanner.scanArray(text) { _, _ in } }
        }
        #expect(found.error == error)
    }

    @Test(arguments: [
        ("type", true), ("typ", false), ("tyqe", false), ("types", false), ("Type", false), ("", false),
        (#"t\u0079pe"#, true), (#"\u0074\u0079\u0070\u0065"#, true), (#"t\/pe"#, false), (#"typ\u0065x"#, false),
        (#"typ\u0045"#, false), (#"\n"#, false),
    ])
    func comparesKeys(_ spelled: String, _ isSame: Bool) throws {
        let bytes = Array("{\"\(spelled)\":1}".utf8)
        var compared = 0
        try bytes.withUnsafeBytes { text in
            try JSONScanner.scanObject(text) { member in
                compared += 1
                #expect(JSONScanner.key(text, of: member, is: "type") == isSame)
                #expect((JSONScanner.key(text, of: member) == "type") == isSame)
            }
        }
        #expect(compared == 1)
    }

    @Test(
        arguments: [
            ("0", 0, 0), ("1", 1, 1), ("-1", nil, -1), ("-0", nil, nil), ("1.0", nil, nil), ("1e3", nil, nil),
            ("9223372036854775807", 9_223_372_036_854_775_807, .max),
            ("9223372036854775808", 9_223_372_036_854_775_808, nil),
            ("-9223372036854775808", nil, .min), ("-9223372036854775809", nil, nil),
            ("18446744073709551615", .max, nil), ("18446744073709551616", nil, nil), ("99999999999999999999", nil, nil),
            ("\"1\"", nil, nil), ("", nil, nil), ("-", nil, nil),
        ] as [(String, UInt64?, Int64?)]
    )
    func readsIntegers(_ text: String, _ unsigned: UInt64?, _ signed: Int64?) {
        let bytes = Array("  \(text)".utf8)
        bytes.withUnsafeBytes { all in
            #expect(JSONScanner.uint64(all, token: 2..<all.count) == unsigned)
            #expect(JSONScanner.int64(all, token: 2..<all.count) == signed)
        }
    }

    @Test(arguments: [
        "\"", "a", "\"a", "a\"", "\"a\"b\"", "\"\\\"", "\"\u{1}\"", "\"\\ud800\"", "\"a\" ", "", "{}",
    ])
    func refusesBrokenStringTokens(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(bytes.withUnsafeBytes { JSONScanner.string($0, token: 0..<$0.count) } == nil)
        #expect(bytes.withUnsafeBytes { JSONScanner.string($0, token: 0..<($0.count + 1)) } == nil)
    }
}
