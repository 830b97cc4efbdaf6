import BenchKit

/// Point reads from a large store against plain LMDB with the same rows: random keys, one thread, each read in a read
/// transaction of its own (LMDB renews one, its fastest way). Both files are in the page cache.
extension StorageBench {
    func reads() throws -> [Row] {
        let mebibytes = options.storeMebibytes
        let ours = try largeStore(mebibytes: mebibytes)
        let plain = try largeLMDB(mebibytes: mebibytes)
        let store = try StoreUnderTest(ours)
        let lmdb = try Peer(.lmdb(mapBytes: Self.mapBytes(mebibytes), renews: true), plain)
        try warmPageCache(ours)
        try warmPageCache(plain)
        let rows = Self.rows(mebibytes: mebibytes)
        let result = try [true, false].map { copies in
            try readsRow(store, lmdb, rows: rows, copies: copies, mebibytes: mebibytes)
        }
        try store.close()
        return result
    }

    private func readsRow(_ store: StoreUnderTest, _ lmdb: Peer, rows: Int, copies: Bool, mebibytes: Int) throws -> Row {
        let reader = Reader(store)
        let compared = try compare([
            Side(name: "ours") { try reader.run(rows: UInt64(rows), copies: copies, $0) },
            peer("lmdb", lmdb, threads: 1, reads: copies ? .copied : .inPlace, keySpace: rows),
        ])
        return .ratio(
            "point reads from \(mebibytes) MiB, \(copies ? "value copied out" : "value looked at in place"), against LMDB",
            compared.pairs("ours", "lmdb"),
            unit: "/s",
            threshold: .atLeast(bar: 0.5, goal: 0.8),
            limit: "one thread, page cache warm; p99 \(compared.p99("ours")) and \(compared.p99("lmdb")) µs"
        )
    }
}
