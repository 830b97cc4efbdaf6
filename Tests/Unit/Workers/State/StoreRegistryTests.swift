import Adapters
import Engine
import Storage
import Testing

@testable import Workers

/// Stores that workers share (docs/operations.md, "Durable stores").
@Suite struct StoreRegistryTests {
    private func settings(_ path: String, _ fields: String) throws -> StoreSettings {
        let json = try JSON.parse(
            #"{"name":"kv","config":{"store_method":"file_based","file_path":"\#(path)"\#(fields)}}"#
        )
        let block = ConfigBlock(["adapter": json])
        let storage = try KeyValueStorageConfiguration(ConfigReader(block, fields: ["adapter"]), worker: "test")
        guard case .fileBased(let configuration) = storage.method else {
            Issue.record("not file_based")
            return StoreSettings()
        }
        return try StoreSettings(configuration)
    }

    /// One handle, closed with its last user, free for others then.
    @Test func aSharedStoreIsClosedOnce() throws {
        let directory = try TemporaryDirectory()
        let registry = StoreRegistry(options: StorageOptions())
        let users = try (0..<3).map { try registry.open(directory.path, for: "worker \($0)") }
        #expect(users.allSatisfy { $0 === users[0] })
        #expect(registry.metrics.count == 1)
        #expect(throws: StorageError.self) { try Store.open(path: directory.path) }
        for user in users { try user.release() }
        #expect(registry.metrics.isEmpty)
        let again = try Store.open(path: directory.path)
        #expect(again.recovery.condition == .clean)
        try again.close()
    }

    /// Who has a path decides what upstream's files in it are: also a worker that starts later, or writes the path otherwise.
    @Test func theOwnersOfAPathAreKnown() throws {
        let directory = try TemporaryDirectory()
        let registry = StoreRegistry(options: StorageOptions())
        registry.declare(.state, at: directory.path + "/a")
        registry.declare(.stream, at: directory.path + "/a/../a/")
        registry.declare(.stream, at: directory.path + "/b")
        let (first, second) = try (
            registry.open(directory.path + "/a", for: "iii-state"),
            registry.open(directory.path + "/b", for: "iii-stream")
        )
        #expect(registry.owners(of: first) == UpstreamOwners([.state, .stream]))
        #expect(registry.owners(of: second) == UpstreamOwners([.stream]))
        try first.release()
        try second.release()
    }

    private static let key = String(repeating: "5a", count: 32)
    private static let otherKey = String(repeating: "a5", count: 32)

    @Test(arguments: [
        (#","retain_log_hours":1"#, "", "`retain_log_hours`"),
        (#","retain_log_bytes":5"#, #","retain_log_bytes":6"#, "`retain_log_bytes`"),
        ("", #","scrub_retired_log":true"#, "`scrub_retired_log`"),
        ("", #","scrub_interval_hours":24"#, "`scrub_interval_hours`"),
        ("", #","allow_network_filesystem":true"#, "`allow_network_filesystem`"),
        (#","encryption_key":"\#(key)""#, "", "`encryption_key`"),
        (#","encryption_key":"\#(key)""#, #","encryption_key":"\#(otherKey)""#, "`encryption_key`"),
    ])
    func workersThatDisagreeAreNamed(first: String, second: String, field: String) throws {
        let directory = try TemporaryDirectory()
        let registry = StoreRegistry(options: StorageOptions())
        let store = try registry.open(directory.path, settings: settings(directory.path, first), for: "iii-state")
        let error = #expect(throws: StoreConflict.self) {
            try registry.open(directory.path, settings: settings(directory.path, second), for: "iii-stream")
        }
        let text = error?.description ?? ""
        for part in ["'iii-state'", "'iii-stream'", directory.path, field] { #expect(text.contains(part)) }
        #expect(!text.contains(Self.key) && !text.contains(Self.otherKey))
        // The same settings, written otherwise.
        let same = try registry.open(directory.path, settings: settings(directory.path, first), for: "iii-queue")
        #expect(same === store)
        try same.release()
        try store.release()
    }

    @Test func defaultsAreTheSameAsNothing() throws {
        let fields =
            #","retain_log_hours":0,"retain_log_bytes":0,"scrub_interval_hours":168,"scrub_retired_log":false,"previous_encryption_key_files":[]"#
        let directory = try TemporaryDirectory()
        let registry = StoreRegistry(options: StorageOptions())
        let first = try registry.open(directory.path, settings: settings(directory.path, ""), for: "one")
        let second = try registry.open(directory.path, settings: settings(directory.path, fields), for: "two")
        #expect(first === second)
        try second.release()
        try first.release()
    }

    @Test func countersOfEveryStore() async throws {
        let directories = try (0..<2).map { _ in try TemporaryDirectory() }
        let registry = StoreRegistry(options: StorageOptions())
        let stores = try directories.map { try registry.open($0.path, for: "test") }
        for size in [10, 100_000] {
            let value = Bytes(unsafeUninitializedCapacity: size) { place, count in
                for index in 0..<size { place.initializeElement(at: index, to: UInt8.random(in: .min ... .max)) }
                count = size
            }
            _ = try await stores[0].store.commit { $0.put(TableID(rawValue: 1), key: [1], value: value) }.durable()
        }
        let metrics = registry.metrics
        #expect(metrics.map(\.path) == directories.map(\.path).sorted())
        let used = try #require(metrics.first { $0.path == directories[0].path }?.metrics)
        #expect(used.transactions == 2 && used.durableLag == 0 && used.waiters == 0 && used.segmentsOnDisk == 1)
        #expect(used.largestBatchBytes > 100_000 && used.largestBatchBytes < 110_000)
        #expect(used.meanBatchBytes == Double(used.bytes) / Double(used.batches))
        #expect(used.syncHistogram.reduce(0, +) == used.syncs && used.syncNanosecondsSum > 0)
        #expect(used.logBytesOnDisk >= 1 << 20 && !used.isLowSpace)
        let idle = try #require(metrics.first { $0.path == directories[1].path }?.metrics)
        #expect(idle.transactions == 0 && idle.meanBatchBytes == 0)
        for store in stores { try store.release() }
    }

    /// Dumping a configuration shows no key.
    @Test func aKeyIsNeverShown() throws {
        let json = try JSON.parse(#"{"store_method":"file_based","encryption_key":"\#(Self.key)"}"#)
        let reader = try ConfigReader(ConfigBlock(json), fields: ["store_method", "encryption_key"])
        let source = try DurableStoreConfiguration(reader).encryptionKey
        #expect(!"\(String(describing: source)) \(String(reflecting: source))".contains("5a5a"))
        var dumped = ""
        dump(source, to: &dumped)
        #expect(!dumped.contains("5a5a"))
    }
}
