import Adapters
import NIOCore
import NIOPosix
import Storage
import Testing

@testable import Engine
@testable import Workers

/// The events that a store keeps for subscribers that come back, over several openings.
@Suite struct StreamHistoryStoreTests {
    /// Found by `Tests/Crash`: rows that the history passed while it was loaded stayed when later ones were removed, and
    /// the opening after that met events older than the floor.
    @Test func whatTheHistoryPassedAtAnOpeningIsRemovedToo() throws {
        let directory = try TemporaryDirectory()
        // More than is kept; then so many more that rows are removed.
        for count in [100, 5000, 1] {
            try DurableStream.run(in: directory.path, keeping: 10) { stream in
                try stream.publish(count)
                try stream.publish(1)
            }
        }
        try DurableStream.run(in: directory.path, keeping: 10) { stream in
            #expect(try stream.missed(last: 10) == 10)
            #expect(try stream.missed(last: 11) == nil)
        }
    }
}

/// Publishes to one group of a store on a loop of its own.
private struct DurableStream {
    private static let group = StreamGroup(stream: "s", group: "g")

    private let adapter: NIOLoopBound<DurableStreamAdapter>
    private let loop: any EventLoop

    static func run(in path: String, keeping events: Int, _ body: (DurableStream) throws -> Void) throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let loop = group.next()
        var options = StorageOptions()
        options.deliver = { resume in loop.execute(resume) }
        let adapter = try loop.submit { [options] in
            var configuration = StreamConfiguration()
            configuration.history.events = events
            let store = try StoreRegistry(options: options).open(path, for: "iii-stream")
            let clock = EngineClock { 1_760_000_000_000 }
            let adapter = try DurableStreamAdapter(store: store, loop: loop, configuration: configuration, clock: clock)
            return NIOLoopBound(adapter, eventLoop: loop)
        }.wait()
        defer { try? loop.submit { try adapter.value.close() }.wait() }
        try body(DurableStream(adapter: adapter, loop: loop))
    }

    /// All in one turn of the loop; returns when they are on disk.
    func publish(_ count: Int) throws {
        let (adapter, loop) = (adapter, loop)
        try loop.flatSubmit {
            let done = (0..<count).map { number in
                let promise = loop.makePromise(of: Void.self)
                let data = RawJSON(validated: ByteBuffer(string: "\(number)"))
                adapter.value.publish(.custom(type: "t", data: data), id: nil, in: Self.group) { result in
                    promise.completeWith(result.map { _ in }.mapError { $0 as any Error })
                }
                return promise.futureResult
            }
            return EventLoopFuture.andAllSucceed(done, on: loop)
        }.wait()
    }

    /// How many events came after the position that is so many before the last; nil: some may be gone.
    func missed(last count: UInt64) throws -> Int? {
        let adapter = adapter
        return try loop.submit {
            let position = adapter.value.text(of: adapter.value.lastPosition - count)
            guard case .events(let events) = adapter.value.missed(since: position, of: Self.group, id: nil) else {
                return nil
            }
            return events.count
        }.wait()
    }
}
