/// When a checkpoint is due (storage.md §5.9). Pure.
struct CheckpointSchedule: Sendable {
    /// What the decision rests on.
    struct Facts: Equatable, Sendable {
        /// Memory of the changes since the last checkpoint began.
        var overlayBytes = 0
        /// What writing them may touch of the snapshot, and what it may write in all.
        var touchedBytes = 0
        var writtenBytes = 0
        var isDirty = false
        /// Log written since then.
        var logBytes = 0
        /// Files of the log that recovery needs.
        var segments = 0
        /// Room on the disk, and in free pages of the snapshot.
        var roomBytes = Int.max
        /// Only a checkpoint turns deletes into room: it is due at once.
        var isLowSpace = false
        var needsReseal = false
    }

    /// So many files of the log that the snapshot doesn't cover are reason enough, even with few changes: every opening
    /// starts one.
    static let maximumSegments = 8
    /// After a failed attempt.
    static let retryNanoseconds: UInt64 = 1_000_000_000

    let logBytes: Int
    let overlayBytes: Int
    let dirtyBytes: Int
    let intervalNanoseconds: UInt64

    init(_ options: StorageOptions) {
        logBytes = max(LogLimits.blockBytes, options.checkpointLogBytes)
        overlayBytes = max(1, options.checkpointOverlayBytes)
        dirtyBytes = max(LogLimits.blockBytes, options.checkpointDirtyBytes)
        intervalNanoseconds = options.checkpointIntervalNanoseconds
    }

    func isDue(_ facts: Facts) -> Bool {
        if facts.segments > Self.maximumSegments || facts.needsReseal { return true }
        guard facts.isDirty else { return false }
        if facts.isLowSpace { return true }
        return facts.logBytes >= logBytes || facts.overlayBytes >= overlayBytes || facts.touchedBytes >= dirtyBytes
            || facts.writtenBytes >= facts.roomBytes / 2
    }

    /// When it is due at the latest; nil: never for that reason.
    func deadline(dirtySince: UInt64) -> UInt64? {
        intervalNanoseconds == 0 ? nil : dirtySince &+ intervalNanoseconds
    }
}
