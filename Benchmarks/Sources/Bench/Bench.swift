import BenchKit
import Glibc
import NIOCore
import NIOPosix

/// What every figure needs: the run's folder, how long to measure, the event loop of the simulated workers.
struct Bench: Sendable {
    /// No answer is awaited longer than this beyond the planned time.
    static let graceSeconds = 30
    /// The planned time of so many invocations is unknown; a busy machine is given this.
    static let countedSeconds = 300

    let options: Options
    let group: MultiThreadedEventLoopGroup

    /// Times a figure measures each of its sides.
    var rounds: Int { options.isQuick ? 3 : 5 }
    var windowNanoseconds: Int { options.isQuick ? 1_000_000_000 : 2_000_000_000 }
    var warmUpNanoseconds: Int { 300_000_000 }
    var windowSeconds: Double { Double(windowNanoseconds) / 1e9 }

    func path(_ name: String) -> String { "\(options.directory)/\(name)" }

    func log(_ text: String) {
        printToStandardError("bench: \(text)")
    }

    /// Opens one simulated worker. `role` is made on the connection's event loop.
    func connect<Role: WorkerRole>(
        port: Int,
        target: String = "/",
        role: @escaping @Sendable () -> Role
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: group)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        WorkerHandler(role: role(), target: target, port: port)
                    )
                }
            }
            .connect(host: "127.0.0.1", port: port)
    }

    /// Opens worker B and waits until its functions are registered.
    func connectExecutor(port: Int, isEngine: Bool = true) throws -> any Channel {
        let ready = group.next().makePromise(of: Void.self)
        let channel = try connect(port: port, target: "/?role=executor") {
            Executor(isEngine: isEngine, ready: ready)
        }.wait()
        try wait(ready, seconds: 0)
        return channel
    }

    /// One closed loop over one connection, or `connections` of them with `inFlight` each; their sum.
    func load(
        port: Int,
        template: FrameTemplate,
        inFlight: Int,
        connections: Int = 1,
        extent: LoadExtent,
        seed: UInt64 = 1
    ) throws -> LoadResult {
        var promises: [EventLoopPromise<LoadResult>] = []
        for connection in 0..<connections {
            let result = group.next().makePromise(of: LoadResult.self)
            promises.append(result)
            connect(port: port, target: "/?role=caller") {
                Caller(
                    template: template,
                    inFlight: inFlight,
                    extent: extent,
                    seed: seed &+ UInt64(connection) &* 7919,
                    result: result
                )
            }.whenFailure { result.fail($0) }
        }
        let seconds =
            if case .nanoseconds(let warmUp, let window) = extent { (warmUp + window) / 1_000_000_000 } else {
                Self.countedSeconds
            }
        var total = LoadResult()
        for promise in promises {
            let one = try wait(promise, seconds: seconds)
            total.completed += one.completed
            total.total += one.total
            total.windowNanoseconds = max(total.windowNanoseconds, one.windowNanoseconds)
            total.latencies.add(one.latencies)
        }
        return total
    }

    /// The usual extent of a timed side.
    var timed: LoadExtent { .nanoseconds(warmUp: warmUpNanoseconds, window: windowNanoseconds) }

    @discardableResult
    func wait<Value: Sendable>(_ promise: EventLoopPromise<Value>, seconds: Int) throws -> Value {
        let deadline = group.next().scheduleTask(in: .seconds(Int64(seconds + Self.graceSeconds))) {
            promise.fail(BenchError("no answer \(Self.graceSeconds) s after the planned end of the measurement"))
        }
        defer { deadline.cancel() }
        return try promise.futureResult.wait()
    }
}
