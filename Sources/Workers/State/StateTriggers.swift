import Engine
import Logging
import NIOCore

/// The trigger type `state` (state.md §3). Writes of one (scope, key) reach one trigger in commit order.
final class StateTriggers: TriggerProvider {
    private let engine: Engine
    private let logger = Logger(label: "iii::workers::state")
    /// By scope; nil is any.
    private var bindings = BindingTable<Name?, StateBinding>()

    init(engine: Engine) {
        self.engine = engine
    }

    func register(_ trigger: Trigger, replacing replaced: Trigger?) throws(InvocationError) {
        let filter = try StateTriggerFilter(trigger.config)
        let delivery = TriggerDelivery<StateLane>(
            of: trigger,
            condition: filter.conditionFunctionID,
            engine: engine,
            logger: logger
        )
        remove(trigger.id)
        bindings.insert(StateBinding(filter, delivery), id: Name(trigger.id), key: filter.scope.map(Name.init))
    }

    func unregister(_ trigger: Trigger) {
        remove(trigger.id)
    }

    private func remove(_ id: String) {
        bindings.remove(Name(id))?.binding.delivery.close()
    }

    func fire(scope: String, key: String, change: EntryChange) {
        guard !bindings.isEmpty else { return }
        var matching: [StateBinding] = []
        for place in [Name(scope), nil] {
            bindings.forEach(of: place) { if $0.filter.admits(key: key) { matching.append($0) } }
        }
        guard !matching.isEmpty else { return }
        let event = StateEvent.json(scope: scope, key: key, change: change)
        let lane = StateLane(scope: Name(scope), key: Name(key))
        for binding in matching { binding.delivery.deliver(event, lane: lane) }
    }
}

/// Events of one (scope, key) keep their order.
struct StateLane: Hashable {
    let scope: Name
    let key: Name
}

final class StateBinding {
    let filter: StateTriggerFilter
    let delivery: TriggerDelivery<StateLane>

    init(_ filter: StateTriggerFilter, _ delivery: TriggerDelivery<StateLane>) {
        self.filter = filter
        self.delivery = delivery
    }
}

/// A `state` trigger's config (state.md §3.1). Absent or null matches everything; `""` matches only itself.
struct StateTriggerFilter {
    let scope: String?
    let key: String?
    let conditionFunctionID: String?

    init(_ config: RawJSON) throws(InvocationError) {
        do throws(ArgumentError) {
            let reader = try ArgumentReader(parsing: config, structName: "StateTriggerConfig")
            scope = try reader.optionalString("scope")
            key = try reader.optionalString("key")
            conditionFunctionID = try reader.optionalString("condition_function_id")
        } catch {
            throw .triggerRegistrationFailed("Failed to parse trigger config: \(error.detail)")
        }
    }

    func admits(key candidate: String) -> Bool {
        key.map { Name($0) == Name(candidate) } ?? true
    }
}

/// The payload of handlers (state.md §3.2), spliced from the stored bytes.
enum StateEvent {
    static func json(scope: String, key: String, change: EntryChange) -> RawJSON {
        let type: StaticString =
            switch (change.old, change.new) {
            case (_, nil): "state:deleted"
            case (nil, .some): "state:created"
            case (.some, .some): "state:updated"
            }
        var text = ByteBuffer()
        text.reserveCapacity((change.old?.count ?? 4) + (change.new?.count ?? 4) + 160)
        text.writeStaticString("{\"type\":\"state\",\"event_type\":\"")
        text.writeStaticString(type)
        text.writeStaticString("\",\"scope\":")
        text.writeJSONString(scope)
        text.writeStaticString(",\"key\":")
        text.writeJSONString(key)
        text.writeStaticString(",\"old_value\":")
        text.writeImmutableBuffer((change.old ?? .null).buffer)
        text.writeStaticString(",\"new_value\":")
        text.writeImmutableBuffer((change.new ?? .null).buffer)
        text.writeStaticString("}")
        return RawJSON(validated: text)
    }
}
