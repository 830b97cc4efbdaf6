import NIOCore

/// An in-process worker: one entry of config.yaml that runs inside the engine (architecture.md, "Concurrency").
///
/// Everything is called on the engine's event loop. A worker talks to others by invoking functions through the
/// engine, as any client does.
public protocol Worker: AnyObject {
    /// Type name as written in config.yaml, e.g. `iii-state`.
    var type: String { get }
    /// One sentence for `engine::workers::list`.
    var summary: String { get }

    /// Where it keeps data, for `engine::health`. Waits for no disk.
    var stores: [StoreStatus] { get }

    /// Registers functions and trigger types; nothing listens yet. An error stops the boot.
    func initialize(_ engine: Engine) throws

    /// Binds listeners. The future succeeds when the worker serves; failure of a listener stops the boot.
    func start(_ engine: Engine) -> EventLoopFuture<Void>

    /// First phase of shutdown: stop accepting, let what runs finish until `deadline`.
    func drain(_ engine: Engine, until deadline: NIODeadline) -> EventLoopFuture<Void>

    /// Second phase: close what is still open, flush stores.
    func stop(_ engine: Engine) -> EventLoopFuture<Void>
}

extension Worker {
    public var stores: [StoreStatus] { [] }
    public func start(_ engine: Engine) -> EventLoopFuture<Void> { engine.loop.makeSucceededVoidFuture() }
    public func drain(_ engine: Engine, until deadline: NIODeadline) -> EventLoopFuture<Void> {
        engine.loop.makeSucceededVoidFuture()
    }
    public func stop(_ engine: Engine) -> EventLoopFuture<Void> { engine.loop.makeSucceededVoidFuture() }
}

/// A worker as listed by `engine::workers::*`.
public struct WorkerInstance {
    public let worker: any Worker
    /// `iii-worker-manager#1` for the second entry of one type.
    public let instanceID: String
    public let isMandatory: Bool
    /// Unix time, milliseconds.
    public let startedAtMilliseconds: Int64
}
