import Engine
import NIOCore
import Testing

@testable import Workers

/// The vectors of http.md §22 that need no channels and no middleware, by number, and the rows of §13 and §16.
@Suite struct HTTPConformanceTests {
    private static let notFound = #"{"error":{"code":"NOT_FOUND","message":"Not Found"}}"#

    @Test func vector1() throws {
        let found = try HTTPHarness().request("GET /")
        #expect(found.status == 404 && found.body == Self.notFound)
        #expect(found["access-control-allow-origin"] == "*" && found["content-type"] == "application/json")
        #expect(found["date"] == "Tue, 14 Nov 2023 22:13:20 GMT" && found["server"] == nil)
    }

    @Test(arguments: [
        ("GET /hello", 200, #"{"m":1}"#), ("GET /hello/", 404, notFound), ("POST /hello", 405, ""),
        ("HEAD /hello", 200, ""), ("HEAD /nowhere", 404, ""), ("OPTIONS /nowhere", 200, ""),
        ("OPTIONS /hello", 200, ""),
        ("TRACE /hello", 405, ""),
    ])
    func vectors2To5(_ request: String, _ status: Int, _ body: String) throws {
        let harness = try HTTPHarness()
        harness.function("f", returning: #"{"status_code":200,"body":{"m": 1}}"#)
        #expect(harness.route("get", "hello", to: "f") == nil)
        let found = try harness.request(request)
        #expect(found.status == status && found.body == body)
        #expect(found["allow"] == (status == 405 ? "GET,HEAD" : nil))
        let length = request == "HEAD /hello" ? "7" : request == "HEAD /nowhere" ? "52" : "\(body.utf8.count)"
        #expect(found["content-length"] == length)
        if request == "HEAD /hello" { #expect(try harness.calls[0].data.parse()["method"] == "HEAD") }
    }

    @Test(arguments: [
        (#"{"a":1}"#, 200, "{}", "application/json"), (#""x""#, 200, "{}", "application/json"),
        (#"{"body":"x"}"#, 200, #""x""#, "application/json"),
        (#"{"body":"<a/>","headers":{"Content-Type":"text/xml"}}"#, 200, "<a/>", "text/xml"),
        (#"{"body":"{}","headers":{"content-type":"application/json"}}"#, 200, "{}", "application/json"),
        (#"{"status_code":"404"}"#, 200, "{}", "application/json"),
        (#"{"status_code":404.0}"#, 404, "{}", "application/json"),
    ])
    func vectors6To10And12(_ result: String, _ status: Int, _ body: String, _ type: String) throws {
        let harness = try HTTPHarness()
        harness.function("f", returning: result)
        harness.route("GET", "r", to: "f")
        let found = try harness.request("GET /r")
        #expect(found.status == status && found.body == body && found["content-type"] == type)
    }

    @Test func vector11() throws {
        let harness = try HTTPHarness()
        harness.function("f", returning: #"{"headers":["Set-Cookie: a=1","Set-Cookie: b=2","bad",7]}"#)
        harness.route("GET", "r", to: "f")
        let found = try harness.request("GET /r")
        #expect(found.headers.filter { $0.name == "set-cookie" }.map(\.value) == ["a=1", "b=2"])
        #expect(found.body == "{}")
    }

    @Test(arguments: [
        ("content-type: text/plain", "hi", "null"), ("content-type: application/json", "{bad", "null"),
        ("x: y", #"{"a":1}"#, "null"), ("content-type: Application/JSON", "1", "null"),
        ("content-type: application/vnd.api+json", "1", "null"),
        ("content-type: application/json; charset=utf-8", "[1]", "[1]"),
        ("content-type: x/application/json", "[2]", "[2]"), ("content-type: application/json", "", "null"),
    ])
    func vectors13To15(_ header: String, _ body: String, _ seen: String) throws {
        let harness = try HTTPHarness()
        harness.function("f", returning: "{}")
        harness.route("POST", "r", to: "f")
        #expect(try harness.request("POST /r", headers: [header], body: body).status == 200)
        #expect(try harness.calls[0].data.parse()["body"] == JSON.parse(seen))
    }

    @Test func vector16() throws {
        let harness = try HTTPHarness()
        harness.function("f", returning: "{}")
        harness.route("GET", "x/:id", to: "f")
        _ = try harness.request("GET /x/a%2Fb?q=1&q=2&e=a+b")
        let data = try harness.calls[0].data.parse()
        #expect(data["path_params"] == ["id": "a%2Fb"] && data["query_params"] == ["q": "2", "e": "a b"])
    }

    @Test(arguments: [
        ("0", 200), ("true", 200), ("null", 200), (#""false""#, 200), ("{}", 200), ("false", 422),
    ])
    func vector17(_ condition: String, _ status: Int) throws {
        let harness = try HTTPHarness()
        harness.function("f", returning: "{}")
        harness.function("c", returning: condition)
        harness.route("GET", "r", to: "f", extra: ["condition_function_id": "c"])
        let found = try harness.request("GET /r")
        #expect(found.status == status)
        #expect(harness.calls.map(\.functionID) == (status == 200 ? ["c", "f"] : ["c"]))
        #expect(try harness.calls[0].data.parse()["request_body"] == nil)
        if status == 422 {
            let text = #"{"error":{"code":"CONDITION_NOT_MET","message":"Request condition not met"},"skipped":true}"#
            #expect(found.body == text)
        }
    }

    @Test func failingConditionIs500() throws {
        let harness = try HTTPHarness()
        harness.route("GET", "r", to: "f", extra: ["condition_function_id": "c"])
        let found = try harness.request("GET /r")
        #expect(found.status == 500 && found.body.contains("Function c not found"))
    }

    @Test func vectors20And21() throws {
        let harness = try HTTPHarness()
        harness.function(
            "f",
            failing: InvocationError(code: "invocation_failed", message: "boom", stacktrace: "secret")
        )
        harness.route("GET", "f", to: "f")
        harness.route("GET", "g", to: "g")
        let failed = try harness.request("GET /f")
        #expect(failed.status == 500 && failed["content-type"] == "application/json")
        let error = try JSON.parse(failed.body)["error"]
        #expect(error?["code"] == "invocation_failed" && error?["message"] == "boom")
        #expect(!failed.body.contains("secret"))
        let id = try #require(error?["error_id"]?.string)
        #expect(UInt64(id, radix: 16) != nil && id.utf8.count <= 12)
        let missing = try JSON.parse(try harness.request("GET /g").body)["error"]
        #expect(missing?["code"] == "function_not_found" && missing?["message"] == "Function g not found")
        #expect(missing?["error_id"]?.string != id)
    }

    @Test func vector23TimesOutWithEnvelopeAndCORS() throws {
        let harness = try HTTPHarness()
        harness.function("f", returning: nil)
        harness.route("GET", "r", to: "f")
        let client = try harness.connect()
        try client.send("GET /r HTTP/1.1\r\nhost: h\r\n\r\n")
        harness.advance(29)
        #expect(try client.received() == "")
        harness.advance(1)
        let found = try #require(Response(client.received()))
        #expect(found.status == 504 && found["access-control-allow-origin"] == "*")
        #expect(found.body == #"{"error":{"code":"TIMEOUT","message":"Request timed out"}}"#)
        // The late result is dropped, the connection goes on.
        harness.waiting[0](.success(.emptyObject))
        try client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        #expect(try Response(client.received())?.status == 404)
    }

    /// A handler that returned nothing held its slot for 30 s, although no channel was served through which it could
    /// have answered later: 1,024 such requests stopped every route.
    @Test func aHandlerThatReturnsNothingFailsAtOnce() throws {
        let harness = try HTTPHarness()
        harness.function("f", returning: nil)
        harness.route("GET", "r", to: "f")
        for (index, outcome) in [InvocationOutcome.success(nil), .success(.null)].enumerated() {
            let client = try harness.connect()
            try client.send("GET /r HTTP/1.1\r\nhost: h\r\n\r\n")
            harness.waiting[index](outcome)
            let found = try #require(Response(client.received()))
            #expect(found.status == 500)
            #expect(found.body.contains(#""code":"NO_RESPONSE","message":"Function f returned nothing"#))
            #expect(harness.worker.service?.requestsInProgress == 0)
        }
    }

    @Test func metadataAndTraceReachTheHandler() throws {
        let harness = try HTTPHarness()
        harness.function("f", returning: "{}")
        let config: RawJSON = RawJSON(["api_path": "r"])
        harness.engine.bind(type: "http", functionID: "f", config: config, metadata: RawJSON(["tenant": "a"])) { _, _ in
        }
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        _ = try harness.request("GET /r", headers: ["traceparent: \(parent)", "baggage: k=v"])
        #expect(try harness.calls[0].metadata?.parse() == ["tenant": "a"])
        #expect(harness.calls[0].trace.traceparent == parent && harness.calls[0].trace.baggage == "k=v")
        #expect(harness.calls[0].caller == nil)
    }

    @Test(arguments: [(true, 200, ""), (false, 200, "[]")])
    func optionsRouteRunsUnlessPreflight(_ isPreflight: Bool, _ status: Int, _ body: String) throws {
        let harness = try HTTPHarness()
        harness.function("f", returning: #"{"body":[]}"#)
        harness.route("OPTIONS", "r", to: "f")
        let found = try harness.request(
            "OPTIONS /r",
            headers: isPreflight ? ["access-control-request-method: GET"] : []
        )
        #expect(found.status == status && found.body == body && found["access-control-allow-methods"] == "*")
    }
}
