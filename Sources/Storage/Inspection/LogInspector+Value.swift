/// The value of a key at a position, as far as the log alone can tell.
extension LogInspector {
    /// Looks only at the log. `.unknown` where an older change may have decided: before what is retained, in a gap.
    /// `observe` is told everything that is passed: for progress.
    public func value(
        of key: Bytes,
        in table: TableID,
        at position: LogPosition,
        _ observe: (LogEvent) throws -> Void = { _ in }
    ) throws -> (ValueAtPosition, LogReport) {
        try logWalk().value(of: key, in: table, at: position, observe)
    }
}

/// A moment in a store's history.
public enum LogPosition: Sendable, Equatable {
    /// After this record.
    case lsn(LSN)
    /// Before the first batch that was committed later than this, nanoseconds since 1970.
    case time(UInt64)
    case end
}

/// What the log says of a key at a position.
public struct ValueAtPosition: Sendable {
    public enum Answer: Sendable {
        /// The put that set it.
        case value(RecordFacts)
        /// Not there: by this delete or trim; nil: never set.
        case absent(RecordFacts?)
        /// What the snapshot says, where the log doesn't decide: its row, or that there is none.
        case snapshot(SnapshotRow?)
        /// The log can't tell, and why.
        case unknown(Reason)
    }

    public enum Reason: Sendable {
        /// The log is retained only from an LSN on, and no later change up to the position decides.
        case beforeRetention
        /// A gap behind the last known change.
        case gap(LogGap)
        /// The log ends before the position.
        case beyondEnd
    }

    public var answer: Answer
    /// LSN that the position came to: of the last record at or before it.
    public var lsn: LSN
    /// The log holds everything from here on, but for the gaps.
    public var retainedFrom: LSN
}

extension LogWalk {
    func value(
        of key: Bytes,
        in table: TableID,
        at position: LogPosition,
        _ observe: (LogEvent) throws -> Void = { _ in }
    ) throws -> (ValueAtPosition, LogReport) {
        var search = ValueSearch(key: key, table: table, position: position)
        let report = try run { event, payload in
            try observe(event)
            switch event {
            case .batch(let batch) where batch.verdict.isCertain: try search.look(at: batch, payload)
            case .gap(let gap): search.pass(gap)
            case .segment, .segmentEnd, .batch, .tail: break
            }
        }
        return (search.result(report), report)
    }
}

/// Keeps the last change of a key up to a position.
private struct ValueSearch {
    private let filter: RecordFilter
    private let position: LogPosition
    private var answer: ValueAtPosition.Answer?
    private var lsn = LSN.zero
    /// The position has been passed.
    private var isOver = false

    init(key: Bytes, table: TableID, position: LogPosition) {
        var filter = RecordFilter()
        filter.key = key
        filter.table = table
        if case .lsn(let lsn) = position { filter.to = lsn }
        self.filter = filter
        self.position = position
    }

    mutating func look(at batch: BatchFacts, _ payload: UnsafeRawBufferPointer) throws {
        if isBeyond(batch) { isOver = true }
        guard !isOver, let last = batch.lastLSN else { return }
        lsn = min(last, filter.to ?? last)
        guard filter.mayAdmit(batch) else { return }
        var cursor = RecordCursor(payload, of: batch)
        var latest: (Record, RecordCursor)?
        while let record = try cursor.advance() {
            if filter.admits(cursor.lsn), filter.admits(record) { latest = (record, cursor) }
        }
        if let (record, cursor) = latest { answer = Self.answer(cursor.facts(record, valueLimit: .max)) }
    }

    private func isBeyond(_ batch: BatchFacts) -> Bool {
        switch position {
        case .lsn(let lsn): batch.firstLSN > lsn
        case .time(let time): batch.committedAt > time
        case .end: false
        }
    }

    mutating func pass(_ gap: LogGap) {
        guard !isOver, !gap.losesNothing else { return }
        if let first = gap.firstLSN, let to = filter.to, first > to { return }
        answer = .unknown(.gap(gap))
        if let last = gap.lastLSN { lsn = min(last, filter.to ?? last) }
    }

    private static func answer(_ record: RecordFacts) -> ValueAtPosition.Answer {
        if case .put = record.change { .value(record) } else { .absent(record) }
    }

    func result(_ report: LogReport) -> ValueAtPosition {
        ValueAtPosition(answer: decide(report), lsn: lsn, retainedFrom: report.retainedFrom)
    }

    private func decide(_ report: LogReport) -> ValueAtPosition.Answer {
        if case .lsn(let wanted) = position {
            guard wanted <= report.content.lastLSN ?? .zero else { return .unknown(.beyondEnd) }
        }
        if let answer { return answer }
        return report.retainedFrom == LSN(rawValue: 1) ? .absent(nil) : .unknown(.beforeRetention)
    }
}
