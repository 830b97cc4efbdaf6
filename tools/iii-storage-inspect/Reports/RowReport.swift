import Storage

/// One row of a snapshot as a row and as JSON.
enum RowReport {
    static let columns: [Table.Column] = [
        .right("TABLE"), .right("LSN"), .left("KEY"), .right("BYTES"), .left("VALUE"),
    ]

    static func row(_ item: SnapshotItem, isFull: Bool) -> [String] {
        switch item {
        case .row(let row):
            [
                String(row.table.rawValue), row.lsn.description, ByteText.key(row.key, isFull: isFull),
                String(row.value.count), ByteText.value(.init(row.value), isFull: isFull),
            ]
        case .damaged(let row):
            [String(row.table.rawValue), "-", ByteText.key(row.key, isFull: isFull), "-", "damaged: \(row.reason)"]
        }
    }

    static func json(_ item: SnapshotItem, isRaw: Bool) -> JSON {
        switch item {
        case .row(let row):
            JSON.object([("type", "row"), ("table", .number(UInt64(row.table.rawValue)))])
                .adding(ByteText.members("key", row.key, isRaw: isRaw))
                .adding(ByteText.members("value", row.value, isRaw: isRaw))
                .adding([("lsn", .number(row.lsn.rawValue))])
        case .damaged(let row):
            JSON.object([("type", "damagedRow"), ("table", .number(UInt64(row.table.rawValue)))])
                .adding(ByteText.members("key", row.key, isRaw: isRaw))
        }
    }
}
