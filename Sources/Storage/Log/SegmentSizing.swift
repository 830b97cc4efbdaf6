/// How large the next segment is: doubles while segments fill fast, halves while they fill slowly (storage.md §1).
struct SegmentSizing: Sendable {
    /// The first segment of an opening, which waits until its zeros are durable.
    let openingBytes: Int
    let initialBytes: Int
    let maximumBytes: Int
    private(set) var currentBytes: Int
    private var activatedAt: UInt64
    /// The first segment is smaller than the sizes that are compared: how long it lasted says nothing.
    private var isFirstSmaller: Bool

    /// A segment that lasted less than this makes the next one larger.
    static let fastNanoseconds: UInt64 = 10_000_000_000
    /// One that lasted longer than this makes the next one smaller.
    static let slowNanoseconds: UInt64 = 120_000_000_000

    /// When the disk has no room for more.
    static let fullDiskBytes = 256 * 1024

    init(_ options: StorageOptions, now: UInt64) {
        let smallest = 4 * LogLimits.blockBytes
        initialBytes = LogLimits.roundedToBlock(max(options.initialSegmentBytes, smallest))
        maximumBytes = LogLimits.roundedToBlock(max(options.maximumSegmentBytes, initialBytes))
        currentBytes = initialBytes
        activatedAt = now
        openingBytes = min(initialBytes, LogLimits.mebibyte)
        isFirstSmaller = openingBytes < initialBytes
    }

    /// A segment was activated.
    mutating func rotated(now: UInt64) {
        defer {
            activatedAt = now
            isFirstSmaller = false
        }
        guard !isFirstSmaller else { return }
        let lasted = now &- activatedAt
        if lasted < Self.fastNanoseconds {
            currentBytes = min(currentBytes * 2, maximumBytes)
        } else if lasted > Self.slowNanoseconds {
            currentBytes = max(LogLimits.roundedToBlock(currentBytes / 2), initialBytes)
        }
    }

    /// Whether a retired file of that size is worth keeping: segments fill fast and have this size.
    func wantsRecycled(bytes: Int, now: UInt64) -> Bool {
        bytes == currentBytes && now &- activatedAt < Self.fastNanoseconds
    }

    /// What a spare may take: at most an eighth of the free space, never less than the smallest segment.
    func spareBytes(free: UInt64) -> Int {
        min(currentBytes, max(initialBytes, LogLimits.roundedToBlock(Int(clamping: free / 8))))
    }

    /// The smallest segment that holds one batch of `bytes`: header, batch, last empty batch.
    func smallestBytes(toHold bytes: Int) -> Int {
        max(initialBytes, LogLimits.roundedToBlock(bytes) + 2 * LogLimits.blockBytes)
    }

    func fullDiskBytes(toHold bytes: Int) -> Int {
        max(min(initialBytes, Self.fullDiskBytes), LogLimits.roundedToBlock(bytes) + 2 * LogLimits.blockBytes)
    }

    /// What a segment that must hold `bytes` should have: as large as the write rate asks for, unless the disk is filling up.
    func segmentBytes(toHold bytes: Int, free: UInt64) -> Int {
        max(spareBytes(free: free), smallestBytes(toHold: bytes))
    }
}
