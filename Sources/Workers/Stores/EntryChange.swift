import Engine

/// One entry before and after a write; nil means absent.
public struct EntryChange: Sendable {
    public var old: RawJSON?
    public var new: RawJSON?
    /// Position of the write in the store's log; nil in memory.
    public var lsn: UInt64?

    public init(old: RawJSON?, new: RawJSON?, lsn: UInt64? = nil) {
        self.old = old
        self.new = new
        self.lsn = lsn
    }
}

/// What an update did: failed operations are told beside the change that the others made.
public struct EntryUpdate: Sendable {
    public var change: EntryChange
    public var errors: [UpdateError]

    public init(change: EntryChange, errors: [UpdateError]) {
        self.change = change
        self.errors = errors
    }
}

/// Why an adapter could not do it; the text goes to the client behind the operation's own words.
public struct AdapterError: Error, Sendable, CustomStringConvertible {
    public let description: String
    /// Of the call's failure, in place of the operation's own.
    public let code: String?

    public init(_ description: String, code: String? = nil) {
        self.description = description
        self.code = code
    }
}
