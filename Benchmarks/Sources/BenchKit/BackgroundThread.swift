import Glibc

/// A thread of its own, for what blocks. Needs one `join()` or `detach()`.
package final class BackgroundThread: @unchecked Sendable {
    // `@unchecked Sendable`: written once, before anybody else has the object.
    private var thread = pthread_t()

    private final class Start {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    package init(_ body: @escaping @Sendable () -> Void) throws {
        let start = Unmanaged.passRetained(Start(body))
        let status = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            },
            start.toOpaque()
        )
        guard status == 0 else {
            start.release()
            throw BenchError("can't start a thread: \(String(cString: strerror(status)))")
        }
    }

    package func join() {
        pthread_join(thread, nil)
    }

    package func detach() {
        pthread_detach(thread)
    }
}
