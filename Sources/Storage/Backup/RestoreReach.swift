/// The positions and times that a restore can give.
public struct RestoreRange: Equatable, Sendable {
    public var first: LSN
    public var last: LSN
    /// Nanoseconds since 1970; nil: not known, there is no batch.
    public var firstTime: UInt64?
    public var lastTime: UInt64?
}

/// Decides whether a position can be had, from the snapshot and the log behind it or from the log alone.
struct RestoreReach {
    /// nil: the snapshot holds nothing.
    var checkpoint: CheckpointPosition?
    var found: BatchSurvey.Found
    /// From the manifest: no batch with an earlier time is missing at the backup's end.
    var coveredUntil: UInt64?

    private var checkpointLSN: LSN { checkpoint?.lsn ?? .zero }

    var range: RestoreRange {
        RestoreRange(
            first: found.reachesBeginning ? LSN(rawValue: 1) : checkpointLSN,
            last: max(checkpointLSN, found.lastLSN),
            firstTime: firstTime,
            lastTime: lastTime
        )
    }

    /// The first commit; without it the last one in the snapshot. Where that one's batch is gone, the next commit: the
    /// time of the checkpoint itself is a later one than that of any commit in it.
    private var firstTime: UInt64? {
        if found.reachesBeginning { return found.firstTime }
        return found.checkpointTime ?? found.firstTime ?? checkpoint?.createdAt
    }

    private var lastTime: UInt64? {
        [found.lastTime, coveredUntil, firstTime].compactMap { $0 }.max()
    }

    func goal(_ position: RestorePosition, _ path: String) throws(StorageError) -> RestoreGoal? {
        switch position {
        case .everything: return nil
        case .through(let lsn):
            let wanted = "LSN \(lsn)"
            guard lsn >= range.first, lsn <= range.last else { throw .positionNotHeld(wanted, range, path: path) }
            return goal(lsn, wanted)
        case .until(let moment):
            let wanted = utcText(nanoseconds: moment)
            guard let firstTime, let lastTime, moment >= firstTime, moment <= lastTime else {
                throw .positionNotHeld(wanted, range, path: path)
            }
            let lsn = found.reachesBeginning ? found.lsnAtMoment : max(checkpointLSN, found.lsnAtMoment)
            return goal(lsn, wanted)
        }
    }

    private func goal(_ lsn: LSN, _ wanted: String) -> RestoreGoal {
        // Recovery also looks at the segment that a snapshot ends in, or at the one after it.
        let start = checkpoint.map { end in found.segments.first { $0.number >= end.end.segment }?.number ?? .none }
        let last = found.segments.last { $0.firstLSN <= lsn }?.number
        return RestoreGoal(
            lsn: lsn,
            startsEmpty: lsn < checkpointLSN,
            lastSegment: max(start ?? .none, last ?? .first),
            wanted: wanted
        )
    }
}

extension StorageError {
    static func positionNotHeld(_ wanted: String, _ range: RestoreRange, path: String) -> StorageError {
        var text = "the backup can't give \(wanted): it gives LSN \(range.first) to \(range.last)"
        if let first = range.firstTime, let last = range.lastTime {
            text += ", \(utcText(nanoseconds: first)) to \(utcText(nanoseconds: last))"
        }
        text += "; name a position among these, use another backup, or add the log that holds it with --log"
        return StorageError(.positionNotHeld, text, path: path)
    }

    /// A position inside the first transaction.
    static func nothingCommitted(by wanted: String, path: String) -> StorageError {
        StorageError(
            .positionNotHeld,
            "the backup can't give \(wanted): the first transaction ends later; name a later position",
            path: path
        )
    }
}
