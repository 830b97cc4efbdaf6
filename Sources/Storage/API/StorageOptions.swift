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
    /// A checkpoint is due after this much log (§5.9).
    public var checkpointLogBytes = 64 * LogLimits.mebibyte
    /// ... or this much memory in changes; writers wait at twice as much.
    public var checkpointOverlayBytes = 32 * LogLimits.mebibyte
    /// ... or when writing it may change this much of the snapshot: bounds the memory that the transaction takes;
    /// writers wait at a quarter more.
    public var checkpointDirtyBytes = 64 * LogLimits.mebibyte
    /// ... or this long after the first change. 0: never for that reason.
    public var checkpointIntervalNanoseconds: UInt64 = 60_000_000_000
    /// How much the process may keep mapped in of the snapshot's file and of all others, its own program included. What
    /// clients read counts after ten seconds only.
    public var snapshotMappedBytes = 64 * LogLimits.mebibyte
    /// First size of the snapshot's address range; sparse, doubled when full.
    public var snapshotMapBytes = 64 << 30
    /// Log is kept this long, and at most this many bytes of it, beyond what recovery needs: for history and restore to a
    /// position. 0: no limit of that kind; both 0: only what recovery needs.
    public var retainLogNanoseconds: UInt64 = 0
    public var retainLogBytes: UInt64 = 0
    /// Encryption at rest; without a current key what is written is not encrypted.
    public var encryption = EncryptionKeys()
    /// With a current key: a store that holds plain content is opened, and encrypted from then on. Without this it is
    /// refused, because whoever can write its files could have put that content there. Needed for one opening.
    public var encryptsExistingStore = false
    /// Retired log is overwritten with zeros before its file is used again or removed.
    public var scrubsRetiredLog = false
    /// The snapshot is read through in the background this often, if it has changed since: checksums, digest and counts.
    /// 0: never.
    public var scrubIntervalNanoseconds: UInt64 = 7 * 24 * 3600 * 1_000_000_000
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
