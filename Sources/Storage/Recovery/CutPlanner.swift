/// Finds where a damaged log stops being sound, as recovery would, and what can still be seen behind that place.
struct CutPlanner {
    /// A place in the log, and the last record before it.
    private struct Place {
        var segment: UInt64
        var offset: UInt64
        var lsn = LSN.zero

        func isBefore(_ segment: UInt64, _ offset: UInt64) -> Bool {
            (self.segment, self.offset) < (segment, offset)
        }
    }

    private let inspector: LogInspector
    private let keys: EncryptionKeys

    init(path: String, keys: EncryptionKeys) throws(StorageError) {
        self.keys = keys
        inspector = try LogInspector(path: path, keys: keys)
    }

    /// nil: recovery would not refuse.
    func plan() throws -> CutPlan? {
        let start = try start()
        let report = try inspector.walk()
        // Recovery doesn't look at segments that only history needs.
        let problems = report.problems.filter { $0.segment ?? .max >= start.segment }
        guard let refusal = problems.first else { return nil }
        guard let row = refusal.row, StoreCut.rows.contains(row), let segment = refusal.segment,
            !Place(segment: segment, offset: refusal.offset ?? 0).isBefore(start.segment, start.offset)
        else { throw refusal }
        var plan = CutPlan(
            refusal: refusal,
            segment: start.segment,
            offset: start.offset,
            keptThrough: start.lsn,
            lastSeen: report.content.lastLSN,
            gaps: report.gaps
        )
        try findEnd(&plan, before: Place(segment: segment, offset: refusal.offset ?? 0), after: start)
        try addKeys(&plan)
        return plan
    }

    /// Where recovery begins to read.
    private func start() throws(StorageError) -> Place {
        let snapshot = try SnapshotInspector(path: inspector.path, keys: keys)
        guard let checkpoint = snapshot.facts.checkpoint else {
            return Place(segment: 1, offset: LogLimits.firstBatchOffset)
        }
        return Place(segment: checkpoint.segment, offset: checkpoint.offset, lsn: checkpoint.lsn)
    }

    private func findEnd(_ plan: inout CutPlan, before damage: Place, after start: Place) throws {
        try inspector.walk { event in
            switch event {
            case .batch(let batch):
                let place = Place(segment: batch.segment, offset: batch.offset)
                guard !place.isBefore(start.segment, start.offset) else { return }
                guard place.isBefore(damage.segment, damage.offset) else {
                    if batch.verdict.isCertain { plan.soundBatches += 1 }
                    return
                }
                plan.segment = batch.segment
                plan.offset = batch.offset + batch.paddedBytes
                plan.keptThrough = batch.lastLSN ?? plan.keptThrough
            case .segmentEnd(let segment):
                if segment.number > plan.segment { plan.segments += 1 }
            case .segment, .gap, .tail: break
            }
        }
    }

    private func addKeys(_ plan: inout CutPlan) throws {
        var filter = RecordFilter()
        filter.from = LSN(rawValue: plan.keptThrough.rawValue + 1)
        filter.valueLimit = 0
        try inspector.records(filter) { event in
            guard case .record(let record) = event, let key = record.mention else { return }
            if plan.keys.count < StoreCut.listedKeys { plan.keys.append(key) } else { plan.omittedKeys += 1 }
        }
    }
}

extension RecordFacts {
    /// The key that it changed; of a range, where it begins.
    fileprivate var mention: KeyMention? {
        switch change {
        case .put(let table, let key, _), .delete(let table, let key), .trim(let table, let key, _):
            KeyMention(table: table, key: key)
        case .note, .other: nil
        }
    }
}
