/// How a snapshot works.
struct SnapshotOptions: Sendable {
    /// What an engine looks at: 4 MiB. Larger trees are left to the scrub.
    static let walkedAtOpening = 1024

    /// First size of the address range; sparse, doubled when full.
    var mapBytes: Int
    /// How much of the file the process may keep mapped in.
    var mappedBytes: Int
    var store: StoreID
    var keys: EncryptionKeys
    /// For inspection: nothing is created or changed.
    var isReadOnly = false
    /// For inspection of what may be read and not written, while no engine has it open: without LMDB's table of readers, as
    /// LMDB itself does on a read-only mount.
    var isUnlocked = false
    /// For inspection without the keys: the checkpoint row is shown though nothing proves it.
    var needsKeys = true
    /// A tree of up to so many pages is looked at page by page before LMDB follows it.
    var walkedPages = 0
    /// The snapshot is made now: no part of the store is older than this version.
    var isNew = false

    init(_ options: StorageOptions, store: StoreID) {
        mapBytes = max(LogLimits.mebibyte, LogLimits.roundedToBlock(options.snapshotMapBytes))
        mappedBytes = max(LogLimits.mebibyte, options.snapshotMappedBytes)
        self.store = store
        keys = options.encryption
    }
}
