import Storage

/// A checked snapshot in words and as JSON.
struct SnapshotCheckReport {
    var check: SnapshotCheck
    var naming = RowNaming()

    func add(to listing: inout Listing) {
        listing.add("snapshot", words)
        for problem in [check.failure, check.refusal] {
            if let problem { listing.add("problem", ProblemReport.phrase(problem)) }
        }
        if check.matchesCheckpoint == false {
            listing.add("problem", "R17: digest or counts of the rows are not what the checkpoint row says")
        }
        if check.isOvertaken { listing.add("not checked", Self.overtaken) }
        for row in check.damaged { listing.add("lost row", phrase(row)) }
        if check.omittedDamaged > 0 { listing.add("lost row", "and \(check.omittedDamaged) more") }
        check.replay?.add(to: &listing, naming)
    }

    private var words: String {
        guard let facts = check.facts else { return check.failure == nil ? "none yet" : "not readable" }
        let depth = check.isDeep && check.matchesCheckpoint != nil ? ", every row read" : ""
        return SnapshotFactsReport.phrase(facts) + depth
    }

    static let overtaken =
        "digest and counts: an engine took a checkpoint each time the rows were read. Verify a backup, or try again"

    static let unproven = "its checksum is right, but no holder of the key wrote it"

    private func phrase(_ row: SnapshotReport.DamagedRow) -> String {
        let reason = row.isUnproven ? Self.unproven : "its checksum does not match"
        return "\(naming.text(row.table, row.key)): \(reason)"
    }

    var json: JSON {
        [
            "facts": check.facts.map(SnapshotFactsReport.json) ?? .null,
            "problems": .array([check.failure, check.refusal].compactMap { $0 }.map(ProblemReport.json)),
            "everyRowRead": .bool(check.matchesCheckpoint != nil), "overtaken": .bool(check.isOvertaken),
            "matchesCheckpoint": check.matchesCheckpoint.map(JSON.bool) ?? .null,
            "damagedRows": .array(check.damaged.map(json)), "omittedDamagedRows": .number(check.omittedDamaged),
            "replay": check.replay.map { ReplayReport.json($0.replay, naming) } ?? .null,
        ]
    }

    private func json(_ row: SnapshotReport.DamagedRow) -> JSON {
        JSON.object([("table", .number(UInt64(row.table.rawValue)))])
            .adding(ByteText.members("key", row.key, isRaw: false))
            .adding([("unproven", .bool(row.isUnproven)), naming.member(row.table, row.key)])
    }
}
