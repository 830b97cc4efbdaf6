import Adapters
import Storage

/// What a snapshot says of one key: the base of the key's history.
struct BaseReport {
    /// nil: there was no checkpoint yet.
    private var checkpoint: LSN?
    private var row: SnapshotRow?
    /// The snapshot can't be read.
    private var failure: StorageError?

    /// - Throws: only what is no damage, a missing key above all.
    init(_ path: String, _ keys: EncryptionKeys, _ target: AddressArguments.Target) throws(StorageError) {
        do throws(StorageError) {
            let snapshot = try SnapshotInspector(path: path, keys: keys)
            checkpoint = snapshot.facts.checkpoint?.lsn
            guard let id = try Self.row(snapshot, target) else { return }
            row = try snapshot.row(id.table, key: id.key)
            if case .entry = target, let stored = row {
                row?.value = EngineRow.entry(stored.value)?.json ?? stored.value
            }
        } catch {
            guard error.isUnreadable else { throw error }
            failure = error
        }
    }

    /// Where the snapshot has an entry; nil: it has none, or can't be read.
    static func row(_ path: String, _ keys: EncryptionKeys, _ entry: EntryAddress) throws -> RowID? {
        do throws(StorageError) {
            return try row(try SnapshotInspector(path: path, keys: keys), .entry(entry))
        } catch {
            guard error.isUnreadable else { throw error }
            return nil
        }
    }

    private static func row(_ snapshot: SnapshotInspector, _ target: AddressArguments.Target) throws(StorageError)
        -> RowID?
    {
        guard case .entry(let entry) = target else {
            if case .row(let row) = target { return row }
            return nil
        }
        let place = Result { try entry.locate { try snapshot.row($0, key: $1)?.value } }
        do {
            return try place.get().map { RowID(table: $0.table, key: $0.key) }
        } catch let error as StorageError {
            throw error
        } catch {
            throw StorageError(.damaged, "\(error)")
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
