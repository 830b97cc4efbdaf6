import Adapters
import Engine
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Workers

@testable import Storage

/// A store that the engine's own state and stream adapters have written, one operation per batch, at times of its own: the
/// same rows, LSNs and times at every run.
final class EngineStore {
    /// As a SIGKILL leaves it: a checkpoint, and a log behind it.
    let path: String
    /// LSN of the checkpoint.
    private(set) var checkpoint = LSN.zero

    static let long = String(repeating: "long ", count: 120)
    /// 2026-07-04T12:00:00Z, and a second more with each operation.
    private static let start: UInt64 = 1_783_166_400_000_000_000

    /// - Parameter path: below a scratch directory.
    /// - Parameter isOther: with another end.
    init(_ path: String, retained: UInt64 = 1 << 30, isOther: Bool = false) throws {
        self.path = path
        let operations = Atomic<UInt64>(0)
        let shared = Shared(operations)
        var options = StorageOptions()
        options.initialSegmentBytes = 64 * LogLimits.blockBytes
        options.maximumSegmentBytes = options.initialSegmentBytes
        options.checkpointIntervalNanoseconds = 0
        options.sealAfterIdleNanoseconds = 0
        options.lingerNanoseconds = 0
        options.retainLogBytes = retained
        let system = StorageClock.system
        options.clock = StorageClock(
            wallNanoseconds: { Self.start + shared.operations * 1_000_000_000 },
            monotonicNanoseconds: system.monotonicNanoseconds
        )
        options.random = { shared.draw() }
        let session = try Session(path + ".live", options) { shared.add() }
        try Self.write(session, state: true)
        try session.checkpoint()
        checkpoint = session.store.durableLSN
        try Self.write(session, state: false)
        if isOther {
            try session.set("notes", "first", #"{"text":"changed here"}"#)
            try session.set("notes", "third", "3")
        }
        _ = try StoreFilesCopy(source: path + ".live", target: path).run { _ in }
        try session.close()
    }

    /// `state`: what comes before the checkpoint.
    private static func write(_ session: Session, state isFirst: Bool) throws {
        guard isFirst else {
            try session.set("notes", "first", #"{"text":"changed"}"#)
            try session.delete("notes", "second")
            try session.set("once", "k", "1")
            try session.delete("once", "k")
            try session.set("again", "k", "2")
            try session.add("chat", "room-1", "m2", #"{"from":"bob"}"#)
            try session.remove("chat", "room-1", "m1")
            return
        }
        try session.set("notes", "first", #"{"text":"hello"}"#)
        try session.set("notes", "second", "[1,2,3]")
        try session.set("a/b", long, "true")
        try session.set("a/b", "", "null")
        try session.add("chat", "room-1", "m1", #"{"from":"ann"}"#)
        try session.add("chat", "room-2", "m1", "1")
    }
}

/// A counter that the store's threads read.
private final class Shared: Sendable {
    private let counter: Atomic<UInt64>

    init(_ counter: consuming Atomic<UInt64>) { self.counter = counter }

    var operations: UInt64 { counter.load(ordering: .acquiring) }
    private let drawn = Atomic<UInt64>(0x0123_4567_89AB_CDEF)

    /// Ids: others at each call, the same at every run.
    func draw() -> UInt64 { drawn.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue }
    func add() { counter.wrappingAdd(1, ordering: .releasing) }
}

/// Both adapters on one store, as in one engine.
private struct Session {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let adapters: NIOLoopBound<(state: DurableStateAdapter, stream: DurableStreamAdapter)>
    private let tick: () -> Void
    let store: Store

    init(_ path: String, _ options: StorageOptions, tick: @escaping () -> Void) throws {
        let loop = group.next()
        self.loop = loop
        self.tick = tick
        var options = options
        options.deliver = { resume in loop.execute(resume) }
        (adapters, store) = try loop.submit { [options] in
            let registry = StoreRegistry(options: options)
            let store = try registry.open(path, for: "iii-state")
            let state = DurableStateAdapter(store: store, loop: loop)
            let stream = try DurableStreamAdapter(
                store: try registry.open(path, for: "iii-stream"),
                loop: loop,
                configuration: StreamConfiguration(),
                clock: EngineClock { 1_783_166_400_000 }
            )
            return (NIOLoopBound((state, stream), eventLoop: loop), store.store)
        }.wait()
    }

    func checkpoint() throws { try store.checkpoint() }

    func close() throws {
        let adapters = adapters
        try loop.submit {
            try adapters.value.stream.close()
            try adapters.value.state.close()
        }.wait()
        try group.syncShutdownGracefully()
    }

    private func perform(
        _ body:
            @escaping @Sendable (
                (state: DurableStateAdapter, stream: DurableStreamAdapter),
                @escaping (Result<EntryChange, AdapterError>) -> Void
            ) -> Void
    ) throws {
        tick()
        let (adapters, loop) = (adapters, loop)
        try loop.flatSubmit {
            let promise = loop.makePromise(of: Void.self)
            body(adapters.value) { promise.completeWith($0.map { _ in }.mapError { $0 as any Error }) }
            return promise.futureResult
        }.wait()
    }

    private static func json(_ text: String) -> RawJSON { RawJSON(validated: ByteBuffer(string: text)) }

    func set(_ scope: String, _ key: String, _ value: String) throws {
        try perform { $0.state.set(scope: scope, key: key, value: Self.json(value), completion: $1) }
    }

    func delete(_ scope: String, _ key: String) throws {
        try perform { $0.state.delete(scope: scope, key: key, completion: $1) }
    }

    func add(_ stream: String, _ group: String, _ id: String, _ value: String) throws {
        let group = StreamGroup(stream: stream, group: group)
        try perform { $0.stream.set(id, in: group, data: Self.json(value), completion: $1) }
    }

    func remove(_ stream: String, _ group: String, _ id: String) throws {
        let group = StreamGroup(stream: stream, group: group)
        try perform { $0.stream.delete(id, in: group, completion: $1) }
    }
}
