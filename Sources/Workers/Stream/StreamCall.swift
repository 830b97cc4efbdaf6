import Engine
import NIOCore

/// One call of a stream function, until it is answered.
struct StreamCall {
    let engine: Engine
    let worker: StreamWorker
    let data: RawJSON
    let reply: Reply

    func fail(_ error: InvocationError) {
        reply(.failure(error))
    }

    /// False: the names are too long, and the call has been answered.
    func admits(_ names: [String]) -> Bool {
        guard let error = worker.configuration.limits.refusal(of: names) else { return true }
        fail(error)
        return false
    }

    /// False: the caller insists on more than the adapter can do, and the call has been answered.
    func admits(_ options: WriteOptions) -> Bool {
        guard let error = options.refusal(worker: worker.type, mode: worker.adapter.mode) else { return true }
        fail(error)
        return false
    }

    func durability(_ lsn: UInt64?, _ options: WriteOptions) -> WriteDurability? {
        options.durability(lsn: lsn, mode: worker.adapter.mode)
    }

    func finish<Value>(
        _ result: Result<Value, AdapterError>,
        _ operation: StreamOperation,
        _ answer: (Value) -> RawJSON?
    ) {
        switch result {
        case .success(let value):
            reply(.success(answer(value)))
        case .failure(let error):
            let failure = operation.failure(error)
            worker.logger.error(
                "stream operation failed",
                metadata: ["code": "\(failure.code)", "error": "\(error)"]
            )
            fail(failure)
        }
    }

    /// The function that serves an operation in place of the adapter; nil: there is none.
    func custom(_ operation: String, of group: StreamGroup) -> CustomStreamCall? {
        let id = "stream::\(operation)(\(group.stream.string))"
        return engine.function(id) == nil ? nil : CustomStreamCall(call: self, functionID: id)
    }
}

extension StreamLimits {
    func refusal(of names: [String]) -> InvocationError? {
        guard let tooLong = names.first(where: { $0.utf8.count > idBytes }) else { return nil }
        return InvocationError(
            code: "ID_TOO_LARGE",
            message: "a name of \(tooLong.utf8.count) bytes exceeds the configured max_id_bytes limit of \(idBytes)"
        )
    }

    func refusal(of value: RawJSON) -> InvocationError? {
        guard let valueBytes, let bytes = value.compactBytes(ifAbove: valueBytes) else { return nil }
        return InvocationError(
            code: "VALUE_TOO_LARGE",
            message: "value of \(bytes) bytes exceeds the configured max_value_bytes limit of \(valueBytes)"
        )
    }
}
