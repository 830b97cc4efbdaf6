@testable import Storage

/// Where a thread that takes turns with others may be overtaken.
enum TurnSite: UInt8, CaseIterable, Sendable {
    /// Between two steps of a client.
    case step
    /// Before a call of the file system, by its name.
    case open, pwrite, pread, fdatasync, truncate, syncDirectory, rename, unlink, createDirectory
    /// A sync is done, and nobody knows yet.
    case synced
    /// A snapshot's commit is about to begin, and is done.
    case apply, applied
    /// A snapshot is being copied.
    case copy
    /// Before a callback of the store's: released waiters, warnings, a failure, a backup's progress.
    case callback
    /// Before a lock, and waiting for the one who has it.
    case lock, contention
    /// Asleep.
    case sleep

    /// The calling thread rests, if it takes turns, until others have had so many.
    static func rest(turns: Int) {
        #if DEBUG && !III_TSAN
            (Turns.ofThisThread as? Turnstile.Actor)?.rest(turns: turns)
        #endif
    }

    /// The calling thread is overtaken, if it is one that takes turns and the seed says so.
    func pause() {
        #if DEBUG && !III_TSAN
            (Turns.ofThisThread as? Turnstile.Actor)?.pass(self)
        #endif
    }
}
