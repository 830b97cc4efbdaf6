import Engine
import NIOCore

/// A stream operation that a registered function serves: `stream::set(chat)` and the like (stream.md §3).
struct CustomStreamCall {
    let call: StreamCall
    let functionID: String

    /// Whatever the function returns is the result; its errors are passed through.
    func read(_ payload: JSONObject) {
        call.engine.invoke(functionID, data: RawJSON(.object(payload))) { outcome in
            switch outcome {
            case .success(let value): call.reply(.success(value?.isNull == true ? nil : value))
            case .failure(let error): call.fail(error)
            }
        }
    }

    /// The function keeps the value; subscribers and triggers are told what it says it did.
    ///
    /// - Parameter data: spliced in, so that a large value isn't made into a tree.
    func write(
        _ operation: StreamOperation,
        _ payload: JSONObject,
        data: RawJSON?,
        id: String,
        in group: StreamGroup,
        _ options: WriteOptions
    ) {
        guard !options.requiresSynced else { return call.fail(Self.notSynced(functionID)) }
        call.engine.invoke(functionID, data: Self.payload(payload, data)) { outcome in
            switch outcome {
            case .failure(let error):
                call.fail(operation.failure(AdapterError("Failed to invoke function: \(error.debugText)")))
            case .success(let value):
                guard let value, !value.isNull else {
                    return call.fail(operation.failure(AdapterError("Function returned no result")))
                }
                take(value, operation, id: id, in: group)
            }
        }
    }

    private static func notSynced(_ functionID: String) -> InvocationError {
        InvocationError(
            code: "NOT_SYNCED",
            message:
                "the write requires `synced`, but \(functionID) keeps the data, of which the engine knows nothing; "
                + "nothing was written. Leave `require` out of the call"
        )
    }

    private static func payload(_ object: JSONObject, _ data: RawJSON?) -> RawJSON {
        let text = RawJSON(.object(object)).buffer
        guard let data else { return RawJSON(validated: text) }
        var whole = ByteBuffer()
        whole.reserveCapacity(text.readableBytes + data.count + 8)
        whole.writeImmutableBuffer(text)
        // In place of the closing brace.
        whole.moveWriterIndex(to: whole.writerIndex - 1)
        whole.writeStaticString(",\"data\":")
        whole.writeImmutableBuffer(data.buffer)
        whole.writeStaticString("}")
        return RawJSON(validated: whole)
    }

    private func take(_ value: RawJSON, _ operation: StreamOperation, id: String, in group: StreamGroup) {
        let result: CustomStreamResult
        do throws(ArgumentError) {
            result = try CustomStreamResult(value, isDeletion: operation == .delete)
        } catch {
            return call.fail(
                InvocationError(code: "JSON_ERROR", message: "Failed to convert result to value: \(error.detail)")
            )
        }
        guard let body = StreamEventBody(result.change) else { return call.reply(.success(result.json)) }
        call.worker.adapter.publish(body, id: id, in: group) { published in
            if case .failure(let error) = published {
                call.worker.logger.error(
                    "stream event of a custom implementation was not published",
                    metadata: ["function": "\(functionID)", "error": "\(error)"]
                )
            }
            call.reply(.success(result.json))
        }
    }
}

/// `{old_value?, new_value, errors?}`, of a deletion `{old_value?}`.
private struct CustomStreamResult {
    let change: EntryChange
    let json: RawJSON

    init(_ value: RawJSON, isDeletion: Bool) throws(ArgumentError) {
        let name = isDeletion ? "DeleteResult" : "SetResult"
        let reader = try ArgumentReader(parsing: value, structName: name)
        let old = reader.value("old_value").flatMap { $0.isNull ? nil : $0 }
        var object: JSONObject = ["old_value": old ?? .null]
        if isDeletion {
            change = EntryChange(old: old.map { RawJSON($0) }, new: nil)
        } else {
            let new = try reader.requiredValue("new_value")
            object["new_value"] = new
            if let errors = try reader.optionalArray("errors"), !errors.isEmpty { object["errors"] = .array(errors) }
            change = EntryChange(old: old.map { RawJSON($0) }, new: RawJSON(new))
        }
        json = RawJSON(.object(object))
    }
}

extension InvocationError {
    /// As upstream prints it; clients must not parse it.
    fileprivate var debugText: String {
        let trace = stacktrace.map { "Some(\($0.debugDescription))" } ?? "None"
        return
            "ErrorBody { code: \(code.debugDescription), message: \(message.debugDescription), stacktrace: \(trace) }"
    }
}
