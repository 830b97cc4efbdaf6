import Engine
import NIOCore
import Testing

@testable import Workers

/// http.md §11: what a function's return value becomes.
@Suite struct FunctionResponseTests {
    private func respond(_ json: String) -> HTTPResponse {
        HTTPResponse(functionResult: RawJSON(validated: ByteBuffer(string: json)))
    }

    @Test(arguments: [
        (#"{}"#, 200), (#"{"status_code":201}"#, 201), (#"{"status_code":"404"}"#, 200),
        (#"{"status_code":404.0}"#, 404),
        (#"{"status_code":4.04e2}"#, 404), (#"{"status_code":404.5}"#, 200), (#"{"status_code":-1}"#, 200),
        (#"{"status_code":99}"#, 200), (#"{"status_code":1000}"#, 200), (#"{"status_code":999}"#, 999),
        (#"{"status_code":true}"#, 200), (#"{"status_code":null}"#, 200), (#"{"status_code":1e400}"#, 200),
        (#"{"statusCode":201}"#, 201), (#"{"statusCode":201,"status_code":202}"#, 202),
        (#"{"status_code":null,"statusCode":203}"#, 203), (#"{"status\u005fcode":204}"#, 204),
        (#"{"status_code":201,"status_code":202}"#, 202), (#"{"status_code":99999999999999999999}"#, 200),
        // Informational statuses can't be final.
        (#"{"status_code":100}"#, 500), (#"{"status_code":101}"#, 500), (#"{"status_code":199}"#, 500),
        (#"{"status_code":200}"#, 200),
    ])
    func status(_ json: String, _ expected: Int) {
        let response = respond(json)
        #expect(response.status == expected)
        #expect(response.closesConnection == (expected == 500))
    }

    @Test(arguments: [
        // Not an object, or no body.
        ("{}", "{}", "application/json"), ("\"x\"", "{}", "application/json"), ("[1]", "{}", "application/json"),
        ("7", "{}", "application/json"), (#"{"a":1}"#, "{}", "application/json"),
        // No content-type: JSON text.
        (#"{"body":"x"}"#, "\"x\"", "application/json"), (#"{"body":null}"#, "null", "application/json"),
        (#"{"body":{"m": 1,  "s":"a b\" c"}}"#, #"{"m":1,"s":"a b\" c"}"#, "application/json"),
        (#"{"body":[1, 2]}"#, "[1,2]", "application/json"), (#"{"body":0}"#, "0", "application/json"),
        // A content-type: strings are unquoted, null is empty.
        (#"{"body":"<a/>","headers":{"Content-Type":"text/xml"}}"#, "<a/>", "text/xml"),
        (#"{"body":"{}","headers":{"content-type":"application/json"}}"#, "{}", "application/json"),
        (#"{"headers":{"content-type":"text/plain"},"body":"a\n\u00e9\ud83d\ude00"}"#, "a\né😀", "text/plain"),
        (#"{"headers":{"content-type":"text/plain"},"body":null}"#, "", "text/plain"),
        (#"{"headers":{"content-type":"text/plain"},"body":{"a": 1}}"#, #"{"a":1}"#, "text/plain"),
        (
            #"{"headers":{"content-type":"application/json; charset=x"},"body":[1, "b c"]}"#, #"[1,"b c"]"#,
            "application/json; charset=x"
        ),
        (#"{"headers":{"content-type":"text/plain"}}"#, "{}", "text/plain"),
        (#"{"headers":["CONTENT-TYPE: text/css"],"body":"a"}"#, "a", "text/css"),
        (#"{"body":1,"body":2}"#, "2", "application/json"),
    ])
    func body(_ json: String, _ expected: String, _ contentType: String) {
        let response = respond(json)
        #expect(String(buffer: response.body) == expected)
        #expect(response.headers.first("content-type") == contentType)
    }

    @Test(arguments: [
        (#"{"x-a":"1","X-B":"2"}"#, ["x-a: 1", "x-b: 2"]), (#"{"x":1,"y":null,"z":"ok"}"#, ["z: ok"]),
        (#"{"x":"a\r\nb","y y":"1","":"2","z":"\u0000"}"#, []), (#"{"x":"é"}"#, ["x: é"]),
        (#"{"x":"a\tb"}"#, ["x: a\tb"]),
        (#"["Set-Cookie: a=1","Set-Cookie: b=2","bad",7]"#, ["set-cookie: a=1", "set-cookie: b=2"]),
        (#"["a:b:c", ":x", " k : v ", "n:"]"#, ["a: b:c", "k: v", "n: "]),
        (#"{"set-cookie":["a=1","b=2",3]}"#, ["set-cookie: a=1", "set-cookie: b=2"]),
        (#"{"X":"1","x":"2"}"#, ["x: 2"]), (#"{"x":[]}"#, []), ("7", []), ("null", []), ("\"x: y\"", []),
        (#"{"\u0078":"1"}"#, ["x: 1"]),
    ])
    func headers(_ json: String, _ expected: [String]) {
        let fields = respond("{\"headers\":\(json)}").headers.fields.filter { $0.name != "content-type" }
        #expect(fields.map { "\($0.name): \($0.value)" } == expected)
    }

    // MARK: On the wire

    private func wire(_ json: String, isHead: Bool = false, isHTTP10: Bool = false, keepsAlive: Bool = true) -> String {
        let framing = HTTPResponse.Framing(isHTTP10: isHTTP10, isHead: isHead, keepsAlive: keepsAlive, date: "D")
        let (head, body) = respond(json).encode(framing, allocator: ByteBufferAllocator())
        return String(buffer: head) + (body.map { String(buffer: $0) } ?? "")
    }

    @Test func lengthIsComputedAndFramingHeadersOfHandlersAreIgnored() {
        let text = wire(
            #"{"headers":{"content-type":"t/p","Content-Length":"99","Transfer-Encoding":"chunked"},"body":"abc"}"#
        )
        #expect(text == "HTTP/1.1 200 OK\r\ncontent-type: t/p\r\ncontent-length: 3\r\ndate: D\r\n\r\nabc")
    }

    @Test(arguments: [204, 304])
    func bodilessStatusesHaveNeitherLengthNorType(_ status: Int) {
        let text = wire("{\"status_code\":\(status),\"body\":\"x\",\"headers\":{\"etag\":\"e\"}}")
        #expect(text.hasSuffix("\r\netag: e\r\ndate: D\r\n\r\n"))
        #expect(!text.contains("content-"))
    }

    @Test func headKeepsTheLengthAndDropsTheBody() {
        let text = wire(#"{"body":"abc"}"#, isHead: true)
        #expect(text.contains("content-length: 5\r\n"))
        #expect(text.hasSuffix("\r\n\r\n"))
    }

    /// RFC 9110 §15.3.6: a client would wait for the end of a 205's body.
    @Test(arguments: [false, true])
    func resetContentHasNoBody(isHead: Bool) {
        let text = wire(#"{"status_code":205,"body":"x","headers":{"content-type":"t/p"}}"#, isHead: isHead)
        #expect(text == "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\ndate: D\r\n\r\n")
    }

    /// They would describe the handler's connection to somebody, and the client takes them for its own.
    @Test(arguments: [
        #"{"Connection":"keep-alive, X-Own","Keep-Alive":"timeout=9","x-own":"1","x-kept":"2"}"#,
        #"{"upgrade":"h2c","TE":"trailers","Trailer":"x-sum","proxy-connection":"close","x-kept":"2"}"#,
        #"["Transfer-Encoding: chunked","Proxy-Authenticate: Basic","Proxy-Authorization: x","x-kept: 2"]"#,
    ])
    func hopByHopHeadersOfHandlersAreDropped(_ headers: String) {
        let text = wire("{\"status_code\":204,\"headers\":\(headers)}")
        #expect(text == "HTTP/1.1 204 No Content\r\nx-kept: 2\r\ndate: D\r\n\r\n")
    }

    @Test(arguments: [("Close", true), ("keep-alive, close", true), ("keep-alive", false)])
    func handlersMayEndTheConnection(_ value: String, _ closes: Bool) {
        #expect(respond("{\"headers\":{\"connection\":\"\(value)\"}}").closesConnection == closes)
    }

    @Test func connectionHeader() {
        #expect(!wire("{}").contains("connection"))
        #expect(wire("{}", keepsAlive: false).contains("connection: close\r\n"))
        #expect(wire("{}", isHTTP10: true).hasPrefix("HTTP/1.0 200 OK\r\n"))
        #expect(wire("{}", isHTTP10: true).contains("connection: keep-alive\r\n"))
    }

    @Test func largeBodyIsNotCopied() {
        let text = String(repeating: "x", count: HTTPResponse.copiedBytes + 1)
        let framing = HTTPResponse.Framing(isHTTP10: false, isHead: false, keepsAlive: true, date: "D")
        let response = respond("{\"headers\":{\"content-type\":\"t/p\"},\"body\":\"\(text)\"}")
        let (head, body) = response.encode(framing, allocator: ByteBufferAllocator())
        #expect(body?.readableBytes == text.utf8.count)
        #expect(String(buffer: head).hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (1_700_000_000, "Tue, 14 Nov 2023 22:13:20 GMT"),
    ])
    func date(_ second: Int64, _ expected: String) {
        #expect(HTTPDate.format(second) == expected)
    }
}
