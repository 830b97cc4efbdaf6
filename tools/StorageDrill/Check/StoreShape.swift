import Storage

/// How a drill opens its stores: small segments and early checkpoints, so that a short run has many of both.
public struct StoreShape: Sendable, Equatable {
    public var initialSegmentBytes = 256 << 10
    public var maximumSegmentBytes = 2 << 20
    public var checkpointLogBytes = 2 << 20
    /// False: through the page cache, with fdatasync.
    public var usesDirectIO = true

    public init() {}

    public var options: StorageOptions {
        var options = StorageOptions()
        options.initialSegmentBytes = initialSegmentBytes
        options.maximumSegmentBytes = maximumSegmentBytes
        options.checkpointLogBytes = checkpointLogBytes
        options.useDirectIO = usesDirectIO ? .auto : .off
        return options
    }
}
