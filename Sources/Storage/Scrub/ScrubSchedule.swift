/// When the snapshot is read through in the background. Pure.
struct ScrubSchedule: Sendable {
    /// Of reading, at most, on average over a second or a value's length.
    static let bytesPerSecond: UInt64 = 8 << 20
    /// How long a pass waits under load, and after a checkpoint came in between.
    static let pauseNanoseconds: UInt64 = 1_000_000_000
    /// A pass that is this many intervals late reads under load too, one piece a pause: a store that is always busy must
    /// not go unread for ever.
    static let lateIntervals: UInt64 = 2

    enum Action: Equatable, Sendable {
        /// Reads a piece, then waits at least so long.
        case read(pause: UInt64)
        case pause
        /// nil: there is nothing to do in this process.
        case sleep(nanoseconds: UInt64?)
    }

    /// 0: never.
    let intervalNanoseconds: UInt64

    /// - Parameter generation: of the newest checkpoint; 0: there is none.
    func next(_ progress: ScrubProgress, generation: UInt64, isBusy: Bool, now: UInt64) -> Action {
        guard intervalNanoseconds > 0 else { return .sleep(nanoseconds: nil) }
        // A clock that was put back must not put the pass off for long.
        let waited = now >= progress.since ? now - progress.since : 0
        if progress.sums == nil {
            guard waited >= intervalNanoseconds else { return .sleep(nanoseconds: intervalNanoseconds - waited) }
            // An unchanged store is never read twice.
            guard generation != progress.scrubbedGeneration else { return .sleep(nanoseconds: intervalNanoseconds) }
        }
        guard isBusy else { return .read(pause: 0) }
        let isLate = waited / intervalNanoseconds >= Self.lateIntervals
        return isLate ? .read(pause: Self.pauseNanoseconds) : .pause
    }

    /// How long reading so much must take.
    static func nanoseconds(for bytes: UInt64) -> UInt64 {
        bytes * 1_000_000_000 / bytesPerSecond
    }
}

/// Whether clients are at work. Pure.
struct ScrubLoad: Sendable {
    /// More records than this in a second are load.
    static let busyRecordsPerSecond: UInt64 = 100
    /// More lookups in the snapshot than this in a second are load.
    static let busyReadsPerSecond: UInt64 = 1000

    /// Plain counters of the store.
    struct Counters: Sendable {
        var lastLSN: UInt64
        var reads: UInt64
        /// Transactions that wait for the disk now.
        var pending: Int
    }

    private var last: (counters: Counters, at: UInt64)?

    /// Since the call before.
    mutating func isBusy(_ counters: Counters, now: UInt64) -> Bool {
        defer { last = (counters, now) }
        guard counters.pending == 0, let last else { return true }
        let milliseconds = max(1, (now &- last.at) / 1_000_000)
        let records = (counters.lastLSN &- last.counters.lastLSN) &* 1000 / milliseconds
        let reads = (counters.reads &- last.counters.reads) &* 1000 / milliseconds
        return records > Self.busyRecordsPerSecond || reads > Self.busyReadsPerSecond
    }
}
