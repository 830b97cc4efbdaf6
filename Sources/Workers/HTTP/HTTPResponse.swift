import Engine
import NIOCore
import NIOHTTP1

/// A complete response whose body is in memory. Length, date and connection handling are added when it is written.
struct HTTPResponse {
    var status: Int
    var headers: ResponseHeaders
    var body: ByteBuffer
    /// Close the connection once it is sent.
    var closesConnection = false

    init(status: Int, headers: ResponseHeaders = ResponseHeaders(), body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// Statuses that never have a body (http.md §11, RFC 9110 §15.3.6).
    var forbidsBody: Bool { forbidsLength || status == 205 }

    /// Those of them that say nothing of a length either. After a 205 the client waits for a length of 0.
    private var forbidsLength: Bool { status == 204 || status == 304 }

    static func empty(_ status: Int, closesConnection: Bool = false) -> HTTPResponse {
        var response = HTTPResponse(status: status)
        response.closesConnection = closesConnection
        return response
    }

    static func json(_ status: Int, _ body: RawJSON) -> HTTPResponse {
        var headers = ResponseHeaders()
        headers.add("content-type", "application/json")
        return HTTPResponse(status: status, headers: headers, body: body.buffer)
    }
}

/// Header fields in their order, names in lower case. Only fields that can go on the wire get in.
struct ResponseHeaders {
    private(set) var fields: [(name: String, value: String)] = []

    /// Appends a field that is known to be valid and in lower case.
    mutating func add(_ name: String, _ value: String) {
        fields.append((name, value))
    }

    /// Appends a field as a function gave it. Invalid ones are skipped (http.md §11).
    mutating func add(untrusted name: String, _ value: String) {
        guard Self.isToken(name), Self.isValue(value) else { return }
        fields.append((name.lowercased(), value))
    }

    /// Replaces every field of that name, which is in lower case.
    mutating func replace(_ name: String, with value: String) {
        remove(name)
        add(name, value)
    }

    mutating func remove(_ name: String) {
        fields.removeAll { $0.name == name }
    }

    func first(_ name: String) -> String? {
        fields.first { $0.name == name }?.value
    }

    func contains(_ name: String) -> Bool {
        fields.contains { $0.name == name }
    }

    /// Removes the fields that concern one connection only, and those that `connection` names (RFC 9110 §7.6.1): the
    /// connection to the client is the server's. Returns whether they ask for its end.
    mutating func removeHopByHop() -> Bool {
        let options = fields.filter { $0.name == "connection" }.flatMap { Self.options($0.value) }
        fields.removeAll { Self.hopByHop.contains($0.name) || options.contains($0.name) }
        return options.contains("close")
    }

    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "trailers", "transfer-encoding", "upgrade",
    ]

    /// The members of a comma-separated list, in lower case.
    private static func options(_ list: String) -> [String] {
        list.lowercased().split { $0 == "," || $0 == " " || $0 == "\t" }.map(String.init)
    }

    /// RFC 9110 `token`.
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// No control characters, so that a value can't end its line; UTF-8 passes.
    static func isValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
    }
}

extension HTTPResponse {
    /// What a response depends on besides itself.
    struct Framing {
        var isHTTP10: Bool
        var isHead: Bool
        /// Whether the connection stays open after this response.
        var keepsAlive: Bool
        /// Value of `date`.
        var date: String
    }

    /// Bodies up to this size are copied behind the head: one buffer, one system call.
    static let copiedBytes = 16 << 10

    /// The bytes on the wire, in one buffer or two.
    func encode(_ framing: Framing, allocator: ByteBufferAllocator) -> (head: ByteBuffer, body: ByteBuffer?) {
        let sendsBody = !forbidsBody && !framing.isHead && body.readableBytes > 0
        let isCopied = sendsBody && body.readableBytes <= Self.copiedBytes
        var output = allocator.buffer(capacity: 384 + (isCopied ? body.readableBytes : 0))
        writeStatusLine(framing, to: &output)
        for field in headers.fields where !isComputed(field.name) {
            output.writeField(field.name, field.value)
        }
        if !forbidsLength { output.writeField("content-length", "\(forbidsBody ? 0 : body.readableBytes)") }
        if !headers.contains("date") { output.writeField("date", framing.date) }
        if !framing.keepsAlive {
            output.writeStaticString("connection: close\r\n")
        } else if framing.isHTTP10 {
            output.writeStaticString("connection: keep-alive\r\n")
        }
        output.writeStaticString("\r\n")
        if isCopied { output.writeImmutableBuffer(body) }
        return (output, sendsBody && !isCopied ? body : nil)
    }

    private func writeStatusLine(_ framing: Framing, to output: inout ByteBuffer) {
        output.writeStaticString(framing.isHTTP10 ? "HTTP/1.0 " : "HTTP/1.1 ")
        output.writeString("\(status) ")
        output.writeString(HTTPResponseStatus(statusCode: status).reasonPhrase)
        output.writeStaticString("\r\n")
    }

    /// Fields that describe the body are the server's to set.
    private func isComputed(_ name: String) -> Bool {
        switch name {
        case "content-length": true
        case "content-type": forbidsBody
        default: false
        }
    }
}

extension ByteBuffer {
    fileprivate mutating func writeField(_ name: String, _ value: String) {
        writeString(name)
        writeStaticString(": ")
        writeString(value)
        writeStaticString("\r\n")
    }
}
