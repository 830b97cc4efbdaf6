import Storage

/// What deriving the content anew from the log came to.
struct ReplayReport {
    var replay: SnapshotReplay

    init(_ json: JSON) {
        guard let rows = json["rows"]?.integer else {
            replay = .impossible(json["impossible"]?.text ?? "unknown")
            return
        }
        let differences = (json["differences"]?.elements ?? []).compactMap(Self.difference)
        replay = .compared(rows: rows, differences: differences, omitted: json["omitted"]?.integer ?? 0)
    }

    /// - Parameter naming: nil: rows by table and key only.
    static func json(_ replay: SnapshotReplay, _ naming: RowNaming? = nil) -> JSON {
        switch replay {
        case .impossible(let reason): ["impossible": .string(reason)]
        case .compared(let rows, let differences, let omitted):
            [
                "rows": .number(rows), "differences": .array(differences.map { json($0, naming) }),
                "omitted": .number(omitted),
            ]
        }
    }

    private static func json(_ difference: SnapshotReplay.Difference, _ naming: RowNaming?) -> JSON {
        JSON.object([
            ("kind", .string(difference.kind.rawValue)), ("table", .number(UInt64(difference.table.rawValue))),
        ])
        .adding(ByteText.members("key", difference.key, isRaw: false))
        .adding(naming.map { [$0.member(difference.table, difference.key)] } ?? [])
    }

    private static func difference(_ json: JSON) -> SnapshotReplay.Difference? {
        guard let kind = json["kind"]?.text.flatMap({ SnapshotReplay.Difference.Kind(rawValue: $0) }),
            let table = json["table"]?.integer, let key = ByteText.bytes("key", in: json)
        else { return nil }
        return .init(kind: kind, table: TableID(rawValue: UInt16(truncatingIfNeeded: table)), key: key)
    }

    /// nil: could not be done.
    var isEqual: Bool? {
        guard case .compared(_, let differences, let omitted) = replay else { return nil }
        return differences.isEmpty && omitted == 0
    }

    var rows: [RowID] {
        guard case .compared(_, let differences, _) = replay else { return [] }
        return differences.map { RowID(table: $0.table, key: $0.key) }
    }

    func add(to listing: inout Listing, _ naming: RowNaming) {
        switch replay {
        case .impossible(let reason): listing.add("replay", "not possible: \(reason)")
        case .compared(let rows, let differences, let omitted):
            let count = UInt64(differences.count) + omitted
            let result = count == 0 ? "as the log says" : Amounts.count(count, "difference", "differences")
            listing.add("replay", "\(Amounts.count(rows, "row", "rows")) compared: \(result)")
            for difference in differences { listing.add("differs", Self.phrase(difference, naming)) }
            if omitted > 0 { listing.add("differs", "and \(omitted) more") }
        }
    }

    private static func phrase(_ difference: SnapshotReplay.Difference, _ naming: RowNaming) -> String {
        let place = naming.text(difference.table, difference.key)
        return switch difference.kind {
        case .onlyInLog: "\(place): only in the log"
        case .onlyInSnapshot: "\(place): only in the snapshot"
        case .different: "\(place): another value or LSN"
        }
    }
}
