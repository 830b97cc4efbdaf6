/// A store's whole content, snapshot and log together, read without opening the store: for export, diff and look-ups.
///
/// Memory: the changes in the log since the checkpoint, as a running engine has them. Not thread-safe.
public final class StoreReader {
    /// What the log came to: with gaps the content is only what is certain.
    public let log: LogReport
    /// The last record that is part of the content.
    public let through: LSN
    let changes: Overlay
    let snapshot: SnapshotInspector
    let position: LSN?
    /// Of everything that was read.
    public internal(set) var span = SnapshotSpan()
    /// Canonical path of the store.
    public var path: String { snapshot.directory.root }

    /// Beside an engine that retires the log faster than it can be read.
    private static let attempts = 5

    /// The content at the end of the log, or after an earlier record.
    ///
    /// - Parameter pages: `.always` for whoever reads everything.
    /// - Throws: `.missingFiles` if the position lies before the snapshot's: only a backup reaches back there.
    public init(
        path: String,
        keys: EncryptionKeys = EncryptionKeys(),
        at position: LSN? = nil,
        pages: SnapshotInspector.PageCheck = .small
    ) throws {
        var beginning = try Beginning(path, keys, position, pages)
        for _ in 1..<Self.attempts where beginning.isOvertaken {
            // LMDB must not have a file open twice.
            beginning.snapshot.snapshot.close()
            beginning = try Beginning(path, keys, position, pages)
        }
        self.position = position
        log = beginning.log
        changes = beginning.changes
        snapshot = beginning.snapshot
        through = beginning.through
    }

    /// Ends all reading: LMDB must not have a file open twice.
    public func close() {
        snapshot.snapshot.close()
    }

    /// A snapshot, and the changes that the log holds behind it.
    private struct Beginning {
        let snapshot: SnapshotInspector
        let changes = Overlay()
        let log: LogReport
        let through: LSN
        private let checkpoint: LSN

        init(_ path: String, _ keys: EncryptionKeys, _ position: LSN?, _ pages: SnapshotInspector.PageCheck) throws {
            snapshot = try SnapshotInspector(path: path, keys: keys, pages: pages)
            checkpoint = snapshot.facts.checkpoint?.lsn ?? .zero
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
            var last = checkpoint
            let changes = changes
            var inspector = try LogInspector(path: path, keys: keys)
            inspector.coveredBefore = snapshot.facts.checkpoint?.segment ?? 0
            log = try inspector.records(filter) { event in
                guard case .record(let record) = event else { return }
                changes.apply(record)
                last = record.lsn
            }
            through = last
        }

        /// The engine has taken another checkpoint meanwhile and retired what this one needs.
        var isOvertaken: Bool {
            log.verdict.condition == .inUse && log.retainedFrom.rawValue > checkpoint.rawValue + 1
        }
    }

    /// Tables that have or had rows, ascending.
    public var tables: [TableID] {
        let numbers = Set(snapshot.facts.checkpoint?.tables.keys.map { $0 } ?? []).union(changes.tables.keys)
        return numbers.sorted().map { TableID(rawValue: $0) }
    }

    /// nil: not there.
    public func get(_ table: TableID, key: Bytes) throws(StorageError) -> Bytes? {
        try row(table, key: key)?.value
    }

    /// Visits a table's rows in key order until `visit` returns false. Key and value are valid during the visit only.
    public func scan(
        _ table: TableID,
        _ visit: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) throws(StorageError) {
        let cursor = cursor(table)
        while let row = try cursor.next() {
            let goesOn = row.key.withUnsafeBytes { key in row.value.withUnsafeBytes { visit(key, $0) } }
            guard goesOn else { return }
        }
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
