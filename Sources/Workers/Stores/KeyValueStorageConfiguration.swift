import Engine

/// Where a `kv` adapter keeps its data (state.md §5.1): shared by the workers that have one.
public struct KeyValueStorageConfiguration: Sendable {
    public enum Method: Sendable {
        case inMemory
        case fileBased(DurableStoreConfiguration)
    }

    /// Logged once per adapter that really is in memory; the deployment page treats it as a release blocker.
    public static let inMemoryWarning =
        "DO NOT USE IN_MEMORY STORE_METHOD IN PRODUCTION - DATA WILL BE LOST ON SHUTDOWN"

    public var method: Method
    /// Accepted and superseded: nothing waits for an interval (storage.md).
    public var saveIntervalMilliseconds: Int64?
    /// The `adapter` member as it came, for who stores it elsewhere; nil when there is none.
    public private(set) var block: JSON?

    public init(method: Method, saveIntervalMilliseconds: Int64? = nil) {
        self.method = method
        self.saveIntervalMilliseconds = saveIntervalMilliseconds
    }

    /// Reads the `adapter` member of a worker's block.
    init(_ reader: ConfigReader, worker: String) throws(ConfigurationError) {
        guard let adapter = try reader.adapter() else {
            self.init(method: .inMemory)
            return
        }
        switch adapter.name {
        case "kv":
            try self.init(adapter.config)
            block = reader.json("adapter")
        case "redis", "bridge":
            throw reader.rejected(
                "adapter",
                "adapter '\(adapter.name)' of \(worker) is not served by this version yet; use `kv` with "
                    + "`store_method: file_based`"
            )
        default:
            throw reader.unknownAdapter(adapter.name, available: ["kv"])
        }
    }

    private init(_ block: ConfigBlock) throws(ConfigurationError) {
        let reader = try ConfigReader(block, fields: DurableStoreConfiguration.fields)
        saveIntervalMilliseconds = try reader.integer("save_interval_ms", nullable: true)
        switch try reader.variant("store_method", of: ["in_memory", "file_based"], nullable: true) {
        case "file_based":
            method = .fileBased(try DurableStoreConfiguration(reader))
        default:
            try DurableStoreConfiguration.refuseInMemory(reader)
            method = .inMemory
        }
    }
}
