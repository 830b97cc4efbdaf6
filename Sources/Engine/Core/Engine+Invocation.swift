import NIOCore

/// A call that a worker has been sent and hasn't answered.
enum PendingCall {
    /// Made by a connected worker, which waits for a frame.
    case fromWorker(WorkerConnection, invocationID: UUID, functionID: String, trace: TraceContext)
    /// Made by the engine itself.
    case fromEngine(Reply)
}

/// The life of an invocation (protocol.md §9).
extension Engine {
    static let enqueueFunctionID = "engine::queue::enqueue"

    // MARK: Calls from workers

    func route(_ call: WorkerMessage.InvokeFunction, from caller: WorkerConnection) {
        routedInvocations &+= 1
        switch call.action {
        case .enqueue(let queue):
            enqueue(call, queue: queue, from: caller)
        case .void:
            perform(call, from: caller, replyingTo: nil)
        case .synchronous:
            perform(call, from: caller, replyingTo: call.invocationID)
        }
    }

    /// `id` nil: fire and forget, no answer for success, failure or a missing function.
    private func perform(_ call: WorkerMessage.InvokeFunction, from caller: WorkerConnection, replyingTo id: UUID?) {
        guard let function = functions[Name(call.functionID)] else {
            if let id {
                let error = InvocationError.functionNotFound(call.functionID)
                answer(.failure(error), id: id, functionID: call.functionID, trace: call.trace, to: caller)
            }
            return
        }
        switch function.target {
        case .inProcess(_, let handler):
            run(handler, call, from: caller, replyingTo: id)
        case .worker(let executor):
            forward(call, to: executor, function: function, from: caller, replyingTo: id)
        }
    }

    private func run(
        _ handler: FunctionHandler,
        _ call: WorkerMessage.InvokeFunction,
        from caller: WorkerConnection,
        replyingTo id: UUID?
    ) {
        let invocation = Invocation(
            functionID: call.functionID,
            data: call.data,
            metadata: call.metadata,
            trace: call.trace,
            caller: caller
        )
        let bytes = call.data.count
        let (functionID, trace) = (call.functionID, call.trace)
        caller.beginInProcessCall(bytes: bytes)
        handler(invocation) { outcome in
            caller.endInProcessCall(bytes: bytes)
            if let id { self.answer(outcome, id: id, functionID: functionID, trace: trace, to: caller) }
        }
    }

    private func forward(
        _ call: WorkerMessage.InvokeFunction,
        to executor: WorkerConnection,
        function: Function,
        from caller: WorkerConnection,
        replyingTo id: UUID?
    ) {
        if id == nil, !executor.socket.hasRoom(for: call.data.count) {
            return caller.logger.warning(
                "void call dropped",
                metadata: ["function": "\(function.id)", "error": "\(InvocationError.notReading(executor))"]
            )
        }
        var sentID = id ?? makeUUID()
        if let id {
            do throws(InvocationError) {
                sentID = try admit(id, bytes: call.data.count, at: executor, from: caller)
            } catch {
                return answer(.failure(error), id: id, functionID: call.functionID, trace: call.trace, to: caller)
            }
            // Recorded before the frame is sent: a fast answer or a disconnect finds it.
            executor.executing[sentID] = .fromWorker(
                caller,
                invocationID: id,
                functionID: call.functionID,
                trace: call.trace
            )
            caller.calling[CallKey(executor: executor.id, invocationID: sentID)] = executor
        }
        send(call.data, metadata: call.metadata, trace: call.trace, caller: caller.id, as: sentID, function, executor)
        caller.waitForDrain(of: executor)
    }

    /// The id under which a call can be recorded at the executor: the caller's own, or a fresh one while another call
    /// uses that.
    private func admit(
        _ id: UUID,
        bytes: Int,
        at executor: WorkerConnection,
        from caller: WorkerConnection
    ) throws(InvocationError) -> UUID {
        try admitCall(to: executor, bytes: bytes)
        guard caller.calling.count < WorkerConnection.Limits.pendingCalls else { throw .tooManyUnanswered(caller) }
        return executor.executing[id] == nil ? id : makeUUID()
    }

