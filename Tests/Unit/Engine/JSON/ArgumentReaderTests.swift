import Testing

@testable import Engine

/// Each message word by word (state.md §2).
@Suite struct ArgumentReaderTests {
    @Test(arguments: [
        ("null", "invalid type: null, expected struct StateSetInput"),
        ("[]", "invalid type: sequence, expected struct StateSetInput"),
        ("\"x\"", "invalid type: string \"x\", expected struct StateSetInput"),
        ("true", "invalid type: boolean `true`, expected struct StateSetInput"),
        ("3", "invalid type: integer `3`, expected struct StateSetInput"),
    ])
    func needsAnObject(_ text: String, _ detail: String) throws {
        let json = try JSON.parse(text)
        #expect(throws: ArgumentError(detail)) { try ArgumentReader(json, structName: "StateSetInput") }
    }

    private func detail(_ text: String, _ read: (ArgumentReader) throws -> Void) throws -> String? {
        let reader = try ArgumentReader(JSON.parse(text), structName: "Input")
        do {
            try read(reader)
            return nil
        } catch let error as ArgumentError {
            return error.detail
        }
    }

    @Test(
        arguments: [
            ("{}", "missing field `f`"), (#"{"f":null}"#, "invalid type: null, expected a string"),
            (#"{"f":5}"#, "invalid type: integer `5`, expected a string"),
            (#"{"f":-5}"#, "invalid type: integer `-5`, expected a string"),
            (#"{"f":18446744073709551615}"#, "invalid type: integer `18446744073709551615`, expected a string"),
            (#"{"f":18446744073709551616}"#, "invalid type: floating point `1.8446744073709552e19`, expected a string"),
            (#"{"f":1.5}"#, "invalid type: floating point `1.5`, expected a string"),
            (#"{"f":1e400}"#, "invalid type: floating point `1e400`, expected a string"),
            (#"{"f":[1]}"#, "invalid type: sequence, expected a string"),
            (#"{"f":{}}"#, "invalid type: map, expected a string"),
            (#"{"f":true}"#, "invalid type: boolean `true`, expected a string"), (#"{"f":"x"}"#, nil),
            (#"{"f":""}"#, nil),
        ] as [(String, String?)]
    )
    func strings(_ text: String, _ expected: String?) throws {
        #expect(try detail(text) { _ = try $0.string("f") } == expected)
        let isOptional = text == "{}" || text == #"{"f":null}"#
        #expect(try detail(text) { _ = try $0.optionalString("f") } == (isOptional ? nil : expected))
    }

    @Test(
        arguments: [
            (#"{"f":-1}"#, "invalid value: integer `-1`, expected u64"),
            (#"{"f":1.5}"#, "invalid type: floating point `1.5`, expected u64"),
            (#"{"f":5.0}"#, "invalid type: floating point `5.0`, expected u64"),
            (#"{"f":5e0}"#, "invalid type: floating point `5.0`, expected u64"),
            (#"{"f":-0}"#, "invalid type: floating point `-0.0`, expected u64"),
            (#"{"f":"x"}"#, "invalid type: string \"x\", expected u64"),
            (#"{"f":true}"#, "invalid type: boolean `true`, expected u64"), ("{}", "missing field `f`"),
            (#"{"f":0}"#, nil), (#"{"f":18446744073709551615}"#, nil),
        ] as [(String, String?)]
    )
    func unsigned(_ text: String, _ expected: String?) throws {
        #expect(try detail(text) { _ = try $0.uint64("f") } == expected)
        #expect(try detail(text) { _ = try $0.optionalUInt64("f") } == (text == "{}" ? nil : expected))
    }

    @Test func otherNumbers() throws {
        #expect(
            try detail(#"{"f":9223372036854775808}"#) { _ = try $0.int64("f") }
                == "invalid value: integer `9223372036854775808`, expected i64"
        )
        #expect(
            try detail(#"{"f":70000}"#) { _ = try $0.integer("f", UInt16.self) }
                == "invalid value: integer `70000`, expected u16"
        )
        #expect(
            try detail(#"{"f":-129}"#) { _ = try $0.optionalInteger("f", Int8.self) }
                == "invalid value: integer `-129`, expected i8"
        )
        let reader = ArgumentReader(["i": -7, "d": 2.5, "n": .null, "s": "x"])
        #expect(try reader.int64("i") == -7)
        #expect(try reader.optionalInt64("n") == nil)
        #expect(try reader.double("i") == -7)
        #expect(try reader.double("d") == 2.5)
        #expect(try reader.optionalDouble("absent") == nil)
        #expect(throws: ArgumentError("invalid type: string \"x\", expected f64")) { try reader.optionalDouble("s") }
    }

    @Test func booleans() throws {
        #expect(
            try detail(#"{"f":"true"}"#) { _ = try $0.bool("f") } == "invalid type: string \"true\", expected a boolean"
        )
        #expect(
            try detail(#"{"f":0}"#) { _ = try $0.optionalBool("f") } == "invalid type: integer `0`, expected a boolean"
        )
        #expect(try detail("{}") { _ = try $0.bool("f") } == "missing field `f`")
        #expect(try ArgumentReader(["f": true]).optionalBool("f") == true)
        #expect(try ArgumentReader(["f": .null]).optionalBool("f") == nil)
    }

    @Test func containers() throws {
        let reader = ArgumentReader(["a": ["x", "y"], "m": ["k": 1], "bad": ["x", 1], "s": "x", "n": .null])
        #expect(try reader.stringArray("a") == ["x", "y"])
        #expect(try reader.array("bad") == ["x", 1])
        #expect(try reader.optionalStringArray("n") == nil)
        #expect(try reader.optionalArray("absent") == nil)
        #expect(try reader.map("m") == ["k": 1])
        #expect(try reader.optionalMap("n") == nil)
        #expect(try reader.nested("m", structName: "M").int64("k") == 1)
        #expect(try reader.optionalNested("n", structName: "M") == nil)
        #expect(throws: ArgumentError("invalid type: integer `1`, expected a string")) {
            try reader.optionalStringArray("bad")
        }
        #expect(throws: ArgumentError("invalid type: string \"x\", expected a sequence")) {
            try reader.stringArray("s")
        }
        #expect(throws: ArgumentError("invalid type: sequence, expected a map")) { try reader.map("a") }
        #expect(throws: ArgumentError("invalid type: sequence, expected struct M")) {
            try reader.nested("a", structName: "M")
        }
    }

    @Test func aliases() throws {
        #expect(try ArgumentReader(["value": 1]).requiredValue("value", alias: "data") == 1)
        #expect(try ArgumentReader(["data": .null]).requiredValue("value", alias: "data") == .null)
        #expect(throws: ArgumentError("duplicate field `value`")) {
            try ArgumentReader(["data": 1, "value": .null]).requiredValue("value", alias: "data")
        }
        #expect(throws: ArgumentError("missing field `value`")) {
            try ArgumentReader([:]).requiredValue("value", alias: "data")
        }
    }

    @Test(
        arguments: [
            (["a"], "expected `a`"), (["a", "b"], "expected `a` or `b`"),
            (["a", "b", "c"], "expected one of `a`, `b`, `c`"),
            ([], "there are none"),
        ] as [([String], String)]
    )
    func variants(_ names: [String], _ ending: String) throws {
        let reader = ArgumentReader(["f": "foo", "n": .null])
        #expect(throws: ArgumentError("unknown variant `foo`, \(ending)")) { try reader.variant("f", of: names) }
        #expect(throws: ArgumentError("unknown variant `foo`, \(ending)")) {
            try reader.optionalVariant("f", of: names)
        }
        #expect(try reader.optionalVariant("n", of: names) == nil)
        #expect(try reader.variant("f", of: ["foo"]) == "foo")
        #expect(ArgumentError.unknownField("foo", expected: names).detail == "unknown field `foo`, \(ending)")
    }

    @Test func quotedStringsAreEscapedAsRustDoes() {
        let text = JSON.string("a\"b\\c\n\t\r\0\u{1B}\u{7F}é'")
        #expect(
            ArgumentError.invalidType(text, expected: "u64").detail
                == #"invalid type: string "a\"b\\c\n\t\r\0\u{1b}\u{7f}é'", expected u64"#
        )
    }
}
