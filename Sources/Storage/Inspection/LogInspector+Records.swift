/// Records of the log, in order.
extension LogInspector {
    /// What reading records meets.
    public enum RecordEvent: Sendable {
        case record(RecordFacts)
        /// Records may be missing here.
        case gap(LogGap)
        /// A segment has been read: for progress.
        case segmentEnd(SegmentFacts)
    }

    /// Tells `visit` every wanted record whose batch is certain, and every gap. Throws what `visit` throws.
    @discardableResult
    public func records(_ filter: RecordFilter = RecordFilter(), _ visit: (RecordEvent) throws -> Void) throws
        -> LogReport
    {
        try logWalk().records(filter, visit)
    }
}

extension LogWalk {
    func records(_ filter: RecordFilter, _ visit: (LogInspector.RecordEvent) throws -> Void) throws -> LogReport {
        try run { event, payload in
            switch event {
            case .segmentEnd(let segment): try visit(.segmentEnd(segment))
            case .gap(let gap): try visit(.gap(gap))
            case .batch(let batch) where batch.verdict.isCertain && filter.mayAdmit(batch):
                try records(of: batch, payload, filter) { try visit(.record($0)) }
            case .batch, .tail, .segment: break
            }
        }
    }

    private func records(
        of batch: BatchFacts,
        _ payload: UnsafeRawBufferPointer,
        _ filter: RecordFilter,
        _ visit: (RecordFacts) throws -> Void
    ) throws {
        var cursor = RecordCursor(payload, of: batch)
        while let record = try cursor.advance() {
            guard filter.admits(cursor.lsn), filter.admits(record) else { continue }
            try visit(cursor.facts(record, valueLimit: filter.valueLimit))
        }
    }
}

extension RecordFilter {
    /// False: no record of the batch lies in the wanted range of LSNs.
    func mayAdmit(_ batch: BatchFacts) -> Bool {
        guard let last = batch.lastLSN else { return false }
        return last >= from ?? .zero && batch.firstLSN <= to ?? LSN(rawValue: .max)
    }
}
