import Testing

@testable import Storage

/// When the writer waits (storage.md §5.6 points 3, 4, 8); no clock involved.
@Suite struct WriterScheduleTests {
    private func schedule(linger: UInt64 = 100, seal: UInt64 = 1000) -> WriterSchedule {
        WriterSchedule(lingerNanoseconds: linger, sealAfterIdleNanoseconds: seal)
    }

    private func next(
        _ schedule: inout WriterSchedule,
        _ now: UInt64,
        waiting: Int,
        atRelease: Int? = nil,
        backlog: Bool = false,
        stop: Bool = false
    )
        -> WriterSchedule.Action
    {
        schedule.next(
            now: now,
            waiting: waiting,
            waitingAtRelease: atRelease ?? waiting,
            hasBacklog: backlog,
            isStopping: stop
        )
    }

    @Test func aLoneClientNeverWaits() {
        var schedule = schedule()
        for now in stride(from: 0 as UInt64, to: 10, by: 1) {
            #expect(next(&schedule, now, waiting: 1) == .write)
            schedule.wrote(transactions: 1, nanoseconds: 50, now: now)
        }
    }

    @Test func theCohortIsWaitedForUntilItIsBackOrTimeIsUp() {
        var schedule = schedule()
        schedule.wrote(transactions: 4, nanoseconds: 60, now: 100)
        // Three of another cohort are here; the four just released may come back within one sync.
        #expect(next(&schedule, 110, waiting: 3) == .sleep(nanoseconds: 60, wakeAt: 7))
        #expect(next(&schedule, 120, waiting: 5) == .sleep(nanoseconds: 50, wakeAt: 7))
        #expect(next(&schedule, 130, waiting: 7) == .write)

        schedule.wrote(transactions: 7, nanoseconds: 60, now: 200)
        #expect(next(&schedule, 200, waiting: 1) == .sleep(nanoseconds: 60, wakeAt: 8))
        #expect(next(&schedule, 260, waiting: 2) == .write)
    }

    /// Callbacks that submit at once are all back before the writer looks: it must not wait for them again.
    @Test func whoIsBackAlreadyIsNotWaitedFor() {
        var schedule = schedule()
        schedule.wrote(transactions: 64, nanoseconds: 60, now: 0)
        #expect(next(&schedule, 0, waiting: 64, atRelease: 0) == .write)
        schedule.wrote(transactions: 64, nanoseconds: 60, now: 100)
        #expect(next(&schedule, 100, waiting: 50, atRelease: 10) == .sleep(nanoseconds: 60, wakeAt: 74))
    }

    @Test func lingerIsBoundedAndCanBeTurnedOff() {
        var long = schedule(linger: 100)
        long.wrote(transactions: 4, nanoseconds: 1_000_000, now: 0)
        #expect(next(&long, 0, waiting: 1) == .sleep(nanoseconds: 100, wakeAt: 5))
        var off = schedule(linger: 0)
        off.wrote(transactions: 4, nanoseconds: 60, now: 0)
        #expect(next(&off, 0, waiting: 1) == .write)
        var large = schedule()
        large.wrote(transactions: 129, nanoseconds: 60, now: 0)
        #expect(next(&large, 0, waiting: 1) == .write)
    }

    @Test func oneSealAfterIdleness() {
        var schedule = schedule(seal: 1000)
        #expect(next(&schedule, 0, waiting: 0) == .sleep(nanoseconds: nil, wakeAt: 1), "nothing to prove yet")
        schedule.wrote(transactions: 1, nanoseconds: 10, now: 100)
        #expect(next(&schedule, 200, waiting: 0) == .sleep(nanoseconds: 900, wakeAt: 1))
        #expect(next(&schedule, 1100, waiting: 0) == .seal)
        schedule.sealed()
        #expect(next(&schedule, 9000, waiting: 0) == .sleep(nanoseconds: nil, wakeAt: 1))
    }

    @Test func aFullDiskIsTriedAgainLater() {
        var schedule = schedule()
        schedule.blocked(now: 0)
        let pause = WriterSchedule.spaceRetryNanoseconds
        #expect(next(&schedule, 10, waiting: 5, backlog: true) == .sleep(nanoseconds: pause - 10, wakeAt: .max))
        #expect(next(&schedule, pause, waiting: 5, backlog: true) == .write)
    }

    @Test func stoppingWritesEverythingFirst() {
        var schedule = schedule()
        schedule.wrote(transactions: 4, nanoseconds: 60, now: 0)
        #expect(next(&schedule, 0, waiting: 1, stop: true) == .write)
        #expect(next(&schedule, 0, waiting: 0, backlog: true, stop: true) == .write)
        #expect(next(&schedule, 0, waiting: 0, stop: true) == .finish)
    }
}
