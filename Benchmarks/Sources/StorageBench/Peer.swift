import BenchKit
import CPeers
import Glibc

/// One of the C stores, open.
final class Peer {
    enum Kind {
        case rocksdb
        case rocksdbTuned
        case sqlite
        case lmdb(mapBytes: Int, renews: Bool)
    }

    enum Reads: Int32 {
        case none = 0
        case inPlace = 1
        case copied = 2
    }

    private let store: OpaquePointer

    /// The folder must exist.
    init(_ kind: Kind, _ folder: String) throws {
        let opened =
            switch kind {
            case .rocksdb: cpeers_rocksdb_open(folder, 0)
            case .rocksdbTuned: cpeers_rocksdb_open(folder, 1)
            case .sqlite: cpeers_sqlite_open(folder)
            case .lmdb(let mapBytes, let renews): cpeers_lmdb_open(folder, mapBytes, renews ? 1 : 0)
            }
        guard let opened else { throw Self.failure() }
        store = opened
    }

    deinit {
        cpeers_close(store)
    }

    func fill(count: Int, valueBytes: Int) throws {
        guard cpeers_fill(store, UInt64(count), valueBytes) == 0 else { throw Self.failure() }
    }

    /// Puts by so many threads, or gets, for a slice.
    func run(threads: Int, reads: Reads, keySpace: Int, _ slice: Slice) throws -> LoadResult {
        var load = cpeers_load()
        load.threads = Int32(threads)
        load.key_space = UInt64(keySpace)
        load.value_bytes = StorageBench.valueBytes
        load.warm_up_nanoseconds = UInt64(slice.warmUpNanoseconds)
        load.window_nanoseconds = UInt64(slice.windowNanoseconds)
        load.seed = slice.seed
        load.reads = reads.rawValue
        return try run(load)
    }

    func run(_ load: cpeers_load) throws -> LoadResult {
        let latencies = Histogram()
        var result = cpeers_result()
        var load = load
        guard cpeers_run(store, &load, latencies.counters, &result) == 0 else { throw Self.failure() }
        return LoadResult(
            operations: Int(result.operations),
            seconds: Double(result.nanoseconds) / 1e9,
            latencies: latencies
        )
    }

    private static func failure() -> BenchError {
        BenchError("peer: \(String(cString: cpeers_error()))")
    }
}
