import Engine

extension HTTPConfiguration {
    private static let fields = [
        "port", "host", "default_timeout", "concurrency_request_limit", "cors", "middleware",
    ]

    /// Reads the block strictly: unknown keys and wrong types are errors at every level. An absent block is all
    /// defaults.
    public init(_ block: ConfigBlock) throws(ConfigurationError) {
        self.init()
        let reader = try ConfigReader(block, fields: Self.fields)
        port = Int(try reader.integer("port") ?? UInt16(port))
        host = try reader.string("host") ?? host
        defaultTimeoutMilliseconds =
            try reader.integer("default_timeout", in: 1...Self.maximumTimeoutMilliseconds) ?? defaultTimeoutMilliseconds
        let limit = try reader.integer("concurrency_request_limit", in: 0...Int64.max)
        isConcurrencyLimitClamped = limit == 0
        concurrencyRequestLimit =
            limit.map { Int(min(max($0, 1), Int64(Self.maximumConcurrency))) }
            ?? concurrencyRequestLimit
        if let reader = try reader.object("cors", fields: ["allowed_origins", "allowed_methods"]) {
            cors = try CORS(reader)
        }
        try Self.refuseMiddleware(reader)
    }

    /// A list that is silently ignored would leave open what its owner believes to be guarded.
    private static func refuseMiddleware(_ reader: ConfigReader) throws(ConfigurationError) {
        let items = try reader.objects("middleware", fields: ["function_id", "phase", "priority"])
        for item in items {
            _ = try item.require("function_id", item.string("function_id"))
            _ = try item.string("phase")
            let _: Int64? = try item.integer("priority")
        }
        guard items.isEmpty else {
            throw reader.rejected(
                "middleware",
                "HTTP middleware is not served by this version of the engine; remove `middleware` and do its checks in "
                    + "the functions"
            )
        }
    }
}
