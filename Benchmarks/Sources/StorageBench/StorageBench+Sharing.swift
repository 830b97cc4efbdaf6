import BenchKit
import CBench
import Storage

/// Four workers on one shared store against four stores of their own on the same disk, the same mixed durable load.
///
/// One event loop serves the clients of all stores on both sides, as in the engine: without it four stores would have four
/// threads for their clients and a shared one only one. The four together have the memory for changes that the one has,
/// or each has as much.
///
/// A worker is 16 lanes on a table of its own. Of ten transactions five put 256 B, two 64 B, one 4 KiB, one deletes, and
/// one moves a row: a delete and a put, as a queue does.
extension StorageBench {
    private static let workers = 4
    private static let lanesPerWorker = 16
    private static let smallBytes = 64
    private static let largeBytes = 4096

    func sharing() throws -> [Row] {
        try withFolder("sharing") { folder in
            let loop = try EventLoop.start()
            defer { loop.stop() }
            func open(_ name: String, share: Int = 1) throws -> StoreUnderTest {
                try StoreUnderTest("\(folder)/\(name)", StoreUnderTest.Settings(memoryShare: share, loop: loop))
            }
            let shared = try open("shared")
            let own = try (0..<Self.workers).map { try open("own-\($0)", share: Self.workers) }
            let rich = try (0..<Self.workers).map { try open("rich-\($0)") }
            let compared = try compare([
                ours("shared", [.joined((0..<Self.workers).map { mixed(shared, worker: $0) })]),
                ours("own", own.enumerated().map { mixed($1, worker: $0) }),
                ours("rich", rich.enumerated().map { mixed($1, worker: $0) }),
            ])
            for store in [shared] + own + rich { try store.close() }
            let name = "four workers on one store against four stores, mixed"
            return [
                compared.row("\(name), same memory", "shared", "own", .atLeast(bar: 1.3, goal: 2)),
                compared.row("\(name), the four with four times the memory", "shared", "rich", .reported),
            ]
        }
    }

    private func mixed(_ store: StoreUnderTest, worker: Int) -> LaneGroup {
        let table = TableID(rawValue: UInt16(worker + 1))
        let keys = UInt64(Self.keySpace / Self.workers)
        nonisolated(unsafe) let text = cbench_text()
        return LaneGroup(store: store.store, lanes: Self.lanesPerWorker) { random in
            guard let text else { throw BenchError("no text") }
            let number = cbench_random(&random)
            let key = makeKey(number % keys)
            let choice = (number >> 32) % 10
            return try store.store.commit { transaction in
                if choice >= 8 { transaction.delete(table, key: key) }
                guard choice != 8 else { return }
                let bytes = choice < 6 ? Self.valueBytes : choice == 7 ? Self.largeBytes : Self.smallBytes
                let target = choice == 9 ? makeKey(number % keys + keys) : key
                transaction.put(table, key: target, value: makeValue(text, number, bytes))
            }
        }
    }
}
