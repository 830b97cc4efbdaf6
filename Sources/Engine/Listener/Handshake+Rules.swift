import NIOHTTP1

extension Handshake {
    /// The refusal of an upgrade request that RFC 6455 §4.2.1 forbids and NIO's handshake lets through; nil for any
    /// other request.
    static func refusal(of head: HTTPRequestHead) -> Refusal? {
        guard head.method == .GET else { return .methodNotAllowed }
        guard head.version != .http1_0 else { return .init(.badRequest, "A WebSocket upgrade needs HTTP/1.1") }
        if let violation = head.violation { return .init(.badRequest, violation) }
        guard let key = head.headers.first(name: "sec-websocket-key"), isKey(key) else {
            return .init(.badRequest, "`Sec-WebSocket-Key` is not 16 bytes in base64")
        }
        return nil
    }

    /// 16 bytes in base64 are 22 digits and two characters of padding.
    private static func isKey(_ text: String) -> Bool {
        let digits = text.utf8.prefix(22)
        return text.utf8.count == 24 && text.hasSuffix("==") && digits.allSatisfy(isBase64)
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"): true
        default: false
        }
    }
}

extension Handshake.Refusal {
    package static let methodNotAllowed = Self(.methodNotAllowed, headers: ["allow": "GET"])
}
