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

    /// Sets the key's value. The array is shared, not copied. A key has at most 500 bytes.
    public mutating func put(_ table: TableID, key: Bytes, value: Bytes) {
        precondition(table != SnapshotKey.checkpointTable, "table 0 is the store's own")
        guard admit(key: key), admit(BatchBuffer.putBytes(key.count, value.count)) else { return }
        beginRecord()
        core.open.encodePut(table, key: key, value: value, origin: takeOrigin())
        set(value, key: key, in: core.live.table(table))
        core.scratch.hasPut = true
    }

    /// Sets the key's value and returns what it was before; nil: it wasn't there. One search less than `get` and `put`.
    public mutating func exchange(_ table: TableID, key: Bytes, value: Bytes) -> Bytes? {
        precondition(table != SnapshotKey.checkpointTable, "table 0 is the store's own")
        guard admit(key: key), admit(BatchBuffer.putBytes(key.count, value.count)) else { return nil }
        beginRecord()
        core.open.encodePut(table, key: key, value: value, origin: takeOrigin())
        let live = core.live.table(table)
        let replaced = set(value, key: key, in: live)
        core.scratch.hasPut = true
        guard let replaced else { return core.find(table, key, below: live) }
        core.saw(replaced.lsn)
        return replaced.value
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
        guard admit(key: key), admit(6 + key.count), core.contains(table, key) else { return false }
        beginRecord()
        core.open.encodeDelete(table, key: key, origin: takeOrigin())
        set(nil, key: key, in: core.live.table(table))
        return true
    }

    /// Removes every key of the half-open range `from..<upTo`, as one record, whatever their number.
    public mutating func trim(_ table: TableID, from: Bytes, upTo: Bytes) {
        guard admit(key: from), admit(key: upTo), admit(10 + from.count + upTo.count) else { return }
        guard compareKeys(from, upTo) < 0, holdsAny(table, from: from, upTo: upTo) else { return }
        beginRecord()
        core.open.encodeTrim(table, from: from, upTo: upTo, origin: takeOrigin())
        let target = core.live.table(table)
        let trims = target.trims
        let changeLSN = target.lastChangeLSN
        let lsn = core.takeLSN().rawValue
        core.live.trim(from: from, upTo: upTo, lsn: lsn, in: target) { entry in
            core.undo.append(UndoStep(table: target, key: entry.key, old: entry, lastChangeLSN: changeLSN))
        }
        core.undo.append(UndoStep(table: target, key: [], trims: trims, lastChangeLSN: changeLSN))
        target.lastChangeLSN = lsn
    }

    private func holdsAny(_ table: TableID, from: Bytes, upTo: Bytes) -> Bool {
        var any = false
        core.scan(table, from: from, upTo: upTo, reversed: false) { _, _ in
            any = true
            return false
        }
        return any
    }

    /// Returns what the live generation said of the key before; nil: nothing.
    @discardableResult
    private mutating func set(_ value: Bytes?, key: Bytes, in table: Overlay.Table) -> TableEntry? {
        let changeLSN = table.lastChangeLSN
        let lsn = core.takeLSN().rawValue
        let old = core.live.set(TableEntry(key: key, value: value, lsn: lsn), in: table)
        core.undo.append(UndoStep(table: table, key: key, old: old, lastChangeLSN: changeLSN))
        table.lastChangeLSN = lsn
        return old
    }

    /// A remark in the log, ignored by recovery.
    public mutating func note(_ text: Bytes) {
        guard admit(4 + text.count) else { return }
        beginRecord()
        core.open.encodeNote(text, origin: takeOrigin())
        _ = core.takeLSN()
    }

    /// nil: not there.
    public func get(_ table: TableID, key: Bytes) -> Bytes? {
        core.find(table, key)
    }

    /// Visits the half-open key range in key order, or backwards, until `visit` returns false. nil: no bound.
    ///
    /// Key and value are valid during the visit only. The transaction must change nothing meanwhile.
    public func scan(
        _ table: TableID,
        from: Bytes?,
        upTo: Bytes?,
        reversed: Bool = false,
        _ visit: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) {
        core.scan(table, from: from, upTo: upTo, reversed: reversed, visit)
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

    private func admit(key: Bytes) -> Bool {
        guard core.scratch.tooLarge == nil else { return false }
        guard key.count > LogLimits.maximumKeyBytes else { return true }
        core.scratch.tooLarge = StorageError(
            .tooLarge,
            "a key of \(key.count) bytes exceeds the limit of \(LogLimits.maximumKeyBytes); shorten or hash it"
        )
        return false
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
