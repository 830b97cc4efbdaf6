import Adapters
import NIOCore
import NIOPosix
import Storage
import Synchronization
import Testing

@testable import Engine
@testable import Workers

/// Streams on a real store, on a real event loop: made anew with every `run`.
final class StreamStore {
    let directory: TemporaryDirectory
    /// Unix time, milliseconds: stands still unless it is moved.
    let milliseconds = Mutex<Int64>(1_760_000_000_000)

    init() throws {
        directory = try TemporaryDirectory()
    }

    func run<R>(_ configuration: StreamConfiguration = .init(), _ body: (OpenStreams) throws -> R) throws -> R {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let loop = group.next()
        let clock = EngineClock { [milliseconds = UnsafeClock(self)] in milliseconds.now }
        let path = directory.path
        let streams = try loop.submit {
            var options = StorageOptions()
            options.deliver = { resume in loop.execute(resume) }
            let store = try StoreRegistry(options: options).open(path, for: "iii-stream")
            let adapter = try DurableStreamAdapter(
                store: store,
                loop: loop,
                configuration: configuration,
                clock: clock
            )
            // In the same turn: what ages while the store is closed is told in the next one.
            return OpenStreams(adapter, loop)
        }.wait()
        defer { streams.close() }
        return try body(streams)
    }
}

private struct UnsafeClock: @unchecked Sendable {
    // The store outlives every run, and its time is behind a mutex.
    private unowned let store: StreamStore
    init(_ store: StreamStore) { self.store = store }
    var now: Int64 { store.milliseconds.withLock { $0 } }
}

/// The adapter as seen from the test's thread.
struct OpenStreams: Sendable {
    /// No wait takes longer, however busy the machine is.
    private static let patience = Duration.seconds(60)

    private let adapter: NIOLoopBound<DurableStreamAdapter>
    private let sink: NIOLoopBound<EventLog>
    private let loop: any EventLoop

    /// On the loop.
    init(_ adapter: DurableStreamAdapter, _ loop: any EventLoop) {
        let log = EventLog()
        adapter.sink = log
        self.adapter = NIOLoopBound(adapter, eventLoop: loop)
        sink = NIOLoopBound(log, eventLoop: loop)
        self.loop = loop
    }

    func close() {
        let adapter = adapter
        try? loop.submit { try adapter.value.close() }.wait()
    }

    private func perform<R: Sendable>(
        _ body: @escaping @Sendable (DurableStreamAdapter, @escaping (Result<R, AdapterError>) -> Void) -> Void
    ) throws -> R {
        let (adapter, loop) = (adapter, loop)
        return try loop.flatSubmit {
            let promise = loop.makePromise(of: R.self)
            body(adapter.value) { promise.completeWith($0.mapError { $0 as any Error }) }
            return promise.futureResult
        }.wait()
    }

    static let group = StreamGroup(stream: "s", group: "g")

    @discardableResult
    func set(_ id: String, _ value: String, _ group: StreamGroup = group) throws -> EntryChange {
        try perform { $0.set(id, in: group, data: RawJSON(validated: ByteBuffer(string: value)), completion: $1) }
    }

    @discardableResult
    func delete(_ id: String) throws -> EntryChange {
        try perform { $0.delete(id, in: Self.group, completion: $1) }
    }

    func send(_ value: String) throws {
        let body = StreamEventBody.custom(type: "t", data: RawJSON(validated: ByteBuffer(string: value)))
        _ = try perform { $0.publish(body, id: nil, in: Self.group, completion: $1) }
    }

    func list(_ group: StreamGroup = group) throws -> String {
        try perform { $0.list(group, completion: $1) }.description
    }

    func listings() throws -> [String] {
        try perform { $0.listAll(completion: $1) }.map { "\($0.stream): \($0.groups.joined(separator: " "))" }
    }

    func snapshot() throws -> StreamSnapshot {
        try perform { $0.snapshot(of: Self.group, id: nil, completion: $1) }
    }

    func position() throws -> String {
        let position = try snapshot().position
        let adapter = adapter
        return try loop.submit { adapter.value.text(of: position) }.wait()
    }

    /// `tooOld`, `unknown`, or the missed events in the words of `events`.
    func missed(since position: String) throws -> [String] {
        let adapter = adapter
        return try loop.submit {
            switch adapter.value.missed(since: position, of: Self.group, id: nil, atMost: .max) {
            case .events(let events, _): events.map(EventLog.words)
            case .tooOld: ["tooOld"]
            case .unknown: ["unknown"]
            }
        }.wait()
    }

    /// What the sink has got since the last call: `create a 1`.
    func events() throws -> [String] {
        let sink = sink
        return try loop.submit { sink.value.take() }.wait()
    }

    /// Waits for so many: what ages has left the lists a moment before it is told.
    func events(_ count: Int) throws -> [String] {
        let sink = sink
        try wait { try loop.submit { sink.value.delivered >= count }.wait() }
        return try events()
    }

    /// Looks until it is so; what isn't after a minute never will be, and the test's next look fails.
    func wait(until isSo: () throws -> Bool) throws {
        let end = ContinuousClock.now + Self.patience
        while try !isSo(), ContinuousClock.now < end {}
    }
}

private final class EventLog: StreamEventSink {
    private var events: [String] = []
    private var fired = 0
    var delivered: Int { events.count }

    func fire(_ event: StreamEvent) { fired += 1 }
    func deliver(_ event: StreamEvent) { events.append(Self.words(event)) }

    func take() -> [String] {
        defer { (events, fired) = ([], 0) }
        return fired == events.count ? events : ["\(fired) fired, \(events.count) delivered"]
    }

    static func words(_ event: StreamEvent) -> String {
        let body = (try? RawJSON(validated: event.text).parse())?["event"] ?? .null
        let data = body["data"] ?? body["event"]?["data"] ?? .null
        return "\(body["type"]?.string ?? "?") \(event.id ?? "-") \(data)"
    }
}
