import NIOCore
import NIOHTTP1

/// Every bound of the HTTP server in one place. Nothing that a client sends or withholds grows memory past them.
enum HTTPLimits {
    /// Request line and header fields together; beyond, 431 (http.md §3).
    static let headBytes = 417_792
    /// Header fields of one request; beyond, 431.
    static let headerFields = 100
    /// Request target; beyond, 414.
    static let uriBytes = 65_534
    /// What the other fields of `data` may take besides the body: the head, escaped, and the fixed parts.
    static let envelopeBytes = 1 << 20
    /// A buffered (JSON) body; beyond, 413. The invocation frame stays within the 64 MiB that SDKs receive.
    static let bodyBytes = (64 << 20) - envelopeBytes
    /// Undecoded bytes that the HTTP decoder may hold: one head, with room for what was read along with it.
    static let undecodedBytes = 1 << 20

    /// Sockets of the listener; further ones are closed at accept.
    static let connections = 32_768
    /// Requests that wait for a slot; further ones are answered 503 `OVERLOADED`.
    static let waitingRequests = 4096

    /// A request head must be complete this long after its first bytes.
    static let headTime = TimeAmount.seconds(30)
    /// A connection without any request is closed.
    static let idleTime = TimeAmount.seconds(75)
    /// A client that takes none of its response's bytes is closed.
    static let stuckTime = TimeAmount.seconds(30)
    /// How long input is still thrown away after the last response of a connection, so that the client can read it
    /// instead of a connection reset.
    static let lingerTime = TimeAmount.seconds(5)
    /// How often connections are looked at for the four times above.
    static let sweepInterval = TimeAmount.seconds(5)

    /// A rest of a request body up to this size is read and dropped to keep the connection; beyond, it is closed.
    static let drainableBytes = 256 << 10
    /// Segments of a route's path: bounds the recursion of matching.
    static let routeSegments = 256

    static var decoder: NIOHTTPDecoderLimitConfiguration {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = headBytes
        limits.maxHeaderListSize = headBytes
        limits.maxHeaderFieldCount = headerFields
        return limits
    }
}
