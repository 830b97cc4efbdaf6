import Engine

/// One row of `engine::workers::list`; every key is always present (engine-functions.md §6.1).
struct WorkerRow {
    let name: String?
    let id: String
    let runtime: String?
    let status: String
    let json: JSONObject

    /// Connected workers that have told their pid, and everything that runs in the engine.
    static func all(of engine: Engine, engineVersion: String) -> [WorkerRow] {
        engine.allConnections.filter { $0.info.pid != nil }.map { WorkerRow($0) }
            + engine.workerInstances.map { WorkerRow($0, engine, engineVersion: engineVersion) }
    }

    init(_ connection: WorkerConnection) {
        let info = connection.info
        name = info.name
        id = connection.id.description
        runtime = info.runtime
        status = "connected"
        json = [
            "name": JSON(optional: info.name),
            "description": JSON(optional: info.description),
            "version": JSON(optional: info.version),
            "id": .string(id),
            "runtime": JSON(optional: info.runtime),
            "os": JSON(optional: info.os),
            "status": .string(status),
            "function_count": JSON(count: connection.functionCount),
            "connected_at_ms": JSON(integerLiteral: connection.connectedAtMilliseconds),
            "active_invocations": JSON(count: connection.activeInvocations),
            "isolation": JSON(optional: info.isolation),
            "ip_address": JSON(optional: connection.ipAddress),
        ]
    }

    init(_ instance: WorkerInstance, _ engine: Engine, engineVersion: String) {
        let type = Name(instance.worker.type)
        let functionCount = engine.allFunctions.count { function in
            if case .inProcess(let worker, _) = function.target { Name(worker) == type } else { false }
        }
        name = instance.worker.type
        id = instance.instanceID
        runtime = "engine"
        status = "available"
        json = [
            "name": .string(instance.worker.type),
            "description": .string(instance.worker.summary),
            "version": .string(engineVersion),
            "id": .string(id),
            "runtime": "engine",
            "os": .null,
            "status": .string(status),
            "function_count": JSON(count: functionCount),
            "connected_at_ms": JSON(integerLiteral: instance.startedAtMilliseconds),
            "active_invocations": 0,
            "isolation": "in-process",
            "ip_address": .null,
        ]
    }
}

extension WorkerRow: Comparable {
    /// By name (id when nameless), then id.
    static func < (left: WorkerRow, right: WorkerRow) -> Bool {
        let (first, second) = (Name(left.name ?? left.id), Name(right.name ?? right.id))
        return first == second ? Name(left.id) < Name(right.id) : first < second
    }

    static func == (left: WorkerRow, right: WorkerRow) -> Bool {
        left.id.isSameName(as: right.id) && left.name.map { $0.isSameName(as: right.name) } ?? (right.name == nil)
    }
}
