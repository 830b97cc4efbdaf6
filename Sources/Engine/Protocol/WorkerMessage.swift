import NIOCore

/// A frame from a worker, decoded as far as the engine reads it (protocol.md §4).
enum WorkerMessage {
    case invokeFunction(InvokeFunction)
    case invocationResult(InvocationResult)
    case registerFunction(RegisterFunction)
    case unregisterFunction(id: String)
    case registerTriggerType(RegisterTriggerType)
    case unregisterTriggerType(id: String)
    case registerTrigger(RegisterTrigger)
    case triggerRegistrationResult(TriggerRegistrationResult)
    case unregisterTrigger(id: String)
    case registerService(id: String, name: String)
    case reattach(previousWorkerID: String, token: String?)
    case ping
    /// Frames that need no answer: `pong`, `workerregistered` from a worker, unknown observe frames are `unknown`.
    case ignored
    case unknown(type: String)

    struct InvokeFunction {
        var invocationID: UUID?
        var functionID: String
        var data: RawJSON
        var metadata: RawJSON?
        var trace: TraceContext
        var action: Action

        enum Action: Equatable {
            case synchronous
            case void
            case enqueue(queue: String)
        }
    }

    struct InvocationResult {
        var invocationID: UUID
        var outcome: InvocationOutcome
    }

    struct RegisterFunction {
        var id: String
        var description: String?
        var requestFormat: RawJSON?
        var responseFormat: RawJSON?
        var metadata: RawJSON?
        /// Present for HTTP-invoked functions (protocol.md §8.1).
        var invocation: RawJSON?
    }

    struct RegisterTriggerType {
        var id: String
        var description: String
        var triggerRequestFormat: RawJSON?
        var callRequestFormat: RawJSON?
    }

    struct RegisterTrigger {
        var id: String
        var type: String
        var functionID: String
        var config: RawJSON
        var metadata: RawJSON?
    }

    struct TriggerRegistrationResult {
        var id: String
        var type: String
        var functionID: String
        var error: InvocationError?
    }
}

/// Why a frame could not be decoded. The connection is kept; a readable call is answered (protocol.md §2, Better), and
/// a result that can't be read ends its call, so that nobody waits for it.
struct UndecodableFrame: Error {
    enum Subject {
        case call(UUID, functionID: String)
        case result(UUID)
        case other
    }

    let reason: String
    /// What the frame was about, as far as it could be read.
    let subject: Subject

    var error: InvocationError {
        let what = if case .result = subject { "The worker's result" } else { "Message" }
        return InvocationError(code: "INVALID_MESSAGE", message: "\(what) could not be decoded: \(reason)")
    }
}

extension WorkerMessage {
    static func decode(_ text: ByteBuffer) throws(UndecodableFrame) -> WorkerMessage {
        var failure: JSONError?
        let envelope = Envelope(scanning: text, failure: &failure)
        do throws(Envelope.FieldError) {
            if let failure { throw Envelope.FieldError(failure.description) }
            if let duplicate = envelope.duplicate { throw Envelope.FieldError("duplicate field `\(duplicate.key)`") }
            return try decode(envelope, type: try envelope.string(.type))
        } catch {
            throw UndecodableFrame(reason: error.reason, subject: subject(of: envelope))
        }
    }

    private static func subject(of envelope: Envelope) -> UndecodableFrame.Subject {
        guard let id = (try? envelope.optionalUUID(.invocationID)) ?? nil else { return .other }
        switch try? envelope.optionalString(.type) {
        case "invokefunction":
            return .call(id, functionID: (try? envelope.optionalString(.functionID)) ?? "")
        case "invocationresult":
            return .result(id)
        default:
            return .other
        }
    }

