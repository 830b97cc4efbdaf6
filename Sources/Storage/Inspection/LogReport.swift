/// What a whole log came to.
public struct LogReport: Sendable {
    public var verdict: LogVerdict
    /// What recovery would refuse with, the deciding one first, at most `InspectionLimits.listedProblems`.
    public var problems: [StorageError] = []
    public var omittedProblems = 0
    /// What an opening would warn of: no reason to refuse.
    public var warnings: [String] = []
    /// What is lost, in log order, at most `InspectionLimits.listedGaps`.
    public var gaps: [LogGap] = []
    public var omittedGaps = 0
    /// nil: the end could not be determined.
    public var tail: LogTail?
    /// Totals over all batches that count.
    public var content = SegmentFacts.Content()
    public var segments = 0
    /// Length of all segment files.
    public var bytes: UInt64 = 0
    /// The log holds everything from this LSN on, but for the gaps.
    public var retainedFrom = LSN(rawValue: 1)
    /// Keys that segments are sealed with, in the order of the log.
    public var keyIDs: [KeyID] = []
    /// Batches whose checksum is right and whose records nobody has looked at: no key was given.
    public var unopenedBatches: UInt64 = 0
    /// Segments that the snapshot covers and whose key was not given: nobody has looked at them.
    public var passedOver: [UInt64] = []
    /// Segments disappeared while they were read: a running engine retired them.
    public var sawRetirement = false
}

/// The log's condition as recovery would judge it (storage.md §5.10).
public struct LogVerdict: Sendable {
    public enum Condition: String, Sendable {
        /// A creation that a crash cut short: opening makes a new store.
        case new
        /// The last owner closed it.
        case clean
        /// The last owner did not close it; nothing is cut.
        case unclean
        /// An engine has it open; sound so far.
        case inUse
        /// Bytes beyond the end that were never acknowledged.
        case tornTail
        case damaged
        case needsVersion
    }

    public var condition: Condition
    public var row: RecoveryRow

    public init(condition: Condition, row: RecoveryRow) {
        self.condition = condition
        self.row = row
    }
}

/// Bounds of an inspection (I10).
public enum InspectionLimits {
    /// Problems and gaps kept for the report; more are counted.
    public static let listedProblems = 100
    public static let listedGaps = 1000
    /// Keys named from one damaged batch.
    public static let mentionedKeys = 32
    /// Damaged rows of a snapshot that are named; more are counted.
    public static let damagedRows = 100_000
    /// Rows that differ between two contents, named; more are counted.
    public static let listedDifferences = 1000
    /// Names listed from one directory.
    public static let listedFiles = 1000
}

/// Bounds of what a store takes, for tools.
public enum StorageLimits {
    public static let keyBytes = LogLimits.maximumKeyBytes
    /// The last LSN that a new store may begin behind.
    public static let lsn = LSN(rawValue: LogLimits.maximumImportedNumber)
}
