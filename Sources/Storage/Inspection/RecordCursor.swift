/// Goes through the records of one sound batch, and keeps what belongs to the whole transaction.
struct RecordCursor {
    private var reader: RecordReader
    private let batch: BatchFacts
    private var next: LSN
    private var transaction: LSN
    private var origin: UnsafeRawBufferPointer?
    private(set) var lsn: LSN

    init(_ payload: UnsafeRawBufferPointer, of batch: BatchFacts) {
        reader = RecordReader(payload)
        self.batch = batch
        next = batch.firstLSN
        transaction = batch.firstLSN
        lsn = batch.firstLSN
    }

    /// nil at the end.
    mutating func advance() throws(RecordReader.Failure) -> Record? {
        let isNew = !reader.isInsideTransaction
        guard let record = try reader.next() else { return nil }
        lsn = next
        next.rawValue += 1
        if isNew {
            transaction = lsn
            origin = nil
        }
        // Only the first record after `setOrigin` carries it; it holds for the rest of the transaction.
        if carriesOrigin(record), let own = reader.origin { origin = own }
        return record
    }

    /// A kind that this version skips keeps its fields to itself.
    private func carriesOrigin(_ record: Record) -> Bool {
        if case .ignored(let kind) = record { kind == RecordKind.note } else { true }
    }

    func facts(_ record: Record, valueLimit: Int) -> RecordFacts {
        RecordFacts(
            lsn: lsn,
            transaction: transaction,
            batch: batch.number,
            segment: batch.segment,
            committedAt: batch.committedAt,
            origin: origin.map { Bytes($0) },
            change: change(record, valueLimit: valueLimit)
        )
    }

    private func change(_ record: Record, valueLimit: Int) -> RecordFacts.Change {
        switch record {
        case .put(let table, let key, let value):
            .put(table, key: Bytes(key), value: .init(value, limit: valueLimit))
        case .delete(let table, let key): .delete(table, key: Bytes(key))
        case .trim(let table, let from, let upTo): .trim(table, from: Bytes(from), upTo: Bytes(upTo))
        case .ignored(let kind): reader.note.map { .note(.init($0, limit: valueLimit)) } ?? .other(kind: kind)
        }
    }
}
