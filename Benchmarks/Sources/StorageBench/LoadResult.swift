import BenchKit

/// What one side did in one window.
struct LoadResult {
    var operations: Int
    var seconds: Double
    let latencies: Histogram

    var perSecond: Double { Double(operations) / seconds }
    var p50Microseconds: Double { latencies.microseconds(percentile: 0.5) }
    var p99Microseconds: Double { latencies.microseconds(percentile: 0.99) }

    mutating func add(_ other: LoadResult) {
        operations += other.operations
        seconds += other.seconds
        latencies.add(other.latencies)
    }
}
