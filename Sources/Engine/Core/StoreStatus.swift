/// What an acknowledged write of a store means (docs/streams.md, "Acknowledgements that say what they are").
public enum StoreMode: String, Sendable, CaseIterable {
    /// On disk, behind a sync, before the result is sent.
    case synced
    /// In the engine's memory only, gone when it ends.
    case memory
}

/// One store of a worker, as `engine::health` lists it (docs/operations.md, "Health").
public struct StoreStatus: Sendable, Equatable {
    public var mode: StoreMode
    /// nil in memory.
    public var disk: Disk?

    /// Everything kept in memory.
    public static let memory = StoreStatus(mode: .memory)

    private init(mode: StoreMode) {
        self.mode = mode
    }

    public init(disk: Disk) {
        mode = .synced
        self.disk = disk
    }

    /// A store on disk at one moment. Positions are log sequence numbers, sizes bytes.
    public struct Disk: Sendable, Equatable {
        /// Absolute.
        public var path: String
        /// The last record that was committed, the last that survives a power cut, the last that the snapshot holds.
        public var lsn: UInt64
        public var durableLSN: UInt64
        public var checkpointLSN: UInt64
        public var logBytes: UInt64
        public var snapshotBytes: UInt64
        /// What the file system has left for this process; nil: it doesn't say.
        public var availableBytes: UInt64?
        /// How long a write and its sync take now, in microseconds.
        public var syncMicroseconds: UInt64
        public var isEncrypted: Bool
        /// The disk is full: writes are refused.
        public var isLowSpace: Bool
        /// The process has no file descriptor or memory left: writes wait for them. And how often the log met that since the
        /// store was opened.
        public var isShortOfResources: Bool
        public var resourceShortages: UInt64
        /// Too much waits for the disk: writes wait before they are taken.
        public var isSaturated: Bool

        public init(
            path: String,
            lsn: UInt64,
            durableLSN: UInt64,
            checkpointLSN: UInt64,
            logBytes: UInt64,
            snapshotBytes: UInt64,
            availableBytes: UInt64?,
            syncMicroseconds: UInt64 = 0,
            isEncrypted: Bool = false,
            isLowSpace: Bool = false,
            isShortOfResources: Bool = false,
            resourceShortages: UInt64 = 0,
            isSaturated: Bool = false
        ) {
            self.path = path
            self.lsn = lsn
            self.durableLSN = durableLSN
            self.checkpointLSN = checkpointLSN
            self.logBytes = logBytes
            self.snapshotBytes = snapshotBytes
            self.availableBytes = availableBytes
            self.syncMicroseconds = syncMicroseconds
            self.isEncrypted = isEncrypted
            self.isLowSpace = isLowSpace
            self.isShortOfResources = isShortOfResources
            self.resourceShortages = resourceShortages
            self.isSaturated = isSaturated
        }

        /// Records that are committed and not durable yet.
        public var lagRecords: UInt64 { lsn - min(lsn, durableLSN) }
    }
}
