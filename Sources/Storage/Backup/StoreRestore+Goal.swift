/// Where a restore ends, decided before anything is replayed.
struct RestoreGoal: Equatable {
    /// Whole transactions up to here.
    var lsn: LSN
    /// The copied snapshot is later than that: the log is replayed from LSN 1.
    var startsEmpty: Bool
    /// What comes after it isn't needed, so it may be damaged or missing.
    var lastSegment: SegmentNumber
    var wanted: String
}

extension StoreRestore {
    /// nil: everything. `takesEarlierLog`: the log given holds what came before the backup's.
    func goal(_ position: RestorePosition, _ log: LogDirectory?) throws(StorageError)
        -> (RestoreGoal?, takesEarlierLog: Bool)
    {
        guard position != .everything else { return (nil, false) }
        let checkpoint = try checkpoint()
        do {
            return (try reach(position, checkpoint).goal(position, backup), false)
        } catch {
            guard error.code == .positionNotHeld, let log, try addEarlierLog(from: log) else { throw error }
        }
        return (try reach(position, checkpoint).goal(position, backup), true)
    }

    private func reach(_ position: RestorePosition, _ checkpoint: CheckpointRow?) throws(StorageError) -> RestoreReach {
        var moment: UInt64?
        if case .until(let until) = position { moment = until }
        var survey = BatchSurvey(io: io, directory: partial, store: manifest.store, checkpoint: checkpoint)
        return RestoreReach(
            checkpoint: checkpoint?.position,
            found: try survey.run(upTo: moment),
            coveredUntil: manifest.coveredUntil
        )
    }

    /// What the copied snapshot holds; nil: nothing was checkpointed yet.
    private func checkpoint() throws(StorageError) -> CheckpointRow? {
        let snapshot = try LMDBSnapshot.open(partial, options, store: manifest.store, create: false)
        defer { snapshot.close() }
        return snapshot.row
    }

    private var copiedSegments: [SegmentNumber] {
        manifest.files.compactMap { LogDirectory.segmentNumber(ofName: String($0.path.dropFirst(4))) }
    }

    /// Segments from the backup's last one on: that one was copied while it was being written.
    func addLaterLog(from source: LogDirectory) throws(StorageError) {
        let last = copiedSegments.max() ?? .first
        _ = try add(from: source) { $0 >= last }
    }

    /// Segments before the backup's first one. False: there are none.
    private func addEarlierLog(from source: LogDirectory) throws(StorageError) -> Bool {
        guard let first = copiedSegments.min(), first > .first else { return false }
        return try add(from: source) { $0 < first }
    }

    /// Nobody looks at what comes after the goal.
    func removeSegments(after last: SegmentNumber) throws(StorageError) {
        try Self.orFail { () throws(SystemCallError) in
            for number in try io.list(partial.wal).compactMap(LogDirectory.segmentNumber(ofName:)) where number > last {
                try io.unlink(partial.segment(number))
            }
        }
    }

    private func add(from source: LogDirectory, _ isWanted: (SegmentNumber) -> Bool) throws(StorageError) -> Bool {
        var isAny = false
        try Self.orFail { () throws(SystemCallError) in
            for number in try io.list(source.wal).compactMap(LogDirectory.segmentNumber(ofName:)) where isWanted(number)
            {
                let bytes = try FileCopy(io: io).bytes(source.segment(number))
                let target = partial.segment(number)
                _ = try FileCopy(io: io).copy(source.segment(number), to: target, bytes: bytes, paddedTo: bytes)
                isAny = true
            }
        }
        return isAny
    }
}
