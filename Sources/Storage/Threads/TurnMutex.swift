#if DEBUG && !III_TSAN
    import Synchronization

    /// Takes the place of `Synchronization.Mutex` in this module's debug builds. It is the same, but a thread that takes
    /// turns with others (`Turns`) never blocks in it.
    struct Mutex<Value: ~Copyable>: ~Copyable, Sendable {
        private let mutex: Synchronization.Mutex<Value>
        private let hold = TurnHold()

        init(_ value: consuming sending Value) {
            mutex = Synchronization.Mutex(value)
        }

        borrowing func withLock<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            guard let taker = Turns.ofThisThread else { return try mutex.withLock(body) }
            taker.mayPass()
            let hold = hold
            while true {
                let result = try mutex.withLockIfAvailable { (value) throws(Failure) -> sending Result in
                    hold.isHeld = true
                    defer { hold.isHeld = false }
                    return try body(&value)
                }
                if let result { return result }
                taker.waitForLock { !hold.isHeld }
            }
        }

        @discardableResult
        borrowing func withLockIfAvailable<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result? {
            try mutex.withLockIfAvailable(body)
        }
    }

    /// Whether a thread that takes turns has a lock.
    ///
    /// `@unchecked Sendable`: only those threads look, and one of them runs at a time.
    final class TurnHold: @unchecked Sendable {
        fileprivate(set) var isHeld = false
    }
#endif
