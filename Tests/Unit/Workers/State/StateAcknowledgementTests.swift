import Testing

@testable import Engine
@testable import Workers

/// docs/streams.md, "Acknowledgements that say what they are", of state.
@Suite struct StateAcknowledgementTests {
    private static let key = #""scope":"s","key":"k""#
    private static let increment = #"[{"type":"increment","path":"","by":1}]"#

    @Test func inMemoryAcknowledgementsSaySo() throws {
        let state = StateHarness()
        let durable = #""durable":{"lsn":null,"mode":"memory"}"#
        let set = try state.call("state::set", "{\(Self.key),\"value\":1,\"ack\":true}")
        #expect(set == "{\"old_value\":null,\"new_value\":1,\(durable)}")
        let update = try state.call("state::update", "{\(Self.key),\"ops\":\(Self.increment),\"ack\":true}")
        #expect(update == "{\"old_value\":1,\"new_value\":2,\(durable)}")
        let delete = try state.call("state::delete", "{\(Self.key),\"ack\":true}")
        #expect(delete == "{\"old_value\":2,\(durable)}")
        #expect(try state.call("state::delete", "{\(Self.key),\"ack\":true}") == "{\"old_value\":null,\(durable)}")
    }

    /// `errors` stands before `durable`.
    @Test func failedOperationsAreToldToo() throws {
        let state = StateHarness()
        let ops = #"[{"type":"set","path":"__proto__","value":1}]"#
        let result = try #require(try state.call("state::update", "{\(Self.key),\"ops\":\(ops),\"ack\":true}"))
        #expect(result.hasSuffix(#"#error-codes"}],"durable":{"lsn":null,"mode":"memory"}}"#))
    }

    /// Positions grow with every record; a delete that finds nothing writes none and still says what is on disk.
    @Test func durableAcknowledgementsNameThePosition() throws {
        let directory = try TemporaryDirectory()
        try DurableState.run(in: directory.path) { (state: DurableState) throws in
            var last: UInt64 = 0
            for call in [
                ("state::set", "\"value\":1"), ("state::update", "\"ops\":\(Self.increment)"),
                ("state::delete", "\"value\":1"),
            ] {
                let result = try #require(try state.call(call.0, "{\(Self.key),\(call.1),\"ack\":true}"))
                let durable = try JSON.parse(result)["durable"]
                #expect(durable?["mode"] == "synced")
                let lsn = try #require(durable?["lsn"]?.uint64)
                #expect(lsn > last)
                last = lsn
            }
            let again = try state.call("state::delete", "{\(Self.key),\"ack\":true}")
            #expect(again == "{\"old_value\":null,\"durable\":{\"lsn\":\(last),\"mode\":\"synced\"}}")
        }
    }

    /// Byte for byte what upstream's clients get.
    @Test(arguments: ["", #","ack":false"#, #","ack":null"#, #","require":null"#])
    func whoDoesNotAskGetsNothing(_ options: String) throws {
        let state = StateHarness()
        let set = try state.call("state::set", "{\(Self.key),\"value\":1\(options)}")
        #expect(set == #"{"old_value":null,"new_value":1}"#)
        #expect(try state.call("state::delete", "{\(Self.key)\(options)}") == "1")
    }

    @Test(arguments: ["state::set", "state::update", "state::delete"])
    func requiredSyncRefusesMemory(_ function: String) throws {
        let state = StateHarness()
        let error = try state.error(function, "{\(Self.key),\"value\":1,\"ops\":[],\"require\":\"synced\"}")
        #expect(error.code == "NOT_SYNCED")
        #expect(
            error.message == "the write requires `synced`, but iii-state keeps its data in memory (mode `memory`); "
                + "nothing was written. Give iii-state the `kv` adapter with `store_method: file_based`, "
                + "or leave `require` out of the call"
        )
        #expect(try state.call("state::get", "{\(Self.key)}") == nil)
        #expect(try state.call("state::list_groups", "{}") == #"{"groups":[]}"#)
    }

    @Test func requiredSyncIsGranted() throws {
        let directory = try TemporaryDirectory()
        try DurableState.run(in: directory.path) { (state: DurableState) throws in
            let result = try state.call("state::set", "{\(Self.key),\"value\":1,\"require\":\"synced\"}")
            #expect(result == #"{"old_value":null,"new_value":1}"#)
        }
    }

    private static let mistakes = [
        (#""ack":"yes""#, #"invalid type: string "yes", expected a boolean"#),
        (#""ack":1"#, "invalid type: integer `1`, expected a boolean"),
        (#""require":true"#, "invalid type: boolean `true`, expected a string"),
        (#""require":"fsync""#, "unknown variant `fsync`, expected `synced`"),
        (#""require":"memory""#, "unknown variant `memory`, expected `synced`"),
        (#""require":"""#, "unknown variant ``, expected `synced`"),
    ]

    @Test(arguments: ["state::set", "state::update", "state::delete"], mistakes)
    func mistakesAreWorded(_ function: String, _ mistake: (option: String, detail: String)) throws {
        let error = try StateHarness().error(function, "{\(Self.key),\"value\":1,\"ops\":[],\(mistake.option)}")
        #expect(error.code == "deserialization_error")
        #expect(error.message == "Failed to deserialize input for \(function): \(mistake.detail)")
    }

    /// The strict reader and the scan of `state::set` agree, also on keys that are spelled with escapes.
    @Test(arguments: [
        #""ack":true"#, #""\u0061ck":true"#, #""ack":false,"ack":true"#, #""ack":true,"require":"synced""#,
        #""require":"\u0073ynced""#, #""ack": true , "x":1"#, #""ack":true,"ack":false"#,
    ])
    func scanAndReaderAgree(_ options: String) throws {
        let text = "{\(Self.key),\"value\":1,\(options)}"
        let scanned = try StateSetRequest(RawJSON(validated: .init(string: text))).options
        let read = try WriteOptions(ArgumentReader(try JSON.parse(text), structName: "StateSetInput"))
        #expect(scanned == read)
    }
}
