import Engine

/// `engine::workers::list` and `engine::workers::info` (engine-functions.md §6.1, §6.2).
extension EngineFunctionsWorker {
    func registerWorkerQueries(_ engine: Engine) {
        serve(.workersList, input: "WorkersListInput", on: engine) { [unowned engine, engineVersion] call in
            let filter = try WorkerFilter(call.arguments)
            let rows = WorkerRow.all(of: engine, engineVersion: engineVersion).filter { filter.admits($0) }
            return ["workers": .array(rows.sorted().map { .object($0.json) })]
        }
        serve(.workersInfo, input: "WorkersInfoInput", hasRequiredKeys: true, on: engine) {
            [unowned engine, engineVersion] call in
            let name = try call.arguments.string("name")
            if let instance = engine.workerInstances.first(where: { $0.worker.type.isSameName(as: name) }) {
                return Self.info(instance, engine, engineVersion)
            }
            guard let connection = Self.newestConnection(named: name, engine) else {
                throw InvocationError.notFound("Worker '\(name)' is not connected.")
            }
            return Self.info(connection, engine)
        }
    }

    private static func newestConnection(named name: String, _ engine: Engine) -> WorkerConnection? {
        engine.allConnections
            .filter { name.isSameName(as: $0.info.name) }
            .max { $0.connectedAtMilliseconds < $1.connectedAtMilliseconds }
    }

    private static func info(_ instance: WorkerInstance, _ engine: Engine, _ version: String) -> JSON {
        let type = Name(instance.worker.type)
        var row = WorkerRow(instance, engine, engineVersion: version).json
        row["internal"] = .bool(instance.isMandatory)
        return surface(row, named: instance.worker.type, engine) { function in
            if case .inProcess(let worker, _) = function.target { Name(worker) == type } else { false }
        }
    }

    private static func info(_ connection: WorkerConnection, _ engine: Engine) -> JSON {
        var row = WorkerRow(connection).json
        row["pid"] = connection.info.pid.map { JSON(count: Int($0)) }
        row["internal"] = false
        return surface(row, named: connection.info.name ?? "", engine) { function in
            if case .worker(let owner) = function.target { owner === connection } else { false }
        }
    }

    /// `{"worker","functions","trigger_types","registered_triggers"}`.
    private static func surface(
        _ worker: JSONObject,
        named name: String,
        _ engine: Engine,
        owns: (Function) -> Bool
    ) -> JSON {
        let functions = engine.allFunctions.filter(owns).sorted { Name($0.id) < Name($1.id) }
        let ids = Set(functions.map { Name($0.id) })
        let types = engine.allTriggerTypes
            .filter { engine.workerName(of: $0).isSameName(as: name) }
            .sorted { Name($0.description.id) < Name($1.description.id) }
        let triggers = engine.allLiveTriggers.filter { ids.contains(Name($0.functionID)) }.sortedByID()
        return [
            "worker": .object(worker),
            "functions": .array(functions.map { engine.listRow(of: $0) }),
            "trigger_types": .array(types.map { engine.listRow(of: $0) }),
            "registered_triggers": .array(triggers.map { engine.listRow(of: $0) }),
        ]
    }
}

/// The request of `engine::workers::list`.
private struct WorkerFilter {
    private let search: SearchNeedle?
    private let runtime: String?
    private let status: String?

    init(_ arguments: ArgumentReader) throws {
        search = SearchNeedle(try arguments.optionalString("search"))
        runtime = try arguments.optionalString("runtime")
        status = try arguments.optionalString("status")
    }

    func admits(_ row: WorkerRow) -> Bool {
        if let search, !search.isIn(row.name) { return false }
        if let runtime, !runtime.isSameName(as: row.runtime) { return false }
        return status.map { $0.isSameName(as: row.status) } ?? true
    }
}
