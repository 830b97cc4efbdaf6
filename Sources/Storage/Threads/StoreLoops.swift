import CPlatform
import Synchronization

/// Tells a store's threads to end.
final class StopFlag: Sendable {
    private let flag = Atomic(false)

    var isSet: Bool { flag.load(ordering: .acquiring) }

    func set() {
        flag.store(true, ordering: .releasing)
    }
}

/// The writer thread: does what the schedule says.
struct WriterLoop<IO: StorageIO>: Sendable {
    /// Linux' default of 50 us would add itself to every linger.
    static var timerSlackNanoseconds: UInt64 { 1_000 }

    let log: LogStore<IO>
    let wakeUp: WakeUp
    let spareWakeUp: WakeUp
    let checkpointWakeUp: WakeUp
    let isStopping: StopFlag

    func run() {
        iii_set_thread_timer_slack(Self.timerSlackNanoseconds)
        var schedule = WriterSchedule(
            lingerNanoseconds: log.options.lingerNanoseconds,
            sealAfterIdleNanoseconds: log.options.sealAfterIdleNanoseconds
        )
        var hasBacklog = false
        while true {
            switch nextAction(&schedule, hasBacklog: hasBacklog) {
            case .write:
                let result = log.writeStep()
                guard settle(result, &schedule, &hasBacklog) else { return }
            case .seal:
                guard log.sealStep() != .failed else { return }
                schedule.sealed()
            case .sleep(let nanoseconds, _):
                wakeUp.wait(nanoseconds: nanoseconds)
            case .finish:
                return
            }
        }
    }

    /// Decides and, if it is to sleep, says when to be woken, in one hold of the lock: no commit falls between.
    private func nextAction(_ schedule: inout WriterSchedule, hasBacklog: Bool) -> WriterSchedule.Action {
        let now = log.options.clock.monotonicNanoseconds()
        let stopping = isStopping.isSet
        var decided = schedule
        let action = log.core.withLock { core in
            let action = decided.next(
                now: now,
                waiting: core.waitingTransactions,
                waitingAtRelease: core.waitingAtRelease ?? 0,
                hasBacklog: hasBacklog,
                isStopping: stopping
            )
            if case .sleep(_, let wakeAt) = action { core.wakeWriterAt = wakeAt } else { core.wakeWriterAt = .max }
            return action
        }
        schedule = decided
        return action
    }

    /// False: the thread ends.
    private func settle(
        _ result: LogStore<IO>.StepResult,
        _ schedule: inout WriterSchedule,
        _ hasBacklog: inout Bool
    ) -> Bool {
        let now = log.options.clock.monotonicNanoseconds()
        switch result {
        case .idle:
            hasBacklog = false
        case .wrote(let transactions, let nanoseconds):
            hasBacklog = false
            schedule.wrote(transactions: transactions, nanoseconds: nanoseconds, now: now)
            if log.needsSpare { spareWakeUp.post() }
            if log.wakesCheckpoint() { checkpointWakeUp.post() }
        case .outOfSpace:
            hasBacklog = true
            schedule.blocked(now: now)
            // The spare's thread looks for room, the checkpoint's may make some.
            spareWakeUp.post()
            checkpointWakeUp.post()
            return !isStopping.isSet
        case .failed:
            return false
        }
        return true
    }
}

/// The low-priority thread that has the next segment ready before it is needed, and gives back what reads have mapped in.
struct SpareLoop<IO: StorageIO>: Sendable {
    static var retryNanoseconds: UInt64 { 1_000_000_000 }
    static var trimNanoseconds: UInt64 { 10_000_000_000 }

    let log: LogStore<IO>
    let wakeUp: WakeUp
    let isStopping: StopFlag

    func run() {
        iii_set_thread_background()
        loop()
    }

    func loop() {
        var mustRetry = false
        while !isStopping.isSet {
            wakeUp.wait(nanoseconds: mustRetry ? Self.retryNanoseconds : Self.trimNanoseconds)
            guard !isStopping.isSet else { return }
            log.snapshot.trimMapped()
            if let bytes = log.spareBytesWanted() { _ = log.prepareSpare(bytes: bytes) }
            log.judgeSpace()
            log.keepReserve()
            log.tellWarnings()
            // While it is full: whether there is room again is seen by looking.
            mustRetry = log.core.withLock { $0.isLowSpace }
        }
    }
}

/// The thread that takes changes from the log into the snapshot.
struct CheckpointLoop<IO: StorageIO>: Sendable {
    let log: LogStore<IO>
    let wakeUp: WakeUp
    let spareWakeUp: WakeUp
    let isStopping: StopFlag

    func run() {
        while !isStopping.isSet {
            switch log.nextCheckpointAction() {
            case .begin:
                // False: the store has failed or closes; nothing comes any more but the end.
                if !log.beginCheckpoint() { wakeUp.wait(nanoseconds: nil) }
            case .write:
                _ = log.writeCheckpoint()
                log.tellWarnings()
                if log.core.withLock({ $0.isLowSpace }) { spareWakeUp.post() }
            case .sleep(let nanoseconds):
                wakeUp.wait(nanoseconds: nanoseconds)
            }
        }
    }
}
