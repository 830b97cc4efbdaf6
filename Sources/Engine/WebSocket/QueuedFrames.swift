import NIOCore

/// Whole frames that wait to be written together. Small ones are copied behind each other into one buffer: a million
/// of them cost their bytes, not a million allocations.
struct QueuedFrames {
    /// Frames up to this size are coalesced.
    static let maximumCoalescedBytes = 4 << 10
    /// A buffer of coalesced frames grows to this.
    private static let bufferBytes = 64 << 10
    /// What a queue entry costs beside its bytes.
    private static let overheadBytes = 128

    private(set) var buffers: [ByteBuffer]
    /// Memory held, bytes.
    private(set) var cost: Int
    private let isCoalescing: Bool

    /// One frame: its header and slices of its payload.
    init(_ buffers: [ByteBuffer]) {
        self.buffers = buffers
        cost = buffers.reduce(Self.overheadBytes) { $0 + $1.readableBytes }
        isCoalescing = false
    }

    init(coalescing frame: ByteBuffer) {
        buffers = [frame]
        cost = frame.storageCapacity + Self.overheadBytes
        isCoalescing = true
    }

    func canTake(_ frame: ByteBuffer) -> Bool {
        isCoalescing && buffers[0].readableBytes + frame.readableBytes <= Self.bufferBytes
    }

    /// Adds a frame behind the others. Returns by how much the cost grew.
    mutating func append(_ frame: ByteBuffer) -> Int {
        buffers[0].writeImmutableBuffer(frame)
        let old = cost
        cost = buffers[0].storageCapacity + Self.overheadBytes
        return cost - old
    }
}
