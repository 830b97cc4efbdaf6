import Engine
import Logging
import NIOCore

/// The trigger type `stream` (stream.md §4). Events of one group reach one trigger in commit order.
final class StreamTriggers: TriggerProvider {
    private let engine: Engine
    private let logger: Logger
    /// By stream, in registration order, which is the order in which they are served.
    private var bindings = BindingTable<Name, StreamBinding>()

    init(engine: Engine, logger: Logger) {
        self.engine = engine
        self.logger = logger
    }

    func register(_ trigger: Trigger, replacing replaced: Trigger?) throws(InvocationError) {
        let filter = try StreamTriggerFilter(trigger.config)
        let delivery = TriggerDelivery<Name>(
            of: trigger,
            condition: filter.conditionFunctionID,
            engine: engine,
            logger: logger
        )
        remove(trigger.id)
        bindings.insert(StreamBinding(filter, delivery), id: Name(trigger.id), key: filter.stream)
    }

    func unregister(_ trigger: Trigger) {
        remove(trigger.id)
    }

    private func remove(_ id: String) {
        bindings.remove(Name(id))?.binding.delivery.close()
    }

    func fire(_ event: StreamEvent) {
        bindings.forEach(of: event.group.stream) { binding in
            guard binding.filter.admits(event) else { return }
            binding.delivery.deliver(RawJSON(validated: event.text), lane: event.group.group)
        }
    }
}

private final class StreamBinding {
    let filter: StreamTriggerFilter
    /// A lane for each group.
    let delivery: TriggerDelivery<Name>

    init(_ filter: StreamTriggerFilter, _ delivery: TriggerDelivery<Name>) {
        self.filter = filter
        self.delivery = delivery
    }
}

/// A `stream` trigger's config. An absent, null or empty group or item means any.
struct StreamTriggerFilter {
    let stream: Name
    let group: Name?
    let item: Name?
    let conditionFunctionID: String?

    init(_ config: RawJSON) throws(InvocationError) {
        do throws(ArgumentError) {
            let reader = try ArgumentReader(parsing: config, structName: "StreamTriggerConfig")
            stream = Name(try reader.string("stream_name"))
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
