/// Saves what is certain of a damaged store into a new one, which keeps the store's id and all LSNs.
///
/// The snapshot's sound rows are the base; every record behind it that stands in a sound batch is applied in order. Rows
/// of which the snapshot tells nothing (damaged ones, those that can't be reached) take their last change from whatever
/// log is retained. Nothing is guessed: what may be missing is in the report. The source is only read.
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
    var report = SalvageReport()
    var builder: StoreBuilder?
    var storeID: String?
    var facts: SnapshotFacts?
    var unknown = UnknownRows()
    /// Rows that the walk met, by table, damaged ones included.
    private var met: [UInt16: UInt64] = [:]
    private var snapshotSource: (any SnapshotSource)?
    /// Gaps anywhere in the log.
    var allGaps: [LogGap] = []
    /// Where the new log goes on.
    var end = StoreBuilder.End(lsn: .zero)
    private let announce: (Step) throws -> Void

    init(_ source: LogInspector, keys: EncryptionKeys, target: String, _ announce: @escaping (Step) throws -> Void) {
        self.source = source
        self.keys = keys
        self.target = target
        self.announce = announce
    }

    /// - Parameters:
    ///   - path: the damaged store's directory.
    ///   - target: must not exist.
    /// - Throws: what is no damage: a missing key, a target that exists, no room. Then there is no target.
    public static func run(
        from path: String,
        to target: String,
        keys: EncryptionKeys = EncryptionKeys(),
        snapshot: (any SnapshotSource)? = nil,
        observe: (LogInspector.RecordEvent) throws -> Void = { _ in },
        announce: (Step) throws -> Void = { _ in }
    ) throws -> SalvageReport {
        let inspector = try LogInspector(path: path, keys: keys)
        return try withoutActuallyEscaping(announce) { announce in
            let salvage = StoreSalvage(inspector, keys: keys, target: target, announce)
            do {
                try salvage.readSnapshot(snapshot ?? DirectSnapshotSource(path: inspector.path, keys: keys))
                try salvage.readLog(observe)
                try salvage.write()
                return salvage.report
            } catch {
                salvage.builder?.discard()
                throw error
            }
        }
    }

    var checkpoint: LSN { facts?.checkpoint?.lsn ?? .zero }

    func made() throws(StorageError) -> StoreBuilder {
        if let builder { return builder }
        let made = try StoreBuilder(target: target, storeID: try source.anyStoreID() ?? storeID, keys: keys)
        builder = made
        return made
    }

    private func readSnapshot(_ source: any SnapshotSource) throws {
        snapshotSource = source
        var last: SnapshotRow?
        let ending = try source.walk(reversed: false) { news in
            try take(news) { last = $0 }
            return true
        }
        if let ending {
            try readBackwards(source, ending, upTo: last)
        } else if let missing = missingRows() {
            report.snapshot = .partial(missing)
            unknown.range = (nil, nil)
        }
        report.snapshotLSN = facts?.checkpoint?.lsn
        try announce(
            .snapshot(
                report.snapshot,
                report.snapshotLSN,
                rows: report.rowsFromSnapshot,
                damaged: unknown.damaged.count
            )
        )
    }

    /// A damaged page may drop rows without a word: the checkpoint row knows how many there are.
    private func missingRows() -> String? {
        let expected = facts?.checkpoint?.tables ?? [:]
        guard expected != met else { return nil }
        let counts = (met.values.reduce(0, +), expected.values.reduce(0, +))
        return "\(counts.0) rows were found instead of \(counts.1)"
    }

    /// The sound rows once more, over what the log said of them before the checkpoint.
    func putSnapshotAgain() throws {
        for isReversed in [false, true] {
            var isInside = true
            _ = try snapshotSource?.walk(reversed: isReversed) { news in
                guard case .item(.row(let row)) = news else { return true }
                isInside = !isReversed || !unknown.isBefore(row.rowKey)
                if isInside { try made().put(row) }
                return isInside
            }
            if !unknown.hasEnds { return }
        }
    }

    /// Where the walk could not go on, the rows behind may be reached from the other end.
    private func readBackwards(_ source: any SnapshotSource, _ ending: String, upTo last: SnapshotRow?) throws {
        guard facts?.checkpoint != nil else {
            facts = nil
            report.snapshot = .unreadable(ending)
            unknown.isEverything = true
            return
        }
        report.snapshot = .partial(ending)
        var first: SnapshotRow?
        _ = try source.walk(reversed: true) { news in
            if case .item(.row(let row)) = news, let last, !row.comesBehind(last) { return false }
            if case .facts = news { return true }
            try take(news) { first = $0 }
            return true
        }
        report.lastRowBefore = last.map { .init(table: $0.table, key: $0.key, lsn: $0.lsn) }
        report.firstRowBehind = first.map { .init(table: $0.table, key: $0.key, lsn: $0.lsn) }
        unknown.range = (last?.rowKey, first?.rowKey)
    }

    private func take(_ news: SnapshotNews, _ visit: (SnapshotRow) -> Void) throws {
        switch news {
        case .facts(let facts, let storeID):
            self.facts = facts
            self.storeID = storeID
        case .item(.damaged(let row)):
            met[row.table.rawValue, default: 0] += 1
            unknown.add(row.table, row.key, isUnproven: row.isUnproven)
        case .item(.sealed(let table, let key, _)):
            met[table.rawValue, default: 0] += 1
            unknown.add(table, key)
        case .item(.row(let row)):
            try made().put(row)
            report.rowsFromSnapshot += 1
            met[row.table.rawValue, default: 0] += 1
            visit(row)
        }
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

    func comesBehind(_ other: SnapshotRow) -> Bool { compareKeys(rowKey, other.rowKey) > 0 }
}
