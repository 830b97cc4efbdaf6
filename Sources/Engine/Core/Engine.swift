import Logging
import NIOCore

/// The core: connections, functions, triggers and the routing between them.
///
/// Confined to one event loop, on which every socket of the engine lives too: a registration is in force before the
/// next frame is read, clean-up is atomic, and the hot path takes no lock. The type isn't Sendable; other threads
/// reach it through `NIOLoopBound` (architecture.md, "Concurrency").
public final class Engine {
    public let loop: any EventLoop
    public let logger: Logger
    let clock: EngineClock
    package let flusher: FlushScheduler
    let budget = BufferBudget()
    private var random: any RandomNumberGenerator

    var functions: [Name: Function] = [:]
    /// Registrations of ids that somebody else registered later, in their order: the last one serves again when the
    /// current one goes. An owner has at most one registration of an id, here or in `functions`.
    var earlierFunctions: [Name: [Function]] = [:]
    var services: [Name: String] = [:]
    var triggerTypes: [Name: TriggerType] = [:]
    var liveTriggers: [Name: Trigger] = [:]
    var parkedTriggers: [Name: Trigger] = [:]
    var pendingAcknowledgements: [Name: PendingAcknowledgement] = [:]
    var connections: [UUID: WorkerConnection] = [:]
    var telemetrySockets: [ObjectIdentifier: (WebSocketHandler, TelemetrySocket)] = [:]
    var instances: [WorkerInstance] = []
    var sweep: Scheduled<Void>?
    /// Calls routed since start.
    public internal(set) var routedInvocations: UInt64 = 0

    /// Told about every change that `engine::functions-available` and `engine::workers-available` report.
    public var observer: (any EngineObserver)?

    public init(
        loop: any EventLoop,
        logger: Logger = Logger(label: "iii::engine"),
        clock: EngineClock = .system,
        random: any RandomNumberGenerator = BufferedRandomNumberGenerator()
    ) {
        self.loop = loop
        self.logger = logger
        self.clock = clock
        self.random = random
        self.flusher = FlushScheduler(loop: loop)
    }

    /// A fresh version 4 UUID.
    public func makeUUID() -> UUID {
        UUID.random(using: &random)
    }

    /// Unix time, milliseconds.
    public var nowMilliseconds: Int64 { clock.unixMilliseconds() }
}

/// Wall-clock time, injected so that tests and the log are deterministic.
public struct EngineClock: Sendable {
    public var unixMilliseconds: @Sendable () -> Int64

    public init(unixMilliseconds: @escaping @Sendable () -> Int64) {
        self.unixMilliseconds = unixMilliseconds
    }
}

/// Gets the engine's own events (engine-functions.md §7, §8).
public protocol EngineObserver: AnyObject {
    func functionsChanged()
    func workerConnected(_ connection: WorkerConnection)
    func workerMetadataUpdated(_ connection: WorkerConnection)
    func workerDisconnected(_ connection: WorkerConnection)
}
