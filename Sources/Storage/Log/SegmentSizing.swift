/// How large the next segment is: doubles while segments fill fast, halves while they fill slowly (storage.md §1).
struct SegmentSizing: Sendable {
    let initialBytes: Int
    let maximumBytes: Int
    private(set) var currentBytes: Int
    private var activatedAt: UInt64

    /// A segment that lasted less than this makes the next one larger.
    static let fastNanoseconds: UInt64 = 10_000_000_000
    /// One that lasted longer than this makes the next one smaller.
    static let slowNanoseconds: UInt64 = 120_000_000_000

    init(_ options: StorageOptions, now: UInt64) {
        let smallest = 4 * LogLimits.blockBytes
        initialBytes = LogLimits.roundedToBlock(max(options.initialSegmentBytes, smallest))
        maximumBytes = LogLimits.roundedToBlock(max(options.maximumSegmentBytes, initialBytes))
        currentBytes = initialBytes
        activatedAt = now
    }

    /// A segment was activated.
    mutating func rotated(now: UInt64) {
        let lasted = now &- activatedAt
        if lasted < Self.fastNanoseconds {
            currentBytes = min(currentBytes * 2, maximumBytes)
        } else if lasted > Self.slowNanoseconds {
            currentBytes = max(LogLimits.roundedToBlock(currentBytes / 2), initialBytes)
        }
        activatedAt = now
    }

    /// Whether a retired file of that size is worth keeping: segments fill fast and have this size.
    func wantsRecycled(bytes: Int, now: UInt64) -> Bool {
        bytes == currentBytes && now &- activatedAt < Self.fastNanoseconds
    }

    /// What a spare may take: at most an eighth of the free space, never less than the smallest segment.
    func spareBytes(free: UInt64) -> Int {
        min(currentBytes, max(initialBytes, LogLimits.roundedToBlock(Int(clamping: free / 8))))
    }

    /// A segment that also holds one batch of `bytes`: header, batch, last empty batch.
    func segmentBytes(toHold bytes: Int) -> Int {
        max(currentBytes, LogLimits.roundedToBlock(bytes) + 2 * LogLimits.blockBytes)
    }
}
