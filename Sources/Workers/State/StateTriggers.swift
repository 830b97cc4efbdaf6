import Engine
import Logging
import NIOCore

/// The trigger type `state` (state.md §3). Writes of one (scope, key) reach one trigger in commit order.
final class StateTriggers: TriggerProvider {
    /// By scope; nil is any.
    private var triggers: FilteredTriggers<StateTriggerFilter, StateLane>

    init(engine: Engine) {
        triggers = FilteredTriggers(engine: engine, logger: Logger(label: "iii::workers::state"))
    }

    func register(_ trigger: Trigger, replacing replaced: Trigger?) throws(InvocationError) {
        triggers.add(trigger, try StateTriggerFilter(trigger.config))
    }

    func unregister(_ trigger: Trigger) {
        triggers.remove(trigger)
    }

    func fire(scope: String, key: String, change: EntryChange) {
        guard !triggers.isEmpty else { return }
        var matching: [TriggerDelivery<StateLane>] = []
        for place in [Name(scope), nil] {
            triggers.forEach(of: place) { filter, delivery in
                if filter.admits(key: key) { matching.append(delivery) }
            }
        }
        guard !matching.isEmpty else { return }
        let event = StateEvent.json(scope: scope, key: key, change: change)
        let lane = StateLane(scope: Name(scope), key: Name(key))
        for delivery in matching { delivery.deliver(event, lane: lane) }
    }
}

/// Events of one (scope, key) keep their order.
struct StateLane: Hashable {
    let scope: Name
    let key: Name
}

/// A `state` trigger's config (state.md §3.1). Absent or null matches everything; `""` matches only itself.
struct StateTriggerFilter: EventFilter {
    /// The scope.
    let key: Name?
    private let entryKey: Name?
    let conditionFunctionID: String?

    init(_ config: RawJSON) throws(InvocationError) {
        do throws(ArgumentError) {
            let reader = try ArgumentReader(parsing: config, structName: "StateTriggerConfig")
            key = try reader.optionalString("scope").map(Name.init)
            entryKey = try reader.optionalString("key").map(Name.init)
            conditionFunctionID = try reader.optionalString("condition_function_id")
        } catch {
            throw .triggerRegistrationFailed("Failed to parse trigger config: \(error.detail)")
        }
    }

    func admits(key candidate: String) -> Bool {
        entryKey.map { $0 == Name(candidate) } ?? true
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
