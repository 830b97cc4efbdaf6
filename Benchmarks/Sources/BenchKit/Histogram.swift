import CBench

/// Durations of many operations, in nanoseconds: a fixed number of counters, so recording never allocates.
///
/// `@unchecked Sendable`: not synchronised; whoever shares one keeps recording to one thread at a time.
package final class Histogram: @unchecked Sendable {
    package let counters: OpaquePointer

    package init() {
        counters = cbench_histogram_create()
    }

    deinit {
        cbench_histogram_destroy(counters)
    }

    @inline(__always)
    package func record(_ nanoseconds: Int) {
        cbench_histogram_record(counters, UInt64(max(0, nanoseconds)))
    }

    package func add(_ other: Histogram) {
        cbench_histogram_add(counters, other.counters)
    }

    package var count: Int { Int(cbench_histogram_count(counters)) }

    /// In microseconds; within 1.6 % of the true one. 0 of nothing.
    package func microseconds(percentile fraction: Double) -> Double {
        Double(cbench_histogram_percentile(counters, fraction)) / 1000
    }
}
