import NIOCore
import NIOEmbedded
import Testing

@testable import Engine
@testable import Workers

/// `engine::health` (docs/operations.md, "Health").
@Suite struct HealthTests {
    @Test func anEngineWithoutStores() throws {
        #expect(
            try Self.health(of: [])
                == #"{"status":"healthy","version":"1.2.3","uptime_ms":5000,"stores":[]}"#
        )
    }

    @Test func workersThatShareAPathAreOneRow() throws {
        let workers = [
            StoreStandIn("iii-stream", [.disk("/b"), .memory]), StoreStandIn("iii-state", [.disk("/a")]),
            StoreStandIn("iii-cron", [.disk("/b")]), StoreStandIn("iii-queue", [.memory]),
        ]
        let stores = try #require(try JSON.parse(Self.health(of: workers))["stores"]?.array)
        #expect(stores.map { $0["path"] } == ["/a", "/b", .null, .null])
        #expect(
            stores.map { $0["workers"] } == [["iii-state"], ["iii-stream", "iii-cron"], ["iii-stream"], ["iii-queue"]]
        )
        #expect(stores.map { $0["mode"] } == ["synced", "synced", "memory", "memory"])
    }

    @Test func figuresOfAStore() throws {
        let health = try Self.health(of: [StoreStandIn("iii-state", [.disk("/a")])])
        #expect(
            health.hasSuffix(
                #""stores":[{"workers":["iii-state"],"mode":"synced","path":"/a","lsn":12,"durable_lsn":9,"#
                    + #""checkpoint_lsn":5,"lag_records":3,"log_bytes":100,"snapshot_bytes":200,"#
                    + #""available_bytes":300,"sync_us":40,"encrypted":true,"low_space":false,"#
                    + #""short_of_resources":false,"resource_shortages":7,"saturated":false}]}"#
            )
        )
    }

    @Test func memoryHasNoFigures() throws {
        let health = try Self.health(of: [StoreStandIn("iii-state", [.memory])])
        #expect(
            health.hasSuffix(
                #""stores":[{"workers":["iii-state"],"mode":"memory","path":null,"lsn":null,"durable_lsn":null,"#
                    + #""checkpoint_lsn":null,"lag_records":null,"log_bytes":null,"snapshot_bytes":null,"#
                    + #""available_bytes":null,"sync_us":null,"encrypted":null,"low_space":false,"#
                    + #""short_of_resources":false,"resource_shortages":null,"saturated":false}]}"#
            )
        )
    }

    @Test(arguments: 0..<8)
    func degraded(_ mask: Int) throws {
        var broken = StoreStatus.disk("/b")
        broken.disk?.isLowSpace = mask & 1 != 0
        broken.disk?.isShortOfResources = mask & 2 != 0
        broken.disk?.isSaturated = mask & 4 != 0
        let status = mask == 0 ? "healthy" : "degraded"
        let health = try JSON.parse(Self.health(of: [StoreStandIn("iii-state", [.disk("/a"), broken, .memory])]))
        #expect(health["status"] == .string(status))
        let row = try #require(health["stores"]?.array?[1])
        for (bit, name) in ["low_space", "short_of_resources", "saturated"].enumerated() {
            #expect(row[name] == .bool(mask & 1 << bit != 0))
        }
    }

    /// Five seconds after its start.
    private static func health(of workers: [StoreStandIn]) throws -> String {
        let loop = EmbeddedEventLoop()
        let engine = Engine(loop: loop)
        let functions = EngineFunctionsWorker(engineVersion: "1.2.3")
        let entries = ([functions] + workers as [any Worker]).map {
            Lifecycle.Entry(instanceID: $0.type, worker: $0, isMandatory: false)
        }
        try Lifecycle(engine: engine, entries: entries).boot().wait()
        loop.advanceTime(by: .seconds(5))
        var outcome: InvocationOutcome?
        engine.invoke("engine::health", data: .null) { outcome = $0 }
        guard case .success(let result?) = outcome else {
            Issue.record("no result: \(String(describing: outcome))")
            return "{}"
        }
        return result.description
    }
}

private final class StoreStandIn: Worker {
    let type: String
    let summary = "Keeps data."
    let stores: [StoreStatus]

    init(_ type: String, _ stores: [StoreStatus]) {
        self.type = type
        self.stores = stores
    }

    func initialize(_ engine: Engine) {}
}

extension StoreStatus {
    fileprivate static func disk(_ path: String) -> StoreStatus {
        StoreStatus(
            disk: Disk(
                path: path,
                lsn: 12,
                durableLSN: 9,
                checkpointLSN: 5,
                logBytes: 100,
                snapshotBytes: 200,
                availableBytes: 300,
                syncMicroseconds: 40,
                isEncrypted: true,
                resourceShortages: 7
            )
        )
    }
}
