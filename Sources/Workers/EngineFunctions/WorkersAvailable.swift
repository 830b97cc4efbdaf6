import Engine

/// `engine::workers-available`: tells at once who connects, changes its metadata, disconnects
/// (engine-functions.md §8). Only connected workers; not `/otel` sockets, not in-process workers.
final class WorkersAvailable {
    static let type = TriggerTypeDescription(
        id: "engine::workers-available",
        description: "Triggered when workers connect/disconnect"
    )

    let bindings: EngineTriggerBindings

    init(engine: Engine) {
        bindings = EngineTriggerBindings(engine: engine)
    }

    func fire(_ event: String, _ connection: WorkerConnection) {
        guard !bindings.isEmpty else { return }
        bindings.fire(["event": .string(event), "worker_id": .string(connection.id.description)])
    }
}
