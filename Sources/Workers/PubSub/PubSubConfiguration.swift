import Engine

/// The `config:` block of `iii-pubsub`, and its value in the `configuration` worker (pubsub.md §6).
public struct PubSubConfiguration: Sendable, Equatable {
    /// The adapter's name; absent and null are `local`.
    public var adapter: String
    /// A `config` that `local` has no use for: worth a warning, it may be meant for another adapter.
    public var hasIgnoredConfig = false

    public static let defaultAdapter = "local"

    public init(adapter: String = defaultAdapter) {
        self.adapter = adapter
    }

    public init(_ block: ConfigBlock) throws(ConfigurationError) {
        let reader = try ConfigReader(block, fields: ["adapter"])
        guard let adapter = try reader.adapter() else {
            self.init()
            return
        }
        switch adapter.name {
        case Self.defaultAdapter:
            self.init()
            hasIgnoredConfig = adapter.config.json.map { $0.object?.isEmpty != true } ?? false
        case "redis":
            throw reader.rejected(
                "adapter",
                "adapter 'redis' of iii-pubsub is not served by this version yet; use `local`"
            )
        default:
            throw reader.rejected("adapter", "Adapter factory '\(adapter.name)' not found. Available: [\"local\"]")
        }
    }
}

extension PubSubConfiguration {
    /// What a configuration entry begins with.
    var seed: JSON {
        adapter == Self.defaultAdapter ? [:] : ["adapter": ["name": .string(adapter)]]
    }
}
