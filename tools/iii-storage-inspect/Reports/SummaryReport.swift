import Storage

/// A store at a glance.
struct SummaryReport {
    var facts: StoreFacts
    var log: LogReport
    var snapshot: SnapshotCheck

    var listing: Listing {
        var listing = Listing()
        listing.add("path", facts.path)
        listing.add("store", facts.storeID ?? "unknown: no usable FORMAT file")
        listing.add("incarnation", incarnation)
        listing.add("format", facts.formatVersion.map(String.init) ?? "unknown")
        listing.add("condition", StoreCondition(log: log, snapshot: snapshot).phrase)
        if let problem = log.problems.first { listing.add("problem", ProblemReport.phrase(problem)) }
        listing.add("lock", lock)
        listing.add("segments", segments)
        EncryptionReport(log: log, snapshot: snapshot).add(to: &listing)
        addContent(to: &listing)
        listing.add("log end", log.tail.map { "segment \($0.segment), offset \($0.offset)" } ?? "not found")
        SnapshotCheckReport(check: snapshot).add(to: &listing)
        CertaintyReport(log: log, snapshot: snapshot).add(to: &listing)
        listing.add("quarantine", Amounts.count(UInt64(facts.quarantinedFiles.count), "file", "files"))
        for name in facts.unknownFiles { listing.add("unknown file", "\(facts.path)/wal/\(name)") }
        listing.add("free space", Amounts.bytes(facts.freeBytes))
        return listing
    }

    private func addContent(to listing: inout Listing) {
        let content = log.content
        listing.add("batches", counted(content.batches, content.firstBatch, content.lastBatch))
        listing.add(
            "records",
            counted(content.records, content.firstLSN?.rawValue, content.lastLSN?.rawValue, "LSN ")
        )
        if let first = content.firstCommit, let last = content.lastCommit {
            listing.add(
                "committed",
                "\(Timestamp(nanoseconds: first).short) to \(Timestamp(nanoseconds: last).short)"
            )
        }
        listing.add("retained from", "LSN \(log.retainedFrom)")
    }

    private var incarnation: String {
        guard let number = facts.incarnation else { return "unknown" }
        return number == 0 ? "none: never restored, cut or salvaged" : Self.hexadecimal(number)
    }

    /// As positions that are given out name it.
    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    private func counted(_ count: UInt64, _ first: UInt64?, _ last: UInt64?, _ unit: String = "") -> String {
        guard let first, let last else { return "0" }
        return "\(count) (\(unit)\(Amounts.range(first, last)))"
    }

    private var segments: String {
        guard let first = facts.segments.first, let last = facts.segments.last else { return "0" }
        return "\(facts.segments.count) (\(Amounts.range(first.number, last.number))), \(Amounts.bytes(facts.logBytes))"
    }

    private var lock: String {
        guard facts.lock.isHeld else { return "free" }
        return "held by an engine" + (facts.lock.holder.map { " (\($0))" } ?? "")
    }

    var json: JSON {
        let store: JSON = [
            "path": .string(facts.path), "storeID": JSON(facts.storeID),
            "incarnation": JSON(facts.incarnation.map(Self.hexadecimal)),
            "formatVersion": JSON(facts.formatVersion.map(UInt64.init)),
            "condition": .string(log.verdict.condition.rawValue), "row": .string(log.verdict.row.rawValue),
            "problem": log.problems.first.map(ProblemReport.json) ?? .null,
            "lock": ["held": .bool(facts.lock.isHeld), "holder": JSON(facts.lock.holder)],
            "segments": .array(facts.segments.map { ["number": .number($0.number), "bytes": .number($0.bytes)] }),
            "logBytes": .number(facts.logBytes), "retainedFrom": .number(log.retainedFrom.rawValue),
        ]
        return store.adding(EncryptionReport(log: log, snapshot: snapshot).members)
            .adding(ContentReport.members(log.content))
            .adding([
                ("end", log.tail.map(TailReport.json) ?? .null), ("hasSnapshot", .bool(facts.hasSnapshot)),
                ("snapshot", SnapshotCheckReport(check: snapshot).json),
                ("lastCertainLSN", JSON(CertaintyReport(log: log, snapshot: snapshot).last?.rawValue)),
                ("quarantinedFiles", .array(facts.quarantinedFiles.map(JSON.string))),
                ("temporaryFiles", .array(facts.temporaryFiles.map(JSON.string))),
                ("unknownFiles", .array(facts.unknownFiles.map(JSON.string))),
                ("freeBytes", .number(facts.freeBytes)),
            ])
    }
}
