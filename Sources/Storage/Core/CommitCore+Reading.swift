/// What a key's row is: the newest word of the live generation, the frozen one, the snapshot (storage.md §2).
extension CommitCore {
    /// nil: not there. Notes in `seenLSN` what the answer rests on; a damaged snapshot goes to `readFailure`.
    func find(_ table: TableID, _ key: Bytes) -> Bytes? {
        switch inOverlays(table, key) {
        case .value(let value): return value
        case .absent: return nil
        case .unknown: return key.withUnsafeBytes { inSnapshot(table, $0) { Bytes($0) } }
        }
    }

    /// What `find` would say if the live generation had no entry of the key; its trims count.
    func find(_ table: TableID, _ key: Bytes, below live: Overlay.Table) -> Bytes? {
        if let lsn = live.trims.covering(key) {
            saw(lsn)
            return nil
        }
        switch inOverlay(frozen?.existing(table), key) {
        case .value(let value): return value
        case .absent: return nil
        case .unknown, nil: return key.withUnsafeBytes { inSnapshot(table, $0) { Bytes($0) } }
        }
    }

    /// Whether the key is there, without copying its value.
    func contains(_ table: TableID, _ key: Bytes) -> Bool {
        switch inOverlays(table, key) {
        case .value: return true
        case .absent: return false
        case .unknown: return key.withUnsafeBytes { inSnapshot(table, $0) { _ in true } } ?? false
        }
    }

    private enum Finding {
        case value(Bytes)
        case absent
        /// Only the snapshot can tell.
        case unknown
    }

    private func inOverlays(_ table: TableID, _ key: Bytes) -> Finding {
        if let found = inOverlay(live.existing(table), key) { return found }
        if let found = inOverlay(frozen?.existing(table), key) { return found }
        return .unknown
    }

    private func inOverlay(_ table: Overlay.Table?, _ key: Bytes) -> Finding? {
        guard let table else { return nil }
        if let entry = table.entries.entry(key) {
            if entry.value != nil || !isMutant(.absenceNotSeen) { saw(entry.lsn) }
            return entry.value.map { .value($0) } ?? .absent
        }
        guard let lsn = table.trims.covering(key) else { return nil }
        saw(lsn)
        return .absent
    }

    private func inSnapshot<R>(_ table: TableID, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> R)
        -> R?
    {
        guard table != SnapshotKey.checkpointTable else { return nil }
        do throws(StorageError) {
            return try snapshot.find(table, key).map { body($0.bytes) }
        } catch {
            failRead(error)
            return nil
        }
    }

    func saw(_ lsn: UInt64) {
        if lsn > seenLSN { seenLSN = lsn }
    }

    /// Nothing that rests on a damaged row is shown, and nothing more is written on top of it (§5.8).
    func failRead(_ error: StorageError) {
        if readFailure == nil { readFailure = error }
    }

    /// Visits the half-open key range in key order, or backwards, until `visit` returns false.
    func scan(
        _ table: TableID,
        from: Bytes?,
        upTo: Bytes?,
        reversed: Bool,
        _ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) {
        guard table != SnapshotKey.checkpointTable else { return }
        do throws(StorageError) {
            var merge = try MergedScan(self, table, from: from, upTo: upTo, reversed: reversed)
            while try merge.step(visit) {}
        } catch {
            failRead(error)
        }
    }

    /// First record position that must be durable before anything about the table's ranges is shown.
    func lastChange(of table: TableID) -> UInt64 {
        let older = isMutant(.scanIgnoresFrozen) ? nil : frozen
        return max(live.existing(table)?.lastChangeLSN ?? 0, older?.existing(table)?.lastChangeLSN ?? 0)
    }
}

/// Merges both generations and the snapshot in key order. Nothing may change meanwhile.
private struct MergedScan {
    private let isReversed: Bool
    private let live: Overlay.Table?
    private let frozen: Overlay.Table?
    private var liveCursor: OrderedTable.Cursor
    private var frozenCursor: OrderedTable.Cursor
    private let snapshot: any SnapshotCursor

    init(_ core: CommitCore, _ table: TableID, from: Bytes?, upTo: Bytes?, reversed: Bool) throws(StorageError) {
        isReversed = reversed
        live = core.live.existing(table)
        frozen = core.frozen?.existing(table)
        liveCursor = .init(live?.entries, from: from, upTo: upTo, reversed: reversed)
        frozenCursor = .init(frozen?.entries, from: from, upTo: upTo, reversed: reversed)
        snapshot = try core.snapshot.cursor(table, from: from, upTo: upTo, reversed: reversed)
    }

    /// Deals with the next key; false: at the end, or `visit` wants no more.
    mutating func step(_ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) throws(StorageError) -> Bool {
        guard let entry = nextOverlayEntry() else { return try stepSnapshot(visit) }
        guard let row = snapshot.key else { return show(entry, visit) }
        let order = entry.key.withUnsafeBytes { compare($0, row) } * (isReversed ? -1 : 1)
        if order > 0 {
            keep(entry)
            return try stepSnapshot(visit)
        }
        if order == 0 { try snapshot.advance() }
        return show(entry, visit)
    }

    /// An entry that was taken from its generation and must wait for a smaller key of the snapshot.
    private var kept: TableEntry?

    private mutating func keep(_ entry: TableEntry) {
        kept = entry
    }

    private mutating func nextOverlayEntry() -> TableEntry? {
        if let entry = kept {
            kept = nil
            return entry
        }
        while true {
            guard let older = frozenCursor.current else { return take(&liveCursor) }
            if let newer = liveCursor.current {
                let order = compareKeys(newer.key, older.key) * (isReversed ? -1 : 1)
                if order == 0 { frozenCursor.advance() }
                if order <= 0 { return take(&liveCursor) }
            }
            frozenCursor.advance()
            if isMutant(.scanIgnoresLiveTrims) || live?.trims.covering(older.key) == nil { return older }
        }
    }

    private func take(_ cursor: inout OrderedTable.Cursor) -> TableEntry? {
        let entry = cursor.current
        if entry != nil { cursor.advance() }
        return entry
    }

    private func show(_ entry: TableEntry, _ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) -> Bool {
        guard let value = entry.value else { return true }
        return entry.key.withUnsafeBytes { key in value.withUnsafeBytes { visit(key, $0) } }
    }

    private func stepSnapshot(_ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool) throws(StorageError)
        -> Bool
    {
        guard let key = snapshot.key else { return false }
        let isTrimmed = live?.trims.covering(key) != nil || frozen?.trims.covering(key) != nil
        if !isTrimmed, !visit(key, try snapshot.value().bytes) { return false }
        try snapshot.advance()
        return true
    }
}
