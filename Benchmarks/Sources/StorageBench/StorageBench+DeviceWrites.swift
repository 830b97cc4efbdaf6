import BenchKit
import CPeers
import Glibc

/// Bytes written to the device per byte of user data: small random updates by 64 writers, ours against RocksDB.
///
/// Each side runs in a process of its own, whose `write_bytes` the kernel counts; closing the store is included, filling
/// it isn't. What the file system writes for itself (its journal) is in the device's own count only.
extension StorageBench {
    private static let keyBytes = 8

    func deviceWrites() throws -> [Row] {
        let operations = options.isQuick ? 20_000 : 1_000_000
        return try withFolder("writes") { folder in
            var sides: [String: [String: Double]] = [:]
            for side in ["ours", "rocksdb"] {
                sides[side] = try child(.updates, ["\(folder)/\(side)", side, "\(operations)"])
                try Folder.remove("\(folder)/\(side)")
            }
            return [try writesRow(sides["ours"] ?? [:], sides["rocksdb"] ?? [:])]
        }
    }

    private func writesRow(_ ours: [String: Double], _ peer: [String: Double]) throws -> Row {
        func perByte(_ values: [String: Double], _ name: String) throws -> Double {
            try told(values, name) / (try told(values, "operations") * Double(Self.valueBytes + Self.keyBytes))
        }
        let threads = ["iii-log-writer", "iii-log-spare", "iii-checkpoint"]
        let parts = try threads.map { "\($0) \(formatted(try perByte(ours, $0)))" }.joined(separator: ", ")
        var pairs = Pairs()
        pairs.append(ours: try perByte(ours, "written"), peer: try perByte(peer, "written"))
        return .ratio(
            "bytes written per byte of user data, 64 writers, random updates of 256 B",
            pairs,
            unit: "B/B",
            threshold: .atMost(bar: nil, goal: 1),
            limit: "ours by thread (filling included): \(parts), \(formatted(try told(ours, "checkpoints"))) checkpoints; "
                + "the whole device at the same time: \(formatted(try perByte(ours, "device"))) and "
                + "\(formatted(try perByte(peer, "device")))"
        )
    }
}

extension Child {
    static func updates(_ arguments: [String]) throws {
        let folder = try argument(arguments, 0)
        let operations = try number(arguments, 2)
        try Folder.make(folder)
        if try argument(arguments, 1) == "ours" {
            try updateOurs(folder, operations)
        } else {
            try updateRocksDB(folder, operations)
        }
    }

    private struct Written {
        let process: Int
        let device: Int

        /// Everything dirty is on its way to the disk before it is counted.
        init(_ folder: String) throws {
            sync()
            process = try ProcessFacts.writtenBytes()
            device = ProcessFacts.deviceBytes(folder) ?? 0
        }

        func tellSince(_ start: Written, operations: Int) {
            Child.tell("operations", operations)
            Child.tell("written", process - start.process)
            Child.tell("device", device - start.device)
        }
    }

    private static func updateOurs(_ folder: String, _ operations: Int) throws {
        let store = try StoreUnderTest(folder)
        try store.fill(count: UInt64(StorageBench.keySpace), valueBytes: StorageBench.valueBytes)
        try store.checkpoint()
        let before = try Written(folder)
        let first = store.store.metrics.transactions
        let loop = ClosedLoop([.puts(store, lanes: 64)])
        try loop.start()
        while store.store.metrics.transactions < first + UInt64(operations) { sleep(milliseconds: 5) }
        try loop.stop()
        let done = Int(store.store.metrics.transactions - first)
        for (thread, bytes) in try ProcessFacts.writtenBytesByThread() { tell(thread, bytes) }
        tell("checkpoints", Double(store.store.metrics.checkpoints))
        try store.close()
        try Written(folder).tellSince(before, operations: done)
    }

    private static func updateRocksDB(_ folder: String, _ operations: Int) throws {
        var rocks: Peer? = try Peer(.rocksdb, folder)
        try rocks?.fill(count: StorageBench.keySpace, valueBytes: StorageBench.valueBytes)
        let before = try Written(folder)
        var load = cpeers_load()
        load.threads = 64
        load.key_space = UInt64(StorageBench.keySpace)
        load.value_bytes = StorageBench.valueBytes
        load.operations = UInt64(operations)
        load.seed = 1
        let done = try rocks?.run(load).operations ?? 0
        rocks = nil
        try Written(folder).tellSince(before, operations: done)
    }
}
