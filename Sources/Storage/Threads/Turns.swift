#if DEBUG && !III_TSAN
    import Glibc
    import Synchronization

    /// A thread whose turns a test decides: exactly one of them runs at a time, so none may block (`Turnstile` of the
    /// storage tests).
    protocol TurnTaker: AnyObject {
        /// Before a lock is taken: somebody else may go first.
        func mayPass()
        /// Another thread has the lock: others go on until it is free.
        func waitForLock(until isFree: @escaping () -> Bool)
        /// Others go on until the condition holds, which is asked on any of the threads, or the time is up.
        func sleep(nanoseconds: UInt64?, until isOver: @escaping () -> Bool)
    }

    /// Which threads take turns: none but those of the scheduler's tests.
    enum Turns {
        /// How many do: nearly always none, and nobody looks any further.
        private static let count = Atomic<Int>(0)

        private static let key: pthread_key_t = {
            var key = pthread_key_t()
            pthread_key_create(&key, nil)
            return key
        }()

        private final class Holder {
            let taker: any TurnTaker
            init(_ taker: any TurnTaker) { self.taker = taker }
        }

        static var ofThisThread: (any TurnTaker)? {
            guard count.load(ordering: .relaxed) > 0, let place = pthread_getspecific(key) else { return nil }
            return Unmanaged<Holder>.fromOpaque(place).takeUnretainedValue().taker
        }

        /// The body runs as a thread that takes turns.
        static func run(as taker: any TurnTaker, _ body: () -> Void) {
            let holder = Holder(taker)
            count.wrappingAdd(1, ordering: .relaxed)
            pthread_setspecific(key, Unmanaged.passUnretained(holder).toOpaque())
            body()
            pthread_setspecific(key, nil)
            count.wrappingSubtract(1, ordering: .relaxed)
            extendLifetime(holder)
        }
    }
#endif
