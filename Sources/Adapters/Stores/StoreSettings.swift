import Engine
import Storage
import Workers

/// What workers that share a store must agree on.
public struct StoreSettings: Sendable {
    var keys = EncryptionKeys()
    var encryptsExisting = false
    var retainLogNanoseconds: UInt64 = 0
    var retainLogBytes: UInt64 = 0
    var scrubIntervalNanoseconds = StorageOptions().scrubIntervalNanoseconds
    var scrubsRetiredLog = false
    var allowsNetworkFilesystem = false

    private static let nanosecondsPerHour = 3_600_000_000_000.0

    public init() {}

    /// Reads the keys. Blocks for the file system.
    ///
    /// - Throws: an error with the place in config.yaml, never with anything of a key.
    public init(_ configuration: DurableStoreConfiguration) throws(ConfigurationError) {
        switch configuration.encryptionKey {
        case .file(let path): keys.current = try Self.key(inFile: path, "encryption_key_file", configuration)
        case .text(let text):
            keys.current = try Self.orReject("encryption_key", configuration) { () throws(StorageError) in
                try EncryptionKey(text: text.value)
            }
        case nil: break
        }
        for path in configuration.previousEncryptionKeyFiles {
            keys.previous.append(try Self.key(inFile: path, "previous_encryption_key_files", configuration))
        }
        encryptsExisting = configuration.encryptsExisting
        retainLogNanoseconds = UInt64(configuration.retainLogHours * Self.nanosecondsPerHour)
        retainLogBytes = configuration.retainLogBytes
        scrubIntervalNanoseconds = UInt64(configuration.scrubIntervalHours * Self.nanosecondsPerHour)
        scrubsRetiredLog = configuration.scrubsRetiredLog
        allowsNetworkFilesystem = configuration.allowsNetworkFilesystem
    }

    /// An error about the file names its path: unless the key itself stands there by mistake.
    private static func key(
        inFile path: String,
        _ field: String,
        _ configuration: DurableStoreConfiguration
    ) throws(ConfigurationError) -> EncryptionKey {
        if (try? EncryptionKey(text: path)) != nil {
            throw configuration.rejected(field, "this is a key (not shown), not the path of a file that holds one")
        }
        return try orReject(field, configuration) { () throws(StorageError) in try EncryptionKey(file: path) }
    }

    private static func orReject(
        _ field: String,
        _ configuration: DurableStoreConfiguration,
        _ body: () throws(StorageError) -> EncryptionKey
    ) throws(ConfigurationError) -> EncryptionKey {
        do {
            return try body()
        } catch {
            throw configuration.rejected(field, error.description)
        }
    }

    func apply(to options: inout StorageOptions) {
        options.encryption = keys
        options.encryptsExistingStore = encryptsExisting
        options.retainLogNanoseconds = retainLogNanoseconds
        options.retainLogBytes = retainLogBytes
        options.scrubIntervalNanoseconds = scrubIntervalNanoseconds
        options.scrubsRetiredLog = scrubsRetiredLog
        options.allowNetworkFilesystem = allowsNetworkFilesystem
    }

    /// The fields of config.yaml in which two settings differ; keys count by what they are, not by where they come from.
    func differences(from other: StoreSettings) -> [String] {
        let isEqual: [(String, Bool)] = [
            ("encryption_key", keys.current?.id == other.keys.current?.id),
            ("previous_encryption_key_files", Set(keys.previous.map(\.id)) == Set(other.keys.previous.map(\.id))),
            ("encrypt_existing", encryptsExisting == other.encryptsExisting),
            ("retain_log_hours", retainLogNanoseconds == other.retainLogNanoseconds),
            ("retain_log_bytes", retainLogBytes == other.retainLogBytes),
            ("scrub_interval_hours", scrubIntervalNanoseconds == other.scrubIntervalNanoseconds),
            ("scrub_retired_log", scrubsRetiredLog == other.scrubsRetiredLog),
            ("allow_network_filesystem", allowsNetworkFilesystem == other.allowsNetworkFilesystem),
        ]
        return isEqual.filter { !$0.1 }.map { $0.0 }
    }
}
