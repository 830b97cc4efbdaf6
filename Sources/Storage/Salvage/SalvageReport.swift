/// What a salvage saved and what was lost.
public struct SalvageReport: Sendable {
    /// A row, by key.
    public struct Row: Sendable, Equatable {
        public var table: TableID
        public var key: Bytes
        /// nil: not known.
        public var lsn: LSN?
        /// The snapshot's row was left out though its checksum is right: no holder of the store's key wrote it.
        public var isUnproven = false
    }

    public enum SnapshotCondition: Sendable, Equatable {
        case whole
        /// Some of it could not be read, or isn't what the checkpoint row says.
        case partial(String)
        /// Nothing of it could be read.
        case unreadable(String)
        /// It can be read, and is not of the store that the log is of: nothing was taken from it.
        case leftOut(String)
    }

    /// Rows that could not be read, between two that could; a nil end: none.
    public struct Unread: Sendable, Equatable {
        /// Pages of the snapshot that make no sense, and why; not all of them if there are many.
        public var pages: [UInt64]
        public var reason: String
        public var lastRowBefore: Row?
        public var firstRowBehind: Row?
    }

    public var snapshot = SnapshotCondition.whole
    public var snapshotLSN: LSN?
    /// Sound rows that came from the snapshot, and changes that came from the log.
    public var rowsFromSnapshot: UInt64 = 0
    public var recordsFromLog: UInt64 = 0
    /// Rows of the new store.
    public var rows: UInt64 = 0
    /// What the snapshot no longer tells, in order.
    public var unread: [Unread] = []
    /// Rows that the checkpoint row counts and nobody found, damaged ones not among them.
    public var missingRows: UInt64 = 0
    /// Why something may be missing that no gap and no row tells of: it would have been in what isn't there, or wasn't taken.
    public var problems: [String] = []
    /// What was unusual, and lost nothing by itself.
    public var notes: [String] = []
    /// Damaged rows that a change in the log replaces.
    public var recovered: [Row] = []
    /// Damaged rows that nothing replaces: lost.
    public var lost: [Row] = []
    public var omittedRows: UInt64 = 0
    /// Records that are missing behind the snapshot.
    public var gaps: [LogGap] = []
    /// Rows whose last certain change is before a gap: they may be older than the last acknowledged.
    public var uncertain: [Row] = []
    public var omittedUncertain: UInt64 = 0
    /// The new store's last LSN.
    public var lastLSN = LSN.zero
    /// Up to here nothing is missing but the lost rows; nil: not known.
    public var lastCertainLSN: LSN?

    public var isComplete: Bool {
        snapshot == .whole && lost.isEmpty && omittedRows == 0 && gaps.isEmpty && problems.isEmpty
    }

    public var uncertainCount: UInt64 { UInt64(uncertain.count) + omittedUncertain }
}
