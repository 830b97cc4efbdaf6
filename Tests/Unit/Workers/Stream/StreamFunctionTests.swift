import Testing

@testable import Workers

/// The functions of stream.md §2 and §3.
@Suite struct StreamFunctionTests {
    private let item = #""stream_name":"s","group_id":"g","item_id":"i""#

    @Test func writesAnswerOldAndNew() throws {
        let streams = StreamHarness()
        #expect(try streams.call("stream::set", "{\(item),\"data\":1}") == #"{"old_value":null,"new_value":1}"#)
        #expect(try streams.call("stream::set", "{\(item),\"data\":null}") == #"{"old_value":1,"new_value":null}"#)
        #expect(try streams.call("stream::get", "{\(item)}") == "null")
        #expect(try streams.call("stream::delete", "{\(item)}") == #"{"old_value":null}"#)
        #expect(try streams.call("stream::get", "{\(item)}") == nil)
        #expect(try streams.call("stream::delete", "{\(item)}") == #"{"old_value":null}"#)
        let update =
            "{\(item),\"ops\":[{\"type\":\"increment\",\"path\":\"n\",\"by\":2},{\"type\":\"append\",\"path\":\"n\",\"value\":1}]}"
        #expect(
            try streams.call("stream::update", update)?.hasPrefix(
                #"{"old_value":null,"new_value":{"n":2},"errors":[{"op_index":1"#
            )
                == true
        )
    }

    @Test func listings() throws {
        let streams = StreamHarness()
        for (id, group) in [("b", "g2"), ("a", "g2"), ("c", "g1")] { try streams.set(id, "\"\(id)\"", group: group) }
        #expect(try streams.list("g2") == #"["b","a"]"#)
        #expect(try streams.list("nobody") == "[]")
        #expect(try streams.call("stream::list_groups", #"{"stream_name":"s"}"#) == #"["g1","g2"]"#)
        #expect(
            try streams.call("stream::list_all", "{}") == #"{"stream":[{"id":"s","groups":["g1","g2"]}],"count":1}"#
        )
    }

    /// Colons are parts of names, not separators.
    @Test func namesWithColonsStayApart() throws {
        let streams = StreamHarness()
        for (stream, group) in [("a:b", "c"), ("a", "b:c")] {
            let set = #"{"stream_name":"\#(stream)","group_id":"\#(group)","item_id":"i","data":"\#(stream)"}"#
            _ = try streams.call("stream::set", set)
        }
        #expect(try streams.call("stream::list_groups", #"{"stream_name":"a"}"#) == #"["b:c"]"#)
        #expect(try streams.call("stream::list", #"{"stream_name":"a:b","group_id":"c"}"#) == #"["a:b"]"#)
    }

    @Test(arguments: [
        ("stream::set", "{}", "missing field `stream_name`"),
        ("stream::set", #"{"stream_name":"s","group_id":"g","item_id":"i"}"#, "missing field `data`"),
        ("stream::get", "null", "invalid type: null, expected struct StreamGetInput"),
        (
            "stream::delete", #"{"stream_name":5,"group_id":"g","item_id":"i"}"#,
            "invalid type: integer `5`, expected a string"
        ),
        ("stream::send", #"{"stream_name":"s","group_id":"g","data":1}"#, "missing field `type`"),
        ("stream::list_all", "null", "invalid type: null, expected struct StreamListAllInput"),
    ])
    func badArguments(function: String, data: String, detail: String) throws {
        let expected = "deserialization_error: Failed to deserialize input for \(function): \(detail)"
        #expect(try StreamHarness().error(function, data) == expected)
    }

    @Test func acksSayWhatTheyAre() throws {
        let streams = StreamHarness()
        let durable = #""durable":{"lsn":null,"mode":"memory"}"#
        #expect(
            try streams.call("stream::set", "{\(item),\"data\":1,\"ack\":true}")
                == #"{"old_value":null,"new_value":1,\#(durable)}"#
        )
        let send = #"{"stream_name":"s","group_id":"g","type":"t","data":1,"ack":true}"#
        #expect(try streams.call("stream::send", send) == "{\(durable)}")
        let refused = try streams.error("stream::set", "{\(item),\"data\":2,\"require\":\"synced\"}")
        #expect(refused.hasPrefix("NOT_SYNCED: "))
        #expect(try streams.call("stream::get", "{\(item)}") == "1")
    }

    @Test func limits() throws {
        var configuration = StreamConfiguration()
        configuration.limits.idBytes = 4
        configuration.limits.valueBytes = 10
        let streams = StreamHarness(configuration)
        let long = #"{"stream_name":"s","group_id":"group","item_id":"i","data":1}"#
        #expect(
            try streams.error("stream::set", long)
                == "ID_TOO_LARGE: a name of 5 bytes exceeds the configured max_id_bytes limit of 4"
        )
        #expect(
            try streams.error("stream::set", "{\(item),\"data\":\"123456789\"}")
                == "VALUE_TOO_LARGE: value of 11 bytes exceeds the configured max_value_bytes limit of 10"
        )
        // White space doesn't count.
        #expect(try streams.call("stream::set", "{\(item),\"data\":[1,    2,    3]}") != nil)
    }

    // MARK: Custom implementations

    @Test func customImplementationsReplaceTheAdapter() throws {
        let streams = StreamHarness()
        let set = streams.register("stream::set(s)", answer: #"{"old_value":null,"new_value":{"made":true}}"#)
        let list = streams.register("stream::list(s)", answer: "[1,2]")
        let peer = try streams.connect()
        try peer.join()
        #expect(try peer.events() == ["sync [1,2]"])
        #expect(
            try streams.call("stream::set", "{\(item),\"data\":[5],\"extra\":1}")
                == #"{"old_value":null,"new_value":{"made":true}}"#
        )
        #expect(set.calls == [#"{"stream_name":"s","group_id":"g","item_id":"i","data":[5]}"#])
        #expect(try peer.events() == [#"create i {"made":true}"#])
        #expect(try streams.call("stream::get", "{\(item)}") == nil)
        #expect(list.calls.count == 1)
    }

    @Test(arguments: [
        ("null", "STREAM_SET_ERROR: Failed to set value: Function returned no result"),
        ("{}", "JSON_ERROR: Failed to convert result to value: missing field `new_value`"),
    ])
    func customImplementationsMustAnswer(answer: String, expected: String) throws {
        let streams = StreamHarness()
        _ = streams.register("stream::set(s)", answer: answer)
        #expect(try streams.error("stream::set", "{\(item),\"data\":1}") == expected)
    }

    @Test func errorsOfCustomImplementations() throws {
        let streams = StreamHarness()
        streams.engine.register(.init(id: "stream::delete(s)"), worker: "test") { _, reply in
            reply(.failure(.init(code: "X", message: "no")))
        }
        #expect(
            try streams.error("stream::delete", "{\(item)}")
                == #"STREAM_DELETE_ERROR: Failed to delete value: Failed to invoke function: ErrorBody { code: "X", message: "no", stacktrace: None }"#
        )
    }
}
