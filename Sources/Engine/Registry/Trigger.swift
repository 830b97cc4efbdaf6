/// A binding of a function to a trigger type (protocol.md §11).
public final class Trigger {
    /// Chosen by the registering worker: any string.
    public let id: String
    public let type: String
    public let functionID: String
    public let config: RawJSON
    public let metadata: RawJSON?
    /// The connection that registered it; nil for bindings made by `engine::register_trigger`, which outlive their
    /// creator. Held until that connection's clean-up.
    public let owner: WorkerConnection?

    public init(
        id: String,
        type: String,
        functionID: String,
        config: RawJSON,
        metadata: RawJSON? = nil,
        owner: WorkerConnection? = nil
    ) {
        self.id = id
        self.type = type
        self.functionID = functionID
        self.config = config
        self.metadata = metadata
        self.owner = owner
    }
}

/// The in-process side of a trigger type: keeps the bindings and fires them.
public protocol TriggerProvider: AnyObject {
    /// Takes a binding. `replaced` is the live binding of the same id and type, if any: the exchange is atomic, and
    /// when this throws the old one stays in force.
    func register(_ trigger: Trigger, replacing replaced: Trigger?) throws(InvocationError)

    /// Forgets a binding that it took before.
    func unregister(_ trigger: Trigger) throws(InvocationError)
}

public struct TriggerTypeDescription: Sendable {
    public var id: String
    public var description: String
    /// JSON Schema of a binding's config.
    public var configurationSchema: RawJSON?
    /// JSON Schema of the payload that handlers get.
    public var requestSchema: RawJSON?
    /// JSON Schema of what handlers return; only `http` has one.
    public var responseSchema: RawJSON?

    public init(
        id: String,
        description: String,
        configurationSchema: RawJSON? = nil,
        requestSchema: RawJSON? = nil,
        responseSchema: RawJSON? = nil
    ) {
        self.id = id
        self.description = description
        self.configurationSchema = configurationSchema
        self.requestSchema = requestSchema
        self.responseSchema = responseSchema
    }
}

/// One row of the trigger type registry.
public final class TriggerType {
    public enum Provider {
        case worker(WorkerConnection)
        case inProcess(any TriggerProvider, worker: String)
    }

    public let description: TriggerTypeDescription
    public let provider: Provider

    init(_ description: TriggerTypeDescription, provider: Provider) {
        self.description = description
        self.provider = provider
    }

    func isProvided(by connection: WorkerConnection) -> Bool {
        if case .worker(let provider) = provider { provider === connection } else { false }
    }
}
