/// When the writer writes, waits and seals (storage.md §5.6 points 3, 4, 8). Pure: the thread only obeys.
struct WriterSchedule: Sendable {
    enum Action: Equatable, Sendable {
        case write
        case seal
        /// Sleep until `wakeAt` transactions wait or the time is up; nil: no limit.
        case sleep(nanoseconds: UInt64?, wakeAt: Int)
        case finish
    }

    /// Cohorts below and above these sizes gain nothing from waiting.
    static let lingerCohorts = 2...128
    /// After the disk was full: how often to look again.
    static let spaceRetryNanoseconds: UInt64 = 200_000_000

    let lingerNanoseconds: UInt64
    let sealAfterIdleNanoseconds: UInt64
    private var syncEWMA: UInt64 = 0
    /// Transactions that the latest sync released and that may come back.
    private var cohort = 0
    private var lingerUntil: UInt64?
    private var lingerTarget = 0
    private var idleSince: UInt64 = 0
    private var isSealDue = false
    private var blockedUntil: UInt64?

    init(lingerNanoseconds: UInt64, sealAfterIdleNanoseconds: UInt64) {
        self.lingerNanoseconds = lingerNanoseconds
        self.sealAfterIdleNanoseconds = sealAfterIdleNanoseconds
    }

    /// `waiting`: transactions in the core; `waitingAtRelease`: how many of them were there before the latest sync
    /// released anybody. `hasBacklog`: batches taken earlier and not yet written.
    mutating func next(now: UInt64, waiting: Int, waitingAtRelease: Int, hasBacklog: Bool, isStopping: Bool) -> Action {
        if isStopping { return waiting > 0 || hasBacklog ? .write : .finish }
        if let until = blockedUntil {
            if now < until { return .sleep(nanoseconds: until - now, wakeAt: .max) }
            blockedUntil = nil
        }
        if hasBacklog { return .write }
        guard waiting > 0 else { return idle(now: now) }
        return lingerOrWrite(now: now, waiting: waiting, waitingAtRelease: waitingAtRelease)
    }

    /// Another cohort is here already; those just released are expected beside it, unless they are back as well.
    private mutating func lingerOrWrite(now: UInt64, waiting: Int, waitingAtRelease: Int) -> Action {
        if lingerUntil == nil, lingerNanoseconds > 0, Self.lingerCohorts.contains(cohort) {
            lingerUntil = now + min(syncEWMA, lingerNanoseconds)
            lingerTarget = min(waiting, waitingAtRelease) + cohort
        }
        cohort = 0
        guard let until = lingerUntil, now < until, waiting < lingerTarget else {
            lingerUntil = nil
            return .write
        }
        return .sleep(nanoseconds: until - now, wakeAt: lingerTarget)
    }

    private func idle(now: UInt64) -> Action {
        guard isSealDue, sealAfterIdleNanoseconds > 0 else { return .sleep(nanoseconds: nil, wakeAt: 1) }
        let due = idleSince + sealAfterIdleNanoseconds
        return now >= due ? .seal : .sleep(nanoseconds: due - now, wakeAt: 1)
    }

    /// A group of batches has become durable.
    mutating func wrote(transactions: Int, nanoseconds: UInt64, now: UInt64) {
        syncEWMA = syncEWMA == 0 ? nanoseconds : (syncEWMA * 7 + nanoseconds) / 8
        cohort = transactions
        idleSince = now
        isSealDue = true
    }

    mutating func sealed() {
        isSealDue = false
    }

    /// No room for a segment: try again later.
    mutating func blocked(now: UInt64) {
        blockedUntil = now + Self.spaceRetryNanoseconds
    }
}
