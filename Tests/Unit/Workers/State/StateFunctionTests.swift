import Testing

@testable import Engine
@testable import Workers

/// state.md §2.
@Suite struct StateFunctionTests {
    @Test func setReportsOldAndNew() throws {
        let state = StateHarness()
        let first = try state.call("state::set", #"{"scope":"a","key":"k","value":{"n":1}}"#)
        #expect(first == #"{"old_value":null,"new_value":{"n":1}}"#)
        let second = try state.call("state::set", #"{"scope":"a","key":"k","data":[2]}"#)
        #expect(second == #"{"old_value":{"n":1},"new_value":[2]}"#)
    }

    @Test func absentIsNoResultAndStoredNullIsNull() throws {
        let state = StateHarness()
        #expect(try state.call("state::get", #"{"scope":"a","key":"k"}"#) == nil)
        _ = try state.call("state::set", #"{"scope":"a","key":"k","value":null}"#)
        #expect(try state.call("state::get", #"{"scope":"a","key":"k"}"#) == "null")
    }

    @Test func deleteReturnsTheValueItself() throws {
        let state = StateHarness()
        _ = try state.call("state::set", #"{"scope":"a","key":"k","value":7}"#)
        #expect(try state.call("state::delete", #"{"scope":"a","key":"k"}"#) == "7")
        #expect(try state.call("state::delete", #"{"scope":"a","key":"k"}"#) == nil)
    }

    @Test func listKeepsInsertionOrder() throws {
        let state = StateHarness()
        for (key, value) in [("b", 1), ("a", 2), ("c", 3), ("a", 4)] {
            _ = try state.call("state::set", #"{"scope":"s","key":"\#(key)","value":\#(value)}"#)
        }
        #expect(try state.call("state::list", #"{"scope":"s"}"#) == "[1,4,3]")
        _ = try state.call("state::delete", #"{"scope":"s","key":"b"}"#)
        _ = try state.call("state::set", #"{"scope":"s","key":"b","value":5}"#)
        #expect(try state.call("state::list", #"{"scope":"s"}"#) == "[4,3,5]")
        #expect(try state.call("state::list", #"{"scope":"none"}"#) == "[]")
    }

    @Test func groupsAreSortedAndEmptyOnesGone() throws {
        let state = StateHarness()
        for scope in ["z", "", "é", "a"] {
            _ = try state.call("state::set", #"{"scope":"\#(scope)","key":"k","value":1}"#)
        }
        #expect(try state.call("state::list_groups", "{}") == #"{"groups":["","a","z","é"]}"#)
        _ = try state.call("state::delete", #"{"scope":"z","key":"k"}"#)
        #expect(try state.call("state::list_groups", "{}") == #"{"groups":["","a","é"]}"#)
    }

    @Test func composedAndDecomposedKeysAreTwo() throws {
        let state = StateHarness()
        _ = try state.call("state::set", "{\"scope\":\"s\",\"key\":\"\u{E9}\",\"value\":1}")
        _ = try state.call("state::set", "{\"scope\":\"s\",\"key\":\"e\u{301}\",\"value\":2}")
        #expect(try state.call("state::list", #"{"scope":"s"}"#) == "[1,2]")
    }

    @Test(arguments: ["12345678901234567890123", "1e400", "0.1000000000000000055", "-0", "1.0"])
    func numbersKeepTheirText(_ number: String) throws {
        let state = StateHarness()
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":\#(number)}"#)
        #expect(try state.call("state::get", #"{"scope":"s","key":"k"}"#) == number)
    }

    @Test(arguments: [
        ("state::set", #"{"key":"k","value":1}"#, "missing field `scope`"),
        ("state::set", #"{"scope":"s","key":"k"}"#, "missing field `value`"),
        ("state::set", #"{"scope":"s","key":"k","value":1,"data":2}"#, "duplicate field `value`"),
        ("state::set", #"{"scope":5,"key":"k","value":1}"#, "invalid type: integer `5`, expected a string"),
        ("state::set", "null", "invalid type: null, expected struct StateSetInput"),
        ("state::get", "null", "invalid type: null, expected struct StateGetInput"),
        ("state::delete", #"{"scope":"s"}"#, "missing field `key`"),
        ("state::update", #"{"scope":"s","key":"k"}"#, "missing field `ops`"),
        ("state::list", "{}", "missing field `scope`"),
        ("state::list_groups", "null", "invalid type: null, expected struct StateListGroupsInput"),
    ])
    func argumentErrors(_ function: String, _ data: String, _ detail: String) throws {
        let error = try StateHarness().error(function, data)
        #expect(error.code == "deserialization_error")
        #expect(error.message == "Failed to deserialize input for \(function): \(detail)")
    }

    @Test func valueSizeIsTheCompactTexts() throws {
        let state = StateHarness(configuration: StateConfiguration(maxValueBytes: 7))
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":{ "n" :  1 }}"#)
        let error = try state.error("state::set", #"{"scope":"s","key":"k","value":{"n":12}}"#)
        #expect(error.code == "VALUE_TOO_LARGE")
        #expect(error.message == "value of 8 bytes exceeds the configured max_value_bytes limit of 7")
    }

    @Test func updateKeepsWhatWorkedAndReportsTheRest() throws {
        let state = StateHarness()
        _ = try state.call("state::set", #"{"scope":"carts","key":"42","value":{"n":1}}"#)
        let ops = #"[{"type":"increment","path":"n","by":2},{"type":"append","path":"n","value":1}]"#
        let result = try state.call("state::update", #"{"scope":"carts","key":"42","ops":\#(ops)}"#)
        #expect(
            result
                == #"{"old_value":{"n":1},"new_value":{"n":3},"errors":[{"op_index":1,"code":"append.type_mismatch","#
                + #""message":"Cannot append at path 'n': target is number, expected array, string, null, or missing field.","#
                + #""doc_url":"https://iii.dev/docs/workers/iii-state#error-codes"}]}"#
        )
    }

    /// What discovery shows (state.md §1): results that are the stored value itself have no schema.
    @Test(arguments: [
        ("state::set", true), ("state::get", false), ("state::delete", false), ("state::update", true),
        ("state::list", false), ("state::list_groups", true), ("state::list_keys", true), ("state::list_entries", true),
    ])
    func schemas(_ function: String, _ hasResponse: Bool) throws {
        let description = try #require(StateHarness().engine.function(function)).description
        #expect(description.description?.isEmpty == false && description.metadata == nil)
        let request = try #require(try description.requestFormat?.parse())
        #expect(request["type"] == "object" && request["title"]?.string?.hasSuffix("Input") == true)
        #expect((description.responseFormat != nil) == hasResponse)
    }

    @Test func updateOfAnAbsentKeyAlwaysStores() throws {
        let state = StateHarness()
        for ops in ["[]", #"[{"type":"set","path":"__proto__","value":1}]"#] {
            _ = try state.call("state::update", #"{"scope":"s","key":"k","ops":\#(ops)}"#)
            #expect(try state.call("state::delete", #"{"scope":"s","key":"k"}"#) == "{}")
        }
    }

    @Test func aliasWithNull() throws {
        let state = StateHarness()
        _ = try state.call("state::set", #"{"scope":"s","key":"k","data":null}"#)
        #expect(try state.call("state::get", #"{"scope":"s","key":"k"}"#) == "null")
        let both = try state.error("state::set", #"{"scope":"s","key":"k","value":null,"data":null}"#)
        #expect(both.message.hasSuffix("duplicate field `value`"))
    }

    /// As sent: members in their order, numbers with their text; an update leaves what it doesn't touch.
    @Test func valuesComeBackAsTheyWereSent() throws {
        let state = StateHarness()
        let value = #"{"b":1.0,"a":{"z":1e2,"y":18446744073709551615},"c":[]}"#
        _ = try state.call("state::set", #"{"scope":"s","key":"k","value":\#(value)}"#)
        #expect(try state.call("state::get", #"{"scope":"s","key":"k"}"#) == value)
        _ = try state.call("state::update", #"{"scope":"s","key":"k","ops":[{"type":"set","path":"c","value":2}]}"#)
        #expect(
            try state.call("state::get", #"{"scope":"s","key":"k"}"#)
                == #"{"b":1.0,"a":{"z":1e2,"y":18446744073709551615},"c":2}"#
        )
    }
}
