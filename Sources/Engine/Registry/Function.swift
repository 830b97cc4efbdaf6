import NIOCore

/// What a caller wants from a function: the data and everything that came with it.
public struct Invocation {
    public let functionID: String
    public let data: RawJSON
    public let metadata: RawJSON?
    public let trace: TraceContext
    /// The connection that sent the call; nil for calls that the engine makes itself (protocol.md §9.7).
    public let caller: WorkerConnection?
}

/// Answers an invocation, exactly once, on the engine's event loop.
public typealias Reply = (InvocationOutcome) -> Void

/// A function that runs in the engine. Called on the engine's event loop; must not block it.
public typealias FunctionHandler = (Invocation, @escaping Reply) -> Void

/// What discovery shows of a function; the schemas are never used for validation.
public struct FunctionDescription: Sendable {
    public var id: String
    public var description: String?
    public var requestFormat: RawJSON?
    public var responseFormat: RawJSON?
    public var metadata: RawJSON?

    public init(
        id: String,
        description: String? = nil,
        requestFormat: RawJSON? = nil,
        responseFormat: RawJSON? = nil,
        metadata: RawJSON? = nil
    ) {
        self.id = id
        self.description = description
        self.requestFormat = requestFormat
        self.responseFormat = responseFormat
        self.metadata = metadata
    }
}

/// One row of the function registry.
public final class Function {
    public enum Target {
        case worker(WorkerConnection)
        /// `worker` is the type name of the in-process worker that registered it.
        case inProcess(worker: String, handler: FunctionHandler)
    }

    public let description: FunctionDescription
    public let target: Target

    init(_ description: FunctionDescription, target: Target) {
        self.description = description
        self.target = target
    }

    public var id: String { description.id }

    func isOwned(by connection: WorkerConnection) -> Bool {
        if case .worker(let owner) = target { owner === connection } else { false }
    }

    func hasSameOwner(as other: Function) -> Bool {
        switch (target, other.target) {
        case (.worker(let owner), .worker(let otherOwner)): owner === otherOwner
        case (.inProcess(let worker, _), .inProcess(let otherWorker, _)): worker == otherWorker
        case (.worker, .inProcess), (.inProcess, .worker): false
        }
    }

    package var isInProcess: Bool {
        if case .inProcess = target { true } else { false }
    }
}
