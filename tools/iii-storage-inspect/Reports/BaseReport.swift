import Storage

/// What a snapshot says of one key: the base of the key's history.
struct BaseReport {
    /// nil: there was no checkpoint yet.
    private var checkpoint: LSN?
    private var row: SnapshotRow?
    /// The snapshot can't be read.
    private var failure: StorageError?

    /// - Throws: only what is no damage, a missing key above all.
    init(_ path: String, _ keys: EncryptionKeys, _ table: TableID, _ key: Bytes) throws(StorageError) {
        do throws(StorageError) {
            let snapshot = try SnapshotInspector(path: path, keys: keys)
            checkpoint = snapshot.facts.checkpoint?.lsn
            row = try snapshot.row(table, key: key)
        } catch {
            guard ProcessStatus(error).isUnreadable else { throw error }
            failure = error
        }
    }

    var isThere: Bool { row != nil }

    var phrase: String {
        if let failure { return "the snapshot can't tell: \(ProblemReport.phrase(failure))" }
        guard let checkpoint else { return "there is no checkpoint yet: everything is in the log" }
        guard let row else { return "the snapshot of LSN \(checkpoint) has no such row" }
        return
            "the snapshot of LSN \(checkpoint) holds it as set by LSN \(row.lsn): \(ByteText.value(.init(row.value)))"
    }

    func json(isRaw: Bool) -> JSON {
        let start: JSON = [
            "type": "snapshotRow", "snapshotLSN": JSON(checkpoint?.rawValue), "found": .bool(row != nil),
            "lsn": JSON(row?.lsn.rawValue), "problem": failure.map(ProblemReport.json) ?? .null,
        ]
        return start.adding(row.map { ByteText.members("value", $0.value, isRaw: isRaw) } ?? [])
    }
}
