/// Where a recovered log ends: all that the writer needs to go on.
struct LogEnd: Equatable, Sendable {
    var lastBatch: BatchNumber
    /// Checksum of the last batch's header, 0 if there is none.
    var chain: UInt32
    var nextLSN: LSN
    var segment: SegmentNumber
    /// First byte after the last batch in that segment.
    var offset: UInt64

    static let empty = LogEnd(
        lastBatch: .none,
        chain: 0,
        nextLSN: LSN(rawValue: 1),
        segment: .none,
        offset: 0
    )

    var predecessorFacts: PredecessorFacts {
        PredecessorFacts(segment: segment, lastBatch: lastBatch, endOffset: offset, lastBatchCRC: chain)
    }
}
