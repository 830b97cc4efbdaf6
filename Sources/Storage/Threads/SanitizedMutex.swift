#if III_TSAN
    import Glibc

    /// Takes the place of `Synchronization.Mutex` in this module when ThreadSanitizer looks on: it knows POSIX mutexes, but not
    /// the standard library's, and would report every access that one of those orders.
    ///
    /// `@unchecked Sendable`: the value is reached with the lock held only.
    struct Mutex<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
        private let place: UnsafeMutablePointer<Value>
        private let lock: UnsafeMutablePointer<pthread_mutex_t>

        init(_ value: consuming sending Value) {
            place = .allocate(capacity: 1)
            place.initialize(to: value)
            lock = .allocate(capacity: 1)
            pthread_mutex_init(lock, nil)
        }

        deinit {
            pthread_mutex_destroy(lock)
            lock.deallocate()
            place.deinitialize(count: 1)
            place.deallocate()
        }

        borrowing func withLock<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            pthread_mutex_lock(lock)
            defer { pthread_mutex_unlock(lock) }
            return try body(&place.pointee)
        }

        @discardableResult
        borrowing func withLockIfAvailable<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending Value) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result? {
            guard pthread_mutex_trylock(lock) == 0 else { return nil }
            defer { pthread_mutex_unlock(lock) }
            return try body(&place.pointee)
        }
    }
#endif
