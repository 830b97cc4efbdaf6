import Storage

/// The last line of an export.
struct ExportTrailer {
    var through: LSN
    /// The rows are of several moments, from this one on; nil: they are all of `through`.
    private(set) var from: LSN?
    private(set) var rows: UInt64 = 0
    private(set) var checksum: UInt32 = 0
    private(set) var tables: [UInt16: UInt64] = [:]

    /// No other table was asked for; nil: the rows are all there are.
    private let onlyTable: TableID?

    init(through: LSN, onlyTable: TableID? = nil) {
        self.through = through
        self.onlyTable = onlyTable
    }

    mutating func isMixed(from first: LSN, to last: LSN) {
        from = first
        through = last
    }

    /// A row's line, its line end included.
    mutating func add(_ line: Bytes, of table: TableID) {
        rows += 1
        tables[table.rawValue, default: 0] += 1
        checksum = line.withUnsafeBytes { Checksum.crc32c($0, continuing: checksum) }
    }

    var json: JSON {
        let tables = tables.sorted { $0.key < $1.key }
        let facts: JSON = [
            "type": "trailer", "rows": .number(rows),
            "tables": .array(tables.map { ["table": .number(UInt64($0.key)), "rows": .number($0.value)] }),
            "throughLSN": .number(through.rawValue), "crc32c": .number(UInt64(checksum)),
        ]
        return facts.adding(from.map { [("fromLSN", .number($0.rawValue))] } ?? [])
            .adding(onlyTable.map { [("onlyTable", .number(UInt64($0.rawValue)))] } ?? [])
    }

    /// What a trailer has against the lines before it; nil: nothing.
    func mismatch(_ trailer: JSON) -> String? {
        guard let rows = trailer["rows"]?.integer, let checksum = trailer["crc32c"]?.integer,
            trailer["throughLSN"]?.integer != nil
        else { return "the trailer lacks \"rows\", \"crc32c\" or \"throughLSN\"" }
        if trailer["throughLSN"]?.integer ?? 0 > StorageLimits.lsn.rawValue {
            return "no store reaches its \"throughLSN\""
        }
        if rows != self.rows { return "the trailer counts \(rows) rows, the file has \(self.rows)" }
        return checksum == UInt64(self.checksum) ? nil : "the checksum does not match: the file was changed"
    }
}
