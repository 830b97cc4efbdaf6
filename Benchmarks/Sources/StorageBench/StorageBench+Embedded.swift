import BenchKit

/// One writer against the embedded stores that sync each commit: SQLite (WAL, `synchronous = FULL`) and LMDB.
extension StorageBench {
    private static let lmdbMapBytes = 1 << 30

    func embedded() throws -> [Row] {
        try withFolder("embedded") { folder in
            try withFilledStore("\(folder)/ours") { store in
                let sqlite = try filledPeer(.sqlite, "\(folder)/sqlite")
                let lmdb = try filledPeer(.lmdb(mapBytes: Self.lmdbMapBytes, renews: true), "\(folder)/lmdb")
                let compared = try compare([
                    peer("sqlite", sqlite, threads: 1), ours("ours", [.puts(store, lanes: 1)]),
                    peer("lmdb", lmdb, threads: 1),
                ])
                let name = "one durable writer against"
                return [
                    compared.row(
                        "\(name) SQLite, WAL, synchronous=FULL",
                        "ours",
                        "sqlite",
                        .atLeast(bar: 1, goal: 1.2)
                    ),
                    compared.row("\(name) LMDB, synced", "ours", "lmdb", .atLeast(bar: 1.5, goal: 2)),
                ]
            }
        }
    }
}
