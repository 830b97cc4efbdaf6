import BenchKit

/// The figures, by the name that `--only` takes.
enum Figure: String, CaseIterable, Sendable {
    case throughput, latency, state, http, payload, memory, idle, allocations

    func rows(_ bench: Bench) throws -> [Row] {
        switch self {
        case .throughput: try bench.throughput()
        case .latency: try bench.latency()
        case .state: try bench.state()
        case .http: try bench.http()
        case .payload: try bench.payload()
        case .memory: try bench.memory()
        case .idle: try bench.idle()
        case .allocations: try bench.allocations()
        }
    }
}
