import Logging
import NIOCore

/// The in-process worker `iii-worker-manager`: one trusted listener per entry of config.yaml.
public final class WorkerManager: Worker {
    public let type = "iii-worker-manager"
    public let summary = "Accepts worker connections over WebSocket."

    private let group: any EventLoopGroup
    private let options: WorkerListener.Options
    private let logger = Logger(label: "iii::workers::worker_manager")
    private var listener: WorkerListener?

    public init(options: WorkerListener.Options, group: any EventLoopGroup) {
        self.options = options
        self.group = group
    }

    public var localAddress: SocketAddress? { listener?.localAddress }

    public func initialize(_ engine: Engine) {
        logger.info("Initializing WorkerManager")
    }

    public func start(_ engine: Engine) -> EventLoopFuture<Void> {
        let listener = WorkerListener(engine: engine, options: options, logger: logger)
        self.listener = listener
        return listener.bind(group: group)
    }

    public func drain(_ engine: Engine, until deadline: NIODeadline) -> EventLoopFuture<Void> {
        listener?.stopAccepting() ?? engine.loop.makeSucceededVoidFuture()
    }
}