    private func admitCall(to executor: WorkerConnection, bytes: Int) throws(InvocationError) {
        guard executor.socket.hasRoom(for: bytes) else { throw .notReading(executor) }
        guard executor.executing.count < WorkerConnection.Limits.pendingCalls else {
            throw .tooManyUnanswered(executor)
        }
    }

    private func send(
        _ data: RawJSON,
        metadata: RawJSON?,
        trace: TraceContext,
        caller: UUID?,
        as id: UUID,
        _ function: Function,
        _ executor: WorkerConnection
    ) {
        var writer = MessageWriter(type: "invokefunction", payloadBytes: data.count + (metadata?.count ?? 0))
        writer.uuid("invocation_id", id)
        writer.string("function_id", function.id)
        writer.data(data, caller: caller)
        writer.trace(trace.forwarded(to: function.id))
        writer.raw("metadata", ifPresent: metadata)
        executor.send(writer.finish())
    }

    /// Sends an `invocationresult` to a worker that waits for one.
    func answer(
        _ outcome: InvocationOutcome,
        id: UUID,
        functionID: String,
        trace: TraceContext,
        to caller: WorkerConnection
    ) {
        guard !caller.isClosed else { return }
        var outcome = outcome
        if case .success(let result?) = outcome, result.count > Self.maximumResultBytes {
            outcome = .failure(.payloadTooLarge(result.count))
        }
        let bytes = if case .success(let result?) = outcome { result.count } else { 0 }
        var writer = MessageWriter(type: "invocationresult", payloadBytes: bytes)
        writer.uuid("invocation_id", id)
        writer.string("function_id", functionID)
        switch outcome {
        case .success(let result): writer.raw("result", ifPresent: result)
        case .failure(let error): writer.error("error", error)
        }
        writer.trace(trace)
        caller.send(writer.finish())
    }

    /// Envelope and result must fit the 64 MiB that peers read (protocol.md §1.1).
    public static let maximumResultBytes = (64 << 20) - 4096

    // MARK: Results from workers

    /// A result is taken only from the connection that the call was sent to (Better).
    func complete(_ result: WorkerMessage.InvocationResult, from executor: WorkerConnection) {
        guard let pending = executor.executing.removeValue(forKey: result.invocationID) else { return }
        finish(pending, result.outcome, sentAs: result.invocationID, by: executor)
        if case .fromWorker(let caller, _, _, _) = pending { executor.waitForDrain(of: caller) }
    }

    private func finish(
        _ pending: PendingCall,
        _ outcome: InvocationOutcome,
        sentAs id: UUID,
        by executor: WorkerConnection
    ) {
        switch pending {
        case .fromWorker(let caller, let invocationID, let functionID, let trace):
            caller.calling[CallKey(executor: executor.id, invocationID: id)] = nil
            answer(outcome, id: invocationID, functionID: functionID, trace: trace, to: caller)
        case .fromEngine(let reply):
            reply(outcome)
        }
    }

    /// Ends every call in which a closing connection is caller or executor.
    func stopInvocations(of connection: WorkerConnection) {
        let executing = connection.executing
        connection.executing.removeAll()
        for (id, pending) in executing {
            finish(pending, .failure(.stopped), sentAs: id, by: connection)
        }
        for (key, executor) in connection.calling {
            executor.executing[key.invocationID] = nil
        }
        connection.calling.removeAll()
    }

    // MARK: Calls made by the engine

    /// Invokes a function on the engine's behalf: trigger firings, conditions, HTTP requests (protocol.md §9.7).
    /// No `_caller_worker_id` is added. `reply` is called exactly once: with the result, or when the worker is lost.
    public func invoke(
        _ functionID: String,
        data: RawJSON,
        metadata: RawJSON? = nil,
        trace: TraceContext = .none,
        reply: @escaping Reply
    ) {
        guard let function = functions[Name(functionID)] else {
            return reply(.failure(.functionNotFound(functionID)))
        }
        switch function.target {
        case .inProcess(_, let handler):
            let invocation = Invocation(
                functionID: functionID,
                data: data,
                metadata: metadata,
                trace: trace,
                caller: nil
            )
            handler(invocation, reply)
        case .worker(let executor):
            do throws(InvocationError) {
                guard data.count + (metadata?.count ?? 0) <= Self.maximumResultBytes else {
                    throw .callTooLarge(data.count)
                }
                try admitCall(to: executor, bytes: data.count)
            } catch {
                return reply(.failure(error))
            }
            let id = makeUUID()
            executor.executing[id] = .fromEngine(reply)
            send(data, metadata: metadata, trace: trace, caller: nil, as: id, function, executor)
        }
    }

