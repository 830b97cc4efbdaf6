import Engine

/// Bindings of one engine trigger type. Config is ignored; every binding gets every event (protocol.md §11.7).
final class EngineTriggerBindings: TriggerProvider {
    private unowned let engine: Engine
    private var triggers: [Name: Trigger] = [:]

    init(engine: Engine) {
        self.engine = engine
    }

    var isEmpty: Bool { triggers.isEmpty }

    func register(_ trigger: Trigger, replacing replaced: Trigger?) {
        triggers[Name(trigger.id)] = trigger
    }

    func unregister(_ trigger: Trigger) {
        triggers[Name(trigger.id)] = nil
    }

    /// Sends one event to every binding, at once: a binding's calls leave in the order of the events.
    func fire(_ payload: JSON) {
        guard !triggers.isEmpty else { return }
        let data = RawJSON(payload)
        for trigger in triggers.values { engine.fire(trigger, data: data) }
    }
}
