import Glibc

/// Time, injected (I11). Ordering never depends on it.
public struct StorageClock: Sendable {
    /// Nanoseconds since 1970.
    public var wallNanoseconds: @Sendable () -> UInt64
    /// Nanoseconds since some fixed moment.
    public var monotonicNanoseconds: @Sendable () -> UInt64

    public init(
        wallNanoseconds: @escaping @Sendable () -> UInt64,
        monotonicNanoseconds: @escaping @Sendable () -> UInt64
    ) {
        self.wallNanoseconds = wallNanoseconds
        self.monotonicNanoseconds = monotonicNanoseconds
    }

    public static let system = StorageClock(
        wallNanoseconds: { read(CLOCK_REALTIME) },
        monotonicNanoseconds: { read(CLOCK_MONOTONIC) }
    )

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
