/// Plain counters of one store since it was opened.
public struct StoreMetrics: Sendable, Equatable {
    /// Completed syncs of log data.
    public var syncs: UInt64 = 0
    /// Data batches written.
    public var batches: UInt64 = 0
    public var transactions: UInt64 = 0
    public var records: UInt64 = 0
    /// Bytes written to the log, padding included.
    public var bytes: UInt64 = 0
    /// The largest data batch as it stands in the log, padding included, and the one with the most transactions.
    public var largestBatchBytes = 0
    public var largestBatchTransactions = 0
    public var meanBatchBytes: Double { mean(Double(bytes)) }
    public var meanBatchTransactions: Double { mean(Double(transactions)) }
    public var seals: UInt64 = 0
    /// Segments activated, the one of opening included.
    public var segments: UInt64 = 0
    /// Exponentially weighted mean of write + sync, in nanoseconds.
    public var syncNanosecondsEWMA: UInt64 = 0
    public var syncNanosecondsSum: UInt64 = 0
    /// Syncs by duration: bucket n counts those below 2^n microseconds; the last takes the rest.
    public var syncHistogram = [UInt64](repeating: 0, count: StoreMetrics.histogramBuckets)
    /// Syncs that took longer than a second.
    public var slowSyncs: UInt64 = 0
    /// Callbacks waiting for durability now.
    public var waiters = 0
    /// Not yet durable bytes and transactions now.
    public var pendingBytes = 0
    public var pendingTransactions = 0
    public var isLowSpace = false
    /// The log or a checkpoint waits because the process has no descriptor or memory left, and how often that was found so far.
    public var isShortOfResources = false
    public var resourceShortages: UInt64 = 0
    /// The last record that was committed, and the last that survives a power cut.
    public var lastLSN = LSN.zero
    public var durableLSN = LSN.zero
    /// Records that are committed and not durable yet.
    public var durableLag: UInt64 = 0
    /// Memory of changes that no checkpoint has taken in yet.
    public var overlayBytes = 0
    public var segmentsOnDisk = 0
    public var logBytesOnDisk: UInt64 = 0
    public var retiredSegments: UInt64 = 0
    /// Checkpoints written, attempts that failed, and how long the latest took from its beginning.
    public var checkpoints: UInt64 = 0
    public var checkpointFailures: UInt64 = 0
    public var checkpointNanoseconds: UInt64 = 0
    public var checkpointNanosecondsSum: UInt64 = 0
    /// Every record up to here is in the snapshot.
    public var checkpointLSN = LSN.zero
    public var snapshotBytes: Int { snapshot.fileBytes }
    public var snapshotFreeBytes: Int { snapshot.freeBytes }
    var snapshot = SnapshotSize()
    /// Transactions refused with `.overloaded` or `.lowSpace`.
    public var refusals: UInt64 = 0

    public static let histogramBuckets = 24
    static let slowSyncNanoseconds: UInt64 = 1_000_000_000

    init(segments: UInt64 = 0) {
        self.segments = segments
    }

    mutating func recordBatch(_ batch: BatchBuffer) {
        batches += 1
        transactions += UInt64(batch.transactionCount)
        records += UInt64(batch.recordCount)
        bytes += UInt64(batch.storedBytes)
        largestBatchBytes = max(largestBatchBytes, batch.storedBytes)
        largestBatchTransactions = max(largestBatchTransactions, batch.transactionCount)
    }

    private func mean(_ sum: Double) -> Double {
        batches == 0 ? 0 : sum / Double(batches)
    }

    mutating func recordFiles(_ files: [LogFile]) {
        segmentsOnDisk = files.count
        logBytesOnDisk = files.reduce(0) { $0 + $1.bytes }
    }

    mutating func recordCheckpoint(_ row: CheckpointRow, nanoseconds: UInt64) {
        checkpoints += 1
        checkpointNanoseconds = nanoseconds
        checkpointNanosecondsSum += nanoseconds
    }

    mutating func recordSync(nanoseconds: UInt64) {
        syncs += 1
        syncNanosecondsSum += nanoseconds
        syncNanosecondsEWMA = syncs == 1 ? nanoseconds : (syncNanosecondsEWMA * 7 + nanoseconds) / 8
        let microseconds = nanoseconds / 1000
        let bucket = UInt64.bitWidth - microseconds.leadingZeroBitCount
        syncHistogram[min(bucket, Self.histogramBuckets - 1)] += 1
        if nanoseconds > Self.slowSyncNanoseconds { slowSyncs += 1 }
    }
}
