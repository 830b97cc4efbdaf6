import Testing

@testable import Engine
@testable import Workers

/// `engine::triggers::*`, `engine::registered-triggers::*` and the commands (engine-functions.md §5).
struct TriggersTests {
    private static let list = "engine::triggers::list"
    private static let info = "engine::triggers::info"
    private static let instances = "engine::registered-triggers::list"
    private static let instance = "engine::registered-triggers::info"

    /// Types `state` (in process), `shop::placed` (worker `shop`), `cron` and `anon::t` (a nameless worker).
    private func engine() throws -> DiscoveryEngine {
        let test = try DiscoveryEngine()
        let shop = try test.worker("shop", functions: ["shop::f"])
        try shop.send(
            #"{"type":"registertriggertype","id":"shop::placed","description":"New order","call_request_format":{"a":1}}"#
        )
        let nameless = try test.worker(nil)
        for id in ["cron", "anon::t"] {
            try nameless.send(#"{"type":"registertriggertype","id":"\#(id)","description":"x"}"#)
        }
        return test
    }

    private func bind(
        _ test: DiscoveryEngine,
        _ id: String,
        _ type: String,
        _ function: String,
        _ config: String = "{}"
    ) throws {
        try test.client.send(
            #"{"type":"registertrigger","id":"\#(id)","trigger_type":"\#(type)","function_id":"\#(function)","config":\#(config)}"#
        )
    }

    // MARK: Types

    @Test func typesAreSortedWithOwners() throws {
        let expected = """
            [{"id":"anon::t","worker_name":"anon","description":"x"},
             {"id":"cron","worker_name":"iii-cron","description":"x"},
             {"id":"shop::placed","worker_name":"shop","description":"New order"},
             {"id":"state","worker_name":"iii-state","description":"State changes"}]
            """
        for data in ["{}", "null"] {
            #expect(try engine().result(Self.list, data) == ["triggers": json(expected)])
        }
    }

    @Test(
        arguments: [
            (#"{"search":"ORDER"}"#, ["shop::placed"]), (#"{"search":"placed"}"#, ["shop::placed"]),
            (#"{"prefix":"c"}"#, ["cron"]),
            (#"{"worker":"iii-state"}"#, ["state"]), (#"{"worker":"iii"}"#, []),
            (
                #"{"prefix":"engine::","include_internal":true}"#,
                ["engine::functions-available", "engine::workers-available"]
            ),
        ] as [(String, [String])]
    )
    func typeFilters(data: String, expected: [String]) throws {
        #expect(try engine().column("id", of: "triggers", Self.list, data) == expected)
    }

    @Test func typeDetail() throws {
        let test = try engine()
        try bind(test, "b1", "shop::placed", "f")
        try bind(test, "b2", "shop::placed", "f")
        try bind(test, "b3", "nobodys", "f")
        let expected = """
            {"id":"shop::placed","worker_name":"shop","description":"New order","request_schema":{"a":1},"instance_count":2}
            """
        #expect(try test.result(Self.info, #"{"id":"shop::placed"}"#) == (try json(expected)))
        #expect(
            try test.failure(Self.info, #"{"id":"nobodys"}"#) == "NOT_FOUND: Trigger type 'nobodys' is not registered."
        )
        for data in ["{}", "null"] {
            #expect(
                try test.failure(Self.info, data).hasPrefix("deserialization_error: Failed to deserialize input for ")
            )
        }
    }

    @Test func engineTypesHaveNoSchemas() throws {
        let test = try engine()
        for (id, description) in [
            ("engine::functions-available", "Triggered when functions are registered/unregistered"),
            ("engine::workers-available", "Triggered when workers connect/disconnect"),
        ] {
            let detail = try test.result(Self.info, #"{"id":"\#(id)"}"#)
            #expect(detail.object?.map(\.key) == ["id", "worker_name", "description", "instance_count"])
            #expect(detail["description"]?.string == description)
            #expect(detail["worker_name"] == "iii-engine-functions")
        }
    }

    // MARK: Instances

    @Test func rowsAreLiveAndSorted() throws {
        let test = try engine()
        try bind(test, "b", "state", "shop::f", #"{ "scope" : "x" , "n" : [ 1 , 2 ] }"#)
        try bind(test, "a", "cron", "jobs::nightly")
        try bind(test, "parked", "nobodys", "shop::f")
        try bind(test, "internal", "state", "engine::workers::list")
        let expected = #"""
            {"registered_triggers":[
             {"id":"a","trigger_type":"cron","function_id":"jobs::nightly","worker_name":"jobs","config":{},"config_summary":"{}"},
             {"id":"b","trigger_type":"state","function_id":"shop::f","worker_name":"shop",
              "config":{"scope":"x","n":[1,2]},"config_summary":"{\"scope\":\"x\",\"n\":[1,2]}"}]}
            """#
        for data in ["{}", "null"] { #expect(try test.result(Self.instances, data) == (try json(expected))) }
        #expect(
            try test.column("id", of: "registered_triggers", Self.instances, #"{"include_internal":true}"#).count == 3
        )
    }

    @Test(
        arguments: [
            (#"{"search":"NIGHT"}"#, ["a"]), (#"{"search":"STATE"}"#, ["b"]), (#"{"search":"OP::F"}"#, ["b"]),
            (#"{"trigger_type":"cron"}"#, ["a"]), (#"{"trigger_type":"cro"}"#, []),
            (#"{"function_id":"shop::f"}"#, ["b"]),
            (#"{"worker":"shop"}"#, ["b"]), (#"{"worker":"jobs"}"#, ["a"]),
            (#"{"worker":"shop","trigger_type":"cron"}"#, []),
        ] as [(String, [String])]
    )
    func instanceFilters(data: String, expected: [String]) throws {
        let test = try engine()
        try bind(test, "b", "state", "shop::f")
        try bind(test, "a", "cron", "jobs::nightly")
        #expect(try test.column("id", of: "registered_triggers", Self.instances, data) == expected)
    }

    /// 80 characters, not bytes.
    @Test(arguments: [76, 77, 78, 79, 300])
    func summariesAreCut(count: Int) throws {
        let test = try engine()
        let text = String(repeating: "é", count: count)
        try bind(test, "b", "state", "f", "\"\(text)\"")
        let summary = try test.column("config_summary", of: "registered_triggers", Self.instances).first
        #expect(summary == (count <= 78 ? "\"\(text)\"" : "\"" + String(repeating: "é", count: 79) + "…"))
    }

    @Test func instanceDetail() throws {
        let test = try engine()
        try test.client.send(
            """
            {"type":"registertrigger","id":"b","trigger_type":"state","function_id":"shop::f","config":1,"metadata":{"m":1}}
            """
        )
        let detail = try test.result(Self.instance, #"{"id":"b"}"#)
        #expect(
            detail.object?.map(\.key)
                == ["id", "trigger_type", "function_id", "worker_name", "config", "metadata", "trigger", "function"]
        )
        #expect(detail["trigger"] == (try test.result(Self.info, #"{"id":"state"}"#)))
        #expect(detail["function"] == (try test.result("engine::functions::info", #"{"function_id":"shop::f"}"#)))
        try bind(test, "c", "state", "missing")
        let other = try test.result(Self.instance, #"{"id":"c"}"#)
        #expect(other["function"] == .null)
        #expect(other["metadata"] == nil)
        try bind(test, "parked", "nobodys", "f")
        for id in ["parked", "X"] {
            #expect(
                try test.failure(Self.instance, #"{"id":"\#(id)"}"#)
                    == "NOT_FOUND: Registered trigger '\(id)' was not found."
            )
        }
    }

    // MARK: Commands

    @Test func registeredTriggersOutliveTheirCreator() throws {
        let test = try engine()
        let creator = try test.worker("creator")
        let id = try #require(
            try test.result(
                "engine::register_trigger",
                #"{"trigger_type":"state","function_id":"shop::f","config":{"a":1},"metadata":{"m":1},"trigger_namespace":"x"}"#,
                from: creator
            )["id"]?.string
        )
        #expect(UUID(id) != nil)
        try creator.disconnect()
        let trigger = try #require(test.engine.liveTrigger(id))
        #expect(trigger.config.description == #"{"a":1}"#)
        #expect(trigger.metadata?.description == #"{"m":1}"#)
        #expect(trigger.owner == nil)
        #expect(
            try test.result("engine::unregister_trigger", #"{"id":"\#(id)","trigger_type":"x"}"#) == ["removed": true]
        )
        #expect(try test.result("engine::unregister_trigger", #"{"id":"\#(id)"}"#) == ["removed": false])
    }

    @Test func defaultsAndParking() throws {
        let test = try engine()
        let id = try #require(
            try test.result("engine::register_trigger", #"{"trigger_type":"x","function_id":"f","metadata":null}"#)[
                "id"
            ]?.string
        )
        let parked = try #require(test.engine.parkedTriggers[Name(id)])
        #expect(parked.config.isNull)
        #expect(parked.metadata == nil)
        #expect(try test.result("engine::unregister_trigger", #"{"id":"\#(id)"}"#) == ["removed": true])
    }

    @Test(arguments: [
        ("engine::register_trigger", "null", "invalid type: null, expected struct RegisterTriggerInput"),
        ("engine::register_trigger", "{}", "missing field `trigger_type`"),
        ("engine::register_trigger", #"{"trigger_type":"t"}"#, "missing field `function_id`"),
        (
            "engine::register_trigger", #"{"trigger_type":1,"function_id":"f"}"#,
            "invalid type: integer `1`, expected a string"
        ),
        ("engine::unregister_trigger", "{}", "missing field `id`"),
        ("engine::unregister_trigger", #"{"id":"a","trigger_type":5}"#, "invalid type: integer `5`, expected a string"),
    ])
    func badArguments(function: String, data: String, detail: String) throws {
        #expect(
            try engine().failure(function, data)
                == "deserialization_error: Failed to deserialize input for \(function): \(detail)"
        )
    }

    @Test func providersInTheEngineMayRefuse() throws {
        let test = try engine()
        let provider = test.test.provide("picky")
        #expect(
            try test.failure("engine::register_trigger", #"{"trigger_type":"picky","function_id":"f","config":"bad"}"#)
                == "trigger_registration_failed: Failed to parse trigger config: bad"
        )
        try bind(test, "b", "picky", "f")
        provider.failsToUnregister = true
        #expect(try test.failure("engine::unregister_trigger", #"{"id":"b"}"#).hasPrefix("unregister_failed: "))
        #expect(test.engine.liveTrigger("b") != nil)
    }

    /// A provider that is a worker is waited for, without stopping the caller's other calls.
    @Test(arguments: [true, false])
    func workerProvidersAreWaitedFor(accepts: Bool) throws {
        let test = try engine()
        let provider = try test.worker("p")
        try provider.send(#"{"type":"registertriggertype","id":"theirs","description":""}"#)
        let call = """
            {"type":"invokefunction","invocation_id":"7e0a1111-2222-4333-8444-555566667777",\
            "function_id":"engine::register_trigger","data":{"trigger_type":"theirs","function_id":"f"}}
            """
        #expect(try test.client.exchange(call).isEmpty)
        #expect(try test.client.exchange(#"{"type":"ping"}"#).count == 1)
        let id = try #require(try provider.receive().last?["id"]?.string)
        let error = accepts ? "" : #","error":{"code":"c","message":"m"}"#
        try provider.send(
            #"{"type":"triggerregistrationresult","id":"\#(id)","trigger_type":"theirs","function_id":"f"\#(error)}"#
        )
        let answer = try #require(try test.client.receive().first)
        if accepts {
            #expect(answer["result"] == ["id": .string(id)])
        } else {
            #expect(answer["error"] == ["code": "trigger_registration_failed", "message": "c: m"])
        }
    }
}
