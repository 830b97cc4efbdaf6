import Engine
import Logging

/// What a trigger's config says about the events it wants.
protocol EventFilter {
    associatedtype Key: Hashable

    /// Where its events are looked up.
    var key: Key { get }
    var conditionFunctionID: String? { get }
}

/// The triggers of a type, each with its filter and its delivery in lanes.
struct FilteredTriggers<Filter: EventFilter, Lane: Hashable> {
    private typealias Binding = (filter: Filter, delivery: TriggerDelivery<Lane>)

    private let engine: Engine
    private let logger: Logger
    private var bindings = BindingTable<Filter.Key, Binding>()

    init(engine: Engine, logger: Logger) {
        self.engine = engine
        self.logger = logger
    }

    var isEmpty: Bool { bindings.isEmpty }

    /// Takes the place of a trigger with the same id.
    mutating func add(_ trigger: Trigger, _ filter: Filter) {
        let delivery = TriggerDelivery<Lane>(
            of: trigger,
            condition: filter.conditionFunctionID,
            engine: engine,
            logger: logger
        )
        remove(trigger)
        bindings.insert((filter, delivery), id: Name(trigger.id), key: filter.key)
    }

    mutating func remove(_ trigger: Trigger) {
        bindings.remove(Name(trigger.id))?.binding.delivery.close()
    }

    /// In order of registration.
    func forEach(of key: Filter.Key, _ body: (Filter, TriggerDelivery<Lane>) -> Void) {
        bindings.forEach(of: key) { body($0.filter, $0.delivery) }
    }
}
