import Storage

/// How a drill opens its stores: small segments and early checkpoints, so that a short run has many of both.
public struct StoreShape: Sendable, Equatable {
    public var initialSegmentBytes = 256 << 10
    public var maximumSegmentBytes = 2 << 20
    public var checkpointLogBytes = 2 << 20
    /// False: through the page cache, with fdatasync.
    public var usesDirectIO = true
    /// The current key's number; the lower ones are known as previous keys. 0: not encrypted.
    public var key: UInt64 = 0

    public init() {}

    public var options: StorageOptions {
        var options = StorageOptions()
        options.initialSegmentBytes = initialSegmentBytes
        options.maximumSegmentBytes = maximumSegmentBytes
        options.checkpointLogBytes = checkpointLogBytes
        options.useDirectIO = usesDirectIO ? .auto : .off
        if key > 0 {
            options.encryption = EncryptionKeys(
                current: Self.key(key),
                previous: (1..<key).compactMap { Self.key($0) }
            )
        }
        return options
    }

    private static func key(_ number: UInt64) -> EncryptionKey? {
        var random = SeededGenerator(seed: number)
        return try? EncryptionKey(
            bytes: (0..<EncryptionKey.bytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        )
    }
}
