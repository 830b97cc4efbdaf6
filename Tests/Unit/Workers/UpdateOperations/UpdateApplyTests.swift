import Engine
import Testing

@testable import Workers

/// Every row of state.md §4.3.
@Suite struct UpdateApplyTests {
    @Test(arguments: [
        UpdateCase(nil, incrementing("", "3"), "3"),
        UpdateCase(nil, "\(appending("\"\"", "\"hi\"")),\(appending("\"\"", "\"!\""))", #""hi!""#),
        UpdateCase(nil, appending("\"\"", #"{"k":1}"#), #"[{"k":1}]"#),
        UpdateCase(nil, appending(#"["s","ev"]"#, "\"x\""), #"{"s":{"ev":["x"]}}"#),
        UpdateCase("{}", appending("\"t\"", "\"x\""), #"{"t":"x"}"#),
        UpdateCase(#"{"a":[1,2,3]}"#, appending(#"["a","b"]"#, "42"), #"{"a":{"b":[42]}}"#),
        UpdateCase("[1]", appending(#"["a","b"]"#, "1"), "[1]", "append.target_not_object"),
        UpdateCase(#""leaf""#, #"{"type":"merge","value":{"a":1}}"#, #""leaf""#),
        UpdateCase(#""leaf""#, merging("\"x\"", #"{"a":1}"#), #"{"x":{"a":1}}"#),
        UpdateCase(#"{"sessions":null}"#, merging(#"["sessions","s1"]"#, #"{"a":1}"#), #"{"sessions":{"s1":{"a":1}}}"#),
        UpdateCase(#"{"ev":[]}"#, appending("\"ev\"", #"["n"]"#), #"{"ev":[["n"]]}"#),
        UpdateCase(#"{"ev":{}}"#, appending("\"ev\"", "\"x\""), #"{"ev":{}}"#, "append.type_mismatch"),
        UpdateCase(
            #"{"bad":"v"}"#,
            "\(incrementing("bad", "1")),\(setting("__proto__", "1")),\(setting("ok", "true"))",
            #"{"bad":"v","ok":true}"#,
            "increment.not_number",
            "set.path.proto_polluted"
        ),
        UpdateCase(
            #"{"user":{"name":"B"},"user.name":["A"]}"#,
            appending("\"user.name\"", "\"C\""),
            #"{"user":{"name":"B"},"user.name":["A","C"]}"#
        ),
    ])
    func workedCases(_ row: UpdateCase) throws { try row.check() }

    @Test func failedOperationsKeepTheirIndexAndTexts() throws {
        let operations = "\(incrementing("n", "2")),\(appending("\"n\"", "1"))"
        let (value, errors) = try applyUpdates(operations, to: #"{"n":1}"#)
        #expect(value == #"{"n":3}"#)
        #expect(
            JSON.array(errors.map(\.json)).description
                == #"[{"op_index":1,"code":"append.type_mismatch","message":"Cannot append at path 'n': "#
                + #"target is number, expected array, string, null, or missing field.","#
                + #""doc_url":"https://iii.dev/docs/workers/iii-state#error-codes"}]"#
        )
    }

    @Test(arguments: [
        UpdateCase(nil, setting("", "5"), "5"), UpdateCase(nil, setting("", "null"), "null"),
        UpdateCase(#"{"a":1}"#, setting("", "[]"), "[]"), UpdateCase("5", setting("", "{}"), "{}"),
        UpdateCase("5", #"{"type":"set","path":""}"#, "null"),
        UpdateCase(nil, setting("a", "1"), #"{"a":1}"#),
        UpdateCase(#"{"a":1,"b":2}"#, setting("a", "null"), #"{"a":null,"b":2}"#),
        UpdateCase(#"{"a":{"b":1}}"#, setting("a.b", "2"), #"{"a":{"b":1},"a.b":2}"#),
        UpdateCase("null", setting("a", "1"), "null", "set.target_not_object"),
        UpdateCase("[]", setting("a", "1"), "[]", "set.target_not_object"),
        UpdateCase("\"s\"", setting("a", "1"), "\"s\"", "set.target_not_object"),
        // Values of set and append are not checked.
        UpdateCase("{}", setting("a", #"{"__proto__":1}"#), #"{"a":{"__proto__":1}}"#),
        UpdateCase("{}", appending("\"a\"", #"{"__proto__":1}"#), #"{"a":[{"__proto__":1}]}"#),
    ])
    func set(_ row: UpdateCase) throws { try row.check() }

    @Test(arguments: [
        UpdateCase(nil, merging("null", #"{"a":1}"#), #"{"a":1}"#),
        UpdateCase(
            #"{"a":1,"b":{"c":1}}"#,
            merging("[]", #"{"b":{"d":2},"e":null}"#),
            #"{"a":1,"b":{"d":2},"e":null}"#
        ),
        UpdateCase("null", merging("\"\"", #"{"a":1}"#), "null"),
        UpdateCase("[1]", merging("null", #"{"a":1}"#), "[1]"),
        UpdateCase("5", merging("null", #"{"a":1}"#), "5"), UpdateCase("true", merging("null", #"{"a":1}"#), "true"),
        UpdateCase(nil, merging(#"["a","b"]"#, #"{"c":1}"#), #"{"a":{"b":{"c":1}}}"#),
        UpdateCase("[1]", merging("\"x\"", "{}"), #"{"x":{}}"#),
        UpdateCase("null", merging(#"["x","y"]"#, #"{"a":1}"#), #"{"x":{"y":{"a":1}}}"#),
        UpdateCase(#"{"a":5,"k":1}"#, merging(#"["a","b"]"#, #"{"c":1}"#), #"{"a":{"b":{"c":1}},"k":1}"#),
        UpdateCase(#"{"a":{"b":"s","k":1}}"#, merging(#"["a","b"]"#, #"{"c":1}"#), #"{"a":{"b":{"c":1},"k":1}}"#),
        UpdateCase(#"{"a":{"b":[1]}}"#, merging("\"a\"", #"{"b":2,"c":3}"#), #"{"a":{"b":2,"c":3}}"#),
        // Nested sinks are not checked.
        UpdateCase("{}", merging("null", #"{"a":{"__proto__":1}}"#), #"{"a":{"__proto__":1}}"#),
    ])
    func merge(_ row: UpdateCase) throws { try row.check() }

    @Test(arguments: [
        UpdateCase(nil, incrementing("n", "3"), #"{"n":3}"#),
        UpdateCase(#"{"n":1}"#, incrementing("n", "-3"), #"{"n":-2}"#),
        UpdateCase("1", incrementing("", "3"), "4"),
        UpdateCase("{}", incrementing("", "3"), "{}", "increment.not_number"),
        UpdateCase("null", incrementing("", "3"), "null", "increment.not_number"),
        UpdateCase("\"1\"", incrementing("", "0"), "\"1\"", "increment.not_number"),
        UpdateCase("[1]", incrementing("n", "1"), "[1]", "increment.target_not_object"),
        UpdateCase("1", incrementing("n", "1"), "1", "increment.target_not_object"),
        UpdateCase(#"{"n":null}"#, incrementing("n", "0"), #"{"n":null}"#, "increment.not_number"),
        UpdateCase(#"{"n":[1]}"#, incrementing("n", "0"), #"{"n":[1]}"#, "increment.not_number"),
        UpdateCase(nil, decrementing("", "3"), "-3"), UpdateCase(nil, decrementing("n", "3"), #"{"n":-3}"#),
        UpdateCase(#"{"n":1}"#, decrementing("n", "3"), #"{"n":-2}"#),
        UpdateCase("{}", decrementing("", "3"), "{}", "decrement.not_number"),
        UpdateCase("true", decrementing("n", "3"), "true", "decrement.target_not_object"),
        UpdateCase(#"{"n":"1"}"#, decrementing("n", "0"), #"{"n":"1"}"#, "decrement.not_number"),
    ])
    func count(_ row: UpdateCase) throws { try row.check() }

    @Test(arguments: [
        // Exact in i64, then in u64.
        ("9223372036854775807", incrementing("", "1"), "9223372036854775808"),
        ("9223372036854775808", incrementing("", "9223372036854775807"), "18446744073709551615"),
        ("18446744073709551615", incrementing("", "-1"), "18446744073709551614"),
        ("9223372036854775808", decrementing("", "1"), "9223372036854775807"),
        ("18446744073709551614", decrementing("", "-1"), "18446744073709551615"),
        ("-9223372036854775807", decrementing("", "1"), "-9223372036854775808"),
        ("0", incrementing("", "-9223372036854775808"), "-9223372036854775808"),
        ("0", decrementing("", "-9223372036854775808"), "9223372036854775808"),
        ("9007199254740992", incrementing("", "1"), "9007199254740993"),
        // Floats stay floats.
        ("1.5", incrementing("", "2"), "3.5"), ("2.0", incrementing("", "1"), "3.0"),
        ("1e2", decrementing("", "1"), "99.0"),
        ("0.1", incrementing("", "0"), "0.1"), ("-0", incrementing("", "1"), "1.0"),
        ("1e300", incrementing("", "1"), "1e300"),
        ("18446744073709551616", incrementing("", "1"), "1.8446744073709552e19"),
    ])
    func arithmetic(_ before: String, _ operation: String, _ after: String) throws {
        try UpdateCase(before, operation, after).check()
        let key = operation.replacing(#""path":"""#, with: #""path":"n""#)
        try UpdateCase("{\"n\":\(before)}", key, "{\"n\":\(after)}").check()
    }

    @Test(arguments: [
        ("18446744073709551615", incrementing("", "1")), ("-9223372036854775808", incrementing("", "-1")),
        ("-9223372036854775808", decrementing("", "1")), ("18446744073709551615", decrementing("", "-1")),
        ("1e400", incrementing("", "1")), ("-1e400", decrementing("", "1")),
    ])
    func overflow(_ before: String, _ operation: String) throws {
        let (value, errors) = try applyUpdates(operation, to: before)
        #expect(value == before)
        #expect(errors.map(\.message) == ["Expected number at path 'root', got number."])
        #expect(errors.allSatisfy { $0.code.hasSuffix("crement.not_number") })
    }

    @Test func decrementOfAnAbsentKeyByTheLeastInteger() throws {
        let operation = decrementing("n", "-9223372036854775808")
        try UpdateCase(nil, operation, #"{"n":9223372036854775808}"#).check()
        try UpdateCase(nil, decrementing("", "-9223372036854775808"), "9223372036854775808").check()
    }

    @Test(arguments: [
        // Root.
        UpdateCase(nil, appending("null", "1"), "[1]"), UpdateCase(nil, appending("null", "[1]"), "[[1]]"),
        UpdateCase(nil, appending("null", "null"), "[null]"), UpdateCase("null", appending("null", "\"s\""), "\"s\""),
        UpdateCase("null", appending("null", "{}"), "[{}]"), UpdateCase("[1]", appending("null", "[2]"), "[1,[2]]"),
        UpdateCase("[]", appending("[]", "\"s\""), "[\"s\"]"),
        UpdateCase("\"a\"", appending("null", "\"b\""), "\"ab\""),
        UpdateCase("\"a\"", appending("null", "1"), "\"a\"", "append.type_mismatch"),
        UpdateCase("{}", appending("null", "1"), "{}", "append.type_mismatch"),
        UpdateCase("5", appending("null", "1"), "5", "append.type_mismatch"),
        UpdateCase("false", appending("null", "\"s\""), "false", "append.type_mismatch"),
        // One segment, as string and as list.
        UpdateCase("{}", appending(#"["t"]"#, "\"x\""), #"{"t":"x"}"#),
        UpdateCase(nil, appending("\"t\"", "1"), #"{"t":[1]}"#),
        UpdateCase(#"{"t":null}"#, appending("\"t\"", "\"x\""), #"{"t":"x"}"#),
        UpdateCase(#"{"t":null}"#, appending("\"t\"", "{}"), #"{"t":[{}]}"#),
        UpdateCase(#"{"t":[1]}"#, appending("\"t\"", "2"), #"{"t":[1,2]}"#),
        UpdateCase(#"{"t":"a"}"#, appending("\"t\"", "\"b\""), #"{"t":"ab"}"#),
        UpdateCase(#"{"t":"a"}"#, appending("\"t\"", "[\"b\"]"), #"{"t":"a"}"#, "append.type_mismatch"),
        UpdateCase(#"{"t":0}"#, appending("\"t\"", "1"), #"{"t":0}"#, "append.type_mismatch"),
        UpdateCase("[]", appending("\"t\"", "1"), "[]", "append.target_not_object"),
        UpdateCase("null", appending("\"t\"", "1"), "null", "append.target_not_object"),
        // More segments.
        UpdateCase("{}", appending(#"["a","b","c"]"#, "\"x\""), #"{"a":{"b":{"c":["x"]}}}"#),
        UpdateCase(#"{"a":{"b":null}}"#, appending(#"["a","b"]"#, "\"x\""), #"{"a":{"b":"x"}}"#),
        UpdateCase(#"{"a":{"b":null}}"#, appending(#"["a","b"]"#, "1"), #"{"a":{"b":[1]}}"#),
        UpdateCase(#"{"a":{"b":"x"}}"#, appending(#"["a","b"]"#, "\"y\""), #"{"a":{"b":"xy"}}"#),
        UpdateCase(#"{"a":{"b":[]}}"#, appending(#"["a","b"]"#, "\"y\""), #"{"a":{"b":["y"]}}"#),
        UpdateCase(#"{"a":{"b":{}}}"#, appending(#"["a","b"]"#, "1"), #"{"a":{"b":{}}}"#, "append.type_mismatch"),
        UpdateCase(#"{"a":null}"#, appending(#"["a","b"]"#, "\"x\""), #"{"a":{"b":["x"]}}"#),
        UpdateCase(#"{"a":"s"}"#, appending(#"["a","b"]"#, "\"x\""), #"{"a":{"b":["x"]}}"#),
        UpdateCase("null", appending(#"["a","b"]"#, "1"), "null", "append.target_not_object"),
    ])
    func append(_ row: UpdateCase) throws { try row.check() }

    @Test(arguments: [
        UpdateCase(nil, removing(""), "null"), UpdateCase(#"{"a":1}"#, removing(""), "null"),
        UpdateCase("5", removing(""), "null"),
        UpdateCase(#"{"a":1,"b":2}"#, removing("a"), #"{"b":2}"#), UpdateCase(#"{"a":1}"#, removing("b"), #"{"a":1}"#),
        UpdateCase(nil, removing("b"), "{}"), UpdateCase("[1]", removing("0"), "[1]", "remove.target_not_object"),
        UpdateCase("null", removing("a"), "null", "remove.target_not_object"),
    ])
    func remove(_ row: UpdateCase) throws { try row.check() }

    /// What starts at the root of an absent key starts only until an operation has taken effect.
    @Test(arguments: [
        UpdateCase(nil, "", "{}"),
        UpdateCase(nil, "\(setting("a", "1")),\(incrementing("", "1"))", #"{"a":1}"#, "increment.not_number"),
        UpdateCase(nil, "\(merging("null", "{}")),\(incrementing("", "1"))", "{}", "increment.not_number"),
        UpdateCase(nil, "\(removing("a")),\(incrementing("", "1"))", "{}", "increment.not_number"),
        UpdateCase(nil, "\(removing("a")),\(appending("null", "1"))", "{}", "append.type_mismatch"),
        UpdateCase(nil, "\(removing("")),\(appending("null", "1"))", "[1]"),
        UpdateCase(nil, "\(incrementing("", "1")),\(decrementing("", "5"))", "-4"),
        // Failures leave it open.
        UpdateCase(nil, "\(setting("__proto__", "1")),\(incrementing("", "1"))", "1", "set.path.proto_polluted"),
        UpdateCase(nil, "\(merging("null", "1")),\(appending("null", "\"s\""))", "\"s\"", "merge.value.not_an_object"),
        UpdateCase("5", "\(merging("null", "{}")),\(incrementing("", "1"))", "6"),
    ])
    func absentKey(_ row: UpdateCase) throws { try row.check() }

    @Test(arguments: [
        ("null", "null"), ("true", "boolean"), ("1", "number"), ("\"s\"", "string"), ("[]", "array"),
    ])
    func messagesNameTheTarget(_ stored: String, _ kind: String) throws {
        for (verb, operation) in [
            ("set", setting("k", "1")), ("increment", incrementing("k", "1")), ("decrement", decrementing("k", "1")),
            ("remove", removing("k")),
        ] {
            let errors = try applyUpdates(operation, to: stored).errors
            #expect(errors.map(\.message) == ["Cannot \(verb) at path 'k': target is \(kind), expected object."])
        }
        for (path, label) in [("\"k\"", "[k]"), (#"["a.b","c"]"#, "[a.b, c]")] {
            let errors = try applyUpdates(appending(path, "1"), to: stored).errors
            #expect(errors.map(\.message) == ["Cannot append at path '\(label)': target is \(kind), expected object."])
        }
        if kind != "number" {
            let errors = try applyUpdates(incrementing("k", "1"), to: "{\"k\":\(stored)}").errors
            #expect(errors.map(\.message) == ["Expected number at path 'k', got \(kind)."])
        }
        if kind != "string" {
            let errors = try applyUpdates(appending("[\"a\",\"k\"]", stored), to: #"{"a":{"k":"text"}}"#).errors
            #expect(errors.map(\.message) == ["Expected string append value at path 'k', got \(kind)."])
        }
    }

    @Test func messagesNameTheRoot() throws {
        #expect(
            try applyUpdates(incrementing("", "1"), to: "{}").errors.map(\.message) == [
                "Expected number at path 'root', got object."
            ]
        )
        #expect(
            try applyUpdates(appending("null", "1"), to: "true").errors.map(\.message)
                == ["Cannot append at path 'root': target is boolean, expected array, string, null, or missing field."]
        )
        #expect(
            try applyUpdates(appending("null", "{}"), to: "\"s\"").errors.map(\.message)
                == ["Expected string append value at path 'root', got object."]
        )
    }

    /// A switch over the stored value once kept a second reference: each append copied the whole list.
    @Test(arguments: [["l"], ["a", "l"]])
    func appendingCopiesNothing(_ path: [String]) throws {
        var elements: [JSON] = [0]
        elements.reserveCapacity(64)
        let address = elements.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) }
        var stored: JSON? = .object(["l": .array(elements)])
        if path.count > 1 { stored = stored.map { ["a": $0] } }
        elements = []
        let append = UpdateOperation.append(path: UpdatePath(path), value: 1)
        let value = UpdateOperation.apply([append, append], to: stored.take()).value
        let list = try #require(path.reduce(value) { $0?[$1] }?.array)
        #expect(list == [0, 1, 1])
        #expect(list.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) } == address)
    }
}
