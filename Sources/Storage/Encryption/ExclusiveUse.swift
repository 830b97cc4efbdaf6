import Synchronization

/// Turns "one caller at a time" from a promise into a check: a second caller while one is inside ends the process,
/// before two threads mix their keystreams in one context.
struct ExclusiveUse: ~Copyable {
    private let isInUse = Atomic(false)

    @inline(__always)
    func run<Result>(_ body: () -> Result) -> Result {
        // `fatalError`, because a release build prints no message of a failed `precondition`.
        if isInUse.exchange(true, ordering: .acquiring) { fatalError("a cipher was used by two callers at once") }
        defer { isInUse.store(false, ordering: .releasing) }
        return body()
    }
}
