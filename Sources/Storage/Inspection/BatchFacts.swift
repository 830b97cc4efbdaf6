/// One batch as it was found.
public struct BatchFacts: Sendable {
    public var number: UInt64
    public var segment: UInt64
    /// Where its header begins in the file.
    public var offset: UInt64
    /// Bytes in the file, padding included.
    public var paddedBytes: UInt64
    /// LSN of its first record, or of the next one if it has none.
    public var firstLSN: LSN
    public var recordCount: UInt32
    /// Payload as stored and as records.
    public var storedBytes: UInt32
    public var rawBytes: UInt32
    public var compression: Compression
    public var isEncrypted: Bool
    public var flags: Flags
    /// Highest batch that was known to be durable when this one was written.
    public var durableThrough: UInt64
    /// Nanoseconds since 1970.
    public var committedAt: UInt64
    public var verdict: BatchVerdict

    /// nil: no records.
    public var lastLSN: LSN? {
        recordCount > 0 ? LSN(rawValue: firstLSN.rawValue + UInt64(recordCount) - 1) : nil
    }

    public struct Flags: Sendable, Equatable {
        /// No records: proves that the batch before it was durable.
        public var isSeal: Bool
        public var isLastInSegment: Bool
        public var isCleanShutdown: Bool
    }

    public enum Compression: Sendable, Equatable {
        case none
        case lz4
        case unknown(UInt8)
    }
}

/// What is to be thought of a batch with a sound header.
public enum BatchVerdict: Sendable, Equatable {
    case sound
    /// Sound in itself; batches before it are missing (R9).
    case numberGap
    /// Sound in itself; the batch before it is not the one that it was written after (R9).
    case chainMismatch
    /// Sound in itself; records before it are missing (R9).
    case lsnMismatch
    /// A batch of another place in the log (R9).
    case misplaced
    /// The payload is not what the checksum says, or the file ends inside it (R8).
    case payloadDamaged(String)
    /// Sound checksums around content that makes no sense (R15).
    case malformed(String)
    /// Content of a newer version (R14).
    case needsVersion(String)
    /// Beyond the end of the log: written, never acknowledged, dropped by recovery (R6).
    case unsynced

    /// Its records are what was committed.
    public var isCertain: Bool {
        switch self {
        case .sound, .numberGap, .chainMismatch, .lsnMismatch: true
        case .misplaced, .payloadDamaged, .malformed, .needsVersion, .unsynced: false
        }
    }
}

extension BatchFacts {
    init(_ found: FoundBatch, segment: SegmentNumber, isEncrypted: Bool, _ verdict: BatchVerdict) {
        let header = found.header
        self.init(
            number: header.number.rawValue,
            segment: segment.rawValue,
            offset: found.offset,
            paddedBytes: UInt64(header.paddedBytes),
            firstLSN: header.firstLSN,
            recordCount: header.recordCount,
            storedBytes: header.storedBytes,
            rawBytes: header.rawBytes,
            compression: Compression(header.compression),
            isEncrypted: isEncrypted,
            flags: Flags(
                isSeal: header.flags.contains(.seal),
                isLastInSegment: header.flags.contains(.lastInSegment),
                isCleanShutdown: header.flags.contains(.cleanShutdown)
            ),
            durableThrough: header.durableThrough.rawValue,
            committedAt: header.committedAt,
            verdict: verdict
        )
    }
}

extension BatchFacts.Compression {
    init(_ code: UInt8) {
        switch code {
        case 0: self = .none
        case 1: self = .lz4
        default: self = .unknown(code)
        }
    }
}
