/// Saves what is certain of a damaged store into a new one, which keeps the store's id and all LSNs.
///
/// The snapshot's sound rows are the base; every record behind it that stands in a sound batch is applied in order. Rows
/// of which the snapshot tells nothing (damaged ones, those that can't be reached) take their last change from whatever
/// log is retained. Snapshot and log of two stores are never mixed. Nothing is guessed: what may be missing is in the
/// report. The source is only read, and LMDB never sees it.
///
/// Memory: one chunk of changes, and the keys of damaged rows.
public final class StoreSalvage {
    public enum Step: Sendable {
        case snapshot(SalvageReport.SnapshotCondition, LSN?, rows: UInt64, damaged: Int)
        case log(records: UInt64, gaps: [LogGap], retainedFrom: LSN)
        case written(rows: UInt64)
    }

    let source: LogInspector
    let keys: EncryptionKeys
    let target: String
    let lineage: LogLineage
    var report = SalvageReport()
    var builder: StoreBuilder?
    /// What the snapshot that is taken says of itself; nil: it can't, or there is none.
    var row: CheckpointRow?
    /// Every record up to here is in the snapshot's rows.
    var checkpoint = LSN.zero
    /// The log is of the store that the snapshot is of.
    var takesLog = true
    var unknown = UnknownRows()
    var rescue: SnapshotRescue?
    /// Gaps anywhere in the log.
    var allGaps: [LogGap] = []
    /// Where the new log goes on.
    var end = StoreBuilder.End(lsn: .zero)
    let announce: (Step) throws -> Void

    init(_ source: LogInspector, keys: EncryptionKeys, target: String, _ announce: @escaping (Step) throws -> Void) {
        self.source = source
        self.keys = keys
        self.target = target
        self.announce = announce
        lineage = LogLineage(source.directory, keys)
    }

    /// - Parameters:
    ///   - path: the damaged store's directory.
    ///   - target: must not exist.
    ///   - progress: rows of the snapshot that were read, and how many it should have.
    /// - Throws: what is no damage: a missing key, a target that exists, no room. Then there is no target.
    public static func run(
        from path: String,
        to target: String,
        keys: EncryptionKeys = EncryptionKeys(),
        progress: (_ rows: UInt64, _ total: UInt64) -> Void = { _, _ in },
        observe: (LogInspector.RecordEvent) throws -> Void = { _ in },
        announce: (Step) throws -> Void = { _ in }
    ) throws -> SalvageReport {
        let inspector = try LogInspector(path: path, keys: keys)
        return try withoutActuallyEscaping(announce) { announce in
            let salvage = StoreSalvage(inspector, keys: keys, target: target, announce)
            do {
                try salvage.readSnapshot(progress)
                try salvage.readLog(observe)
                try salvage.write()
                return salvage.report
            } catch {
                salvage.builder?.discard()
                throw error
            }
        }
    }

    func made() throws(StorageError) -> StoreBuilder {
        if let builder { return builder }
        let store = takesLog ? lineage.store ?? row?.store : row?.store ?? lineage.store
        let made = try StoreBuilder(target: target, storeID: store?.text, keys: keys)
        builder = made
        return made
    }

    func announceLog(_ log: LogReport) throws {
        try announce(.log(records: report.recordsFromLog, gaps: report.gaps, retainedFrom: log.retainedFrom))
    }

    func announceWritten() throws {
        try announce(.written(rows: report.rows))
    }
}

extension SnapshotRow {
    var rowKey: Bytes { SnapshotKey.make(table, key) }
}
