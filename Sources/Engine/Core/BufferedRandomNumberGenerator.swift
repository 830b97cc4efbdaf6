#if canImport(Glibc)
    import Glibc
#endif

/// The system's random numbers, fetched in blocks: one system call serves 32 numbers, so that an identifier per call
/// costs next to nothing. Not for sharing between threads.
public struct BufferedRandomNumberGenerator: RandomNumberGenerator {
    /// As much as `getentropy` gives at once: 256 bytes.
    private static let blockCount = 32
    private var block: [UInt64] = []

    public init() {}

    public mutating func next() -> UInt64 {
        if block.isEmpty { refill() }
        return block.removeLast()
    }

    private mutating func refill() {
        block = [UInt64](repeating: 0, count: Self.blockCount)
        let status = block.withUnsafeMutableBytes { getentropy($0.baseAddress, $0.count) }
        precondition(status == 0, "the system has no random numbers")
    }
}
