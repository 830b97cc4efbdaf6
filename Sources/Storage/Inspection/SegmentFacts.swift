/// One segment as it was found.
public struct SegmentFacts: Sendable {
    /// What its place in the log is.
    public enum Standing: Sendable, Equatable {
        /// Its header is sound and belongs here.
        case log
        /// Its header is damaged though the segment is in use: its batches are read all the same.
        case damagedHeader(String)
        /// A segment that never began: recovery sets it aside (R12).
        case unused(String)
        /// Part of another store, or renamed by hand (R13): its batches are not read.
        case foreign(String)
        /// Written by a newer version (R14): its batches are not read.
        case needsVersion(String)
        /// The device or the file system refuses to read it (R16).
        case unreadable(String)
    }

    /// From the file's name.
    public var number: UInt64
    public var path: String
    /// Length of the file.
    public var bytes: UInt64
    public var standing: Standing
    /// nil: the header can't be read.
    public var header: Header?
    /// What its batches came to; all zero before they were read.
    public var content = Content()

    /// The fields of the first block (storage.md §5.3).
    public struct Header: Sendable, Equatable {
        public var formatMajor: UInt16
        public var formatMinor: UInt16
        /// 32 hexadecimal digits.
        public var storeID: String
        public var number: UInt64
        public var epoch: UInt64
        public var firstBatch: UInt64
        public var firstLSN: LSN
        public var preparedBytes: UInt64
        public var predecessor: UInt64
        public var predecessorLastBatch: UInt64
        public var predecessorEndOffset: UInt64
        public var requiredFeatures: UInt32
        public var ignorableFeatures: UInt32
        /// nil: not encrypted.
        public var keyID: KeyID?
        /// Nanoseconds since 1970.
        public var createdAt: UInt64
    }

    /// Totals over the batches that count.
    public struct Content: Sendable, Equatable {
        public var batches: UInt64 = 0
        public var records: UInt64 = 0
        /// Bytes up to the end of the last batch, header block included.
        public var usedBytes: UInt64 = 0
        public var firstBatch: UInt64?
        public var lastBatch: UInt64?
        /// LSN of the first and of the last record; nil: no records.
        public var firstLSN: LSN?
        public var lastLSN: LSN?
        /// Commit times, nanoseconds since 1970, of the first and the last batch.
        public var firstCommit: UInt64?
        public var lastCommit: UInt64?
        /// Payload as stored and as records.
        public var storedBytes: UInt64 = 0
        public var rawBytes: UInt64 = 0
    }
}

extension SegmentFacts.Content {
    mutating func add(_ batch: BatchFacts) {
        batches += 1
        records += UInt64(batch.recordCount)
        usedBytes = max(usedBytes, batch.offset + batch.paddedBytes)
        firstBatch = firstBatch ?? batch.number
        lastBatch = batch.number
        firstCommit = firstCommit ?? batch.committedAt
        lastCommit = batch.committedAt
        storedBytes += UInt64(batch.storedBytes)
        rawBytes += UInt64(batch.rawBytes)
        guard let last = batch.lastLSN else { return }
        firstLSN = firstLSN ?? batch.firstLSN
        lastLSN = last
    }
}

extension SegmentFacts.Header {
    init(_ header: SegmentHeader) {
        self.init(
            formatMajor: header.major,
            formatMinor: header.minor,
            storeID: header.store.text,
            number: header.number.rawValue,
            epoch: header.epoch,
            firstBatch: header.firstBatch.rawValue,
            firstLSN: header.firstLSN,
            preparedBytes: header.preparedBytes,
            predecessor: header.predecessor.segment.rawValue,
            predecessorLastBatch: header.predecessor.lastBatch.rawValue,
            predecessorEndOffset: header.predecessor.endOffset,
            requiredFeatures: header.requiredFeatures,
            ignorableFeatures: header.ignorableFeatures,
            keyID: header.isEncrypted ? KeyID(rawValue: header.keyID) : nil,
            createdAt: header.createdAt
        )
    }
}
