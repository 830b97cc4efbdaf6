/// How a store works. The defaults are those of storage.md §5.
public struct StorageOptions: Sendable {
    /// Whether the log goes around the page cache.
    public enum DirectIO: Sendable {
        /// `O_DIRECT|O_DSYNC` where the file system takes it, else `pwrite` + `fdatasync`.
        case auto
        /// Refuse to open without.
        case on
        case off
    }

    public var useDirectIO = DirectIO.auto
    /// Longest wait for the previous batch's clients to come back (§5.6 point 4). 0: never wait.
    public var lingerNanoseconds: UInt64 = 120_000
    /// Idle time after which an empty batch proves the one before it durable (§5.6 point 8). 0: never.
    public var sealAfterIdleNanoseconds: UInt64 = 50_000_000
    public var initialSegmentBytes = LogLimits.initialSegmentBytes
    public var maximumSegmentBytes = LogLimits.maximumSegmentBytes
    public var softBatchBytes = LogLimits.softBatchBytes
    /// One record's body: key, value and 10 bytes.
    public var maximumRecordBytes = LogLimits.maximumRecordBytes
    public var maximumPendingBytes = LogLimits.maximumPendingBytes
    public var maximumPendingTransactions = LogLimits.maximumPendingTransactions
    /// OFD locks and fsync mean little on NFS and SMB: refused unless allowed.
    public var allowNetworkFilesystem = false
    public var clock = StorageClock.system
    /// Store id and epochs. Injected for I11.
    public var random: @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }
    /// Runs durability callbacks: called by the writer thread at most once per sync with a closure that resumes all
    /// released waiters in LSN order. Default: run in place.
    public var deliver: @Sendable (@escaping @Sendable () -> Void) -> Void = { $0() }
    /// Called once, by a thread of the store, when durability is lost (§5.8). The process should end soon.
    public var onFailure: @Sendable (StorageError) -> Void = { _ in }
    /// Facts that people should know while the store goes on: slow syncs, a full disk, room again.
    public var onWarning: @Sendable (String) -> Void = { _ in }

    public init() {}
}
