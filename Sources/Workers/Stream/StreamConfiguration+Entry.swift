import Engine

extension StreamConfiguration {
    /// What `configuration::register` is told.
    var entry: ConfigurationEntry {
        ConfigurationEntry(
            id: "iii-stream",
            name: "Stream",
            description: "Streams: the WebSocket port, its admission, and where items live",
            schema: Self.schema,
            seed: seed,
            answer: RawJSON(JSON.object([:]))
        )
    }

    /// An absent adapter is left out: null isn't one.
    private var seed: JSON {
        var object: JSONObject = [
            "port": JSON(port),
            "host": .string(host),
            "auth_function": authFunction.map { .string($0) } ?? .null,
        ]
        if let adapter = storage.seed { object["adapter"] = adapter }
        return .object(object)
    }

    /// Whether a change needs no new adapter.
    func hasSameStorage(as other: StreamConfiguration) -> Bool {
        other.storage.isKept(by: storage) && retention == other.retention && history == other.history
    }
}
