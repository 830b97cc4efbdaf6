import Glibc
import Synchronization

/// Named places where a test may end the process: `III_FAILPOINT=checkpoint.afterCommit:3` kills it with SIGKILL when that
/// place is reached for the third time (storage.md §6, L3). Only on paths that touch the disk anyway; without the variable
/// a comparison with nil.
@inline(__always)
func failpoint(_ name: StaticString) {
    if let armed = Failpoint.armed { armed.reach(name) }
}

private final class Failpoint: Sendable {
    static let armed = Failpoint()

    private let name: String
    private let remaining: Atomic<Int>

    /// nil: the variable is not set.
    init?() {
        guard let text = getenv("III_FAILPOINT") else { return nil }
        let parts = String(cString: text).split(separator: ":", maxSplits: 1)
        guard let name = parts.first else { return nil }
        self.name = String(name)
        remaining = Atomic(parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
    }

    func reach(_ place: StaticString) {
        guard place.description == name else { return }
        guard remaining.wrappingSubtract(1, ordering: .relaxed).newValue == 0 else { return }
        kill(getpid(), SIGKILL)
        while true { pause() }
    }
}
