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
        #expect(limiter.release() === waiters[2])
        #expect(limiter.release() === waiters[4])
        #expect(limiter.inUse == 2)
        #expect(limiter.release() == nil)
        #expect(limiter.release() == nil)
        #expect(limiter.inUse == 0)
    }
}
