import Storage

/// Ids on either side of a removed one, among which another is looked for first and second.
enum Neighbourhood {
    static let near = 32
    static let wide = 4096
}

extension RowReader where Self: ~Copyable {
    /// Whether a row with another id is left under `prefix`, after the row with this id was removed.
    ///
    /// A scan passes one by one over every row removed since the last checkpoint. Emptying a large group from its
    /// front, each time looking from the front, would take quadratic time; the nearest row left is rarely far away.
    func hasRows<ID: FixedWidthInteger & UnsignedInteger>(_ table: TableID, prefix: Bytes, near id: ID) -> Bool {
        let near = id.around(Neighbourhood.near)
        let wide = id.around(Neighbourhood.wide)
        return hasRows(table, prefix: prefix, in: id...near.upperBound)
            || hasRows(table, prefix: prefix, in: near.lowerBound...id)
            || hasRows(table, prefix: prefix, in: wide)
            || edgeKey(table, prefix: prefix, last: false) != nil
    }

    private func hasRows<ID: FixedWidthInteger & UnsignedInteger>(
        _ table: TableID,
        prefix: Bytes,
        in ids: ClosedRange<ID>
    ) -> Bool {
        var isFound = false
        let last = prefix + Bytes(bigEndian: ids.upperBound)
        // A zero behind the last key makes a bound that only that key is below.
        scan(table, from: prefix + Bytes(bigEndian: ids.lowerBound), upTo: last + [0], reversed: false) { _, _ in
            isFound = true
            return false
        }
        return isFound
    }
}

extension FixedWidthInteger where Self: UnsignedInteger {
    fileprivate func around(_ distance: Int) -> ClosedRange<Self> {
        let distance = Self(clamping: distance)
        let (end, isTooLarge) = addingReportingOverflow(distance)
        return (self > distance ? self - distance : 0)...(isTooLarge ? .max : end)
    }
}
