import CPlatform
import Glibc
import Synchronization

/// A thread of the store's own: blocking calls never run on the cooperative pool (storage.md §5.6 step 2).
final class WorkerThread: Sendable {
    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void
        let hasEnded = Atomic(false)

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private let handle: Mutex<pthread_t?>
    private let thread: pthread_t
    private let start: Start

    /// The name has at most 15 bytes, Linux' limit.
    init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        precondition(name.utf8.count <= 15, "thread names have at most 15 bytes")
        var thread = pthread_t()
        let start = Start(name: name, body: body)
        let passed = Unmanaged.passRetained(start)
        var status = Self.create(&thread, passed)
        // The user's threads or the system's memory are used up: that passes.
        for _ in 1..<Self.attempts where status == EAGAIN {
            usleep(Self.pauseMicroseconds)
            status = Self.create(&thread, passed)
        }
        guard status == 0 else {
            passed.release()
            throw SystemCallError(call: "pthread_create", number: status, path: name)
        }
        self.thread = thread
        self.start = start
        handle = Mutex(thread)
    }

    private static let attempts = 5
    private static let pauseMicroseconds: UInt32 = 50_000

    private static func create(_ thread: inout pthread_t, _ start: Unmanaged<Start>) -> Int32 {
        pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                iii_set_thread_name(start.name)
                start.body()
                start.hasEnded.store(true, ordering: .releasing)
                return nil
            },
            start.toOpaque()
        )
    }

    /// Whether the caller runs on it. The system gives an ended thread's handle out again.
    var isCurrent: Bool { !start.hasEnded.load(ordering: .acquiring) && pthread_equal(thread, pthread_self()) != 0 }

    /// Waits for the thread's end. Later calls return at once.
    func join() {
        let thread = handle.withLock { handle in
            defer { handle = nil }
            return handle
        }
        guard let thread else { return }
        // The last reference to a store may go away on one of its own threads: that one can't wait for itself.
        if pthread_equal(thread, pthread_self()) != 0 { pthread_detach(thread) } else { pthread_join(thread, nil) }
    }
}

/// Wakes one sleeping thread. Posts are counted, so none is lost.
///
/// `@unchecked Sendable`: POSIX semaphores may be used by any thread; the pointer never changes.
final class WakeUp: @unchecked Sendable {
    private let semaphore: OpaquePointer

    init() {
        semaphore = iii_semaphore_create()
    }

    deinit {
        iii_semaphore_destroy(semaphore)
    }

    func post() {
        iii_semaphore_post(semaphore)
    }

    /// nil: no limit.
    func wait(nanoseconds: UInt64?) {
        #if DEBUG && !III_TSAN
            if let taker = Turns.ofThisThread {
                return taker.sleep(nanoseconds: nanoseconds) { iii_semaphore_wait(self.semaphore, 0) == 1 }
            }
        #endif
        _ = iii_semaphore_wait(semaphore, nanoseconds ?? .max)
    }
}
