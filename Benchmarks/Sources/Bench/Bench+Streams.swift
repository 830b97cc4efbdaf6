import BenchKit
import Glibc

/// Fan-out of `iii-stream` against redis pub/sub: one writer, a thousand subscribers.
extension Bench {
    private static let subscribers = 1000
    /// Items that the writer overwrites in turn.
    private static let streamItems = 64
    /// What the bare loop writes to each socket at once: a batch of the engine's.
    private static let bareWriteBytes = 64 << 10

    func streams() throws -> [Row] {
        let streamPort = try Loopback.freePort()
        let engine = try EngineProcess(self, name: "streams", streamPort: streamPort)
        let redis = try RedisPeer(self, name: "redis-pubsub")
        let value = Self.letters(Self.stateValueBytes - 2)
        func set(_ group: String) -> EngineFanOut {
            EngineFanOut(
                port: engine.port,
                streamPort: streamPort,
                group: group,
                template: FrameTemplate(
                    functionID: "stream::set",
                    dataJSON: "{\"stream_name\":\"bench\",\"group_id\":\"\(group)\","
                        + "\"item_id\":\"############\",\"data\":\"\(value)\"}",
                    keys: .random(below: Self.streamItems)
                )
            )
        }
        func send(_ group: String) -> EngineFanOut {
            EngineFanOut(
                port: engine.port,
                streamPort: streamPort,
                group: group,
                template: FrameTemplate(
                    functionID: "stream::send",
                    dataJSON: "{\"stream_name\":\"bench\",\"group_id\":\"\(group)\","
                        + "\"type\":\"bench\",\"data\":\"\(value)\"}"
                )
            )
        }
        func row(_ name: String, _ inFlight: Int, _ threshold: Threshold, _ side: (String) -> EngineFanOut) throws
            -> Row
        {
            try fanOut(name, inFlight, engine, redis, threshold, side)
        }
        let threshold = Threshold.atLeast(bar: 0.4, goal: 0.8)
        return try [
            row("stream::set durable", 256, threshold, set),
            row("stream::set durable", 1024, threshold, set),
            row("stream::send durable", 256, .reported, send),
        ]
    }

    /// A row whose rounds use a group of their own each: a join is answered by everything that is in the group.
    private func fanOut(
        _ name: String,
        _ inFlight: Int,
        _ engine: EngineProcess,
        _ redis: RedisPeer,
        _ threshold: Threshold,
        _ side: (String) -> EngineFanOut
    ) throws -> Row {
        var pairs = Pairs()
        var (ours, theirs): ([FanOutResult], [FanOutResult]) = ([], [])
        var bare: [Double] = []
        let payload = Self.letters(Self.stateValueBytes)
        for round in 0..<rounds {
            ours.append(try measure(side("\(name.prefix(12))-\(inFlight)-\(round)"), inFlight, engine.child))
            theirs.append(try measure(RedisFanOut(port: redis.port, value: payload), inFlight, redis.child))
            bare.append(try bareBytesPerSecond() / Double(ours[round].eventBytes))
            pairs.append(ours: ours[round].perSecond, peer: theirs[round].perSecond)
        }
        return .ratio(
            "\(name), 256 B, events to \(formatted(Double(Self.subscribers))) subscribers, \(inFlight) in flight",
            pairs,
            unit: "/s",
            threshold: threshold,
            limit: "a bare loop that writes \(Self.bareWriteBytes >> 10) KiB to each socket: "
                + "\(formatted(median(bare))) /s; ours \(Self.shares(ours)); redis \(Self.shares(theirs))",
            machineLimit: median(bare)
        )
    }

    private func measure<Side: FanOutSide>(_ side: Side, _ inFlight: Int, _ server: ChildProcess) throws -> FanOutResult
    {
        var fanOut = try FanOut(
            side,
            subscribers: Self.subscribers,
            inFlight: inFlight,
            server: server
        )
        return try fanOut.run(warmUp: warmUpNanoseconds, window: windowNanoseconds)
    }

    private static func shares(_ results: [FanOutResult]) -> String {
        let server = median(results.map(\.serverShare)) * 100
        let generator = median(results.map(\.generatorShare)) * 100
        return "\(results[0].eventBytes) B each, \(formatted(server)) % CPU, generator \(formatted(generator)) %"
    }

    /// What one thread can write to as many sockets when it does nothing else, the same reader behind them.
    private func bareBytesPerSecond() throws -> Double {
        let (listener, port) = try Loopback.listener()
        var (near, far): ([Int32], [Int32]) = ([], [])
        for _ in 0..<Self.subscribers {
            far.append(try Loopback.connected(to: port))
            near.append(accept(listener, nil, nil))
        }
        close(listener)
        let sockets = try SubscriberSockets(far)
        let targets = near
        let thread = try BackgroundThread {
            let block = [UInt8](repeating: 0, count: Self.bareWriteBytes)
            // Ends when the readers' sockets are closed.
            while targets.allSatisfy({ write($0, block, block.count) == block.count }) {}
        }
        let start = monotonicNanoseconds()
        defer {
            sockets.closeAll()
            thread.join()
            for descriptor in targets { close(descriptor) }
        }
        while monotonicNanoseconds() < start + warmUpNanoseconds { try sockets.poll(milliseconds: 1) }
        sockets.startCounting()
        let counted = monotonicNanoseconds()
        while monotonicNanoseconds() < counted + windowNanoseconds / 2 { try sockets.poll(milliseconds: 1) }
        return Double(sockets.total) * 1e9 / Double(monotonicNanoseconds() - counted)
    }
}
