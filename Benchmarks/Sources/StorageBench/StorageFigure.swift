import BenchKit

/// The figures, by the name that `--only` takes; each has a file of its own.
enum StorageFigure: String, CaseIterable, Sendable {
    case oneWriter = "one-writer"
    case concurrent
    case depth
    case embedded
    case sharing
    case allocations
    case recovery
    case space
    case writes
    case encryption
    case scrub
    case checkpoint
    case reads
    case open
    case memory

    func rows(_ bench: StorageBench) throws -> [Row] {
        switch self {
        case .oneWriter: try bench.oneWriter()
        case .concurrent: try bench.concurrent()
        case .depth: try bench.depth()
        case .embedded: try bench.embedded()
        case .sharing: try bench.sharing()
        case .allocations: try bench.allocations()
        case .recovery: try bench.recovery()
        case .space: try bench.space()
        case .writes: try bench.deviceWrites()
        case .encryption: try bench.encryption()
        case .scrub: try bench.scrub()
        case .checkpoint: try bench.checkpoint()
        case .reads: try bench.reads()
        case .open: try bench.opening()
        case .memory: try bench.memory()
        }
    }
}
