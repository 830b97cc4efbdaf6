import Storage

/// The whole verdict: what is wrong, what is certain, what is lost.
struct VerifyReport {
    var log: LogReport
    var snapshot: SnapshotCheck
    var path: String
    var naming = RowNaming()

    /// Rows that are named though only their keys are known.
    static func rows(_ log: LogReport, _ snapshot: SnapshotCheck) -> [RowID] {
        GapReport.rows(log.gaps) + snapshot.damaged.map { RowID(table: $0.table, key: $0.key) }
            + (snapshot.replay?.rows ?? [])
    }

    private var condition: StoreCondition { StoreCondition(log: log, snapshot: snapshot) }

    var status: ProcessStatus { condition.status }

    func write(to console: Console) throws {
        try console.write(condition.phrase + "\n")
        var listing = Listing()
        listing.add("path", path)
        listing.add("read", read)
        listing.add("certain", certain.isEmpty ? "nothing" : "LSN " + certain.joined(separator: ", "))
        if let tail = log.tail { listing.add("tail", TailReport.phrase(tail)) }
        SnapshotCheckReport(check: snapshot, naming: naming).add(to: &listing)
        EncryptionReport(log: log, snapshot: snapshot).add(to: &listing)
        CertaintyReport(log: log, snapshot: snapshot).add(to: &listing)
        for problem in log.problems { listing.add("problem", ProblemReport.phrase(problem)) }
        if log.omittedProblems > 0 { listing.add("problem", "and \(log.omittedProblems) more") }
        for gap in log.gaps { addGap(gap, to: &listing) }
        if log.omittedGaps > 0 { listing.add("lost", "and \(log.omittedGaps) more gaps") }
        for warning in log.warnings { listing.add("warning", warning) }
        if log.sawRetirement { listing.add("note", "segments were retired while they were read") }
        try listing.write(to: console)
    }

    private func addGap(_ gap: LogGap, to listing: inout Listing) {
        let phrase = GapReport.phrase(gap)
        listing.add("lost", String(phrase.dropFirst("lost: ".count)))
        for mention in GapReport.mentions(gap, naming) { listing.add("", "likely lost: \(mention)") }
    }

    private var read: String {
        let parts = [
            Amounts.count(UInt64(log.segments), "segment", "segments"),
            Amounts.count(log.content.batches, "batch", "batches"),
            Amounts.count(log.content.records, "record", "records"), Amounts.bytes(log.bytes),
        ]
        return parts.joined(separator: ", ")
    }

    /// Ranges of LSNs that were verified: all that is held but for the gaps.
    var certainRanges: [(LSN, LSN)] {
        guard let last = log.content.lastLSN, var next = log.content.firstLSN else { return [] }
        var ranges: [(LSN, LSN)] = []
        for gap in log.gaps where !gap.losesNothing {
            guard let first = gap.firstLSN else { continue }
            if first > next { ranges.append((next, LSN(rawValue: first.rawValue - 1))) }
            next = max(next, LSN(rawValue: (gap.lastLSN ?? last).rawValue + 1))
        }
        if next <= last { ranges.append((next, last)) }
        return ranges
    }

    private var certain: [String] {
        certainRanges.map { Amounts.range($0.0.rawValue, $0.1.rawValue) }
    }

    var json: JSON {
        let start: JSON = [
            "path": .string(path), "condition": .string(log.verdict.condition.rawValue),
            "row": .string(log.verdict.row.rawValue), "segments": .number(UInt64(log.segments)),
            "logBytes": .number(log.bytes), "retainedFrom": .number(log.retainedFrom.rawValue),
        ]
        return start.adding(EncryptionReport(log: log, snapshot: snapshot).members)
            .adding(ContentReport.members(log.content))
            .adding([
                (
                    "certain",
                    .array(
                        certainRanges.map { ["firstLSN": .number($0.0.rawValue), "lastLSN": .number($0.1.rawValue)] }
                    )
                ),
                ("tail", log.tail.map(TailReport.json) ?? .null),
                ("problems", .array(log.problems.map(ProblemReport.json))),
                ("omittedProblems", .number(UInt64(log.omittedProblems))),
                ("gaps", .array(log.gaps.map { GapReport.json($0, naming) })),
                ("omittedGaps", .number(UInt64(log.omittedGaps))),
                ("warnings", .array(log.warnings.map { .string($0) })),
                ("sawRetirement", .bool(log.sawRetirement)),
                ("snapshot", SnapshotCheckReport(check: snapshot, naming: naming).json),
                ("lastCertainLSN", JSON(CertaintyReport(log: log, snapshot: snapshot).last?.rawValue)),
            ])
    }
}
