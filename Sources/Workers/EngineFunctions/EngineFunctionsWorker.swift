import Engine
import NIOCore

/// The in-process worker `iii-engine-functions`: discovery, worker metadata, health, and the two engine triggers
/// (engine-functions.md §3-§8). Mandatory; it has no configuration.
public final class EngineFunctionsWorker: Worker {
    public let type = "iii-engine-functions"
    public let summary = "Discovery of functions, triggers and workers, and engine events."

    /// Version that in-process workers are listed with.
    let engineVersion: String
    private var functionsAvailable: FunctionsAvailable?

    public init(engineVersion: String) {
        self.engineVersion = engineVersion
    }

    public func initialize(_ engine: Engine) {
        registerFunctionQueries(engine)
        registerTriggerQueries(engine)
        registerTriggerCommands(engine)
        registerWorkerQueries(engine)
        registerWorkerRegistration(engine)
        registerHealth(engine)

        let functionsAvailable = FunctionsAvailable(engine: engine)
        let workersAvailable = WorkersAvailable(engine: engine)
        self.functionsAvailable = functionsAvailable
        engine.register(FunctionsAvailable.type, provider: functionsAvailable.bindings, worker: type)
        engine.register(WorkersAvailable.type, provider: workersAvailable.bindings, worker: type)
        engine.observer = EngineEvents(functions: functionsAvailable, workers: workersAvailable)
        // What was registered before this worker is news too.
        functionsAvailable.functionsChanged()
    }

    public func stop(_ engine: Engine) -> EventLoopFuture<Void> {
        functionsAvailable?.stop()
        return engine.loop.makeSucceededVoidFuture()
    }
}

extension EngineFunctionsWorker {
    /// What a function reads its arguments from, and who called.
    struct Call {
        let arguments: ArgumentReader
        let invocation: Invocation
    }

    /// Registers a function that answers at once. `hasRequiredKeys` false: null or missing data counts as `{}`.
    func serve(
        _ description: FunctionDescription,
        input: String,
        hasRequiredKeys: Bool = false,
        on engine: Engine,
        _ body: @escaping (Call) throws -> JSON
    ) {
        serveLater(description, input: input, hasRequiredKeys: hasRequiredKeys, on: engine) { call, reply in
            reply(.success(RawJSON(try body(call))))
        }
    }

    /// Registers a function that answers when it likes; what it throws is answered at once.
    func serveLater(
        _ description: FunctionDescription,
        input: String,
        hasRequiredKeys: Bool = false,
        on engine: Engine,
        _ body: @escaping (Call, @escaping Reply) throws -> Void
    ) {
        engine.register(description, worker: type) { invocation, reply in
            do {
                var data = try invocation.data.parse()
                if case .null = data, !hasRequiredKeys { data = .object(JSONObject()) }
                let call = Call(arguments: try ArgumentReader(data, structName: input), invocation: invocation)
                try body(call, reply)
            } catch let error as InvocationError {
                reply(.failure(error))
            } catch let error as ArgumentError {
                reply(.failure(.deserialization(description.id, error.detail)))
            } catch {
                reply(.failure(.deserialization(description.id, "\(error)")))
            }
        }
    }
}

/// Passes the engine's own events on to the two trigger types.
private final class EngineEvents: EngineObserver {
    private let functions: FunctionsAvailable
    private let workers: WorkersAvailable

    init(functions: FunctionsAvailable, workers: WorkersAvailable) {
        self.functions = functions
        self.workers = workers
    }

    func functionsChanged() { functions.functionsChanged() }
    func workerConnected(_ connection: WorkerConnection) { workers.fire("worker_connected", connection) }
    func workerMetadataUpdated(_ connection: WorkerConnection) { workers.fire("worker_metadata_updated", connection) }
    func workerDisconnected(_ connection: WorkerConnection) { workers.fire("worker_disconnected", connection) }
}
