import Engine
import Logging
import NIOCore

/// The trigger type `stream` (stream.md §4). Events of one group reach one trigger in commit order.
final class StreamTriggers: TriggerProvider {
    /// By stream; a lane for each group.
    private var triggers: FilteredTriggers<StreamTriggerFilter, Name>

    init(engine: Engine, logger: Logger) {
        triggers = FilteredTriggers(engine: engine, logger: logger)
    }

    func register(_ trigger: Trigger, replacing replaced: Trigger?) throws(InvocationError) {
        triggers.add(trigger, try StreamTriggerFilter(trigger.config))
    }

    func unregister(_ trigger: Trigger) {
        triggers.remove(trigger)
    }

    func fire(_ event: StreamEvent) {
        triggers.forEach(of: event.group.stream) { filter, delivery in
            guard filter.admits(event) else { return }
            delivery.deliver(RawJSON(validated: event.text), lane: event.group.group)
        }
    }
}

/// A `stream` trigger's config. An absent, null or empty group or item means any.
struct StreamTriggerFilter: EventFilter {
    /// The stream.
    let key: Name
    private let group: Name?
    private let item: Name?
    let conditionFunctionID: String?

    init(_ config: RawJSON) throws(InvocationError) {
        do throws(ArgumentError) {
            let reader = try ArgumentReader(parsing: config, structName: "StreamTriggerConfig")
            key = Name(try reader.string("stream_name"))
            group = try reader.optionalString("group_id").flatMap(Self.name)
            item = try reader.optionalString("item_id").flatMap(Self.name)
            conditionFunctionID = try reader.optionalString("condition_function_id")
        } catch {
            throw .triggerRegistrationFailed("Failed to deserialize stream trigger: \(error.detail)")
        }
    }

    private static func name(_ text: String) -> Name? {
        text.isEmpty ? nil : Name(text)
    }

    func admits(_ event: StreamEvent) -> Bool {
        if let group, group != event.group.group { return false }
        guard let item else { return true }
        return event.id.map { Name($0) == item } ?? false
    }
}
