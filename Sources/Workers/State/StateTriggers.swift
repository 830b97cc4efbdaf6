import DequeModule
import Engine
import Logging
import NIOCore

/// The trigger type `state` (state.md §3). Writes of one (scope, key) reach one trigger in commit order.
final class StateTriggers: TriggerProvider {
    /// Events of one trigger that wait for their condition; further ones are dropped and logged.
    static let maximumWaitingEvents = 10_000

    private let engine: Engine
    private let logger = Logger(label: "iii::workers::state")
    private var bindings: [Name: StateBinding] = [:]
    private var byScope: [Name: [StateBinding]] = [:]
    private var anyScope: [StateBinding] = []

    init(engine: Engine) {
        self.engine = engine
    }

    func register(_ trigger: Trigger, replacing replaced: Trigger?) throws(InvocationError) {
        let binding = StateBinding(trigger, try StateTriggerFilter(trigger.config))
        remove(trigger.id)
        bindings[Name(trigger.id)] = binding
        if let scope = binding.filter.scope {
            byScope[Name(scope), default: []].append(binding)
        } else {
            anyScope.append(binding)
        }
    }

    func unregister(_ trigger: Trigger) {
        remove(trigger.id)
    }

    private func remove(_ id: String) {
        guard let binding = bindings.removeValue(forKey: Name(id)) else { return }
        if let scope = binding.filter.scope {
            byScope[Name(scope)]?.removeAll { $0 === binding }
            if byScope[Name(scope)]?.isEmpty == true { byScope[Name(scope)] = nil }
        } else {
            anyScope.removeAll { $0 === binding }
        }
    }

    func fire(scope: String, key: String, change: EntryChange) {
        guard !bindings.isEmpty else { return }
        let matching = ((byScope[Name(scope)] ?? []) + anyScope).filter { $0.filter.admits(key: key) }
        guard !matching.isEmpty else { return }
        let event = StateEvent.json(scope: scope, key: key, change: change)
        for binding in matching {
            guard let condition = binding.filter.conditionFunctionID else {
                engine.fire(binding.trigger, data: event)
                continue
            }
            enqueue(event, for: binding, condition, lane: StateLane(scope: Name(scope), key: Name(key)))
        }
    }

    // MARK: Conditions

    private func enqueue(_ event: RawJSON, for binding: StateBinding, _ condition: String, lane: StateLane) {
        guard binding.waitingEvents < Self.maximumWaitingEvents else {
            return logger.warning(
                "state event dropped: its trigger's condition doesn't keep up",
                metadata: ["trigger.id": "\(binding.trigger.id)", "limit": "\(Self.maximumWaitingEvents)"]
            )
        }
        binding.waitingEvents += 1
        let isFirst = binding.lanes[lane] == nil
        binding.lanes[lane, default: []].append(event)
        if isFirst { evaluateNext(binding, condition, lane) }
    }

    private func evaluateNext(_ binding: StateBinding, _ condition: String, _ lane: StateLane) {
        guard let event = binding.lanes[lane]?.first else {
            binding.lanes[lane] = nil
            return
        }
        engine.evaluate(condition: condition, data: event) { decision in
            binding.lanes[lane]?.removeFirst()
            binding.waitingEvents -= 1
            switch decision {
            case .success(true):
                if self.bindings[Name(binding.trigger.id)] === binding {
                    self.engine.fire(binding.trigger, data: event)
                }
            case .success(false):
                break
            case .failure(let error):
                self.logger.warning(
                    "state trigger skipped: its condition failed",
                    metadata: ["trigger.id": "\(binding.trigger.id)", "error": "\(error)"]
                )
            }
            self.evaluateNext(binding, condition, lane)
        }
    }
}

/// Events of one (scope, key): evaluated one after the other, so that a slow condition can't reorder them.
struct StateLane: Hashable {
    let scope: Name
    let key: Name
}

final class StateBinding {
    let trigger: Trigger
    let filter: StateTriggerFilter
    var lanes: [StateLane: Deque<RawJSON>] = [:]
    var waitingEvents = 0

    init(_ trigger: Trigger, _ filter: StateTriggerFilter) {
        self.trigger = trigger
        self.filter = filter
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
