/// A sound batch header and where it stands.
struct FoundBatch {
    var header: BatchHeader
    var crc: UInt32
    var offset: UInt64
}

/// What the log says comes next.
struct ExpectedBatch {
    var number: BatchNumber
    var lsn: LSN
    /// nil: the batch before it could not be read.
    var chain: UInt32?

    /// What follows a batch.
    init(after found: FoundBatch) {
        number = found.header.number.next
        lsn = LSN(rawValue: found.header.firstLSN.rawValue &+ UInt64(found.header.recordCount))
        chain = found.crc
    }

    /// What a segment header says of its first batch.
    init(first header: SegmentHeader) {
        number = header.firstBatch
        lsn = header.firstLSN
        chain = header.predecessor.lastBatchCRC
    }

    /// What a log without a past begins with.
    static let first = ExpectedBatch(number: BatchNumber(rawValue: 1), lsn: LSN(rawValue: 1), chain: 0)

    private init(number: BatchNumber, lsn: LSN, chain: UInt32?) {
        self.number = number
        self.lsn = lsn
        self.chain = chain
    }

    /// nil: it is the expected one.
    func mismatch(_ found: FoundBatch) -> BatchVerdict? {
        if found.header.number < number { return .misplaced }
        if found.header.number > number { return .numberGap }
        if let chain, found.header.chain != chain { return .chainMismatch }
        return found.header.firstLSN == lsn ? nil : .lsnMismatch
    }
}

/// Why a batch with a sound header can't be used.
enum BatchFlaw: Error, Equatable {
    /// R8: judged by what stands behind it.
    case damaged(String)
    /// R15.
    case malformed(String)
    /// R14.
    case needsVersion(String)

    var verdict: BatchVerdict {
        switch self {
        case .damaged(let reason): .payloadDamaged(reason)
        case .malformed(let what): .malformed(what)
        case .needsVersion(let what): .needsVersion(what)
        }
    }
}
