/// One record of the log.
public struct RecordFacts: Sendable {
    public var lsn: LSN
    /// LSN of the first record of its transaction.
    public var transaction: LSN
    public var batch: UInt64
    public var segment: UInt64
    /// Nanoseconds since 1970.
    public var committedAt: UInt64
    /// Who did it, if the transaction says so.
    public var origin: Bytes?
    public var change: Change

    public enum Change: Sendable {
        case put(TableID, key: Bytes, value: Excerpt)
        case delete(TableID, key: Bytes)
        /// The half-open key range `from..<upTo`.
        case trim(TableID, from: Bytes, upTo: Bytes)
        case note(Excerpt)
        /// A kind that this version may skip.
        case other(kind: UInt8)
    }

    /// A value, or its beginning.
    public struct Excerpt: Sendable, Equatable {
        public var bytes: Bytes
        /// Length of the whole.
        public var count: Int

        public var isWhole: Bool { bytes.count == count }

        /// A whole value.
        public init(_ bytes: Bytes) {
            self.bytes = bytes
            count = bytes.count
        }
    }
}

extension RecordFacts.Excerpt {
    init(_ whole: UnsafeRawBufferPointer, limit: Int) {
        bytes = Bytes(whole.prefix(limit))
        count = whole.count
    }
}

/// Which records are wanted. Empty: all.
public struct RecordFilter: Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        case put
        case delete
        case trim
        case note
    }

    public var from: LSN?
    public var to: LSN?
    /// Empty: all kinds.
    public var kinds: Set<Kind> = []
    public var table: TableID?
    /// Changes of this key: puts and deletes of it, trims whose range covers it.
    public var key: Bytes?
    /// Bytes of a value or note that are kept.
    public var valueLimit = Int.max

    public init() {}

    /// For a caller that looks at other records too.
    public func admits(_ record: RecordFacts) -> Bool {
        guard admits(record.lsn) else { return false }
        switch record.change {
        case .put(let table, let key, _): return admits(.put) && admits(table) && key.withUnsafeBytes(isWanted)
        case .delete(let table, let key): return admits(.delete) && admits(table) && key.withUnsafeBytes(isWanted)
        case .trim(let table, let from, let upTo):
            return admits(.trim) && admits(table)
                && from.withUnsafeBytes { from in upTo.withUnsafeBytes { isCovered(from, $0) } }
        case .note: return table == nil && key == nil && admits(.note)
        case .other: return table == nil && key == nil && kinds.isEmpty
        }
    }

    func admits(_ lsn: LSN) -> Bool {
        lsn >= from ?? .zero && lsn <= to ?? LSN(rawValue: .max)
    }

    func admits(_ record: Record) -> Bool {
        switch record {
        case .put(let table, let key, _): admits(.put) && admits(table) && isWanted(key)
        case .delete(let table, let key): admits(.delete) && admits(table) && isWanted(key)
        case .trim(let table, let from, let upTo): admits(.trim) && admits(table) && isCovered(from, upTo)
        case .ignored(let kind):
            table == nil && key == nil && (kinds.isEmpty || kind == RecordKind.note && kinds.contains(.note))
        }
    }

    private func admits(_ kind: Kind) -> Bool {
        kinds.isEmpty || kinds.contains(kind)
    }

    private func admits(_ table: TableID) -> Bool {
        self.table == nil || self.table == table
    }

    private func isWanted(_ key: UnsafeRawBufferPointer) -> Bool {
        self.key.map { key.elementsEqual($0) } ?? true
    }

    private func isCovered(_ from: UnsafeRawBufferPointer, _ upTo: UnsafeRawBufferPointer) -> Bool {
        guard let key else { return true }
        return !key.lexicographicallyPrecedes(from) && key.lexicographicallyPrecedes(upTo)
    }
}
