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
        case .sealed(let table, let key, let lsn):
            [String(table.rawValue), lsn.description, ByteText.key(key, isFull: isFull), "-", "encrypted"]
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
        case .sealed(let table, let key, let lsn):
            JSON.object([("type", "sealedRow"), ("table", .number(UInt64(table.rawValue)))])
                .adding(ByteText.members("key", key, isRaw: isRaw))
                .adding([("lsn", .number(lsn.rawValue))])
        }
    }
}
