#if canImport(Glibc)
import Glibc
#endif

/// The system's random numbers, fetched in blocks: one system call serves 512 numbers, so that an identifier per
/// call costs no system call. Not for sharing between threads.
public struct BufferedRandomNumberGenerator: RandomNumberGenerator {
    private static let blockCount = 512
    private var block: [UInt64] = []

    public init() {}

    public mutating func next() -> UInt64 {
        if block.isEmpty { refill() }
        return block.removeLast()
    }

    private mutating func refill() {
        block = [UInt64](repeating: 0, count: Self.blockCount)
        let isFilled = block.withUnsafeMutableBytes { bytes in
            var filled = 0
            while filled < bytes.count {
                let count = getrandom(bytes.baseAddress.map { $0 + filled }, bytes.count - filled, 0)
                if count < 0, errno != EINTR { return false }
                filled += max(count, 0)
            }
            return true
        }
        precondition(isFilled, "the system has no random numbers")
    }
}
