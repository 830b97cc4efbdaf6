/// The snapshot by itself: the engine's own opening, checkpoint and audit, with no log beside it.
///
/// For the drill that takes LMDB's commits apart (docs/testing.md, L4). One thread.
package final class SnapshotTrial {
    package enum Change: Sendable {
        case put(TableID, key: [UInt8], value: [UInt8])
        case delete(TableID, key: [UInt8])
        /// Keys of the half-open range.
        case trim(TableID, from: [UInt8], upTo: [UInt8])
    }

    /// What a whole walk found.
    package struct Finding: Sendable {
        /// Checkpoints that the snapshot says it holds.
        package var generation: UInt64
        /// What `verify` would say; nil: digest, counts and checksums are right.
        package var problem: String?
    }

    private static let store = StoreID(high: 1, low: 2)

    private let snapshot: LMDBSnapshot

    /// Opens the `snapshot/` of a store's directory, which exists, as the engine does.
    package init(store path: String, keys: EncryptionKeys, create: Bool) throws(StorageError) {
        var options = StorageOptions()
        options.encryption = keys
        snapshot = try LMDBSnapshot.open(LogDirectory(root: path), options, store: Self.store, create: create)
    }

    package var generation: UInt64 { snapshot.row?.generation ?? 0 }

    /// A checkpoint; durable when it returns.
    package func commit(_ changes: [Change]) throws(StorageError) {
        let lsn = generation + 1
        let overlay = Overlay()
        for change in changes { Self.apply(change, lsn, overlay) }
        var end = LogEnd.empty
        end.nextLSN = LSN(rawValue: lsn + 1)
        do {
            _ = try snapshot.apply(overlay, CheckpointPosition(end: end, createdAt: 0))
        } catch {
            switch error {
            case .final(let error), .lowSpace(let error), .busy(let error): throw error
            case .mapFull: throw StorageError(.lowSpace, "the map is full", path: snapshot.path)
            }
        }
    }

    private static func apply(_ change: Change, _ lsn: UInt64, _ overlay: Overlay) {
        switch change {
        case .put(let table, let key, let value):
            overlay.set(TableEntry(key: key, value: value, lsn: lsn), in: overlay.table(table))
        case .delete(let table, let key):
            overlay.set(TableEntry(key: key, value: nil, lsn: lsn), in: overlay.table(table))
        case .trim(let table, let from, let upTo):
            overlay.trim(from: from, upTo: upTo, lsn: lsn, in: overlay.table(table)) { _ in }
        }
    }

    /// Reads every row, in key order.
    package func audit(_ visit: (TableID, UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) throws(StorageError)
        -> Finding
    {
        let audit = try snapshot.audit { table, key, value in visit(table, key, value.bytes) }
        guard let row = snapshot.row else {
            return Finding(generation: 0, problem: audit.counts.isEmpty ? nil : "rows without a checkpoint row")
        }
        var problem: String?
        if let first = audit.damaged.first {
            problem = "\(audit.damaged.count) damaged rows; the first: \(first.reason)"
        } else if audit.counts != row.counts {
            problem = "the counts of rows are not those of the checkpoint row"
        } else if audit.digest != row.digest {
            problem = "the digest is not that of the checkpoint row"
        }
        return Finding(generation: row.generation, problem: problem)
    }

    package func close() {
        snapshot.close()
    }
}
