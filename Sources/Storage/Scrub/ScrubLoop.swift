import CPlatform

/// The low-priority thread that reads the snapshot through, slowly, while nothing else is to be done. Sleeps for the whole
/// interval between two passes.
struct ScrubLoop<IO: StorageIO>: Sendable {
    /// Progress is noted after so much.
    static var saveBytes: UInt64 { 64 << 20 }

    let log: LogStore<IO>
    let scrub: SnapshotScrub
    let wakeUp: WakeUp
    let isStopping: StopFlag

    private struct Notes {
        var unsavedBytes: UInt64 = 0
        var savedGeneration: UInt64 = 0
    }

    func run() {
        iii_set_thread_background()
        let schedule = ScrubSchedule(intervalNanoseconds: log.options.scrubIntervalNanoseconds)
        var load = ScrubLoad()
        var notes = Notes()
        while !isStopping.isSet {
            let action = schedule.next(
                scrub.progress,
                generation: log.snapshot.row?.generation ?? 0,
                isBusy: isBusy(&load),
                now: log.options.clock.wallNanoseconds()
            )
            switch action {
            case .sleep(let nanoseconds): wakeUp.wait(nanoseconds: nanoseconds)
            case .pause: wakeUp.wait(nanoseconds: ScrubSchedule.pauseNanoseconds)
            case .read(let pause): guard step(pause, &notes) else { return }
            }
        }
    }

    private func isBusy(_ load: inout ScrubLoad) -> Bool {
        let reads = scrub.reads
        let counters = log.core.withLock { core in
            ScrubLoad.Counters(lastLSN: core.lastLSN.rawValue, reads: reads, pending: core.pendingTransactions)
        }
        return load.isBusy(counters, now: log.options.clock.monotonicNanoseconds())
    }

    /// False: there is nothing more to read in this process.
    private func step(_ pause: UInt64, _ notes: inout Notes) -> Bool {
        switch scrub.read({ log.snapshot.row }, now: log.options.clock.wallNanoseconds()) {
        case .read(let bytes):
            notes.unsavedBytes += bytes
            // A note from before a checkpoint is worth nothing after it.
            if notes.unsavedBytes >= Self.saveBytes || notes.savedGeneration != scrub.progress.generation {
                save(&notes)
            }
            wakeUp.wait(nanoseconds: max(pause, ScrubSchedule.nanoseconds(for: bytes)))
        case .interrupted:
            wakeUp.wait(nanoseconds: ScrubSchedule.pauseNanoseconds)
        case .finished:
            save(&notes)
        case .damaged(let error):
            log.reportDamage(error)
            return false
        }
        return true
    }

    private func save(_ notes: inout Notes) {
        notes = Notes(savedGeneration: scrub.progress.generation)
        // By its path: in another directory it would be another store's.
        if log.hasItsPlace() { scrub.save() }
    }
}
