import Storage

/// What a salvage did and what was lost, in words and as JSON.
enum SalvageText {
    static func phrase(_ step: StoreSalvage.Step) -> String {
        switch step {
        case .snapshot(let condition, let lsn, let rows, let damaged):
            let reach = lsn.map { "LSN \($0), " } ?? ""
            let found = "\(reach)\(Amounts.count(rows, "sound row", "sound rows")), \(damaged) damaged"
            return "snapshot: \(found)\(remark(condition))"
        case .log(let records, let gaps, let retainedFrom):
            let count = Amounts.count(records, "record", "records")
            let missing = Amounts.count(UInt64(gaps.count), "gap", "gaps")
            return "log: \(count) applied, \(missing), retained from LSN \(retainedFrom)"
        case .written(let rows):
            return "new store: \(Amounts.count(rows, "row", "rows")), opened and read back"
        }
    }

    private static func remark(_ condition: SalvageReport.SnapshotCondition) -> String {
        switch condition {
        case .whole: ""
        case .partial(let reason): "; not whole: \(reason)"
        case .unreadable(let reason): "; not readable: \(reason)"
        case .leftOut(let reason): "; left out: \(reason)"
        }
    }

    static func listing(_ report: SalvageReport, _ naming: RowNaming) -> Listing {
        var listing = Listing()
        listing.add("result", report.isComplete ? "complete: nothing is lost" : "incomplete: what is lost is listed")
        listing.add("last LSN", "\(report.lastLSN)")
        listing.add("last certain", report.lastCertainLSN.map { "LSN \($0)" } ?? "none: the beginning is missing")
        for problem in report.problems { listing.add("incomplete", problem) }
        for note in report.notes { listing.add("note", note) }
        for loss in unread(report, naming) { listing.add("lost", loss) }
        for gap in report.gaps { addGap(gap, naming, to: &listing) }
        for row in report.lost { listing.add("lost row", phrase(row, naming)) }
        if report.omittedRows > 0 { listing.add("lost row", "and \(report.omittedRows) more") }
        for row in report.recovered { listing.add("recovered", phrase(row, naming) + " from the log") }
        if report.uncertainCount > 0 {
            let count = Amounts.count(report.uncertainCount, "row", "rows")
            listing.add(
                "uncertain",
                "\(count): last certain change before a gap, maybe older than the last acknowledged"
            )
        }
        for row in report.uncertain { listing.add("", phrase(row, naming)) }
        if report.omittedUncertain > 0 { listing.add("", "and \(report.omittedUncertain) more") }
        return listing
    }

    private static func addGap(_ gap: LogGap, _ naming: RowNaming, to listing: inout Listing) {
        listing.add("lost", String(GapReport.phrase(gap).dropFirst("lost: ".count)))
        for mention in GapReport.mentions(gap, naming) { listing.add("", "likely lost: \(mention)") }
    }

    private static func unread(_ report: SalvageReport, _ naming: RowNaming) -> [String] {
        switch report.snapshot {
        case .whole: return []
        case .unreadable, .leftOut: return ["the snapshot's rows, but for those in the log"]
        case .partial:
            let rows = Amounts.count(report.missingRows, "row", "rows")
            let missing = report.missingRows > 0 ? ["\(rows) of the snapshot, but for those in the log"] : []
            return missing + report.unread.map { unread($0, naming) }
        }
    }

    private static func unread(_ part: SalvageReport.Unread, _ naming: RowNaming) -> String {
        let after = part.lastRowBefore.map { "behind \(phrase($0, naming))" } ?? "from the first row on"
        let before = part.firstRowBehind.map { "before \(phrase($0, naming))" } ?? "to the last row"
        return "the snapshot's rows \(after), \(before), but for those in the log (\(part.reason))"
    }

    /// Rows that are named though only their keys are known.
    static func rows(_ report: SalvageReport) -> [RowID] {
        let rows =
            report.lost + report.recovered + report.uncertain
            + report.unread.flatMap { [$0.lastRowBefore, $0.firstRowBehind].compactMap { $0 } }
        return GapReport.rows(report.gaps) + rows.map { RowID(table: $0.table, key: $0.key) }
    }

    private static func phrase(_ row: SalvageReport.Row, _ naming: RowNaming) -> String {
        var place = naming.text(row.table, row.key)
        if let lsn = row.lsn { place += " (LSN \(lsn))" }
        return row.isUnproven && row.lsn == nil ? "\(place): left out, \(SnapshotCheckReport.unproven)" : place
    }

    static func json(_ report: SalvageReport, _ target: String, _ naming: RowNaming) -> JSON {
        let (condition, reason) = name(report.snapshot)
        func json(_ row: SalvageReport.Row) -> JSON { Self.json(row, naming) }
        let start: JSON = [
            "target": .string(target), "complete": .bool(report.isComplete), "rows": .number(report.rows),
            "lastLSN": .number(report.lastLSN.rawValue), "lastCertainLSN": JSON(report.lastCertainLSN?.rawValue),
            "snapshot": .string(condition), "snapshotReason": JSON(reason),
            "snapshotLSN": JSON(report.snapshotLSN?.rawValue), "rowsFromSnapshot": .number(report.rowsFromSnapshot),
            "recordsFromLog": .number(report.recordsFromLog),
            "lastRowBefore": report.unread.first?.lastRowBefore.map(json) ?? .null,
            "firstRowBehind": report.unread.first?.firstRowBehind.map(json) ?? .null,
        ]
        let unread = report.unread.map { part -> JSON in
            [
                "pages": .array(part.pages.map { .number($0) }), "reason": .string(part.reason),
                "lastRowBefore": part.lastRowBefore.map(json) ?? .null,
                "firstRowBehind": part.firstRowBehind.map(json) ?? .null,
            ]
        }
        return start.adding([
            ("gaps", .array(report.gaps.map { GapReport.json($0, naming) })),
            ("lostRows", .array(report.lost.map(json))),
            ("omittedLostRows", .number(report.omittedRows)), ("recoveredRows", .array(report.recovered.map(json))),
            ("uncertainRows", .array(report.uncertain.map(json))),
            ("uncertainCount", .number(report.uncertainCount)),
            ("problems", .array(report.problems.map { .string($0) })),
            ("notes", .array(report.notes.map { .string($0) })),
            ("missingRows", .number(report.missingRows)), ("unread", .array(unread)),
        ])
    }

    private static func name(_ condition: SalvageReport.SnapshotCondition) -> (String, String?) {
        switch condition {
        case .whole: ("whole", nil)
        case .partial(let reason): ("partial", reason)
        case .unreadable(let reason): ("unreadable", reason)
        case .leftOut(let reason): ("leftOut", reason)
        }
    }

    private static func json(_ row: SalvageReport.Row, _ naming: RowNaming) -> JSON {
        JSON.object([("table", .number(UInt64(row.table.rawValue)))])
            .adding(ByteText.members("key", row.key, isRaw: false))
            .adding([
                ("lsn", JSON(row.lsn?.rawValue)), ("unproven", .bool(row.isUnproven)),
                naming.member(row.table, row.key),
            ])
    }
}
