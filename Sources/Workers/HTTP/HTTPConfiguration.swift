/// The `config:` block of `iii-http` (http.md §2).
public struct HTTPConfiguration: Sendable {
    public struct CORS: Sendable {
        /// Empty, or holding `*`: any origin.
        public var allowedOrigins: [String]
        /// Empty: any. Advertised only.
        public var allowedMethods: [String]

        public init(allowedOrigins: [String] = [], allowedMethods: [String] = []) {
            self.allowedOrigins = allowedOrigins
            self.allowedMethods = allowedMethods
        }
    }

    public var host = "0.0.0.0"
    /// 0: the operating system chooses.
    public var port = 3111
    /// From the taking of a slot to the response head; at least 1.
    public var defaultTimeoutMilliseconds: Int64 = 30_000
    /// Requests that are worked on at once; at least 1.
    public var concurrencyRequestLimit = 1024
    /// Nil: everything is allowed.
    public var cors: CORS?

    /// The block said 0, which counts as 1; the worker warns.
    var isConcurrencyLimitClamped = false

    public init() {}

    /// The longest timeout: a year. More would overflow the clock.
    static let maximumTimeoutMilliseconds: Int64 = 365 * 86_400_000
    /// Largest useful limit: every connection works on one request at a time.
    static let maximumConcurrency = HTTPLimits.connections
}
