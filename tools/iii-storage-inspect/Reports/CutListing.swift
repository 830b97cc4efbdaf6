import Storage

/// What a cut would lose, and what it did.
struct CutListing {
    /// Keys that are listed for people.
    static let shownKeys = 10

    var plan: CutPlan
    var path: String
    var naming = RowNaming()

    static func rows(_ plan: CutPlan) -> [RowID] { plan.keys.map { RowID(table: $0.table, key: $0.key) } }

    var elsewhere: CommandFailure {
        CommandFailure(
            "the log is cut where it stops being sound, or not at all",
            path: path,
            remedy: "that is at \(plan.segment):\(plan.offset): \(ProblemReport.phrase(plan.refusal))"
        )
    }

    private var lost: String {
        let first = plan.keptThrough.rawValue + 1
        guard let last = plan.lastSeen, last > plan.keptThrough else {
            return "LSN from \(first) on, how many is unknown"
        }
        return "LSN \(Amounts.range(first, last.rawValue)), and what may have followed"
    }

    func write(to console: Console) throws {
        var listing = Listing()
        listing.add("path", path)
        listing.add("refusal", ProblemReport.phrase(plan.refusal))
        listing.add("ends at", "segment \(plan.segment), offset \(plan.offset)")
        listing.add("stays", "everything up to LSN \(plan.keptThrough)")
        listing.add("lost", lost)
        listing.add("", Amounts.count(plan.soundBatches, "sound batch", "sound batches") + " behind the damage")
        if plan.segments > 0 { listing.add("", Amounts.count(plan.segments, "segment", "segments") + " leave the log") }
        for gap in plan.gaps.prefix(Self.shownKeys) {
            listing.add("", String(GapReport.phrase(gap).dropFirst("lost: ".count)))
        }
        for key in plan.keys.prefix(Self.shownKeys) {
            listing.add("lost change", naming.text(key.table, key.key))
        }
        let more = UInt64(max(0, plan.keys.count - Self.shownKeys)) + plan.omittedKeys
        if more > 0 { listing.add("", "and \(more) more that can be read; --json lists up to \(StoreCut.listedKeys)") }
        try listing.write(to: console)
    }

    func write(_ done: CutReport, to console: Console) throws {
        var listing = Listing()
        listing.add("copy", "\(done.copy), \(Amounts.count(UInt64(done.copiedFiles), "file", "files")), compared")
        listing.add("cut", "the log ends with LSN \(done.recovery.recoveredLSN); LSN \(done.note) notes the cut")
        for file in done.recovery.quarantinedFiles { listing.add("set aside", file) }
        try listing.write(to: console)
    }

    /// What the log says of it.
    func note(by user: String) -> String {
        "log cut at \(plan.segment):\(plan.offset) by \(user) with iii-storage-inspect at "
            + "\(Timestamp(nanoseconds: StorageClock.system.wallNanoseconds()).short); lost: \(lost); refusal: "
            + "\(plan.refusal.row?.rawValue ?? plan.refusal.code.description)"
    }

    var json: JSON {
        [
            "type": "plan", "path": .string(path), "refusal": ProblemReport.json(plan.refusal),
            "segment": .number(plan.segment), "offset": .number(plan.offset),
            "keptThrough": .number(plan.keptThrough.rawValue), "firstLost": .number(plan.keptThrough.rawValue + 1),
            "lastSeen": JSON(plan.lastSeen?.rawValue), "soundBatches": .number(plan.soundBatches),
            "segments": .number(plan.segments), "gaps": .array(plan.gaps.map(GapReport.json)),
            "keys": .array(
                plan.keys.map { key in
                    JSON.object([("table", .number(UInt64(key.table.rawValue)))])
                        .adding(ByteText.members("key", key.key, isRaw: false))
                        .adding([naming.member(key.table, key.key)])
                }
            ),
            "omittedKeys": .number(plan.omittedKeys),
        ]
    }

    func json(_ done: CutReport) -> JSON {
        [
            "type": "done", "copy": .string(done.copy), "copiedFiles": .number(UInt64(done.copiedFiles)),
            "copiedBytes": .number(done.copiedBytes), "recovered": .number(done.recovery.recoveredLSN.rawValue),
            "note": .number(done.note.rawValue),
            "quarantinedFiles": .array(done.recovery.quarantinedFiles.map(JSON.string)),
        ]
    }
}
