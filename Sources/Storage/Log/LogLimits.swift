/// Every bound of the log in one place (I10).
enum LogLimits {
    /// Batches start on such an edge, so that no device sector holds acknowledged and new data (lesson 5).
    static let blockBytes = 4096

    /// LSNs, and numbers of batches and segments: no store gets there. What a file says beyond it is not believed, so that
    /// counting on from it can't overflow.
    static let maximumNumber: UInt64 = 1 << 63

    /// What a new store may begin behind: there is as much again to count on to.
    static let maximumImportedNumber: UInt64 = 1 << 62

    /// The first block of a segment is its header.
    static let firstBatchOffset = UInt64(blockBytes)

    static let mebibyte = 1 << 20

    /// A key; with its table it fits LMDB's 511 bytes.
    static let maximumKeyBytes = 500

    /// One record's body; the largest message that the protocol takes.
    static let maximumRecordBytes = 64 * mebibyte

    /// All records of one transaction with their headers.
    static let maximumTransactionBytes = 66 * mebibyte

    /// A batch takes no further transaction once it holds this much.
    static let softBatchBytes = 1 * mebibyte

    /// Nothing larger is ever written, so nothing larger is ever believed.
    static let maximumBatchBytes = maximumTransactionBytes + 2 * mebibyte

    /// Not yet durable bytes and transactions, beyond which `commit` refuses with `.overloaded`.
    static let maximumPendingBytes = 64 * mebibyte
    static let maximumPendingTransactions = 65_536

    /// Callbacks that wait for durability, beyond which reads are refused.
    static let maximumWaiters = 4 * maximumPendingTransactions

    static let initialSegmentBytes = 4 * mebibyte
    static let maximumSegmentBytes = 64 * mebibyte

    /// Names who did it; longer ones are cut at this many UTF-8 bytes.
    static let maximumOriginBytes = 1024

    /// What must stay free in the active segment for deletes while the disk is full.
    static let lowSpaceMarginBytes = 64 * 1024

    /// An LMDB file of this size holds no row: two pages are LMDB's own.
    static let emptySnapshotBytes = 2 * blockBytes

    /// What openings set aside, beyond which the oldest goes; a single file beyond the bytes isn't copied.
    static let quarantineFiles = 16
    static let quarantineBytes = 256 * mebibyte

    /// Batch buffers kept for reuse, and how large one may be to be kept.
    static let pooledBuffers = 4
    static let pooledBufferBytes = 4 * mebibyte

    static func roundedToBlock(_ bytes: Int) -> Int {
        (bytes + blockBytes - 1) & ~(blockBytes - 1)
    }
}
