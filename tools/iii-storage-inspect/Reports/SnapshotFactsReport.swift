import Adapters
import Storage

/// What a snapshot says of itself, as a listing and as JSON.
enum SnapshotFactsReport {
    static func listing(_ facts: SnapshotFacts) -> Listing {
        var listing = Listing()
        if let checkpoint = facts.checkpoint {
            listing.add("LSN", "\(checkpoint.lsn)")
            listing.add("generation", String(checkpoint.generation))
            listing.add("created", Timestamp(nanoseconds: checkpoint.createdAt).short)
            let end = "segment \(checkpoint.segment), offset \(checkpoint.offset), batch \(checkpoint.batch)"
            listing.add("ends in the log", end)
            listing.add("digest", ByteText.hexadecimal(withUnsafeBytes(of: checkpoint.digest.bigEndian) { Bytes($0) }))
            listing.add("key id", key(checkpoint))
            listing.add("rows", String(facts.rows))
            for (table, rows) in tables(checkpoint) {
                listing.add("  \(title(table))", String(rows))
            }
        } else {
            listing.add("checkpoint", "none yet: everything is in the log")
        }
        listing.add("file", Amounts.bytes(UInt64(facts.fileBytes)))
        listing.add("used", Amounts.bytes(UInt64(facts.usedBytes)))
        listing.add("free", Amounts.bytes(UInt64(facts.freeBytes)))
        return listing
    }

    private static func key(_ checkpoint: SnapshotFacts.Checkpoint) -> String {
        let current = checkpoint.keyID.map { "\($0)" } ?? "none: not encrypted"
        guard !checkpoint.furtherKeyIDs.isEmpty else { return current }
        return "\(current), but some rows may still need \(checkpoint.furtherKeyIDs.map { "\($0)" }.joined(separator: ", "))"
    }

    private static func title(_ table: UInt16) -> String {
        EngineTable(TableID(rawValue: table)).map { "\($0.title) (table \(table))" } ?? "table \(table)"
    }

    /// In one line.
    static func phrase(_ facts: SnapshotFacts) -> String {
        guard let checkpoint = facts.checkpoint else { return "no checkpoint yet" }
        let rows = Amounts.count(facts.rows, "row", "rows")
        return "LSN \(checkpoint.lsn), generation \(checkpoint.generation), \(rows)"
    }

    private static func tables(_ checkpoint: SnapshotFacts.Checkpoint) -> [(UInt16, UInt64)] {
        checkpoint.tables.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    static func json(_ facts: SnapshotFacts) -> JSON {
        [
            "type": "snapshot", "checkpoint": facts.checkpoint.map(json) ?? .null,
            "fileBytes": .number(UInt64(facts.fileBytes)), "usedBytes": .number(UInt64(facts.usedBytes)),
            "freeBytes": .number(UInt64(facts.freeBytes)),
        ]
    }

    private static func json(_ checkpoint: SnapshotFacts.Checkpoint) -> JSON {
        [
            "lsn": .number(checkpoint.lsn.rawValue), "generation": .number(checkpoint.generation),
            "createdAt": .string(Timestamp(nanoseconds: checkpoint.createdAt).precise),
            "segment": .number(checkpoint.segment), "offset": .number(checkpoint.offset),
            "batch": .number(checkpoint.batch), "digest": .number(checkpoint.digest),
            "keyID": JSON(checkpoint.keyID.map { "\($0)" }),
            "furtherKeyIDs": .array(checkpoint.furtherKeyIDs.map { .string("\($0)") }),
            "tables": .array(tables(checkpoint).map { ["table": .number(UInt64($0.0)), "rows": .number($0.1)] }),
        ]
    }

    /// The way back. nil: not what `json` makes.
    static func facts(_ json: JSON) -> SnapshotFacts? {
        guard let file = json["fileBytes"]?.integer, let used = json["usedBytes"]?.integer,
            let free = json["freeBytes"]?.integer
        else { return nil }
        return SnapshotFacts(
            checkpoint: json["checkpoint"].flatMap(checkpoint),
            fileBytes: Int(file),
            usedBytes: Int(used),
            freeBytes: Int(free)
        )
    }

    private static func keyID(_ json: JSON) -> KeyID? {
        json.text.flatMap { UInt64($0, radix: 16) }.map { KeyID(rawValue: $0) }
    }

    private static func checkpoint(_ json: JSON) -> SnapshotFacts.Checkpoint? {
        func number(_ name: String) -> UInt64 { json[name]?.integer ?? 0 }
        guard let lsn = json["lsn"]?.integer else { return nil }
        var tables: [UInt16: UInt64] = [:]
        for element in json["tables"]?.elements ?? [] {
            tables[UInt16(truncatingIfNeeded: element["table"]?.integer ?? 0)] = element["rows"]?.integer
        }
        return SnapshotFacts.Checkpoint(
            lsn: LSN(rawValue: lsn),
            generation: number("generation"),
            createdAt: json["createdAt"]?.text.flatMap { Timestamp(parsing: $0)?.nanoseconds } ?? 0,
            segment: number("segment"),
            offset: number("offset"),
            batch: number("batch"),
            digest: number("digest"),
            keyID: json["keyID"].flatMap(keyID),
            furtherKeyIDs: (json["furtherKeyIDs"]?.elements ?? []).compactMap(keyID),
            tables: tables
        )
    }
}
