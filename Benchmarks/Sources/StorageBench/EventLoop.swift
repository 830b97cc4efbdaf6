import BenchKit
import Dispatch
import Synchronization

/// One thread that runs what it is given, in order: as in the engine, whose event loop is told by all stores what has
/// become durable.
final class EventLoop: Sendable {
    private struct State: Sendable {
        var work: [@Sendable () -> Void] = []
        var isAsleep = false
        var isStopped = false
    }

    private let state = Mutex(State())
    private let wakeUp = DispatchSemaphore(value: 0)

    static func start() throws -> EventLoop {
        let loop = EventLoop()
        try BackgroundThread { loop.run() }.detach()
        return loop
    }

    func execute(_ body: @escaping @Sendable () -> Void) {
        let mustWake = state.withLock { state in
            state.work.append(body)
            defer { state.isAsleep = false }
            return state.isAsleep
        }
        if mustWake { wakeUp.signal() }
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        execute {}
    }

    private func run() {
        while true {
            let (work, isStopped) = state.withLock { state in
                defer { state.work = [] }
                state.isAsleep = state.work.isEmpty
                return (state.work, state.isStopped)
            }
            for body in work { body() }
            if isStopped { return }
            if work.isEmpty { wakeUp.wait() }
        }
    }
}
