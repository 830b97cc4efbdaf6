import BenchKit

/// 64 writers that each wait for their own put, against RocksDB with `sync = 1` and 64 threads.
extension StorageBench {
    private static let lanes = 64

    func concurrent() throws -> [Row] {
        try withFolder("concurrent") { folder in
            try withFilledStore("\(folder)/ours") { store in
                let plain = try filledPeer(.rocksdb, "\(folder)/rocksdb")
                let tuned = try filledPeer(.rocksdbTuned, "\(folder)/rocksdb-tuned")
                let puts = [LaneGroup.puts(store, lanes: Self.lanes)]
                let compared = try compare([
                    ours("callbacks", puts), peer("plain", plain, threads: Self.lanes),
                    ours("tasks", puts, drive: .tasks), peer("tuned", tuned, threads: Self.lanes),
                    ours("threads", puts, drive: .threads),
                ])
                return concurrentRows(compared)
            }
        }
    }

    private func concurrentRows(_ compared: Comparison) -> [Row] {
        let name = "64 durable writers against RocksDB"
        return [
            compared.row("\(name), by callbacks", "callbacks", "plain", .atLeast(bar: 2, goal: 4)),
            compared.row("\(name), by tasks", "tasks", "plain", .reported),
            compared.row("\(name), by 64 threads", "threads", "plain", .reported),
            compared.row("\(name) with recycled logs and pipelined writes", "callbacks", "tuned", .reported),
        ]
    }
}
