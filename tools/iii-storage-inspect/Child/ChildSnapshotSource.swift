import Storage

/// A damaged snapshot, read in a process of its own.
struct ChildSnapshotSource: SnapshotSource {
    let path: String
    let key: KeyArguments
    let console: Console

    /// Ends the child without an error.
    private struct Enough: Error {}

    func walk(reversed: Bool, _ visit: (SnapshotNews) throws -> Bool) throws -> String? {
        var words = [SnapshotWalk.name, path, "--rows"] + key.words
        if reversed { words.append("--reversed") }
        var failure: StorageError?
        var rows: UInt64 = 0
        var total: UInt64 = 0
        let ending: SnapshotChild.Ending
        do {
            ending = try SnapshotChild(tool: console.tool, words: words).run { frame in
                if case .failure = frame.kind { failure = ErrorJSON.error(JSON(parsing: frame.value)) }
                guard let news = Self.news(frame) else { return }
                if case .facts(let facts, _) = news { total = facts.rows }
                rows += 1
                console.showProgress("reading the snapshot", done: rows, of: total)
                guard try visit(news) else { throw Enough() }
            }
        } catch is Enough {
            return nil
        }
        if let failure {
            guard ProcessStatus(failure).isUnreadable else { throw failure }
            return failure.message
        }
        if case .broken(let reason) = ending { return reason }
        return nil
    }

    private static func news(_ frame: ChildFrame) -> SnapshotNews? {
        switch frame.kind {
        case .facts:
            guard let json = JSON(parsing: frame.value), let facts = SnapshotFactsReport.facts(json) else { return nil }
            return .facts(facts, storeID: json["storeID"]?.text)
        case .row:
            let lsn = LSN(rawValue: frame.number)
            return .item(.row(SnapshotRow(table: frame.table, key: frame.key, value: frame.value, lsn: lsn)))
        case .damaged:
            let reason = String(decoding: frame.value, as: UTF8.self)
            let row = SnapshotReport.DamagedRow(
                table: frame.table,
                key: frame.key,
                reason: reason,
                isUnproven: frame.number == 1
            )
            return .item(.damaged(row))
        case .progress, .refusal, .replay, .failure, .end: return nil
        }
    }
}
