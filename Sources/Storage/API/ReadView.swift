/// A consistent view of all committed transactions, valid inside its closure only.
///
/// It may see what is not durable yet; the result of the read is released when it is (I4). The closure runs under the
/// store's lock: keep it to one page of work.
public struct ReadView: ~Copyable {
    private let core: CommitCore

    init(core: CommitCore) {
        self.core = core
        core.seenLSN = 0
    }

    /// The last record that this view can see. Asking for it makes the read wait until everything up to there is durable:
    /// every later change has a greater LSN.
    public var position: LSN {
        let last = core.nextLSN.rawValue - 1
        core.saw(last)
        return LSN(rawValue: last)
    }

    /// nil: not there.
    public func get(_ table: TableID, key: Bytes) -> Bytes? {
        core.find(table, key)
    }

    /// Whether the key is there.
    public func contains(_ table: TableID, key: Bytes) -> Bool {
        core.contains(table, key)
    }

    /// Visits the half-open key range in key order, or backwards, until `visit` returns false. nil: no bound.
    ///
    /// Key and value are valid during the visit only. Waits for the table's latest change, the simplest bound for what
    /// could have changed the range.
    public func scan(
        _ table: TableID,
        from: Bytes?,
        upTo: Bytes?,
        reversed: Bool = false,
        _ visit: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool
    ) {
        core.saw(core.lastChange(of: table))
        core.scan(table, from: from, upTo: upTo, reversed: reversed, visit)
    }
}
