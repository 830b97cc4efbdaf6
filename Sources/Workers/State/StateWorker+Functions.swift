import Engine
import NIOCore

/// The functions of state.md §2, and ours (docs/state.md).
extension StateWorker {
    func set(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
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

    func get(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let request = try StateKeyRequest(data, structName: "StateGetInput")
        if let refusal = refusal(request.scope, request.key) { return reply(.failure(refusal)) }
        adapter.get(scope: request.scope, key: request.key) { result in
            self.finish(result, reply, "GET_ERROR", "Failed to get value") { reply(.success($0)) }
        }
    }

    func delete(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
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

    func update(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
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

    func list(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let reader = try ArgumentReader(parsing: data, structName: "StateGetGroupInput")
        let scope = try reader.string("scope")
        if let refusal = refusal(scope) { return reply(.failure(refusal)) }
        adapter.list(scope: scope) { result in
            self.finish(result, reply, "LIST_ERROR", "Failed to list values") { reply(.success($0)) }
        }
    }

    func listGroups(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        _ = try ArgumentReader(parsing: data, structName: "StateListGroupsInput")
        adapter.listGroups { result in
            self.finish(result, reply, "LIST_GROUPS_ERROR", "Failed to list groups") { groups in
                reply(.success(RawJSON(.object(["groups": .array(groups.map { .string($0) })]))))
            }
        }
    }

    func listKeys(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let request = try StatePageRequest(data, structName: "StateListKeysInput", wantsValues: false)
        if let refusal = refusal(request.scope) { return reply(.failure(refusal)) }
        adapter.page(scope: request.scope, request.page) { result in
            self.finish(result, reply, "LIST_KEYS_ERROR", "Failed to list keys") { reply(.success($0.keysJSON)) }
        }
    }

    func listEntries(_ data: RawJSON, _ reply: @escaping Reply) throws(ArgumentError) {
        let request = try StatePageRequest(data, structName: "StateListEntriesInput", wantsValues: true)
        if let refusal = refusal(request.scope) { return reply(.failure(refusal)) }
        adapter.page(scope: request.scope, request.page) { result in
            self.finish(result, reply, "LIST_ENTRIES_ERROR", "Failed to list entries") {
                reply(.success($0.entriesJSON))
            }
        }
    }
}

// MARK: - What they share

extension StateWorker {
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
            let code = error.code ?? code
            logger.error("state operation failed", metadata: ["code": "\(code)", "error": "\(error)"])
            reply(.failure(InvocationError(code: code, message: "\(words): \(error)")))
        }
    }

    private func notify(_ scope: String, _ key: String, _ change: EntryChange) {
        guard configuration.triggersEnabled else { return }
        triggers?.fire(scope: scope, key: key, change: change)
    }
}
