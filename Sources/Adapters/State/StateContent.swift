import Storage

/// The state in a store that is read without opening it: every scope with its entries in insertion order.
/// Not thread-safe.
public struct StateContent {
    public struct Entry {
        public var scope: String
        /// Scopes are numbered in the order in which they were made.
        public var scopeNumber: UInt32
        public var key: String
        /// JSON text.
        public var value: Bytes
    }

    private let reader: StoreReader
    private let names: [UInt32: String]

    /// Reads the names of all scopes.
    public init(_ reader: StoreReader) throws {
        self.reader = reader
        var names: [UInt32: String] = [:]
        try reader.scan(StateRows.scopes.names) { key, name in
            names[Bytes(key).integer()] = String(decoding: name, as: UTF8.self)
            return true
        }
        self.names = names
    }

    public var scopes: [String] { names.sorted { $0.key < $1.key }.map(\.value) }

    /// Visits all entries, scope by scope in order of their numbers. Throws what `visit` throws.
    ///
    /// - Throws: `.writerBug` at a row that no state adapter writes.
    public func entries(_ visit: (Entry) throws -> Void) throws {
        var failure: (any Error)?
        try reader.scan(StateRows.entries.entries) { key, value in
            do {
                try visit(try entry(Bytes(key), Bytes(value)))
                return true
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
    }

    private func entry(_ key: Bytes, _ value: Bytes) throws -> Entry {
        guard key.count == 12, let scope = names[key.integer()], let parts = EntryRow.parts(value) else {
            throw StorageError(
                .writerBug,
                "a row of table \(StateRows.entries.entries.rawValue) is not one of state's. Keep the files and report it"
            )
        }
        return Entry(
            scope: scope,
            scopeNumber: key.integer(),
            key: String(decoding: parts.key, as: UTF8.self),
            value: Bytes(parts.json)
        )
    }
}
