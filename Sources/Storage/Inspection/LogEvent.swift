/// What a walk over the log meets, in order.
public enum LogEvent: Sendable {
    /// A segment begins; its content is not known yet.
    case segment(SegmentFacts)
    case batch(BatchFacts)
    /// Something that belongs to the log is not there or not certain.
    case gap(LogGap)
    /// The log ends here.
    case tail(LogTail)
    /// A segment ends, with its totals.
    case segmentEnd(SegmentFacts)
}

/// A part of the log that is missing or not certain: what is lost are its LSNs.
public struct LogGap: Sendable {
    public enum Cause: String, Sendable {
        /// Segment files are not there (R11).
        case missingSegments
        /// Bytes that are no batch, or a batch with a damaged payload.
        case damagedBytes
        /// A batch number, LSN or predecessor that does not follow (R9).
        case lostWrite
        /// A batch or segment of a newer version, of another store, or that makes no sense (R13 to R15).
        case notUnderstood
        /// The device or the file system refuses to read (R16).
        case unreadable
    }

    public var cause: Cause
    /// First segment concerned.
    public var segment: UInt64
    /// Where in it; nil: the whole segment.
    public var offset: UInt64?
    /// Where sound batches go on in the same segment; nil: not in this segment.
    public var endOffset: UInt64?
    /// What stands there.
    public var found: String
    /// Batches that are not there or not certain. nil: not known.
    public var firstBatch: UInt64?
    public var lastBatch: UInt64?
    /// LSNs that are not there or not certain. nil: not known. `lastLSN` below `firstLSN`: no records are lost.
    public var firstLSN: LSN?
    public var lastLSN: LSN?
    /// Keys that can still be read in a batch whose payload is damaged, first ones first: likely lost, not certain.
    public var mentions: [KeyMention] = []

    /// Both ends are known and no record lies between them.
    public var losesNothing: Bool {
        guard let firstLSN, let lastLSN else { return false }
        return lastLSN < firstLSN
    }
}

/// A key, or a trimmed range, in a damaged batch.
public struct KeyMention: Sendable, Equatable {
    public var table: TableID
    public var key: Bytes
    /// A trim of `key..<upTo`; nil: a put or delete.
    public var upTo: Bytes?

    public init(table: TableID, key: Bytes, upTo: Bytes? = nil) {
        self.table = table
        self.key = key
        self.upTo = upTo
    }
}

/// How the log ends.
public struct LogTail: Sendable {
    public enum Content: String, Sendable {
        /// Nothing but zeros, or the file's end.
        case empty
        /// Blocks of an earlier use of the file: harmless.
        case leftovers
        /// A write that was cut short, never acknowledged: recovery copies it to `quarantine/`.
        case torn
        /// An engine has the store open: what looks torn is being written.
        case inProgress
    }

    public var segment: UInt64
    /// First byte after the last batch.
    public var offset: UInt64
    /// R3, R4, R5 or R6.
    public var row: RecoveryRow
    public var content: Content
    /// End of the last non-zero byte in the file.
    public var usedBytes: UInt64
    /// What stands at `offset`.
    public var found: String
}
