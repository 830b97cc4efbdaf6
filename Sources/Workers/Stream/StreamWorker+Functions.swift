import Engine
import NIOCore

/// The functions (stream.md §2). A stream with a custom implementation of an operation is served by that (§3).
extension StreamWorker {
    func registerFunctions(_ engine: Engine) {
        register(StreamSchemas.set, engine, set)
        register(StreamSchemas.get, engine, get)
        register(StreamSchemas.delete, engine, delete)
        register(StreamSchemas.update, engine, update)
        register(StreamSchemas.list, engine, list)
        register(StreamSchemas.listGroups, engine, listGroups)
        register(StreamSchemas.listAll, engine, listAll)
        register(StreamSchemas.send, engine, send)
    }

    /// Argument errors become `deserialization_error` here, once for all functions.
    private func register(
        _ description: FunctionDescription,
        _ engine: Engine,
        _ body: @escaping (StreamCall) throws(ArgumentError) -> Void
    ) {
        engine.register(description, worker: type) { [unowned engine, unowned self] invocation, reply in
            let call = StreamCall(engine: engine, worker: self, data: invocation.data, reply: reply)
            do throws(ArgumentError) {
                try body(call)
            } catch {
                reply(.failure(.deserialization(description.id, error.detail)))
            }
        }
    }

    // MARK: Writes

    private func set(_ call: StreamCall) throws(ArgumentError) {
        let request = try StreamSetRequest(call.data)
        guard call.admits([request.group.stream.string, request.group.group.string, request.id]) else { return }
        if let error = configuration.limits.refusal(of: request.data) { return call.fail(error) }
        if let custom = call.custom("set", of: request.group) {
            var payload = request.group.json
            payload["item_id"] = .string(request.id)
            return custom.write(.set, payload, data: request.data, id: request.id, in: request.group, request.options)
        }
        guard call.admits(request.options) else { return }
        adapter.set(request.id, in: request.group, data: request.data) { result in
            call.finish(result, .set) { $0.resultJSON(durable: call.durability($0.lsn, request.options)) }
        }
    }

    private func update(_ call: StreamCall) throws(ArgumentError) {
        let request = try StreamUpdateRequest(call.data)
        guard call.admits(request.item.names) else { return }
        if let custom = call.custom("update", of: request.item.group) {
            var payload = request.item.json
            payload["ops"] = request.operationsJSON
            return custom.write(
                .update,
                payload,
                data: nil,
                id: request.item.id,
                in: request.item.group,
                request.options
            )
        }
        guard call.admits(request.options) else { return }
        adapter.update(request.item.id, in: request.item.group, operations: request.operations) { result in
            call.finish(result, .update) {
                let durable = call.durability($0.change.lsn, request.options)
                return $0.change.resultJSON(errors: $0.errors, durable: durable)
            }
        }
    }

    private func delete(_ call: StreamCall) throws(ArgumentError) {
        let request = try StreamDeleteRequest(call.data)
        guard call.admits(request.item.names) else { return }
        if let custom = call.custom("delete", of: request.item.group) {
            return custom.write(
                .delete,
                request.item.json,
                data: nil,
                id: request.item.id,
                in: request.item.group,
                request.options
            )
        }
        guard call.admits(request.options) else { return }
        adapter.delete(request.item.id, in: request.item.group) { result in
            call.finish(result, .delete) { $0.deletionJSON(durable: call.durability($0.lsn, request.options)) }
        }
    }

    private func send(_ call: StreamCall) throws(ArgumentError) {
        let request = try StreamSendRequest(call.data)
        guard call.admits([request.group.stream.string, request.group.group.string, request.id ?? ""]),
            call.admits(request.options)
        else { return }
        let body = StreamEventBody.custom(type: request.type, data: request.data)
        adapter.publish(body, id: request.id, in: request.group) { result in
            call.finish(result, .send) { call.durability($0, request.options)?.resultJSON ?? .null }
        }
    }

    // MARK: Reads

    private func get(_ call: StreamCall) throws(ArgumentError) {
        let request = try StreamItemRequest(ArgumentReader(parsing: call.data, structName: "StreamGetInput"))
        guard call.admits(request.names) else { return }
        if let custom = call.custom("get", of: request.group) { return custom.read(request.json) }
        adapter.get(request.id, in: request.group) { call.finish($0, .get) { $0 } }
    }

    private func list(_ call: StreamCall) throws(ArgumentError) {
        let group = try StreamGroup(ArgumentReader(parsing: call.data, structName: "StreamListInput"))
        guard call.admits([group.stream.string, group.group.string]) else { return }
        if let custom = call.custom("list", of: group) { return custom.read(group.json) }
        adapter.list(group) { call.finish($0, .list) { $0 } }
    }

    private func listGroups(_ call: StreamCall) throws(ArgumentError) {
        let reader = try ArgumentReader(parsing: call.data, structName: "StreamListGroupsInput")
        let stream = try reader.string("stream_name")
        guard call.admits([stream]) else { return }
        if let custom = call.custom("list_groups", of: StreamGroup(stream: stream, group: "")) {
            return custom.read(["stream_name": .string(stream)])
        }
        adapter.listGroups(stream: stream) { result in
            call.finish(result, .listGroups) { RawJSON(.array($0.map { .string($0) })) }
        }
    }

    private func listAll(_ call: StreamCall) throws(ArgumentError) {
        _ = try ArgumentReader(parsing: call.data, structName: "StreamListAllInput")
        adapter.listAll { result in
            call.finish(result, .listAll) { listings in
                let streams = listings.map { listing -> JSON in
                    ["id": .string(listing.stream), "groups": .array(listing.groups.map { .string($0) })]
                }
                return RawJSON(["stream": .array(streams), "count": JSON(Int64(streams.count))])
            }
        }
    }
}

extension StreamItemRequest {
    var names: [String] { [group.stream.string, group.group.string, id] }
}

/// An operation's code and words for its failure (stream.md §2).
enum StreamOperation {
    case set, get, delete, update, list, listGroups, listAll, send

    func failure(_ error: AdapterError) -> InvocationError {
        let (code, words) = name
        return InvocationError(code: error.code ?? code, message: "\(words): \(error)")
    }

    private var name: (code: String, words: String) {
        switch self {
        case .set: ("STREAM_SET_ERROR", "Failed to set value")
        case .get: ("STREAM_GET_ERROR", "Failed to get value")
        case .delete: ("STREAM_DELETE_ERROR", "Failed to delete value")
        case .update: ("STREAM_UPDATE_ERROR", "Failed to update value")
        case .list: ("STREAM_GET_GROUP_ERROR", "Failed to get group")
        case .listGroups: ("STREAM_LIST_GROUPS_ERROR", "Failed to list groups")
        case .listAll: ("STREAM_LIST_ALL_ERROR", "Failed to list stream")
        case .send: ("STREAM_SEND_ERROR", "Failed to send event")
        }
    }
}
