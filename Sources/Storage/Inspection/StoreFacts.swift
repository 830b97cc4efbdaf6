/// A store's directory from outside: what can be said without reading the log.
public struct StoreFacts: Sendable {
    /// Canonical absolute path.
    public var path: String
    /// Major version in FORMAT; nil: there is no usable FORMAT file.
    public var formatVersion: UInt16?
    /// 32 hexadecimal digits; nil as above.
    public var storeID: String?
    /// Drawn by the last restore, cut or salvage; 0: there was none. nil as above.
    public var incarnation: UInt64?
    /// A snapshot stands beside the log: the log need not reach back to LSN 1.
    public var hasSnapshot: Bool
    /// Segment files, by number.
    public var segments: [SegmentFile]
    /// Spares and other temporary files in `wal/`.
    public var temporaryFiles: [String]
    /// Files in `wal/` that are not the store's.
    public var unknownFiles: [String]
    /// What recoveries set aside.
    public var quarantinedFiles: [String]
    /// Bytes that the file system can still take.
    public var freeBytes: UInt64
    public var lock: LockFacts

    /// Bytes of all segment files.
    public var logBytes: UInt64 { segments.reduce(0) { $0 + $1.bytes } }

    /// One segment file.
    public struct SegmentFile: Sendable, Equatable {
        public var number: UInt64
        public var path: String
        public var bytes: UInt64
    }
}

/// Who holds a store's lock.
public struct LockFacts: Sendable, Equatable {
    /// An engine has the store open now.
    public var isHeld: Bool
    /// What the LOCK file says of its latest holder: for people, the lock is the lock. nil: says nothing.
    public var holder: String?
}
