/// The log's part of a salvage.
extension StoreSalvage {
    func readLog(_ observe: (LogInspector.RecordEvent) throws -> Void) throws {
        if takesLog, !unknown.ranges.isEmpty { try restoreRanges() }
        let log = try source.records { event in
            switch event {
            case .record(let record) where takesLog: try take(record)
            case .gap(let gap) where takesLog: note(gap)
            case .record, .gap, .segmentEnd: break
            }
            try observe(event)
        }
        if takesLog {
            noteMissingBeginning(log)
            noteOtherWriters(log)
        }
        if let reason = lineage.missingEnd { report.problems.append(reason) }
        if lineage.isHeadDamaged { report.notes.append(LogHead.damaged(source.directory.head)) }
        settleEnd(log)
        try announceLog(log)
    }

    private func take(_ record: RecordFacts) throws(StorageError) {
        if record.lsn > checkpoint {
            report.recordsFromLog += 1
            try settle(record)
            return try made().apply(record)
        }
        if unknown.ranges.isEmpty { try restore(record) }
    }

    /// What the log says up to the checkpoint, and the snapshot's sound rows over it: they are the later word.
    private func restoreRanges() throws {
        _ = try source.records { event in
            if case .record(let record) = event, record.lsn <= checkpoint { try restore(record) }
        }
        try putSnapshotAgain()
    }

    /// What a damaged row is from now on is known again.
    private func settle(_ record: RecordFacts) throws(StorageError) {
        switch record.change {
        case .put(let table, let key, _), .delete(let table, let key):
            unknown.settle(SnapshotKey.make(table, key), record.lsn)
        case .trim(let table, let from, let upTo):
            for rowKey in unknown.damaged(table, from: from, upTo: upTo) { unknown.settle(rowKey, record.lsn) }
        case .note, .other: break
        }
    }

    /// A change that the snapshot holds counts only for rows that it can't tell any more.
    private func restore(_ record: RecordFacts) throws(StorageError) {
        switch record.change {
        case .put(let table, let key, _), .delete(let table, let key):
            guard unknown.contains(SnapshotKey.make(table, key)) else { return }
            try made().apply(record)
        case .trim(let table, let from, let upTo):
            for rowKey in unknown.damaged(table, from: from, upTo: upTo) {
                try made().delete(table, key: Bytes(rowKey.dropFirst(SnapshotKey.tableBytes)), lsn: record.lsn)
            }
            for part in unknown.parts(table, from: from, upTo: upTo) {
                try made().trim(table, from: part.from, upTo: part.upTo, lsn: record.lsn)
            }
        case .note, .other: return
        }
        report.recordsFromLog += 1
        try settle(record)
    }

    private func note(_ gap: LogGap) {
        guard !gap.losesNothing else { return }
        if allGaps.count < InspectionLimits.listedGaps { allGaps.append(gap) }
        guard gap.lastLSN ?? LSN(rawValue: .max) > checkpoint else { return }
        if report.gaps.count < InspectionLimits.listedGaps { report.gaps.append(gap) }
    }

    /// A log that begins only behind the snapshot.
    private func noteMissingBeginning(_ log: LogReport) {
        guard log.segments > 0, log.retainedFrom.rawValue > checkpoint.rawValue + 1 else { return }
        guard !allGaps.contains(where: { $0.lastLSN.map { $0.rawValue + 1 == log.retainedFrom.rawValue } ?? false })
        else {
            return
        }
        let gap = LogGap(
            cause: .missingSegments,
            segment: max(1, row?.position.end.segment.rawValue ?? 1),
            found: "the log begins at LSN \(log.retainedFrom)",
            firstBatch: (row?.position.end.lastBatch.rawValue ?? 0) + 1,
            lastBatch: log.content.firstBatch.map { $0 - min($0, 1) },
            firstLSN: LSN(rawValue: checkpoint.rawValue + 1),
            lastLSN: LSN(rawValue: log.retainedFrom.rawValue - 1)
        )
        allGaps.insert(gap, at: 0)
        report.gaps.insert(gap, at: 0)
    }

    /// Two engines wrote to the store, or a write went elsewhere: each batch is sound, and no gap tells of it.
    private func noteOtherWriters(_ log: LogReport) {
        let first = row?.position.end.segment.rawValue ?? 1
        for problem in log.problems where problem.row == .r9 && (problem.segment ?? 0) + 1 >= first {
            report.problems.append(problem.firstSentence)
        }
    }

    private func settleEnd(_ log: LogReport) {
        let lost = allGaps.compactMap { $0.lastLSN ?? $0.firstLSN }.max() ?? .zero
        report.lastLSN = max(checkpoint, log.content.lastLSN ?? .zero, lost)
        let isRooted = row != nil || log.retainedFrom == LSN(rawValue: 1)
        let last = report.gaps.first.map { LSN(rawValue: max(1, $0.firstLSN?.rawValue ?? 1) - 1) }
        let lastOfLog = takesLog ? log.content.lastLSN : nil
        report.lastCertainLSN = isRooted ? max(checkpoint, last ?? lastOfLog ?? .zero) : nil
        end = .init(
            lsn: report.lastLSN,
            batch: max(
                row?.position.end.lastBatch.rawValue ?? 0,
                log.content.lastBatch ?? 0,
                allGaps.compactMap(\.lastBatch).max() ?? 0
            ),
            segment: max(row?.position.end.segment.rawValue ?? 0, lineage.head?.segment.rawValue ?? 0)
        )
    }

    func write() throws {
        let newest = try source.facts().segments.last?.number ?? 0
        end.segment = max(end.segment, newest)
        noteDamagedRows()
        let gapStart = allGaps.compactMap(\.firstLSN).max()
        let behind = report.gaps.compactMap(\.firstLSN).max()
        report.rows = try made().finish(end) { row in
            // A gap before the snapshot matters only to rows that came from the log before it.
            let start = self.unknown.contains(row.rowKey) ? gapStart : behind
            if let start, row.lsn < start { self.noteUncertain(row) }
        }
        try announceWritten()
    }

    private func noteUncertain(_ row: SnapshotRow) {
        guard report.uncertain.count < InspectionLimits.listedDifferences else {
            report.omittedUncertain += 1
            return
        }
        report.uncertain.append(.init(table: row.table, key: row.key, lsn: row.lsn))
    }

    private func noteDamagedRows() {
        report.omittedRows = unknown.omitted
        for (rowKey, lsn) in unknown.damaged.sorted(by: { compareKeys($0.key, $1.key) < 0 }) {
            let row = SalvageReport.Row(
                table: TableID(rawValue: UInt16(rowKey[0]) << 8 | UInt16(rowKey[1])),
                key: Bytes(rowKey.dropFirst(SnapshotKey.tableBytes)),
                lsn: lsn,
                isUnproven: unknown.unproven.contains(rowKey)
            )
            if lsn == nil { report.lost.append(row) } else { report.recovered.append(row) }
        }
    }
}

extension LogInspector {
    /// The store's id from FORMAT, or from any sound segment header; nil: neither is there.
    func anyStoreID() throws(StorageError) -> String? {
        let facts = try facts()
        if let id = facts.storeID { return id }
        for file in facts.segments {
            guard var window = try? SegmentWindow(io: io, path: file.path),
                let block = try? window.bytes(at: 0, LogLimits.blockBytes),
                case .valid(let header) = SegmentHeader.read(block)
            else { continue }
            return header.store.text
        }
        return nil
    }
}
