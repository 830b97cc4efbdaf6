import Storage

/// What reading rows needs, in a transaction and in a read view alike.
protocol RowReader: ~Copyable {
    func get(_ table: TableID, key: Bytes) -> Bytes?
    func scan(
        _ table: TableID,
        from: Bytes?,
        upTo: Bytes?,
        reversed: Bool,
        _ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    )
}

extension Transaction: RowReader {}
extension ReadView: RowReader {}

extension RowReader where Self: ~Copyable {
    /// Visits the rows whose key begins with `prefix`, in key order, until `visit` returns false.
    func scan(
        _ table: TableID,
        prefix: Bytes,
        reversed: Bool = false,
        _ visit: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
    ) {
        scan(table, from: prefix, upTo: prefix.endOfPrefix, reversed: reversed, visit)
    }

    /// First or last key that begins with `prefix`.
    func edgeKey(_ table: TableID, prefix: Bytes, last: Bool) -> Bytes? {
        var found: Bytes?
        scan(table, prefix: prefix, reversed: last) { key, _ in
            found = Bytes(key)
            return false
        }
        return found
    }
}
