import Engine

/// The part of a `kv` adapter's block that describes its store (docs/operations.md, "Durable stores").
///
/// What is in it is of the right type and range; whether a key is one, and whether its file can be read, is found by who
/// opens the store, who then words the error with `rejected`.
public struct DurableStoreConfiguration: Sendable {
    /// Where a key comes from.
    public enum KeySource: Sendable {
        case file(String)
        case text(SecretText)
    }

    /// A store's directory; relative to the working directory of the process.
    public var path: String
    public var encryptionKey: KeySource?
    public var previousEncryptionKeyFiles: [String]
    /// With a key: a store that holds plain content is encrypted from now on, instead of refused.
    public var encryptsExisting: Bool
    /// How long, and how much, log is kept beyond what recovery needs. 0: no limit of that kind; both 0: none is kept.
    public var retainLogHours: Double
    public var retainLogBytes: UInt64
    /// How often the snapshot is read through in the background; 0: never.
    public var scrubIntervalHours: Double
    public var scrubsRetiredLog: Bool
    public var allowsNetworkFilesystem: Bool

    private let reader: ConfigReader?

    public init(path: String) {
        self.path = path
        encryptionKey = nil
        previousEncryptionKeyFiles = []
        encryptsExisting = false
        retainLogHours = 0
        retainLogBytes = 0
        scrubIntervalHours = Self.defaultScrubIntervalHours
        scrubsRetiredLog = false
        allowsNetworkFilesystem = false
        reader = nil
    }

    /// The error about one field, with its place in the file.
    public func rejected(_ field: String, _ reason: String) -> ConfigurationError {
        reader?.rejected(field, reason) ?? ConfigurationError(.worker, "\(reason) (in `\(field)`)")
    }
}

/// Text that no description, mirror or error shows.
public struct SecretText: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public let value: String

    public init(_ value: String) {
        self.value = value
    }

    public var description: String { "(not shown)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

// Reading.
extension DurableStoreConfiguration {
    static let defaultPath = "kv_store_data.db"
    /// A hundred years.
    static let defaultScrubIntervalHours = 168.0
    static let maximumRetainHours = 876_000.0
    /// All of a `kv` adapter, those of the block around this part included.
    static let fields = ["store_method", "file_path", "save_interval_ms", "channel_size"] + ownFields
    /// Ours; the others are upstream's.
    private static let ownFields = [
        "encryption_key_file", "encryption_key", "previous_encryption_key_files", "encrypt_existing",
        "retain_log_hours", "retain_log_bytes", "scrub_interval_hours",
        "scrub_retired_log", "allow_network_filesystem",
    ]

    init(_ reader: ConfigReader) throws(ConfigurationError) {
        self.reader = reader
        path = try reader.path("file_path", nullable: true) ?? Self.defaultPath
        encryptionKey = try Self.keySource(reader)
        previousEncryptionKeyFiles = try Self.paths(reader, "previous_encryption_key_files")
        encryptsExisting = try reader.bool("encrypt_existing") ?? false
        if encryptsExisting, encryptionKey == nil {
            throw reader.rejected(
                "encrypt_existing",
                "`encrypt_existing` needs `encryption_key_file` or `encryption_key`"
            )
        }
        retainLogHours = try reader.number("retain_log_hours", in: 0...Self.maximumRetainHours) ?? 0
        retainLogBytes = try reader.integer("retain_log_bytes") ?? 0
        scrubIntervalHours =
            try reader.number("scrub_interval_hours", in: 0...Self.maximumRetainHours) ?? Self.defaultScrubIntervalHours
        scrubsRetiredLog = try reader.bool("scrub_retired_log") ?? false
        allowsNetworkFilesystem = try reader.bool("allow_network_filesystem") ?? false
    }

    /// Nothing here may show a value: it may be a key, also one that stands in the wrong place. An empty variable makes
    /// a null, which must not mean "not encrypted".
    private static func keySource(_ reader: ConfigReader) throws(ConfigurationError) -> KeySource? {
        let file = try secret(reader, "encryption_key_file")
        let text = try secret(reader, "encryption_key")
        if file != nil, text != nil {
            throw reader.rejected("encryption_key", "`encryption_key` and `encryption_key_file` exclude each other")
        }
        if let file { try reader.check(path: file, of: "encryption_key_file") }
        return file.map { .file($0) } ?? text.map { .text(SecretText($0)) }
    }

    private static func secret(_ reader: ConfigReader, _ field: String) throws(ConfigurationError) -> String? {
        guard reader.has(field) else { return nil }
        guard case .string(let text)? = reader.json(field), !text.isEmpty else {
            throw reader.rejected(
                field,
                "`\(field)` is empty or no string (its value isn't shown); a variable without a value does that. "
                    + "Put quotes around it, or remove the field to store without encryption"
            )
        }
        return text
    }

    private static func paths(_ reader: ConfigReader, _ field: String) throws(ConfigurationError) -> [String] {
        guard let json = reader.json(field) else { return [] }
        var paths: [String] = []
        guard case .array(let elements) = json else {
            throw reader.rejected(field, "`\(field)` is no sequence (its value isn't shown)")
        }
        for element in elements {
            guard case .string(let path) = element, !path.isEmpty else {
                throw reader.rejected(field, "`\(field)` holds something that is empty or no string (not shown)")
            }
            try reader.check(path: path, of: field)
            paths.append(path)
        }
        return paths
    }

    /// Settings that need a disk, in a block that has none: whoever wrote them believes that the data is durable.
    static func refuseInMemory(_ reader: ConfigReader) throws(ConfigurationError) {
        for field in ownFields + ["file_path"] where reader.has(field) {
            // A variable without a value makes a null: no path is meant then, but a key may be.
            if field == "file_path", reader.json(field) == nil { continue }
            throw reader.rejected(field, "`\(field)` needs `store_method: file_based`; in memory it has no effect")
        }
    }
}
