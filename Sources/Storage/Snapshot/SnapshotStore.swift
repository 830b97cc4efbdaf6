/// The durable image of all tables at one LSN, replaced by checkpoints (storage.md §5.9). Two implementations: LMDB, and
/// a simulated one with the same commit semantics for the crash tests.
///
/// Thread rule: reading and its cursors belong to one caller at a time (the holder of the core's lock); `apply`,
/// `growMap` and `copy` to the checkpoint thread. Both may run at once: a read keeps the image that it began with.
protocol SnapshotStore: AnyObject, Sendable {
    /// What the image holds, by its own words; nil before the first checkpoint.
    var row: CheckpointRow? { get }
    var size: SnapshotSize { get }
    /// Free room inside the image for values that need so many contiguous pages.
    func reusableBytes(inRunsOf pages: Int) -> Int
    /// Some rows may be sealed with another key than the current one: the next checkpoint changes that.
    var needsReseal: Bool { get }
    /// From this segment on, headers are authenticated wherever a key is in force: the next checkpoints say so. Before the
    /// first `apply`.
    func beginsLog(at segment: SegmentNumber)

    /// The value of a key, nil if it isn't there. Valid until the next call of this kind or `endRead`.
    ///
    /// The first call after an `endRead` fixes the image that all calls see until the next `endRead`.
    func find(_ table: TableID, _ key: UnsafeRawBufferPointer) throws(StorageError) -> SnapshotValue?
    func cursor(_ table: TableID, from: Bytes?, upTo: Bytes?, reversed: Bool) throws(StorageError) -> any SnapshotCursor
    func endRead()
    /// Gives back memory beyond the budget that reading has mapped in. Any thread, but not while the map grows.
    func trimMapped()

    /// Writes a frozen generation and the row that describes the result, in one transaction, durable when it returns.
    func apply(_ changes: Overlay, _ position: CheckpointPosition) throws(SnapshotFailure) -> CheckpointRow
    /// Makes the map larger after `.mapFull`: under the core's lock, so that nobody reads. `.busy` while a copy is made.
    func growMap() throws(SnapshotFailure)
    /// It must grow, and could not yet.
    var waitsForGrowth: Bool { get }
    /// Copies a consistent image to a directory that exists. Any thread, beside everything else; ends early when it is no
    /// longer wanted, which is asked for often. Throws `.closed` after `close`.
    ///
    /// - Returns: the LSN of the checkpoint that was copied; zero: there was none yet.
    @discardableResult
    func copy(to directory: String, isCancelled: () -> Bool) throws(StorageError) -> LSN
    /// Reads of images that are no longer the newest, by other processes; what they keep from being used again.
    func readersOfOldImages() -> Set<ReaderWatch.Reader>
    func bytesKept(by reader: ReaderWatch.Reader) -> Int
    /// Under the core's lock; a copy in progress keeps what it needs.
    func close()
    /// What reads the image through in the background; nil: nothing does.
    var scrub: SnapshotScrub? { get }
    /// The file that holds the image, whatever its name is by now; nil: there is none.
    var file: FileIdentity? { get }
}

extension SnapshotStore {
    var scrub: SnapshotScrub? { nil }
    var file: FileIdentity? { nil }
    func readersOfOldImages() -> Set<ReaderWatch.Reader> { [] }
    func bytesKept(by reader: ReaderWatch.Reader) -> Int { 0 }
}

extension SnapshotStore {
    func copy(to directory: String) throws(StorageError) {
        try copy(to: directory) { false }
    }
}

/// One stored value with the record that wrote it.
struct SnapshotValue {
    var bytes: UnsafeRawBufferPointer
    var lsn: UInt64
}

/// Walks rows of one table in key order. Valid until `endRead`.
protocol SnapshotCursor: AnyObject {
    /// Key of the row that stands next, nil at the end. Valid until `advance`.
    var key: UnsafeRawBufferPointer? { get }
    /// Its value; decoded on demand. Valid until `advance` or the next call.
    func value() throws(StorageError) -> SnapshotValue
    func advance() throws(StorageError)
}

/// How much room an image takes.
struct SnapshotSize: Equatable, Sendable {
    /// Pages in use by rows.
    var usedPages = 0
    /// Pages of the file, free ones included.
    var filePages = 0
    var pageBytes = LogLimits.blockBytes
    /// Leaf pages: how many different pages random changes may touch.
    var leafPages = 0

    var freePages: Int { max(0, filePages - usedPages) }
    var freeBytes: Int { freePages * pageBytes }
    var fileBytes: Int { filePages * pageBytes }
}

/// Why a checkpoint was not written. The image is the one from before.
enum SnapshotFailure: Error {
    case mapFull
    /// A copy of ours is in the way, or the process lacks descriptors or memory: may be tried again.
    case busy(StorageError)
    /// No room on the disk: may be tried again.
    case lowSpace(StorageError)
    /// Failed reads or writes, damage: nothing is promised any more (§5.8).
    case final(StorageError)
}
