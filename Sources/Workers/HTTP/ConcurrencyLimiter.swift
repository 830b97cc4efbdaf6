import DequeModule

/// Slots for requests, one process-wide queue, first come first served (http.md §15). The queue is bounded: what
/// doesn't fit is refused.
struct ConcurrencyLimiter<Waiter: AnyObject> {
    enum Decision {
        case granted
        case queued
        case refused
    }

    let limit: Int
    let maximumWaiting: Int
    private(set) var inUse = 0
    private var waiting: Deque<Waiter> = []

    init(limit: Int, maximumWaiting: Int) {
        precondition(limit > 0, "without a slot nothing is ever served")
        self.limit = limit
        self.maximumWaiting = maximumWaiting
    }

    var waitingCount: Int { waiting.count }

    mutating func acquire(_ waiter: Waiter) -> Decision {
        if inUse < limit {
            inUse += 1
            return .granted
        }
        guard waiting.count < maximumWaiting else { return .refused }
        waiting.append(waiter)
        return .queued
    }

    /// Gives a slot back. The waiter returned has it from now on.
    mutating func release() -> Waiter? {
        precondition(inUse > 0, "released more slots than were taken")
        if let next = waiting.popFirst() { return next }
        inUse -= 1
        return nil
    }

    /// Forgets a waiter that has no slot yet.
    /// - Complexity: O(waiters).
    mutating func cancel(_ waiter: Waiter) {
        waiting.removeAll { $0 === waiter }
    }
}
