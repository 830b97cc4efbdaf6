import Testing

@testable import Workers

@Suite struct ConcurrencyLimiterTests {
    private final class Waiter {}

    @Test func grantsQueuesRefusesAndHandsOverInOrder() {
        var limiter = ConcurrencyLimiter<Waiter>(limit: 2, maximumWaiting: 3)
        let waiters = (0..<7).map { _ in Waiter() }
        let decisions = waiters.map { limiter.acquire($0) }
        #expect(decisions == [.granted, .granted, .queued, .queued, .queued, .refused, .refused])
        limiter.cancel(waiters[3])
        #expect(limiter.waitingCount == 2)
        let first = limiter.release()
        #expect(first === waiters[2])
        let second = limiter.release()
        #expect(second === waiters[4])
        #expect(limiter.inUse == 2)
        let rest = [limiter.release(), limiter.release()]
        #expect(rest.allSatisfy { $0 == nil })
        #expect(limiter.inUse == 0)
    }
}
