import Storage

/// A difference between two stores as a row and as JSON.
enum DiffReport {
    static let columns: [Table.Column] = [
        .left("DIFFERENCE"), .right("TABLE"), .left("KEY"), .right("BYTES"), .right("LSN"), .right("OTHER BYTES"),
        .right("OTHER LSN"),
    ]

    private static func name(_ difference: DiffMerge.Difference) -> (words: String, code: String) {
        if difference.second == nil { return ("only in the first", "onlyInFirst") }
        return difference.first == nil ? ("only in the other", "onlyInSecond") : ("different", "different")
    }

    static func row(_ difference: DiffMerge.Difference) -> [String] {
        let row = difference.first ?? difference.second
        return [
            name(difference).words, String(row?.table.rawValue ?? 0), ByteText.key(row?.key ?? []),
        ] + cells(difference.first) + cells(difference.second)
    }

    private static func cells(_ row: SnapshotRow?) -> [String] {
        row.map { [String($0.value.count), $0.lsn.description] } ?? ["-", "-"]
    }

    static func json(_ difference: DiffMerge.Difference) -> JSON {
        let row = difference.first ?? difference.second
        let start: JSON = [
            "type": "difference", "kind": .string(name(difference).code),
            "table": .number(UInt64(row?.table.rawValue ?? 0)),
        ]
        return start.adding(ByteText.members("key", row?.key ?? [], isRaw: false))
            .adding([("first", side(difference.first)), ("second", side(difference.second))])
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
