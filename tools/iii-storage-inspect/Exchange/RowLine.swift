import Storage

/// One row of an export.
enum RowLine {
    static func json(_ row: SnapshotRow) -> JSON {
        JSON.object([("table", .number(UInt64(row.table.rawValue)))])
            .adding(ByteText.members("key", row.key, isRaw: false))
            .adding(ByteText.members("value", row.value, isRaw: false))
            .adding([("lsn", .number(row.lsn.rawValue))])
    }

    /// What is wrong with a line.
    struct Flaw: Error {
        var what: String
    }

    static func row(_ json: JSON) throws(Flaw) -> SnapshotRow {
        guard let table = json["table"]?.integer.flatMap({ UInt16(exactly: $0) }), (1..<UInt16.max).contains(table)
        else {
            // Table 0 is the snapshot's own.
            throw Flaw(what: "\"table\" must be a number from 1 to 65534")
        }
        guard let key = ByteText.bytes("key", in: json) else {
            throw Flaw(what: "\"key\" and \"keyEncoding\" (utf8 or base64) are missing or do not fit")
        }
        guard let value = ByteText.bytes("value", in: json) else {
            throw Flaw(what: "\"value\" and \"valueEncoding\" (utf8 or base64) are missing or do not fit")
        }
        guard let lsn = json["lsn"]?.integer, (1...StorageLimits.lsn.rawValue).contains(lsn) else {
            throw Flaw(what: "\"lsn\" must be a number from 1 to \(StorageLimits.lsn)")
        }
        guard key.count <= StorageLimits.keyBytes else { throw Flaw(what: "the key has more than 500 bytes") }
        return SnapshotRow(table: TableID(rawValue: table), key: key, value: value, lsn: LSN(rawValue: lsn))
    }
}
