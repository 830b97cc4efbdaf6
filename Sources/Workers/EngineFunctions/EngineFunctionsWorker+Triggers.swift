import Engine

/// `engine::triggers::*` and `engine::registered-triggers::*` (engine-functions.md §5.1-§5.4).
extension EngineFunctionsWorker {
    func registerTriggerQueries(_ engine: Engine) {
        serve(.triggersList, input: "TriggersListInput", on: engine) { [unowned engine] call in
            ["triggers": .array(try TriggerTypeFilter(call.arguments).rows(of: engine))]
        }
        serve(.triggersInfo, input: "TriggersInfoInput", hasRequiredKeys: true, on: engine) { [unowned engine] call in
            let id = try call.arguments.string("id")
            guard let type = engine.triggerType(id) else {
                throw InvocationError.notFound("Trigger type '\(id)' is not registered.")
            }
            return engine.detail(of: type)
        }
        serve(.registeredTriggersList, input: "RegisteredTriggersListInput", on: engine) { [unowned engine] call in
            ["registered_triggers": .array(try TriggerFilter(call.arguments).rows(of: engine))]
        }
        serve(.registeredTriggersInfo, input: "RegisteredTriggersInfoInput", hasRequiredKeys: true, on: engine) {
            [unowned engine] call in
            let id = try call.arguments.string("id")
            guard let trigger = engine.liveTrigger(id) else {
                throw InvocationError.notFound("Registered trigger '\(id)' was not found.")
            }
            return engine.detail(of: trigger)
        }
    }
}

/// The request of `engine::triggers::list`.
private struct TriggerTypeFilter {
    private let search: SearchNeedle?
    private let prefix: String
    private let worker: String?
    private let includesInternal: Bool

    init(_ arguments: ArgumentReader) throws {
        search = SearchNeedle(try arguments.optionalString("search"))
        prefix = try arguments.optionalString("prefix") ?? ""
        worker = try arguments.optionalString("worker")
        includesInternal = try arguments.optionalBool("include_internal") ?? false
    }

    func rows(of engine: Engine) -> [JSON] {
        engine.allTriggerTypes
            .filter { admits($0, engine) }
            .sorted { Name($0.description.id) < Name($1.description.id) }
            .map { engine.listRow(of: $0) }
    }

    private func admits(_ type: TriggerType, _ engine: Engine) -> Bool {
        let id = type.description.id
        guard id.utf8.starts(with: prefix.utf8), includesInternal || !id.isEngineID else { return false }
        if let search, !search.isIn(id), !search.isIn(type.description.description) { return false }
        return worker.map { engine.workerName(of: type).isSameName(as: $0) } ?? true
    }
}

/// The request of `engine::registered-triggers::list`. Parked bindings are invisible: clients treat rows as active.
private struct TriggerFilter {
    private let search: SearchNeedle?
    private let type: String?
    private let functionID: String?
    private let worker: String?
    private let includesInternal: Bool

    init(_ arguments: ArgumentReader) throws {
        search = SearchNeedle(try arguments.optionalString("search"))
        type = try arguments.optionalString("trigger_type")
        functionID = try arguments.optionalString("function_id")
        worker = try arguments.optionalString("worker")
        includesInternal = try arguments.optionalBool("include_internal") ?? false
    }

    func rows(of engine: Engine) -> [JSON] {
        engine.allLiveTriggers
            .filter { admits($0, engine) }
            .sortedByID()
            .map { engine.listRow(of: $0) }
    }

    private func admits(_ trigger: Trigger, _ engine: Engine) -> Bool {
        guard includesInternal || !trigger.functionID.isEngineID else { return false }
        if let search, ![trigger.id, trigger.type, trigger.functionID].contains(where: { search.isIn($0) }) {
            return false
        }
        if let type, !trigger.type.isSameName(as: type) { return false }
        if let functionID, !trigger.functionID.isSameName(as: functionID) { return false }
        return worker.map { engine.workerName(ofFunction: trigger.functionID).isSameName(as: $0) } ?? true
    }
}
