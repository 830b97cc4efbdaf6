import Synchronization

@testable import Storage

/// Time that passes by a tick per look, and by jumps where a test says so.
final class SimulatedClock: Sendable {
    private let now = Mutex<UInt64>(1_000_000)

    var storageClock: StorageClock {
        StorageClock(wallNanoseconds: { self.tick() }, monotonicNanoseconds: { self.tick() })
    }

    private func tick() -> UInt64 {
        now.withLock { now in
            now += 1000
            return now
        }
    }

    /// Without a tick.
    var time: UInt64 { now.withLock { $0 } }

    /// Never back.
    func advance(to time: UInt64) {
        now.withLock { $0 = max($0, time) }
    }

    func advance(by nanoseconds: UInt64) {
        now.withLock { $0 += nanoseconds }
    }
}
