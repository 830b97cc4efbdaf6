import Engine
import Testing

@testable import Workers

/// http.md §4: registration, conflicts, replacement, ownership.
@Suite struct HTTPTriggerTests {
    private func trigger(_ id: String, _ path: String, _ function: String, method: String = "GET") -> Trigger {
        let config: JSON = ["api_path": .string(path), "http_method": .string(method)]
        return Trigger(id: id, type: "http", functionID: function, config: RawJSON(config))
    }

    private func harness() throws -> HTTPHarness {
        let harness = try HTTPHarness()
        for id in ["a", "b", "c"] { harness.function(id, returning: "{\"body\":\"\(id)\"}") }
        return harness
    }

    @Test(arguments: [
        (#"{}"#, "api_path is required for http triggers"),
        (#"{"api_path":7}"#, "api_path is required for http triggers"),
        ("[]", "api_path is required for http triggers"),
        (#"{"api_path":"a","http_method":"TRACE"}"#, "http_method 'TRACE'"),
        (#"{"api_path":"a","http_method":""}"#, "http_method ''"),
        (#"{"api_path":"a","http_method":"*"}"#, "http_method '*'"),
        (#"{"api_path":"a/:"}"#, "api_path 'a/:' is not valid"),
        (#"{"api_path":"a","middleware_function_ids":["m"]}"#, "middleware_function_ids is not served"),
    ])
    func refusals(_ config: String, _ expected: String) throws {
        let harness = try harness()
        var text: String?
        harness.engine.bind(type: "http", functionID: "a", config: RawJSON(try JSON.parse(config)), metadata: nil) {
            _,
            error in
            #expect(error?.code == "trigger_registration_failed")
            text = error?.message
        }
        #expect(text?.contains(expected) == true, "\(text ?? "accepted")")
        #expect(harness.engine.allLiveTriggers.isEmpty)
    }

    @Test(arguments: [
        #"{"api_path":"r"}"#, #"{"api_path":"/r","http_method":null}"#, #"{"api_path":"r","http_method":7,"x":1}"#,
        #"{"api_path":"r","http_method":"get","middleware_function_ids":[1]}"#,
        #"{"api_path":"r","middleware_function_ids":"m","condition_function_id":5}"#,
    ])
    func accepted(_ config: String) throws {
        let harness = try harness()
        harness.engine.bind(type: "http", functionID: "a", config: RawJSON(try JSON.parse(config)), metadata: nil) {
            _,
            error in
            #expect(error == nil)
        }
        #expect(try harness.request("GET /r").body == "\"a\"")
    }

    @Test func vector28ConflictNamesBothRoutes() throws {
        let harness = try harness()
        #expect(harness.route("GET", "c/:a/:b", to: "a") == nil)
        #expect(
            harness.route("GET", "/c/:b/:a", to: "b")
                == "Route 'GET /c/:b/:a' conflicts with already-registered route 'GET c/:a/:b': routes with identical "
                + "structure but different path-parameter names are not supported"
        )
        #expect(try harness.request("GET /c/1/2").body == "\"a\"")
        // Names are per method and route (Better).
        #expect(harness.route("POST", "c/:x/:y", to: "b") == nil)
        #expect(try harness.request("POST /c/1/2").body == "\"b\"")
        #expect(try harness.calls.last?.data.parse()["path_params"] == ["x": "1", "y": "2"])
    }

    @Test func sameKeyReplacesAndTheSurvivorServesAgain() throws {
        let harness = try harness()
        let (first, second) = (trigger("1", "users/:id", "a"), trigger("2", "/users/:id", "b"))
        try harness.worker.register(first, replacing: nil)
        try harness.worker.register(second, replacing: nil)
        #expect(try harness.request("GET /users/1").body == "\"b\"")
        harness.worker.unregister(second)
        #expect(try harness.request("GET /users/1").body == "\"a\"")
        harness.worker.unregister(first)
        #expect(try harness.request("GET /users/1").status == 404)
    }

    @Test func newPathOfATriggerReplacesTheOldOneAtOnce() throws {
        let harness = try harness()
        let (old, new) = (trigger("1", "old/:x", "a"), trigger("1", "old/:y", "b"))
        try harness.worker.register(old, replacing: nil)
        // Would conflict with itself if the exchange were not atomic.
        try harness.worker.register(new, replacing: old)
        #expect(try harness.request("GET /old/1").body == "\"b\"")
        let moved = trigger("1", "new", "c")
        try harness.worker.register(moved, replacing: new)
        #expect(try harness.request("GET /old/1").status == 404)
        #expect(try harness.request("GET /new").body == "\"c\"")
        #expect(throws: InvocationError.self) {
            try harness.worker.register(trigger("1", "bad/:", "a"), replacing: moved)
        }
        #expect(try harness.request("GET /new").body == "\"c\"")
    }

    /// Vector 29 and rolling deploys: the clean-up of a stale registration must not delete its successor's route.
    @Test func staleUnregisterIsANoOp() throws {
        let harness = try harness()
        let (stale, fresh) = (trigger("1", "r", "a"), trigger("1", "r", "b"))
        try harness.worker.register(stale, replacing: nil)
        try harness.worker.register(fresh, replacing: stale)
        harness.worker.unregister(stale)
        #expect(try harness.request("GET /r").body == "\"b\"")
        harness.worker.unregister(fresh)
        #expect(try harness.request("GET /r").status == 404)
    }

    @Test func replayIsIdempotent() throws {
        let harness = try harness()
        let only = trigger("1", "r", "a")
        for _ in 0..<3 { try harness.worker.register(only, replacing: nil) }
        harness.worker.unregister(only)
        #expect(try harness.request("GET /r").status == 404)
    }
}