    private static func decode(_ envelope: Envelope, type: String) throws(Envelope.FieldError) -> WorkerMessage {
        switch type {
        case "invokefunction":
            return .invokeFunction(try invokeFunction(envelope))
        case "invocationresult":
            return .invocationResult(try invocationResult(envelope))
        case "registerfunction":
            return .registerFunction(
                RegisterFunction(
                    id: try envelope.string(.id),
                    description: try envelope.optionalString(.description),
                    requestFormat: envelope.raw(.requestFormat),
                    responseFormat: envelope.raw(.responseFormat),
                    metadata: envelope.raw(.metadata),
                    invocation: envelope.raw(.invocation)
                )
            )
        case "unregisterfunction":
            return .unregisterFunction(id: try envelope.string(.id))
        case "registertriggertype":
            return .registerTriggerType(
                RegisterTriggerType(
                    id: try envelope.string(.id),
                    description: try envelope.optionalString(.description) ?? "",
                    triggerRequestFormat: envelope.raw(.triggerRequestFormat),
                    callRequestFormat: envelope.raw(.callRequestFormat)
                )
            )
        case "unregistertriggertype":
            return .unregisterTriggerType(id: try envelope.string(.id))
        case "registertrigger":
            return .registerTrigger(
                RegisterTrigger(
                    id: try envelope.string(.id),
                    type: try envelope.string(.triggerType),
                    functionID: try envelope.string(.functionID),
                    config: envelope.raw(.config) ?? .null,
                    metadata: envelope.raw(.metadata)
                )
            )
        case "triggerregistrationresult":
            return .triggerRegistrationResult(
                TriggerRegistrationResult(
                    id: try envelope.string(.id),
                    type: try envelope.optionalString(.triggerType) ?? "",
                    functionID: try envelope.optionalString(.functionID) ?? "",
                    error: envelope.raw(.error).map { InvocationError(body: $0) }
                )
            )
        case "unregistertrigger":
            return .unregisterTrigger(id: try envelope.string(.id))
        case "registerservice":
            let id = try envelope.string(.id)
            let name = try envelope.optionalString(.name) ?? ""
            return .registerService(id: id, name: name.isEmpty ? id : name)
        case "reattach":
            return .reattach(
                previousWorkerID: try envelope.string(.previousWorkerID),
                token: try envelope.optionalString(.reattachToken)
            )
        case "ping":
            return .ping
        case "pong", "workerregistered":
            return .ignored
        default:
            return .unknown(type: type)
        }
    }

    private static func invokeFunction(_ envelope: Envelope) throws(Envelope.FieldError) -> InvokeFunction {
        InvokeFunction(
            invocationID: try envelope.optionalUUID(.invocationID),
            functionID: try envelope.string(.functionID),
            data: envelope.raw(.data) ?? .null,
            metadata: envelope.raw(.metadata),
            trace: try trace(envelope),
            action: try action(envelope)
        )
    }

    private static func trace(_ envelope: Envelope) throws(Envelope.FieldError) -> TraceContext {
        guard envelope.kind(.traceparent) != nil || envelope.kind(.baggage) != nil else { return .none }
        return TraceContext(
            traceparent: try envelope.optionalString(.traceparent),
            baggage: try envelope.optionalString(.baggage)
        )
    }

    private static func action(_ envelope: Envelope) throws(Envelope.FieldError) -> InvokeFunction.Action {
        guard let raw = envelope.raw(.action) else { return .synchronous }
        guard let object = (try? raw.parse())?.object else {
            throw Envelope.FieldError("field `action` must be an object")
        }
        switch object["type"]?.string {
        case "void":
            return .void
        case "enqueue":
            guard let queue = object["queue"]?.string else {
                throw Envelope.FieldError("action `enqueue`: missing field `queue`")
            }
            return .enqueue(queue: queue)
        case let type?:
            throw Envelope.FieldError("unknown action type `\(type)`, expected `enqueue` or `void`")
        case nil:
            throw Envelope.FieldError("field `action`: missing field `type`")
        }
    }

    private static func invocationResult(_ envelope: Envelope) throws(Envelope.FieldError) -> InvocationResult {
        guard let id = try envelope.optionalUUID(.invocationID) else {
            throw Envelope.FieldError("missing field `invocation_id`")
        }
        let outcome: InvocationOutcome =
            if let error = envelope.raw(.error) {
                .failure(InvocationError(body: error))
            } else {
                .success(envelope.raw(.result))
            }
        return InvocationResult(invocationID: id, outcome: outcome)
    }
}
