/// Where a log ends: all that the writer, or a later recovery, needs to go on.
struct LogEnd: Equatable, Sendable {
    var lastBatch: BatchNumber
    /// Checksum of the last batch's header, 0 if there is none.
    var chain: UInt32
    var nextLSN: LSN
    /// The segment of the last batch.
    var segment: SegmentNumber
    /// First byte after the last batch in that segment.
    var offset: UInt64
    /// First byte of the last batch, and the epoch of its segment: where to look whether it still stands there (R10).
    var batchOffset: UInt64
    var epoch: UInt64

    static let empty = LogEnd(
        lastBatch: .none,
        chain: 0,
        nextLSN: LSN(rawValue: 1),
        segment: .none,
        offset: 0,
        batchOffset: 0,
        epoch: 0
    )

    var lastLSN: LSN { LSN(rawValue: nextLSN.rawValue - 1) }

    var predecessorFacts: PredecessorFacts {
        PredecessorFacts(segment: segment, lastBatch: lastBatch, endOffset: offset, lastBatchCRC: chain)
    }
}
