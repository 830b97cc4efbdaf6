import Synchronization

/// Which backups are in progress, and how long the end of their store waits for them. Pure.
struct BackupClaims: Sendable {
    /// A backup that is nearly done may end.
    static let closeNanoseconds: UInt64 = 5_000_000_000
    /// A cancelled one looks up between two blocks. If its disk doesn't answer even that long, it is left behind: it
    /// touches nothing of the store any more but what it reads.
    static let cancelNanoseconds: UInt64 = 1_000_000_000

    enum Step: Equatable, Sendable {
        case wait(nanoseconds: UInt64)
        case go
    }

    private(set) var count = 0
    private(set) var isCancelled = false
    private var closingSince: UInt64?

    /// False: the store closes.
    mutating func begin() -> Bool {
        guard closingSince == nil else { return false }
        count += 1
        return true
    }

    mutating func end() {
        precondition(count > 0, "a backup ended twice")
        count -= 1
    }

    /// What the end of the store does now: asked again after each wait, and after each end of a backup.
    mutating func close(now: UInt64) -> Step {
        let since = closingSince ?? now
        closingSince = since
        guard count > 0 else { return .go }
        let waited = now &- since
        if waited < Self.closeNanoseconds { return .wait(nanoseconds: Self.closeNanoseconds - waited) }
        isCancelled = true
        let limit = Self.closeNanoseconds + Self.cancelNanoseconds
        return waited < limit ? .wait(nanoseconds: limit - waited) : .go
    }
}

/// The backups of one store.
final class BackupRegistry: Sendable {
    private struct State: Sendable {
        var claims = BackupClaims()
        /// For the last one of a store that did not wait for it.
        var afterwards: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())
    private let ended = WakeUp()

    var isCancelled: Bool { state.withLock { $0.claims.isCancelled } }

    func begin() -> Bool {
        state.withLock { $0.claims.begin() }
    }

    func end() {
        let afterwards = state.withLock { state in
            state.claims.end()
            guard state.claims.count == 0 else { return [] as [@Sendable () -> Void] }
            defer { state.afterwards = [] }
            return state.afterwards
        }
        for body in afterwards { body() }
        ended.post()
    }

    /// Blocks until all have ended, or were told to and don't. `wait`: for tests; ends early when a backup has ended.
    func close(_ clock: StorageClock, wait: ((_ nanoseconds: UInt64) -> Void)? = nil) {
        while case .wait(let nanoseconds) = state.withLock({ $0.claims.close(now: clock.monotonicNanoseconds()) }) {
            if let wait { wait(nanoseconds) } else { ended.wait(nanoseconds: nanoseconds) }
        }
    }

    /// Runs the body when none is left: in place, as a rule.
    func whenOver(_ body: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if state.claims.count > 0 { state.afterwards.append(body) }
            return state.claims.count == 0
        }
        if isOver { body() }
    }
}
