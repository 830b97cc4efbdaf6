import Testing

@testable import Engine
@testable import Workers

/// `engine::functions::list` and `engine::functions::info` (engine-functions.md §1.3, §3, §4).
struct FunctionsTests {
    private static let list = "engine::functions::list"
    private static let info = "engine::functions::info"

    /// Workers `orders` and `mail`, and functions with every kind of metadata.
    private func engine() throws -> DiscoveryEngine {
        let test = try DiscoveryEngine()
        let orders = try test.worker("orders", functions: ["orders::cancel"])
        try orders.send(
            #"{"type":"registerfunction","id":"orders::create","description":"Create","metadata":{"public":true}}"#
        )
        try orders.send(#"{"type":"registerfunction","id":"orders::hidden","metadata":{"internal":true}}"#)
        try orders.send(#"{"type":"registerfunction","id":"orders::shown","metadata":{"internal":"true"}}"#)
        let mail = try test.worker("mail")
        try mail.send(#"{"type":"registerfunction","id":"mail::create-order","description":"Mails about ORDERS"}"#)
        try mail.send(#"{"type":"registerfunction","id":"engine::queue::enqueue"}"#)
        _ = try test.worker(nil, functions: ["nameless::f", "plain"])
        return test
    }

    private func ids(_ test: DiscoveryEngine, _ data: String) throws -> [String] {
        try test.column("function_id", of: "functions", Self.list, data)
    }

    @Test(arguments: ["{}", "null"])
    func hidesInternalOnesAndSortsByID(data: String) throws {
        #expect(
            try ids(engine(), data) == [
                "engine::queue::enqueue", "mail::create-order", "nameless::f", "orders::cancel", "orders::create",
                "orders::shown", "plain", "state::get", "state::set",
            ]
        )
    }

    @Test func rowsHaveExactKeys() throws {
        let rows = try #require(try engine().result(Self.list, #"{"prefix":"orders::c"}"#)["functions"])
        let expected = """
            [{"function_id":"orders::cancel","worker_name":"orders"},
             {"function_id":"orders::create","worker_name":"orders","description":"Create","metadata":{"public":true}}]
            """
        #expect(rows == (try json(expected)))
    }

    @Test(arguments: [
        (#"{"search":""}"#, 9), (#"{"search":null,"prefix":null,"worker":null,"workers":null}"#, 9),
        (#"{"prefix":""}"#, 9), (#"{"workers":[]}"#, 9), (#"{"unknown":1}"#, 9),
        (#"{"prefix":"orders::"}"#, 3), (#"{"prefix":"Orders::"}"#, 0),
        (#"{"worker":"orders"}"#, 3), (#"{"worker":"order"}"#, 0), (#"{"worker":"orders","prefix":"mail"}"#, 0),
        (#"{"worker":"orders","workers":["mail"]}"#, 5), (#"{"workers":["orders","mail"]}"#, 5),
        (#"{"worker":"nameless"}"#, 1), (#"{"worker":"plain"}"#, 1), (#"{"worker":"iii-state"}"#, 2),
        (#"{"worker":"orders","include_internal":true}"#, 4),
        (#"{"prefix":"engine::","include_internal":true}"#, 13),
        (#"{"search":"zzz"}"#, 0), (#"{"search":"STATE FUNC"}"#, 2),
    ])
    func filters(data: String, count: Int) throws {
        #expect(try ids(engine(), data).count == count)
    }

    /// Rank 0: prefix or a whole segment; 1: in the id; 2: in the description only.
    @Test(arguments: ["create", "CREATE"])
    func searchRanks(needle: String) throws {
        let test = try engine()
        _ = try test.worker("x", functions: ["recreate::x", "create", "b::create::c"])
        #expect(
            try ids(test, #"{"search":"\#(needle)"}"#) == [
                "b::create::c", "create", "orders::create", "mail::create-order", "recreate::x",
            ]
        )
        #expect(
            try ids(test, #"{"search":"orders"}"#)
                == ["orders::cancel", "orders::create", "orders::shown", "mail::create-order"]
        )
    }

    @Test(arguments: [
        (#""x""#, "expected struct FunctionsListInput"), ("[]", "expected struct FunctionsListInput"),
        ("5", "expected struct FunctionsListInput"), (#"{"search":5}"#, "expected a string"),
        (#"{"include_internal":"yes"}"#, "expected a boolean"), (#"{"workers":"orders"}"#, "expected a sequence"),
        (#"{"workers":[1]}"#, "expected a string"),
    ])
    func wrongTypes(data: String, detail: String) throws {
        let failure = try engine().failure(Self.list, data)
        #expect(
            failure.hasPrefix("deserialization_error: Failed to deserialize input for \(Self.list): invalid type: ")
        )
        #expect(failure.hasSuffix(detail))
    }

    /// The current owner is shown, not who had the id before (§12), and that one again when the current owner is gone.
    @Test func ownersFollowTheRegistration() throws {
        let test = try engine()
        let owners = { try test.column("worker_name", of: "functions", Self.list, #"{"prefix":"orders::create"}"#) }
        let former = try owners()
        let thief = try test.worker("thief", functions: ["orders::create"])
        #expect(try owners() == ["thief"])
        try thief.disconnect()
        #expect(try owners() == former && former.count == 1)
    }

    // MARK: info

    @Test func detail() throws {
        let test = try engine()
        let peer = try test.worker("shop")
        try peer.send(
            """
            {"type":"registerfunction","id":"shop::f","description":"F","request_format":{"type":"object"},\
            "response_format":{"a":[1]},"metadata":{"m":1.50}}
            """
        )
        for id in ["b2", "b1"] {
            try peer.send(
                #"{"type":"registertrigger","id":"\#(id)","trigger_type":"state","function_id":"shop::f","config":{"n":1}}"#
            )
        }
        try peer.send(
            #"{"type":"registertrigger","id":"parked","trigger_type":"x","function_id":"shop::f","config":{}}"#
        )
        let expected = """
            {"function_id":"shop::f","worker_name":"shop","description":"F","request_schema":{"type":"object"},
             "response_schema":{"a":[1]},"metadata":{"m":1.50},"registered_triggers":[
              {"id":"b1","trigger_type":"state","config":{"n":1}},{"id":"b2","trigger_type":"state","config":{"n":1}}]}
            """
        #expect(try test.result(Self.info, #"{"function_id":"shop::f"}"#) == (try json(expected)))
        let bare = #"{"function_id":"plain","worker_name":"plain","registered_triggers":[]}"#
        #expect(try test.result(Self.info, #"{"function_id":"plain"}"#) == (try json(bare)))
    }

    @Test func batchKeepsTheOrderOfFirstAppearance() throws {
        let rows = try engine().result(
            Self.info,
            #"{"function_ids":["plain","nope","orders::hidden","plain","nope","engine::functions::list"]}"#
        )
        let functions = try #require(rows["functions"]?.array)
        #expect(
            functions.map { $0["function_id"]?.string }
                == ["plain", "nope", "orders::hidden", "engine::functions::list"]
        )
        #expect(functions[1] == ["function_id": "nope", "error": "not_found"])
        #expect(functions.count { $0["error"] != nil } == 1)
    }

    @Test func batchCountsDistinctIDs() throws {
        let test = try engine()
        let many = (0..<32).map { "\"f\($0)\"" }
        let accepted = many + ["\"f0\"", "\"f1\""]
        #expect(
            try test.result(Self.info, #"{"function_ids":[\#(accepted.joined(separator: ","))]}"#)["functions"]?.array?
                .count == 32
        )
        let refused = many + ["\"f32\""]
        #expect(
            try test.failure(Self.info, #"{"function_ids":[\#(refused.joined(separator: ","))]}"#)
                == "INVALID_ARGUMENTS: too many function_ids (max 32)"
        )
    }

    @Test(arguments: [
        (#"{"function_id":"X"}"#, "NOT_FOUND: Function 'X' is not registered."),
        (
            #"{"function_id":"X","function_ids":["X"]}"#,
            "INVALID_ARGUMENTS: pass either `function_id` or `function_ids`, not both"
        ),
        ("{}", "INVALID_ARGUMENTS: missing field `function_id` (or `function_ids` for a batch)"),
        ("null", "INVALID_ARGUMENTS: missing field `function_id` (or `function_ids` for a batch)"),
        (
            #"{"function_ids":[]}"#,
            "INVALID_ARGUMENTS: `function_ids` must be a non-empty array of function ids"
        ),
        (
            #"{"function_id":5}"#,
            "deserialization_error: Failed to deserialize input for engine::functions::info: "
                + "invalid type: integer `5`, expected a string"
        ),
    ])
    func errors(data: String, expected: String) throws {
        #expect(try engine().failure(Self.info, data) == expected)
    }

    // MARK: Own surface

    private static let own = [
        "engine::functions::info", "engine::functions::list", "engine::health", "engine::register_trigger",
        "engine::registered-triggers::info", "engine::registered-triggers::list", "engine::triggers::info",
        "engine::triggers::list", "engine::unregister_trigger", "engine::workers::info", "engine::workers::list",
        "engine::workers::register",
    ]

    @Test func completeList() throws {
        let test = try DiscoveryEngine()
        #expect(try ids(test, #"{"worker":"iii-engine-functions","include_internal":true}"#) == Self.own)
    }

    @Test(arguments: own)
    func everyFunctionIsDescribed(id: String) throws {
        let detail = try DiscoveryEngine().result(Self.info, #"{"function_id":"\#(id)"}"#)
        #expect(detail["description"]?.string?.isEmpty == false)
        for key in ["request_schema", "response_schema"] {
            let schema = try #require(detail[key]?.object)
            #expect(schema["$schema"] == "http://json-schema.org/draft-07/schema#")
            #expect(schema["title"]?.string?.isEmpty == false)
            #expect(schema["type"] == "object")
            let properties = try #require(schema["properties"]?.object)
            let required = try #require(schema["required"]?.array).compactMap(\.string)
            for name in required { #expect(properties[name] != nil, "\(id) requires \(name) but doesn't describe it") }
            #expect(schema["definitions"] == [:])
        }
    }

    @Test(arguments: [
        ("engine::functions::list", "List registered functions with their owning worker name."),
        ("engine::triggers::list", "List trigger types registered with the engine."),
        ("engine::triggers::info", "Inspect one trigger type: schemas, owner, and live instance count."),
        ("engine::registered-triggers::list", "List registered trigger instances (subscriber rows)."),
        ("engine::workers::list", "List workers connected to the engine."),
        ("engine::workers::register", "Register worker metadata"),
        ("engine::unregister_trigger", "Unregister a trigger by id. Idempotent; reports whether it existed."),
    ])
    func statedDescriptions(id: String, text: String) throws {
        #expect(try DiscoveryEngine().engine.function(id)?.description.description == text)
    }

    @Test(arguments: ["engine::trigger-types::list", "engine::nope"])
    func removedIDs(id: String) throws {
        #expect(try DiscoveryEngine().failure(id, "{}") == "function_not_found: Function \(id) not found")
    }
}
