import Engine
import NIOCore

extension LiveConfiguration {
    /// `configuration::register` with the schema; with the seed only when nothing is stored, so that what an operator
    /// has set survives. Never fails.
    func registerEntry() -> EventLoopFuture<Void> {
        bus.value(of: entry.id)
            .assumeIsolated()
            .flatMap { stored in self.bus.call("configuration::register", self.registration(hasValue: stored != nil)) }
            .map { _ in }
            .flatMapErrorThrowing { error in
                self.logger.warning(
                    "\(self.entry.id): configuration::register failed; continuing with static config",
                    metadata: ["error": "\(error)"]
                )
            }
            .nonisolated()
    }

    private func registration(hasValue: Bool) -> JSONObject {
        var registration: JSONObject = [
            "id": .string(entry.id),
            "name": .string(entry.name),
            "description": .string(entry.description),
            "schema": (try? entry.schema.parse()) ?? .null,
        ]
        if !hasValue { registration["initial_value"] = entry.seed }
        return registration
    }

    /// Binds the handler to changes of the entry.
    func watch() {
        let config: JSON = ["configuration_id": .string(entry.id), "event_types": ["configuration:updated"]]
        engine.bind(
            id: "\(entry.id)::config-watch",
            type: "configuration",
            functionID: handlerID,
            config: RawJSON(config),
            metadata: nil
        ) { [logger, entry] _, error in
            guard let error else { return }
            logger.warning(
                "\(entry.id): failed to watch configuration changes; hot-reload disabled",
                metadata: ["error": "\(error)"]
            )
        }
    }
}
