/// Which keys a snapshot's rows are sealed with.
extension CheckpointRow {
    /// Rows may be plain.
    var mayHoldPlainRows: Bool { keyID == 0 || furtherKeys.contains(0) }

    /// Keys without which some row may be unreadable, the current one first.
    var neededKeys: [KeyID] { ([keyID] + furtherKeys).filter { $0 != 0 }.map { KeyID(rawValue: $0) } }

    /// The row says under authentication that every row is sealed with a key.
    var provesSealedRows: Bool { isAuthenticated && !mayHoldPlainRows }

    /// A version that didn't authenticate wrote it, with a key.
    var isOlderAndSealed: Bool { isOlder && keyID != 0 }

    /// Every row is what these keys write now, and the row says so as it is written now.
    ///
    /// Rows of the earlier format name one key: a rotation that was given up may have left rows under a key that only the
    /// operator still names.
    func isSettled(_ keys: EncryptionKeys) -> Bool {
        guard keyID == keys.current?.id.rawValue ?? 0, furtherKeys.isEmpty else { return false }
        return !isOlder || keys.previous.isEmpty
    }

    /// The keys of rows while they are moved to the current one: that one first, and all that the row named before.
    func moving(to keys: EncryptionKeys) -> CheckpointRow {
        var row = self
        let current = keys.current?.id.rawValue ?? 0
        var named = [keyID] + furtherKeys
        // A row of the earlier format names one key only: rows may be under any that the operator still gives.
        if isOlder { named += keys.previous.map(\.id.rawValue) }
        var further: [UInt64] = []
        for id in named where id != current && !further.contains(id) { further.append(id) }
        row.keyID = current
        row.furtherKeys = further
        row.isAuthenticated = keys.current != nil
        row.isOlder = false
        return row
    }
}

extension LMDBSnapshot {
    func beginsLog(at segment: SegmentNumber) {
        facts.withLock { facts in
            if facts.authenticatedFrom == .none { facts.authenticatedFrom = segment }
        }
    }

    /// Never later than an earlier row said.
    func authenticatedFrom(after last: CheckpointRow?) -> SegmentNumber {
        if let last, last.authenticatedFrom != .none { return last.authenticatedFrom }
        return facts.withLock { $0.authenticatedFrom }
    }
}
