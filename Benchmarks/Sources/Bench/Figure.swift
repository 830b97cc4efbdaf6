import BenchKit

/// The figures, by the name that `--only` takes.
enum Figure: String, CaseIterable, Sendable {
    case throughput, latency, http, payload, memory, idle, allocations
    case state
    case stateUpdate = "state-update"
    case stateGet = "state-get"
    case stateList = "state-list"
    case stateScope = "state-scope"
    case stateLarge = "state-large"
    case stateMemory = "state-memory"
    case streams

    func rows(_ bench: Bench) throws -> [Row] {
        switch self {
        case .throughput: try bench.throughput()
        case .latency: try bench.latency()
        case .http: try bench.http()
        case .payload: try bench.payload()
        case .memory: try bench.memory()
        case .idle: try bench.idle()
        case .allocations: try bench.allocations()
        case .state: try bench.state()
        case .stateUpdate: try bench.stateUpdate()
        case .stateGet: try bench.stateGet()
        case .stateList: try bench.stateList()
        case .stateScope: try bench.stateScope()
        case .stateLarge: try bench.stateLarge()
        case .stateMemory: try bench.stateMemory()
        case .streams: try bench.streams()
        }
    }
}
