import Synchronization

@testable import Storage

/// A number that callbacks may change.
final class Counter: Sendable {
    private let number = Mutex(0)

    var value: Int { number.withLock { $0 } }

    func add(_ count: Int = 1) {
        number.withLock { $0 += count }
    }

    func raise(to value: Int) {
        number.withLock { $0 = max($0, value) }
    }
}
