import Engine
import Logging
import NIOCore

/// The in-process worker `iii-state`: key/value state by scope and key, with atomic updates and triggers (state.md).
public final class StateWorker: Worker {
    public let type = "iii-state"
    public let summary = "Distributed key-value state management."

    private let adapter: any StateAdapter
    private let configuration: StateConfiguration
    private let logger = Logger(label: "iii::workers::state")
    private var triggers: StateTriggers?

    public init(configuration: StateConfiguration, adapter: any StateAdapter) {
        self.configuration = configuration
        self.adapter = adapter
    }

    public var stores: [StoreStatus] { [adapter.status] }

    public func initialize(_ engine: Engine) {
        logger.info("Initializing StateWorker")
        let triggers = StateTriggers(engine: engine)
        self.triggers = triggers
        register(StateSchemas.set, on: engine, set)
        register(StateSchemas.get, on: engine, get)
        register(StateSchemas.delete, on: engine, delete)
        register(StateSchemas.update, on: engine, update)
        register(StateSchemas.list, on: engine, list)
        register(StateSchemas.listGroups, on: engine, listGroups)
        register(StateSchemas.listKeys, on: engine, listKeys)
        register(StateSchemas.listEntries, on: engine, listEntries)
        if let type = BuiltInTriggerTypes.description(of: "state") {
            engine.register(type, provider: triggers, worker: self.type)
        }
    }

    public func stop(_ engine: Engine) -> EventLoopFuture<Void> {
        engine.loop.makeCompletedFuture { try adapter.close() }
    }

    /// Argument errors become `deserialization_error` here, once for all functions.
    private func register(
        _ description: FunctionDescription,
        on engine: Engine,
        _ body: @escaping (RawJSON, @escaping Reply) throws(ArgumentError) -> Void
    ) {
        engine.register(description, worker: type) { invocation, reply in
            do throws(ArgumentError) {
                try body(invocation.data, reply)
            } catch {
                reply(.failure(.deserialization(description.id, error.detail)))
            }
        }
    }

    // MARK: Functions

    private func set(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let request = try StateSetRequest(data)
        if let refusal = refusal(request.scope, request.key, request.options) { return reply(.failure(refusal)) }
        if let limit = configuration.maxValueBytes, let bytes = request.value.compactBytes(ifAbove: limit) {
            return reply(
                .failure(
                    InvocationError(
                        code: "VALUE_TOO_LARGE",
                        message: "value of \(bytes) bytes exceeds the configured max_value_bytes limit of \(limit)"
                    )
                )
            )
        }
        adapter.set(scope: request.scope, key: request.key, value: request.value) { result in
            self.finish(result, reply, "SET_ERROR", "Failed to set value") { change in
                reply(.success(change.resultJSON(durable: self.durability(change, request.options))))
                self.notify(request.scope, request.key, change)
            }
        }
    }

    private func get(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let request = try StateKeyRequest(data, structName: "StateGetInput")
        if let refusal = refusal(request.scope, request.key) { return reply(.failure(refusal)) }
        adapter.get(scope: request.scope, key: request.key) { result in
            self.finish(result, reply, "GET_ERROR", "Failed to get value") { reply(.success($0)) }
        }
    }

    private func delete(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let request = try StateDeleteRequest(data)
        if let refusal = refusal(request.scope, request.key, request.options) { return reply(.failure(refusal)) }
        adapter.delete(scope: request.scope, key: request.key) { result in
            self.finish(result, reply, "DELETE_ERROR", "Failed to delete value") { change in
                let durable = self.durability(change, request.options)
                reply(.success(durable == nil ? change.old : change.deletionJSON(durable: durable)))
                self.notify(request.scope, request.key, change)
            }
        }
    }

    private func update(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let request = try StateUpdateRequest(data)
        if let refusal = refusal(request.scope, request.key, request.options) { return reply(.failure(refusal)) }
        adapter.update(scope: request.scope, key: request.key, operations: request.operations) { result in
            self.finish(result, reply, "UPDATE_ERROR", "Failed to update value") { update in
                let durable = self.durability(update.change, request.options)
                reply(.success(update.change.resultJSON(errors: update.errors, durable: durable)))
                self.notify(request.scope, request.key, update.change)
            }
        }
    }

    private func list(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let reader = try ArgumentReader(parsing: data, structName: "StateGetGroupInput")
        let scope = try reader.string("scope")
        if let refusal = refusal(scope) { return reply(.failure(refusal)) }
        adapter.list(scope: scope) { result in
            self.finish(result, reply, "LIST_ERROR", "Failed to list values") { reply(.success($0)) }
        }
    }

    private func listGroups(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        _ = try ArgumentReader(parsing: data, structName: "StateListGroupsInput")
        adapter.listGroups { result in
            self.finish(result, reply, "LIST_GROUPS_ERROR", "Failed to list groups") { groups in
                reply(.success(RawJSON(.object(["groups": .array(groups.map { .string($0) })]))))
            }
        }
    }

    private func listKeys(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let request = try StatePageRequest(data, structName: "StateListKeysInput", wantsValues: false)
        if let refusal = refusal(request.scope) { return reply(.failure(refusal)) }
        adapter.page(scope: request.scope, request.page) { result in
            self.finish(result, reply, "LIST_KEYS_ERROR", "Failed to list keys") { reply(.success($0.keysJSON)) }
        }
    }

    private func listEntries(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let request = try StatePageRequest(data, structName: "StateListEntriesInput", wantsValues: true)
        if let refusal = refusal(request.scope) { return reply(.failure(refusal)) }
        adapter.page(scope: request.scope, request.page) { result in
            self.finish(result, reply, "LIST_ENTRIES_ERROR", "Failed to list entries") {
                reply(.success($0.entriesJSON))
            }
        }
    }

    private func refusal(
        _ scope: String,
        _ key: String? = nil,
        _ options: WriteOptions = WriteOptions()
    ) -> InvocationError? {
        configuration.limits.refusal(scope: scope, key: key) ?? options.refusal(worker: type, mode: adapter.mode)
    }

    private func durability(_ change: EntryChange, _ options: WriteOptions) -> WriteDurability? {
        options.durability(lsn: change.lsn, mode: adapter.mode)
    }

    private func finish<Value>(
        _ result: Result<Value, AdapterError>,
        _ reply: Reply,
        _ code: String,
        _ words: String,
        _ body: (Value) -> Void
    ) {
        switch result {
        case .success(let value): body(value)
        case .failure(let error):
            logger.error("state operation failed", metadata: ["code": "\(code)", "error": "\(error)"])
            reply(.failure(InvocationError(code: code, message: "\(words): \(error)")))
        }
    }

    private func notify(_ scope: String, _ key: String, _ change: EntryChange) {
        guard configuration.triggersEnabled else { return }
        triggers?.fire(scope: scope, key: key, change: change)
    }
}
