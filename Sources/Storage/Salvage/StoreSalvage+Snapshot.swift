/// The snapshot's part of a salvage.
extension StoreSalvage {
    func readSnapshot(_ progress: (UInt64, UInt64) -> Void) throws {
        rescue = try openSnapshot()
        if let rescue {
            try read(rescue, progress)
        } else {
            unknown.isEverything = true
        }
        let (lsn, rows, damaged) = (report.snapshotLSN, report.rowsFromSnapshot, unknown.damaged.count)
        try announce(.snapshot(report.snapshot, lsn, rows: rows, damaged: damaged))
    }

    /// nil: nothing is taken from the snapshot; the report says why.
    private func openSnapshot() throws(StorageError) -> SnapshotRescue? {
        guard let file = try LMDBFile(source.directory.snapshotData) else {
            report.snapshot = .unreadable("the file is missing")
            return nil
        }
        let (found, reason) = try SnapshotImage.find(file, keys)
        guard let image = found else {
            report.snapshot = .unreadable(reason)
            return nil
        }
        guard let row = image.checkpoint else {
            return SnapshotRescue(file, image, store: store(nil), keys: keys, allowsPlain: keys.current == nil)
        }
        let standing = lineage.standing(of: row)
        guard decide(standing, row) else { return nil }
        try keys.requireAll(row.neededKeys, neededFor: file.path)
        self.row = row
        checkpoint = row.position.lsn
        report.snapshotLSN = checkpoint
        if let reason = image.isOlderBecause {
            report.notes.append(
                "an older image of the snapshot is taken (LSN \(checkpoint)), because of the newer one \(reason)"
            )
        }
        let allowsPlain = try provesPlainRows(row, standing)
        return SnapshotRescue(file, image, store: row.store, keys: keys, allowsPlain: allowsPlain)
    }

    private func store(_ row: CheckpointRow?) -> StoreID {
        row?.store ?? lineage.store ?? StoreID(high: 0, low: 0)
    }

    /// Which of the two is taken where they aren't of one store: the one that is a whole by itself. False: not the snapshot.
    private func decide(_ standing: LogLineage.Standing, _ row: CheckpointRow) -> Bool {
        switch standing {
        case .rests: return true
        case .unaccounted(let reason):
            if lineage.missingEnd == nil { report.problems.append(reason) }
            return true
        case .foreign(let reason):
            let isOtherStore = lineage.store.map { $0 != row.store } ?? false
            let takesLog = isOtherStore ? !lineage.segments.isEmpty : lineage.beginsWithTheFirst
            if takesLog {
                report.problems.append("the log was taken, the snapshot was not: \(reason)")
                report.snapshot = .leftOut(reason)
            } else {
                report.problems.append("the snapshot was taken, the log was not: \(reason)")
                self.takesLog = false
            }
            return !takesLog
        }
    }

    /// With a key in force, rows that it didn't seal are believed where the engine would believe them.
    private func provesPlainRows(_ row: CheckpointRow, _ standing: LogLineage.Standing) throws(StorageError) -> Bool {
        guard keys.current != nil else { return true }
        if row.isAuthenticated { return row.mayHoldPlainRows }
        let needed = lineage.segments.filter { $0.header.number >= row.position.end.segment }
        let trust = ContentTrust(keys: keys, encryptsExisting: false, snapshotPath: source.directory.snapshotData)
        do {
            try trust.requireProof(of: row, needed)
        } catch {
            // Everything is plain: the key is the caller's mistake.
            guard error.code != .notEncrypted || lineage.segments.contains(where: { !$0.isPlain }) else { throw error }
            return leaveOutPlainRows("no holder of the key wrote it")
        }
        // What could stand in for a proof is the log that goes on where the snapshot ends.
        return standing == .rests ? row.mayHoldPlainRows : leaveOutPlainRows("the log does not go on where it ends")
    }

    private func leaveOutPlainRows(_ reason: String) -> Bool {
        report.problems.append(
            "the snapshot proves nothing with the key (\(reason)): rows that are not encrypted were left out"
        )
        return false
    }

    private func read(_ rescue: SnapshotRescue, _ progress: (UInt64, UInt64) -> Void) throws {
        let total = row?.rows ?? 0
        var rows: UInt64 = 0
        let findings = try rescue.walk { item in
            rows += 1
            progress(rows, total)
            try take(item)
        }
        judge(findings, rescue.image)
    }

    private func take(_ item: SnapshotItem) throws {
        switch item {
        case .damaged(let row): unknown.add(row.table, row.key, isUnproven: row.isUnproven)
        case .sealed(let table, let key, _): unknown.add(table, key)
        case .row(let row):
            try made().put(row)
            report.rowsFromSnapshot += 1
        }
    }

    private func judge(_ findings: SnapshotRescue.Findings, _ image: SnapshotImage) {
        let areAllSound = unknown.damaged.isEmpty && unknown.omitted == 0
        var reasons: [String] = []
        if let row {
            // Counts and digest decide: with them the rows are complete, whatever else is wrong in the file.
            guard let difference = findings.difference(from: row, areAllSound: areAllSound) else { return }
            reasons.append(difference)
            let found = findings.counts.values.reduce(0, &+)
            report.missingRows = row.rows > found ? row.rows - found : 0
        } else if case .none(let reason) = image.row, !image.meta.rows.isEmpty {
            reasons.append(reason)
            // Replaying what the rows may hold already changes nothing.
            checkpoint = findings.lastLSN
        } else {
            return noteEmpty(image)
        }
        let flaws = findings.holes.flatMap(\.flaws).prefix(InspectionLimits.mentionedKeys)
        reasons += flaws.map { "page \($0.page): \($0.reason)" }
        report.snapshot = .partial(reasons.joined(separator: "; "))
        report.unread = findings.holes.map { SalvageReport.Unread($0) }
        unknown.ranges = findings.holes.map { ($0.after, $0.before) }
        // No page tells where the missing rows would be.
        if findings.holes.isEmpty || findings.isDisordered || row == nil { unknown.ranges = [(nil, nil)] }
    }

    /// The state before the first checkpoint.
    private func noteEmpty(_ image: SnapshotImage) {
        guard let reason = image.isOlderBecause else { return }
        report.notes.append("an older image of the snapshot is taken (empty), because of the newer one \(reason)")
    }

    /// The sound rows once more, over what the log said of them before the checkpoint: unless that is later, where a page
    /// is of the past.
    func putSnapshotAgain() throws {
        _ = try rescue?.walk { item in
            if case .row(let row) = item { try made().putUnlessOlder(row) }
        }
    }
}

extension SalvageReport.Unread {
    fileprivate init(_ hole: TreeRescue.Hole) {
        func row(_ rowKey: Bytes?) -> SalvageReport.Row? {
            guard let rowKey, let table = rowKey.withUnsafeBytes({ SnapshotKey.table(of: $0) }),
                table != SnapshotKey.checkpointTable
            else { return nil }
            return SalvageReport.Row(table: table, key: Bytes(rowKey.dropFirst(SnapshotKey.tableBytes)))
        }
        self.init(
            pages: hole.flaws.map(\.page),
            reason: hole.flaws.map { "page \($0.page): \($0.reason)" }.joined(separator: "; "),
            lastRowBefore: row(hole.after),
            firstRowBehind: row(hole.before)
        )
    }
}