    // MARK: Enqueue

    /// Stores a job through the queue provider, then answers with a receipt (protocol.md §9.4).
    private func enqueue(_ call: WorkerMessage.InvokeFunction, queue: String, from caller: WorkerConnection) {
        let receipt = makeUUID()
        let bytes = call.data.count
        caller.beginInProcessCall(bytes: bytes)
        invoke(Self.enqueueFunctionID, data: enqueueRequest(call, queue: queue, receipt: receipt)) { outcome in
            caller.endInProcessCall(bytes: bytes)
            guard let id = call.invocationID else { return }
            let answered: InvocationOutcome =
                switch outcome {
                case .success: .success(RawJSON(.object(["messageReceiptId": .string(receipt.description)])))
                case .failure(let error): .failure(.enqueue(error))
                }
            self.answer(answered, id: id, functionID: call.functionID, trace: call.trace, to: caller)
        }
    }

    private func enqueueRequest(_ call: WorkerMessage.InvokeFunction, queue: String, receipt: UUID) -> RawJSON {
        var text = ByteBuffer()
        text.reserveCapacity(call.data.count + 256)
        text.writeStaticString("{\"queue\":")
        text.writeJSONString(queue)
        text.writeStaticString(",\"function_id\":")
        text.writeJSONString(call.functionID)
        text.writeStaticString(",\"data\":")
        text.writeImmutableBuffer(call.data.buffer)
        text.writeStaticString(",\"messageReceiptId\":")
        text.writeUUID(receipt)
        text.writeStaticString(",\"traceparent\":")
        if let traceparent = call.trace.traceparent {
            text.writeJSONString(traceparent)
        } else {
            text.writeStaticString("null")
        }
        text.writeStaticString(",\"baggage\":")
        text.writeJSONString(call.trace.naming(call.functionID))
        text.writeStaticString("}")
        return RawJSON(validated: text)
    }
}

extension InvocationError {
    fileprivate static func payloadTooLarge(_ bytes: Int) -> InvocationError {
        InvocationError(
            code: "payload_too_large",
            message: "The call was executed, but its result of \(bytes) bytes exceeds the limit of "
                + "\(Engine.maximumResultBytes) bytes. Use channels for larger payloads."
        )
    }

    /// Such a frame would end the worker's connection: an event with two values of 33 MiB, say.
    fileprivate static func callTooLarge(_ bytes: Int) -> InvocationError {
        InvocationError(
            code: "payload_too_large",
            message: "a payload of \(bytes) bytes exceeds the limit of \(Engine.maximumResultBytes) bytes for one call"
        )
    }

    fileprivate static func tooManyUnanswered(_ worker: WorkerConnection) -> InvocationError {
        InvocationError(
            code: "invocation_error",
            message: "worker \(worker.displayName) has \(WorkerConnection.Limits.pendingCalls) unanswered calls; "
                + "wait for results"
        )
    }

    fileprivate static func notReading(_ worker: WorkerConnection) -> InvocationError {
        InvocationError(
            code: "invocation_error",
            message:
                "worker \(worker.displayName) is behind with reading: \(worker.socket.queuedBytes) bytes wait for it; "
                + "retry later"
        )
    }

    fileprivate static func enqueue(_ error: InvocationError) -> InvocationError {
        guard error.code == "function_not_found", error.message.hasSuffix("\(Engine.enqueueFunctionID) not found")
        else {
            return InvocationError(code: "enqueue_error", message: "\(error.code): \(error.message)")
        }
        return InvocationError(
            code: "enqueue_error",
            message: "No queue provider is installed. `TriggerAction::Enqueue` routes through the "
                + "`engine::queue::enqueue` provider, which the standalone queue worker registers. Add it with "
                + "`iii worker add queue`. (underlying: Function engine::queue::enqueue not found)"
        )
    }
}
