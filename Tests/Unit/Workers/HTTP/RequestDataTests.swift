import Engine
import NIOCore
import NIOHTTP1
import Testing

@testable import Workers

/// http.md §7, §8: what a function receives.
@Suite struct RequestDataTests {
    private func data(
        _ uri: String,
        template: String = "x/:id",
        headers: [(String, String)] = [],
        body: String? = nil
    ) throws -> JSON {
        let trigger = Trigger(id: "t", type: "http", functionID: "f", config: RawJSON(["api_path": .string(template)]))
        let route = try HTTPRoute(trigger)
        var table = RouteTable<HTTPRoute>()
        table.insert(.init(method: .GET, pattern: route.pattern, route: route))
        let target = RequestTarget(uri)
        guard case .route(_, let parameters) = table.match(target.path, .GET) else { throw Missing() }
        let request = RequestData(
            route: route,
            head: HTTPRequestHead(version: .http1_1, method: .GET, uri: uri, headers: HTTPHeaders(headers)),
            query: target.query,
            parameters: parameters,
            body: body.map { ByteBuffer(string: $0) },
            allocator: ByteBufferAllocator()
        )
        let parsed = try request.forHandler { UUID(high: 1, low: 2) }.parse()
        // The condition sees the same without the channels.
        var withoutChannels = parsed.object ?? JSONObject()
        withoutChannels.remove("request_body")
        withoutChannels.remove("response")
        #expect(try request.forCondition.parse() == .object(withoutChannels))
        return parsed
    }

    private struct Missing: Error {}

    @Test func shape() throws {
        let found = try data(
            "/x/42?q=x+y",
            template: "/x/:id",
            headers: [("Host", "h"), ("X-A", "1")],
            body: #"{"n":1}"#
        )
        let id: JSON = "00000000-0000-0001-0000-000000000002"
        #expect(
            found == [
                "path": "/x/:id", "method": "GET", "path_params": ["id": "42"], "query_params": ["q": "x y"],
                "headers": ["host": "h", "x-a": "1"], "body": ["n": 1],
                "trigger": ["type": "http", "path": "/x/:id", "method": "GET"],
                "request_body": ["channel_id": id, "access_key": id, "direction": "read"],
                "response": ["channel_id": id, "access_key": id, "direction": "write"],
            ]
        )
    }

    @Test(arguments: [
        ("", #"{}"#), ("?", #"{}"#), ("?a&b=", #"{"a":"","b":""}"#), ("?q=1&q=2&e=a+b", #"{"q":"2","e":"a b"}"#),
        ("?a=%41%zz%4", #"{"a":"A%zz%4"}"#), ("?a=%FF", #"{"a":"\uFFFD"}"#), ("?%61=1", #"{"a":"1"}"#),
        ("?&&a=1&", #"{"a":"1"}"#),
        ("?a=b=c", #"{"a":"b=c"}"#), ("?a=%22%00%0a", #"{"a":"\"\u0000\n"}"#), ("?a=%2B", #"{"a":"+"}"#),
        ("?a=1#b=2", #"{"a":"1"}"#), ("?=v", #"{"":"v"}"#), ("?a=?b", #"{"a":"?b"}"#), ("?a=%C3%A9", #"{"a":"é"}"#),
    ])
    func query(_ query: String, _ expected: String) throws {
        #expect(try data("/x/1" + query)["query_params"] == JSON.parse(expected))
    }

    @Test(arguments: [
        ("x/:id", "/x/a%2Fb", #"{"id":"a%2Fb"}"#), ("x/:id", "/x/hello%20world", #"{"id":"hello%20world"}"#),
        ("x/{id}", "/x/1", #"{"id":"1"}"#), ("x/{*rest}", "/x/1/2", #"{"rest":"1/2"}"#), ("x/y", "/x/y", "{}"),
        ("x/:a/:b", "/x/1/2", #"{"a":"1","b":"2"}"#), ("x/:a/:a", "/x/1/2", #"{"a":"2"}"#),
        ("x/:\"q", "/x/1", #"{"\"q":"1"}"#), ("x/:id", "http://h:1/x/9?z", #"{"id":"9"}"#),
    ])
    func parameters(_ template: String, _ uri: String, _ expected: String) throws {
        #expect(try data(uri, template: template)["path_params"] == JSON.parse(expected))
    }

    @Test(arguments: [
        ([("A", "1"), ("a", "2")], #"{"a":"1, 2"}"#), ([("Cookie", "x"), ("cookie", "y")], #"{"cookie":"x; y"}"#),
        ([("a", "é"), ("b", "\"\\")], #"{"a":"","b":"\"\\"}"#),
        ([("a", "1"), ("b", "2"), ("A", "é")], #"{"a":"1, ","b":"2"}"#),
    ])
    func headers(_ headers: [(String, String)], _ expected: String) throws {
        #expect(try data("/x/1", headers: headers)["headers"] == JSON.parse(expected))
    }

    @Test(arguments: [
        (nil, "null"), ("", "null"), ("{bad", "null"), ("  ", "null"), ("1", "1"), (" [1] ", "[1]"), ("{} {}", "null"),
        ("\"\\ud800\"", "null"), (String(repeating: "[", count: 500), "null"),
    ])
    func body(_ body: String?, _ expected: String) throws {
        #expect(try data("/x/1", body: body)["body"] == JSON.parse(expected))
    }

    /// A query of thousands of equal keys must not take quadratic time or space.
    @Test func manyRepeatedKeys() {
        let text = String(repeating: "a&", count: 32_000)
        #expect(QueryString(text[...]).pairs.map(\.key) == ["a"])
    }
}
