/// Where the log alone can't tell, the snapshot may.
extension ValueAtPosition {
    /// - Parameters:
    ///   - position: what was asked for.
    ///   - log: the report that came with this answer.
    /// - Returns: an answer that is certain, or this one.
    public func completed(
        by snapshot: SnapshotInspector,
        _ key: Bytes,
        in table: TableID,
        at position: LogPosition,
        _ log: LogReport
    ) throws(StorageError) -> ValueAtPosition {
        guard case .unknown(let reason) = answer, let checkpoint = snapshot.facts.checkpoint else { return self }
        guard let moment = moment(position, checkpoint, log) else { return self }
        if case .beyondEnd = reason, moment > checkpoint.lsn { return self }
        let row = try snapshot.row(table, key: key)
        var copy = self
        copy.lsn = moment
        copy.answer = .snapshot(row)
        // Unchanged from its LSN up to the checkpoint.
        if let row, row.lsn <= moment, moment <= checkpoint.lsn { return copy }
        guard moment >= checkpoint.lsn, isLogWhole(reason, behind: checkpoint.lsn, log) else {
            if case .beyondEnd = reason { copy.answer = .unknown(.beforeRetention) } else { return self }
            return copy
        }
        return copy
    }

    /// As an LSN; nil: not known.
    private func moment(_ position: LogPosition, _ checkpoint: SnapshotFacts.Checkpoint, _ log: LogReport) -> LSN? {
        switch position {
        case .lsn(let lsn): return lsn
        case .end: return max(lsn, checkpoint.lsn)
        case .time(let time):
            if lsn > .zero { return lsn }
            // Nothing in the log is later: the end.
            return log.content.lastCommit ?? checkpoint.createdAt <= time ? checkpoint.lsn : nil
        }
    }

    /// The log holds every record from the checkpoint up to the position.
    private func isLogWhole(_ reason: Reason, behind checkpoint: LSN, _ log: LogReport) -> Bool {
        guard log.retainedFrom.rawValue <= checkpoint.rawValue + 1 || log.content.records == 0 else { return false }
        guard case .gap(let gap) = reason else { return true }
        return gap.lastLSN.map { $0 <= checkpoint } ?? false
    }
}
