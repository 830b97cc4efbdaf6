import Engine

/// How long names of state may be, in bytes of UTF-8 (docs/state.md, "Limits"). Ours: upstream bounds neither.
public struct StateLimits: Sendable, Equatable {
    public static let defaultNameBytes = 65_536
    /// What a message to the engine may hold.
    public static let nameBytes = 1...(64 << 20)

    public var scopeBytes: Int
    public var keyBytes: Int

    public init(scopeBytes: Int = defaultNameBytes, keyBytes: Int = defaultNameBytes) {
        self.scopeBytes = scopeBytes
        self.keyBytes = keyBytes
    }

    init(_ reader: ConfigReader) throws(ConfigurationError) {
        scopeBytes = try Self.bytes(reader, "max_scope_bytes")
        keyBytes = try Self.bytes(reader, "max_key_bytes")
    }

    private static func bytes(_ reader: ConfigReader, _ field: String) throws(ConfigurationError) -> Int {
        try reader.integer(field, nullable: true, in: nameBytes) ?? defaultNameBytes
    }

    /// nil: both are short enough.
    func refusal(scope: String, key: String?) -> InvocationError? {
        if scope.utf8.count > scopeBytes { return Self.refusal("scope", scope, scopeBytes) }
        if let key, key.utf8.count > keyBytes { return Self.refusal("key", key, keyBytes) }
        return nil
    }

    private static func refusal(_ what: String, _ name: String, _ limit: Int) -> InvocationError {
        InvocationError(
            code: "\(what.uppercased())_TOO_LARGE",
            message: "\(what) of \(name.utf8.count) bytes exceeds the configured max_\(what)_bytes limit of \(limit)"
        )
    }
}
