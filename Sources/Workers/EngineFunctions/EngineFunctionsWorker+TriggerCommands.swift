import Engine

/// `engine::register_trigger` and `engine::unregister_trigger` (engine-functions.md §5.5). Bindings made here have no
/// owner: they outlive their creator, live in memory, and end with the engine.
extension EngineFunctionsWorker {
    func registerTriggerCommands(_ engine: Engine) {
        serveLater(.registerTrigger, input: "RegisterTriggerInput", hasRequiredKeys: true, on: engine) {
            [unowned engine] call, reply in
            let type = try call.arguments.string("trigger_type")
            let functionID = try call.arguments.string("function_id")
            engine.bind(
                type: type,
                functionID: functionID,
                config: RawJSON(call.arguments.value("config") ?? .null),
                metadata: call.arguments.value("metadata").flatMap { $0.isNull ? nil : RawJSON($0) }
            ) { id, error in
                reply(error.map { .failure($0) } ?? .success(RawJSON(["id": .string(id)])))
            }
        }
        serve(.unregisterTrigger, input: "UnregisterTriggerInput", hasRequiredKeys: true, on: engine) {
            [unowned engine] call in
            let id = try call.arguments.string("id")
            _ = try call.arguments.optionalString("trigger_type")
            do throws(InvocationError) {
                return ["removed": .bool(try engine.unregisterTrigger(id))]
            } catch {
                throw InvocationError(code: "unregister_failed", message: error.message)
            }
        }
    }
}
