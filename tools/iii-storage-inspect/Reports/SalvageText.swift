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
        case .partial(let reason): "; not readable to its end: \(reason)"
        case .unreadable(let reason): "; not readable: \(reason)"
        }
    }

    static func listing(_ report: SalvageReport, _ naming: RowNaming) -> Listing {
        var listing = Listing()
        listing.add("result", report.isComplete ? "complete: nothing is lost" : "incomplete: what is lost is listed")
        listing.add("last LSN", "\(report.lastLSN)")
        listing.add("last certain", report.lastCertainLSN.map { "LSN \($0)" } ?? "none: the beginning is missing")
        if report.snapshot != .whole { listing.add("lost", unread(report, naming)) }
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

    private static func unread(_ report: SalvageReport, _ naming: RowNaming) -> String {
        guard case .partial = report.snapshot else { return "the snapshot's rows, but for those in the log" }
        let after = report.lastRowBefore.map { "behind \(phrase($0, naming))" } ?? "from the first row on"
        let before = report.firstRowBehind.map { "before \(phrase($0, naming))" } ?? "to the last row"
        return "the snapshot's rows \(after), \(before), but for those in the log"
    }

    /// Rows that are named though only their keys are known.
    static func rows(_ report: SalvageReport) -> [RowID] {
        let rows =
            report.lost + report.recovered + report.uncertain
            + [report.lastRowBefore, report.firstRowBehind].compactMap { $0 }
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
            "lastRowBefore": report.lastRowBefore.map(json) ?? .null,
            "firstRowBehind": report.firstRowBehind.map(json) ?? .null,
        ]
        return start.adding([
            ("gaps", .array(report.gaps.map { GapReport.json($0, naming) })),
            ("lostRows", .array(report.lost.map(json))),
            ("omittedLostRows", .number(report.omittedRows)), ("recoveredRows", .array(report.recovered.map(json))),
            ("uncertainRows", .array(report.uncertain.map(json))),
            ("uncertainCount", .number(report.uncertainCount)),
        ])
    }

    private static func name(_ condition: SalvageReport.SnapshotCondition) -> (String, String?) {
        switch condition {
        case .whole: ("whole", nil)
        case .partial(let reason): ("partial", reason)
        case .unreadable(let reason): ("unreadable", reason)
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
