import ArgumentParser

/// A time as `2026-01-02T03:04:05.678Z`.
struct TimeArgument: ExpressibleByArgument {
    var nanoseconds: UInt64

    init?(argument: String) {
        guard let time = Timestamp(parsing: argument) else { return nil }
        nanoseconds = time.nanoseconds
    }
}
