import Glibc

/// The changes of one atomic transaction, valid inside its closure only: it can't be copied or kept.
///
/// Sees everything committed before it and its own changes. The closure runs under the store's lock: it must be short and
/// must not call the store itself, or it waits for itself for ever.
public struct Transaction: ~Copyable {
    private let core: CommitCore

    init(core: CommitCore) {
        self.core = core
        core.seenLSN = 0
    }

    /// Sets the key's value. The array is shared, not copied.
    public mutating func put(_ table: TableID, key: Bytes, value: Bytes) {
        guard admit(BatchBuffer.putBytes(key.count, value.count)) else { return }
        beginRecord()
        core.open.encodePut(table, key: key, value: value, origin: takeOrigin())
        let target = core.tables.table(table)
        let lsn = core.takeLSN().rawValue
        let old = target.put(TableEntry(key: key, value: value, lsn: lsn))
        remember(target, key, old)
        target.lastChangeLSN = lsn
        core.scratch.hasPut = true
    }

    /// Sets the key's value from memory of the caller's, which is copied.
    public mutating func put(_ table: TableID, key: Bytes, value: UnsafeRawBufferPointer) {
        put(table, key: key, value: Bytes(value))
    }

    /// Sets the key's value to all chunks, one after the other.
    public mutating func put<Chunks: Sequence>(_ table: TableID, key: Bytes, chunks: Chunks)
    where Chunks.Element: Collection, Chunks.Element.Element == UInt8 {
        var value = Bytes()
        for chunk in chunks { value.append(contentsOf: chunk) }
        put(table, key: key, value: value)
    }

    /// Removes the key; false if it was not there.
    @discardableResult
    public mutating func delete(_ table: TableID, key: Bytes) -> Bool {
        guard admit(6 + key.count), let target = core.tables.existing(table), let old = target.remove(key) else {
            return false
        }
        beginRecord()
        core.open.encodeDelete(table, key: key, origin: takeOrigin())
        let lsn = core.takeLSN().rawValue
        remember(target, key, old)
        target.lastChangeLSN = lsn
        target.lastDeleteLSN = lsn
        return true
    }

    /// Removes every key of the half-open range `from..<upTo`, as one record.
    public mutating func trim(_ table: TableID, from: Bytes, upTo: Bytes) {
        guard admit(10 + from.count + upTo.count), let target = core.tables.existing(table) else { return }
        let changeLSN = target.lastChangeLSN
        let deleteLSN = target.lastDeleteLSN
        var removed = 0
        target.removeRange(from: from, upTo: upTo) { entry in
            removed += 1
            core.undo.append(
                UndoStep(table: target, key: entry.key, old: entry, lastChangeLSN: changeLSN, lastDeleteLSN: deleteLSN)
            )
        }
        guard removed > 0 else { return }
        beginRecord()
        core.open.encodeTrim(table, from: from, upTo: upTo, origin: takeOrigin())
        let lsn = core.takeLSN().rawValue
        target.lastChangeLSN = lsn
        target.lastDeleteLSN = lsn
    }

    /// A remark in the log, ignored by recovery.
    public mutating func note(_ text: Bytes) {
        guard admit(4 + text.count) else { return }
        beginRecord()
        core.open.encodeNote(text, origin: takeOrigin())
        _ = core.takeLSN()
    }

    /// nil: not there. The array is shared with the table, not copied.
    public func get(_ table: TableID, key: Bytes) -> Bytes? {
        core.tables.existing(table)?.entry(key)?.value
    }

    /// Visits the half-open key range in key order, or backwards, until `visit` returns false. nil: no bound.
    public func scan(
        _ table: TableID,
        from: Bytes?,
        upTo: Bytes?,
        reversed: Bool = false,
        _ visit: (Bytes, Bytes) -> Bool
    ) {
        core.tables.existing(table)?.scan(from: from, upTo: upTo, reversed: reversed) { visit($0.key, $0.value) }
    }

    /// Keys in a table.
    public func count(_ table: TableID) -> Int {
        core.tables.existing(table)?.count ?? 0
    }

    /// Who does this (worker, function id, trace id): kept in the log with the following records of this transaction.
    /// At most 1,024 bytes of UTF-8, the rest is cut.
    public mutating func setOrigin(_ origin: String) {
        core.scratch.origin = Bytes(origin.utf8.prefix(LogLimits.maximumOriginBytes))
    }

    /// Position that the next record of this transaction gets.
    public var nextLSN: LSN { core.nextLSN }

    /// Only the first record after `setOrigin` carries it; readers apply it to the rest of the transaction.
    private func takeOrigin() -> Bytes? {
        guard let origin = core.scratch.origin else { return nil }
        core.scratch.origin = nil
        return origin
    }

    private func beginRecord() {
        if let last = core.scratch.lastRecord { core.open.markSameTransaction(recordAt: last) }
        core.scratch.lastRecord = core.open.count
    }

    private func remember(_ table: OrderedTable, _ key: Bytes, _ old: TableEntry?) {
        core.undo.append(
            UndoStep(
                table: table,
                key: key,
                old: old,
                lastChangeLSN: table.lastChangeLSN,
                lastDeleteLSN: table.lastDeleteLSN
            )
        )
    }

    /// An oversized record fails the whole transaction when its closure returns; memory stays bounded meanwhile.
    private func admit(_ bodyBytes: Int) -> Bool {
        guard core.scratch.tooLarge == nil else { return false }
        let inTransaction = core.open.payloadBytes - core.limits.softBatchBytes
        guard bodyBytes > core.limits.recordBytes || inTransaction + bodyBytes > core.limits.transactionBytes else {
            return true
        }
        core.scratch.tooLarge = StorageError(
            .tooLarge,
            "a record of \(bodyBytes) bytes exceeds the limits (\(core.limits.recordBytes) per record, \(core.limits.transactionBytes) per transaction); store it in parts"
        )
        return false
    }
}
