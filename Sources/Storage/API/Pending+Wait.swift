import Synchronization

extension Pending {
    /// Blocks the calling thread until durable: for programs without an event loop. Never call it on a thread that
    /// `StorageOptions.deliver` uses, it would wait for itself.
    @discardableResult
    public func wait() throws(StorageError) -> R {
        let outcome = Outcome<R>()
        whenDurable { outcome.set($0) }
        return try outcome.get()
    }
}

/// A result that one thread waits for and another sets, once.
private final class Outcome<R: Sendable>: Sendable {
    private let result = Mutex<Result<R, StorageError>?>(nil)
    private let wakeUp = WakeUp()

    func set(_ value: Result<R, StorageError>) {
        result.withLock { $0 = value }
        wakeUp.post()
    }

    func get() throws(StorageError) -> R {
        while true {
            if let value = result.withLock({ $0 }) { return try value.get() }
            wakeUp.wait(nanoseconds: nil)
        }
    }
}
