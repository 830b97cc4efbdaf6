/// A store's whole content, snapshot and log together, read without opening the store: for export, diff and look-ups.
///
/// Memory: the changes in the log since the checkpoint, as a running engine has them. Not thread-safe.
public final class StoreReader {
    /// What the log came to: with gaps the content is only what is certain.
    public let log: LogReport
    /// The last record that is part of the content.
    public let through: LSN
    let core: CommitCore
    let snapshot: SnapshotInspector
    let position: LSN?
    /// Canonical path of the store.
    public var path: String { snapshot.directory.root }

    /// The content at the end of the log, or after an earlier record.
    ///
    /// - Throws: `.missingFiles` if the position lies before the snapshot's: only a backup reaches back there.
    public init(path: String, keys: EncryptionKeys = EncryptionKeys(), at position: LSN? = nil) throws {
        snapshot = try SnapshotInspector(path: path, keys: keys)
        self.position = position
        let checkpoint = snapshot.facts.checkpoint?.lsn ?? .zero
        if let position, position < checkpoint {
            throw StorageError(
                .missingFiles,
                "the snapshot is of LSN \(checkpoint), later than \(position); restore a backup to that position",
                path: path
            )
        }
        var filter = RecordFilter()
        filter.from = LSN(rawValue: checkpoint.rawValue + 1)
        filter.to = position
        let overlay = Overlay()
        var last = checkpoint
        log = try LogInspector(path: path, keys: keys).records(filter) { event in
            guard case .record(let record) = event else { return }
            overlay.apply(record)
            last = record.lsn
        }
        through = last
        core = CommitCore(
            live: overlay,
            logBytes: 0,
            snapshot: snapshot.store,
            nextLSN: LSN(rawValue: last.rawValue + 1),
            limits: CommitLimits(StorageOptions())
        )
    }

    /// Tables that have or had rows, ascending.
    public var tables: [TableID] {
        let numbers = Set(snapshot.facts.checkpoint?.tables.keys.map { $0 } ?? []).union(core.live.tables.keys)
        return numbers.sorted().map { TableID(rawValue: $0) }
    }

    /// nil: not there.
    public func get(_ table: TableID, key: Bytes) throws(StorageError) -> Bytes? {
        let value = core.find(table, key)
        try finishRead()
        return value
    }

    /// Visits a table's rows in key order until `visit` returns false. Key and value are valid during the visit only.
    public func scan(
        _ table: TableID,
        _ visit: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StorageError) {
        core.scan(table, from: nil, upTo: nil, reversed: false, visit)
        try finishRead()
    }

    private func finishRead() throws(StorageError) {
        core.snapshot.endRead()
        defer { core.readFailure = nil }
        if let failure = core.readFailure { throw failure }
    }
}

extension Overlay {
    func apply(_ record: RecordFacts) {
        let lsn = record.lsn.rawValue
        switch record.change {
        case .put(let id, let key, let value):
            set(TableEntry(key: key, value: value.bytes, lsn: lsn), in: table(id))
        case .delete(let id, let key):
            set(TableEntry(key: key, value: nil, lsn: lsn), in: table(id))
        case .trim(let id, let from, let upTo):
            trim(from: from, upTo: upTo, lsn: lsn, in: table(id)) { _ in }
        case .note, .other:
            break
        }
    }
}
