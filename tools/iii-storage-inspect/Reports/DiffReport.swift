import Storage

/// A difference between two stores as a row and as JSON.
enum DiffReport {
    static let columns: [Table.Column] = [
        .left("DIFFERENCE"), .left("ROW"), .right("BYTES"), .right("LSN"), .right("OTHER BYTES"), .right("OTHER LSN"),
    ]

    private static func name(_ difference: DiffMerge.Difference) -> (words: String, code: String) {
        if difference.second == nil { return ("only in the first", "onlyInFirst") }
        return difference.first == nil ? ("only in the other", "onlyInSecond") : ("different", "different")
    }

    /// - Parameter naming: of the store that has the row.
    static func row(_ difference: DiffMerge.Difference, _ naming: RowNaming) -> [String] {
        let row = difference.first ?? difference.second
        return [
            name(difference).words,
            row.map { naming.text($0.table, $0.key, $0.value) } ?? "-",
        ] + cells(difference.first) + cells(difference.second)
    }

    private static func cells(_ row: SnapshotRow?) -> [String] {
        guard let row else { return ["-", "-"] }
        return [String(RowNaming.shown(row.table, row.key, .init(row.value)).count), row.lsn.description]
    }

    static func json(_ difference: DiffMerge.Difference, _ naming: RowNaming) -> JSON {
        let row = difference.first ?? difference.second
        let start: JSON = [
            "type": "difference", "kind": .string(name(difference).code),
            "table": .number(UInt64(row?.table.rawValue ?? 0)),
        ]
        return start.adding(ByteText.members("key", row?.key ?? [], isRaw: false))
            .adding([("first", side(difference.first)), ("second", side(difference.second))])
            .adding(row.map { [naming.member($0.table, $0.key, $0.value)] } ?? [])
    }

    private static func side(_ row: SnapshotRow?) -> JSON {
        row.map { ["valueBytes": .number(UInt64($0.value.count)), "lsn": .number($0.lsn.rawValue)] } ?? .null
    }

    static func phrase(_ totals: DiffMerge.Totals) -> String {
        if totals.areEqual { return "equal: \(Amounts.count(totals.equal, "row", "rows"))" }
        let parts = [
            "\(totals.onlyInFirst) only in the first", "\(totals.onlyInSecond) only in the other",
            "\(totals.different) different", "\(totals.equal) equal",
        ]
        return "-- " + parts.joined(separator: ", ")
    }

    static func json(_ totals: DiffMerge.Totals) -> JSON {
        [
            "type": "totals", "equal": .number(totals.equal), "onlyInFirst": .number(totals.onlyInFirst),
            "onlyInSecond": .number(totals.onlyInSecond), "different": .number(totals.different),
        ]
    }
}
