import Synchronization

/// Holds callbacks back until their LSN is durable, then runs them in LSN order (I1, I4).
final class DurabilityGate: Sendable {
    /// nil: durable; else why it never will be.
    typealias Callback = @Sendable (StorageError?) -> Void

    private struct Waiter: Sendable {
        var lsn: UInt64
        var callback: Callback
    }

    /// A thread that sleeps until its LSN is durable.
    private struct Sleeper: Sendable {
        var lsn: UInt64
        var wakeUp: WakeUp
    }

    private struct State: Sendable {
        var waiters: [Waiter] = []
        var sleepers: [Sleeper] = []
        var isSorted = true
        var isDelivering = false
        var failure: StorageError?

        func hasReleasable(_ durable: UInt64) -> Bool {
            if isSorted { return waiters.first.map { $0.lsn <= durable } ?? false }
            return waiters.contains { $0.lsn <= durable }
        }

        mutating func wakeSleepers(_ durable: UInt64) {
            guard !sleepers.isEmpty else { return }
            let isOver = failure != nil
            for sleeper in sleepers where isOver || sleeper.lsn <= durable { sleeper.wakeUp.post() }
            sleepers.removeAll { isOver || $0.lsn <= durable }
        }
    }

    private let state = Mutex(State())
    private let durable: Atomic<UInt64>
    /// Up to here every callback has been run: later ones may run in place without overtaking.
    private let delivered: Atomic<UInt64>
    private let deliver: @Sendable (@escaping @Sendable () -> Void) -> Void

    init(durable: LSN, deliver: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void) {
        self.durable = Atomic(durable.rawValue)
        self.delivered = Atomic(durable.rawValue)
        self.deliver = deliver
    }

    var durableLSN: LSN { LSN(rawValue: durable.load(ordering: .acquiring)) }
    var waiterCount: Int { state.withLock { $0.waiters.count } }

    func isDelivered(_ lsn: LSN, isRead: Bool = false) -> Bool {
        if isRead && isMutant(.showBeforeDurable) { return true }
        return isDelivered(lsn.rawValue)
    }

    private func isDelivered(_ lsn: UInt64) -> Bool {
        lsn <= delivered.load(ordering: .acquiring)
    }

    /// Runs the callback when `lsn` is durable; in place if nothing it could overtake is left.
    ///
    /// A commit always gets its place: the core bounds their number, and a refusal would say that nothing was done.
    func wait(for lsn: LSN, isRead: Bool = false, _ callback: @escaping Callback) {
        enum Verdict { case queued, durable, failed(StorageError) }
        let verdict: Verdict = state.withLock { state in
            if !state.isDelivering {
                if lsn.rawValue <= durable.load(ordering: .relaxed) { return .durable }
                if let failure = state.failure { return .failed(failure) }
            }
            if isRead && state.waiters.count >= LogLimits.maximumWaiters { return .failed(Self.tooManyWait) }
            if let last = state.waiters.last, last.lsn > lsn.rawValue { state.isSorted = false }
            state.waiters.append(Waiter(lsn: lsn.rawValue, callback: callback))
            return .queued
        }
        switch verdict {
        case .queued: break
        case .durable: callback(nil)
        case .failed(let error): callback(error)
        }
    }

    /// Blocks the calling thread until `lsn` is durable; returns why it never will be. The thread that makes it durable
    /// wakes it, past `deliver` and ahead of callbacks: so any thread may block here, the one that runs them too.
    func block(until lsn: LSN) -> StorageError? {
        let wakeUp = WakeUp()
        while true {
            let verdict: Result<Void, StorageError>? = state.withLock { state in
                if lsn.rawValue <= durable.load(ordering: .relaxed) { return .success(()) }
                if let failure = state.failure { return .failure(failure) }
                state.sleepers.append(Sleeper(lsn: lsn.rawValue, wakeUp: wakeUp))
                return nil
            }
            switch verdict {
            case .success: return nil
            case .failure(let error): return error
            case nil: wakeUp.wait(nanoseconds: nil)
            }
        }
    }

    private static var tooManyWait: StorageError {
        StorageError(.overloaded, "\(LogLimits.maximumWaiters) callbacks wait for the disk; retry the read later")
    }

    /// Everything up to `lsn` has been synced.
    ///
    /// Another thread may have failed the store between that sync and this call. Then nothing is acknowledged any more,
    /// although it is durable: somebody who was told that an earlier change may be lost must not hear that a later one
    /// is safe.
    func publish(_ lsn: LSN) {
        startDelivery { state in
            precondition(state.failure == nil || !isMutant(.trapAfterFailure), "durable after a failure")
            precondition(lsn.rawValue >= durable.load(ordering: .relaxed), "the durable LSN went back")
            if state.failure == nil { durable.store(lsn.rawValue, ordering: .releasing) }
        }
    }

    /// Nothing more will be acknowledged. True: this is the first failure, whose reason everybody is told.
    @discardableResult
    func fail(_ error: StorageError) -> Bool {
        var isFirst = false
        startDelivery { state in
            isFirst = state.failure == nil
            if isFirst { state.failure = error }
        }
        return isFirst
    }

    private func startDelivery(_ change: (inout State) -> Void) {
        let mustDeliver = state.withLock { state in
            change(&state)
            let durable = durable.load(ordering: .relaxed)
            state.wakeSleepers(durable)
            guard !state.isDelivering else { return false }
            guard state.hasReleasable(durable) || state.failure != nil && !state.waiters.isEmpty else {
                delivered.store(durable, ordering: .releasing)
                return false
            }
            state.isDelivering = true
            return true
        }
        if mustDeliver { deliver { self.drain() } }
    }

    /// Runs released callbacks until none is left. At most one drain runs at a time.
    private func drain() {
        while let (released, durable, failure) = takeReleased() {
            for waiter in released { waiter.callback(waiter.lsn <= durable ? nil : failure) }
        }
    }

    private func takeReleased() -> (waiters: [Waiter], durable: UInt64, failure: StorageError?)? {
        state.withLock { state in
            let durable = durable.load(ordering: .relaxed)
            if !state.isSorted {
                // Stable: callbacks of one LSN keep their order.
                state.waiters.sort { $0.lsn < $1.lsn }
                state.isSorted = true
            }
            let split = state.failure != nil ? state.waiters.count : Self.firstAfter(durable, in: state.waiters)
            guard split > 0 else {
                state.isDelivering = false
                delivered.store(durable, ordering: .releasing)
                return nil
            }
            let released = Array(state.waiters[..<split])
            state.waiters.removeFirst(split)
            return (released, durable, state.failure)
        }
    }

    private static func firstAfter(_ lsn: UInt64, in waiters: [Waiter]) -> Int {
        var low = 0
        var high = waiters.count
        while low < high {
            let middle = (low + high) / 2
            if waiters[middle].lsn <= lsn { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
