/// Block of an `iii-worker-manager` entry: one listener for worker sockets (config-file.md §4).
public struct WorkerManagerConfiguration: Equatable, Sendable {
    public var host = "0.0.0.0"
    /// 0 picks a free port.
    public var port: UInt16 = 49134
    /// Deadline of the HTTP upgrade, at most `maximumHandshakeTimeoutMilliseconds`.
    public var handshakeTimeoutMilliseconds: Int64 = 10_000

    public static let maximumHandshakeTimeoutMilliseconds: UInt64 = 24 * 60 * 60 * 1000

    public init() {}

    public init(_ block: ConfigBlock) throws(ConfigurationError) {
        let reader = try ConfigReader(
            block,
            fields: ["port", "host", "middleware_function_id", "rbac", "handshake_timeout_ms"]
        )
        host = try reader.string("host") ?? host
        port = try reader.integer("port") ?? port
        if let timeout: UInt64 = try reader.integer("handshake_timeout_ms", in: 1...UInt64.max) {
            handshakeTimeoutMilliseconds = Int64(min(timeout, Self.maximumHandshakeTimeoutMilliseconds))
        }
        try Self.refuseAccessControl(reader)
    }

    /// A block that asks for protection must not open an unprotected listener.
    private static func refuseAccessControl(_ reader: ConfigReader) throws(ConfigurationError) {
        _ = try reader.string("middleware_function_id", nullable: true)
        for field in ["rbac", "middleware_function_id"] where reader.json(field) != nil {
            throw reader.rejected(
                field,
                "`\(field)` isn't served by this version (\(EngineVersion.string)): the listener would be open to "
                    + "everybody who can reach it. Remove this listener's entry, or `\(field)` if it may be open"
            )
        }
    }
}
