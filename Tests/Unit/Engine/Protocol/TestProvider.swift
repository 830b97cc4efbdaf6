@testable import Engine

/// A trigger provider in the engine that notes what it is told and refuses config `"bad"`.
final class TestProvider: TriggerProvider {
    var registered: [String: Trigger] = [:]
    var log: [String] = []
    var failsToUnregister = false

    func register(_ trigger: Trigger, replacing replaced: Trigger?) throws(InvocationError) {
        if trigger.config.description == "\"bad\"" {
            throw .triggerRegistrationFailed("Failed to parse trigger config: bad")
        }
        registered[trigger.id] = trigger
        log.append(replaced == nil ? "+\(trigger.id)" : "~\(trigger.id)")
    }

    func unregister(_ trigger: Trigger) throws(InvocationError) {
        if failsToUnregister { throw InvocationError(code: "busy", message: "not now") }
        registered[trigger.id] = nil
        log.append("-\(trigger.id)")
    }
}

extension TestEngine {
    /// A trigger type in the engine.
    func provide(_ type: String) -> TestProvider {
        let provider = TestProvider()
        engine.register(TriggerTypeDescription(id: type, description: ""), provider: provider, worker: "test-worker")
        return provider
    }
}
