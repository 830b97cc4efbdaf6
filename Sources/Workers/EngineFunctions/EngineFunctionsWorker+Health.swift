import Engine
import NIOCore

/// `engine::health` (ours: docs/operations.md, "Health").
extension EngineFunctionsWorker {
    func registerHealth(_ engine: Engine) {
        let started = engine.loop.now
        serve(.health, input: "HealthInput", on: engine) { [unowned engine, engineVersion] _ in
            let stores = HealthStore.all(of: engine)
            return [
                "status": stores.contains { $0.isDegraded } ? "degraded" : "healthy",
                "version": .string(engineVersion),
                "uptime_ms": JSON((engine.loop.now - started).nanoseconds / 1_000_000),
                "stores": .array(stores.map(\.json)),
            ]
        }
    }
}

/// One row: a store and the workers that share it.
private struct HealthStore {
    var workers: [String]
    let store: StoreStatus

    /// Stores on disk by path, behind them those in memory, which nobody shares.
    static func all(of engine: Engine) -> [HealthStore] {
        var onDisk: [Name: HealthStore] = [:]
        var inMemory: [HealthStore] = []
        for instance in engine.workerInstances {
            for store in instance.worker.stores {
                let row = HealthStore(workers: [instance.worker.type], store: store)
                if let path = store.disk?.path {
                    onDisk[Name(path), default: HealthStore(workers: [], store: store)].workers += row.workers
                } else {
                    inMemory.append(row)
                }
            }
        }
        return onDisk.sorted { $0.key < $1.key }.map(\.value) + inMemory
    }

    /// Writes are refused, or wait before they are taken.
    var isDegraded: Bool {
        store.disk.map { $0.isLowSpace || $0.isShortOfResources || $0.isSaturated } ?? false
    }

    var json: JSON {
        let disk = store.disk
        return [
            "workers": .array(workers.map { .string($0) }),
            "mode": .string(store.mode.rawValue),
            "path": disk.map { .string($0.path) } ?? .null,
            "lsn": Self.number(disk?.lsn),
            "durable_lsn": Self.number(disk?.durableLSN),
            "checkpoint_lsn": Self.number(disk?.checkpointLSN),
            "lag_records": Self.number(disk?.lagRecords),
            "log_bytes": Self.number(disk?.logBytes),
            "snapshot_bytes": Self.number(disk?.snapshotBytes),
            "available_bytes": Self.number(disk?.availableBytes),
            "sync_us": Self.number(disk?.syncMicroseconds),
            "encrypted": disk.map { .bool($0.isEncrypted) } ?? .null,
            "low_space": .bool(disk?.isLowSpace ?? false),
            "short_of_resources": .bool(disk?.isShortOfResources ?? false),
            "resource_shortages": Self.number(disk?.resourceShortages),
            "saturated": .bool(disk?.isSaturated ?? false),
        ]
    }

    private static func number(_ value: UInt64?) -> JSON {
        value.map { JSON($0) } ?? .null
    }
}

extension FunctionDescription {
    static let health = FunctionDescription(
        id: "engine::health",
        description: "Tell how the engine and its stores are: mode, path, position, lag and space of each.",
        requestFormat: JSONSchema.document("HealthInput", []),
        responseFormat: JSONSchema.document(
            "HealthResult",
            [
                .required("status", .oneOf(["healthy", "degraded"]), "degraded: a store is full, short of resources or saturated"),
                .required("version", .string),
                .required("uptime_ms", .uint64),
                .required("stores", .array(of: .object(storeRow))),
            ]
        )
    )

    private static let storeRow: [JSONSchema.Property] = [
        .required("workers", .array(of: .string), "Workers that keep their data there"),
        .required("mode", .oneOf(StoreMode.allCases.map(\.rawValue)), "What an acknowledged write means"),
        .optional("path", .string, "Absolute; null in memory, as are the figures"),
        .optional("lsn", .uint64, "Position of the last record in the store's log"),
        .optional("durable_lsn", .uint64, "Up to here everything survives a power cut"),
        .optional("checkpoint_lsn", .uint64, "Up to here the snapshot has it"),
        .optional("lag_records", .uint64, "Records on their way to the disk"),
        .optional("log_bytes", .uint64),
        .optional("snapshot_bytes", .uint64),
        .optional("available_bytes", .uint64, "What the file system has left"),
        .optional("sync_us", .uint64, "How long a write and its sync take, a moving mean"),
        .optional("encrypted", .boolean),
        .required("low_space", .boolean, "The disk is full: writes are refused"),
        .required("short_of_resources", .boolean, "No file descriptor or memory is left: writes wait for them"),
        .optional("resource_shortages", .uint64, "How often that was found since the store was opened"),
        .required("saturated", .boolean, "Too much waits for the disk: writes wait before they are taken"),
    ]
}
