import BenchKit
import Dispatch
import Glibc
import Storage
import Synchronization

/// One client of a closed loop.
///
/// `@unchecked Sendable`: it has one operation in flight, and its fields are touched by whoever submits or completes that
/// one; the store's own locks lie between the two. Its loop keeps it alive until nothing is in flight.
final class Lane: @unchecked Sendable {
    private let group: LaneGroup
    private let control: LoopControl
    private let recorder: Recorder
    private var random: UInt64
    private var submittedAt = 0
    /// Made once: a put must not pay for its client's closure.
    private var completion: @Sendable (Result<Void, StorageError>) -> Void = { _ in }

    init(_ group: LaneGroup, _ control: LoopControl, _ recorder: Recorder, random: UInt64) {
        self.group = group
        self.control = control
        self.recorder = recorder
        self.random = random
    }

    /// Records the operation that has ended; false: it was the last.
    private func finish(_ result: Result<Void, StorageError>) -> Bool {
        let now = monotonicNanoseconds()
        if case .failure(let error) = result { control.fail(error) }
        let phase = control.phase.load(ordering: .acquiring)
        guard phase != LoopControl.stopped else { return false }
        recorder.record(now - submittedAt, phase: phase)
        submittedAt = now
        return true
    }

    private func end() {
        control.running.subtract(1, ordering: .acquiringAndReleasing)
    }

    /// Commits; nil: refused for now, or the loop has failed.
    private func submit() -> (pending: Pending<Void>?, isRefused: Bool) {
        do {
            return (try group.operation(&random), false)
        } catch let error as StorageError where error.isRetryable {
            return (nil, true)
        } catch {
            control.fail(error)
            return (nil, false)
        }
    }
}

// Driven by callbacks.
extension Lane {
    func startByCallbacks() {
        completion = { [unowned self] result in
            if finish(result) { submitNext() } else { end() }
        }
        submittedAt = monotonicNanoseconds()
        submitNext()
    }

    /// A commit may be durable before anybody waits for it; then the callback runs in place and this calls itself. That
    /// takes a sync between two adjacent calls, so it doesn't get deep.
    private func submitNext() {
        let (pending, isRefused) = submit()
        if let pending {
            pending.whenDurable(completion)
        } else if isRefused {
            group.store.whenUnsaturated { [unowned self] in submitNext() }
        } else {
            end()
        }
    }
}

// Driven by a task or a thread.
extension Lane {
    func startAsTask() {
        submittedAt = monotonicNanoseconds()
        Task.detached { [self] in
            while await runOnce() {}
            end()
        }
    }

    private func runOnce() async -> Bool {
        let (pending, isRefused) = submit()
        guard let pending else {
            guard isRefused else { return false }
            await withUnsafeContinuation { continuation in group.store.whenUnsaturated { continuation.resume() } }
            return true
        }
        do throws(StorageError) {
            return finish(.success(try await pending.durable()))
        } catch {
            return finish(.failure(error))
        }
    }

    func startAsThread() throws {
        submittedAt = monotonicNanoseconds()
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<Result<Void, StorageError>>(.success(()))
        let wake: @Sendable (Result<Void, StorageError>) -> Void = { outcome in
            if case .failure = outcome { result.withLock { $0 = outcome } }
            done.signal()
        }
        let thread = try BackgroundThread { [self] in
            while true {
                let (pending, isRefused) = submit()
                if let pending {
                    pending.whenDurable(wake)
                    done.wait()
                    guard finish(result.withLock { $0 }) else { break }
                } else {
                    guard isRefused else { break }
                    group.store.whenUnsaturated { done.signal() }
                    done.wait()
                }
            }
            end()
        }
        thread.detach()
    }
}
