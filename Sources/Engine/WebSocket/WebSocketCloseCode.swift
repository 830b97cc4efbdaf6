import NIOCore

/// The codes of close frames (RFC 6455 §7.4).
enum WebSocketCloseCode {
    static let protocolError: UInt16 = 1002
    static let invalidText: UInt16 = 1007
    static let messageTooBig: UInt16 = 1009

    /// Reads the payload of a close frame: nothing, or a code and a reason in UTF-8. Returns nil when it has no code.
    static func read(_ payload: ByteBuffer) throws(WebSocketFrameParser.Violation) -> UInt16? {
        var payload = payload
        guard payload.readableBytes > 0 else { return nil }
        guard let code: UInt16 = payload.readInteger() else {
            throw WebSocketFrameParser.Violation(description: "close frame of one byte")
        }
        guard isAllowedOnTheWire(code) else {
            throw WebSocketFrameParser.Violation(description: "close frame with the code \(code)")
        }
        guard String(validating: payload.readableBytesView, as: UTF8.self) != nil else {
            throw WebSocketFrameParser.Violation(
                description: "close frame whose reason is not UTF-8",
                code: invalidText
            )
        }
        return code
    }

    /// 1004 to 1006 and 1015 never stand in a frame. 1012 to 1014 were registered after the RFC; 3000 to 4999 are free
    /// for libraries and applications.
    static func isAllowedOnTheWire(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
