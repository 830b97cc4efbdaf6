/// Named places where a test may end the process: `III_FAILPOINT=checkpoint.afterCommit:3` kills it with SIGKILL when that
/// place is reached for the third time (storage.md §6, L3), and `checkpoint.beforeApply:1:2000` two thousand microseconds
/// later, in the midst of what follows.
///
/// Only in builds with `-D III_MUTANTS`: nobody ends a production engine with a variable.
@inline(__always)
func failpoint(_ name: StaticString) {
    #if III_MUTANTS
        if let armed = Failpoint.armed { armed.reach(name) }
    #endif
}

#if III_MUTANTS
    import Glibc
    import Synchronization

    private final class Failpoint: Sendable {
        static let armed = Failpoint()
        /// A second: `usleep` takes less.
        private static let maximumMicroseconds: UInt32 = 999_999

        private let name: String
        private let remaining: Atomic<Int>
        private let microseconds: UInt32

        /// nil: the variable is not set.
        init?() {
            guard let text = getenv("III_FAILPOINT") else { return nil }
            let parts = String(cString: text).split(separator: ":", maxSplits: 2)
            guard let name = parts.first else { return nil }
            self.name = String(name)
            remaining = Atomic(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
            microseconds = min(parts.count > 2 ? UInt32(parts[2]) ?? 0 : 0, Self.maximumMicroseconds)
        }

        func reach(_ place: StaticString) {
            guard place.description == name else { return }
            guard remaining.wrappingSubtract(1, ordering: .relaxed).newValue == 0 else { return }
            if microseconds == 0 { Self.end() }
            // Whoever reached the place goes on meanwhile. Without a thread the process ends here and now.
            let delay = microseconds
            let thread = try? WorkerThread(name: "iii-failpoint") {
                usleep(delay)
                Self.end()
            }
            if thread == nil { Self.end() }
        }

        private static func end() -> Never {
            kill(getpid(), SIGKILL)
            while true { pause() }
        }
    }
#endif
