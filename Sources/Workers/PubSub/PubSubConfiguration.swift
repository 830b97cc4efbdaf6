import Engine

/// The `config:` block of `iii-pubsub`, and its value in the `configuration` worker (pubsub.md §6).
public struct PubSubConfiguration: Sendable, Equatable {
    /// The adapter's name; absent and null are `local`.
    public var adapter: String

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
            // It takes no settings: one that is given is meant for another adapter.
            _ = try ConfigReader(adapter.config, fields: [])
        case "redis":
            throw reader.rejected(
                "adapter",
                "adapter 'redis' of iii-pubsub is not served by this version yet; use `local`"
            )
        default:
            throw reader.unknownAdapter(adapter.name, available: [Self.defaultAdapter])
        }
    }
}

extension PubSubConfiguration {
    /// What a configuration entry begins with.
    var seed: JSON {
        adapter == Self.defaultAdapter ? [:] : ["adapter": ["name": .string(adapter)]]
    }
}
