import BenchKit
import Glibc

/// `iii-state` on a file-backed store against redis with `appendfsync always`, on the same disk.
extension Bench {
    static let stateValueBytes = 256

    /// How many of a command are under way, on both sides.
    struct StateShape {
        let name: String
        let connections: Int
        let inFlight: Int
        let threshold: Threshold
        /// redis-benchmark's clients and pipeline; the same as ours where it can.
        var redisClients: Int { peerIsPipelined ? connections : connections * inFlight }
        var redisPipeline: Int { peerIsPipelined ? inFlight : 1 }
        var peerIsPipelined = false

        /// What 64 redis clients are: as many sockets, each waiting for its answer.
        static func sixtyFour(bar: Double, goal: Double) -> StateShape {
            StateShape(
                name: "64 connections, 1 in flight each",
                connections: 64,
                inFlight: 1,
                threshold: .atLeast(bar: bar, goal: goal)
            )
        }
    }

    /// One operation, as each side is told it.
    struct StateOperation {
        let name: String
        let template: FrameTemplate
        let redis: [String]
    }

    func state() throws -> [Row] {
        let value = Self.letters(Self.stateValueBytes - 2)
        let set = StateOperation(
            name: "state::set durable, 256 B",
            template: FrameTemplate(
                functionID: "state::set",
                dataJSON: "{\"scope\":\"bench\",\"key\":\"############\",\"value\":\"\(value)\"}"
            ),
            redis: ["SET", "key:__rand_int__", Self.letters(Self.stateValueBytes)]
        )
        let usual = Threshold.atLeast(bar: 0.5, goal: 1)
        let engine = try EngineProcess(self, name: "state")
        let redis = try RedisPeer(self, name: "redis-state")
        return try [
            StateShape(name: "1 in flight", connections: 1, inFlight: 1, threshold: usual),
            StateShape(name: "64 in flight on one connection", connections: 1, inFlight: 64, threshold: usual),
            .sixtyFour(bar: 0.8, goal: 1.2),
            StateShape(
                name: "16 connections, 32 in flight each",
                connections: 16,
                inFlight: 32,
                threshold: .atLeast(bar: 0.25, goal: 0.5),
                peerIsPipelined: true
            ),
        ].map { try compare(set, $0, engine, redis) }
    }

    func stateUpdate() throws -> [Row] {
        let increment = StateOperation(
            name: "state::update durable, one hot key",
            template: FrameTemplate(
                functionID: "state::update",
                dataJSON:
                    "{\"scope\":\"bench\",\"key\":\"hot\",\"ops\":[{\"type\":\"increment\",\"path\":\"\",\"by\":1}]}"
            ),
            redis: ["HINCRBY", "bench", "hot", "1"]
        )
        let engine = try EngineProcess(self, name: "state-update")
        let redis = try RedisPeer(self, name: "redis-update")
        return [try compare(increment, .sixtyFour(bar: 0.7, goal: 1), engine, redis)]
    }

    func stateGet() throws -> [Row] {
        let get = StateOperation(
            name: "state::get, 256 B of 100,000 keys",
            template: FrameTemplate(
                functionID: "state::get",
                dataJSON: "{\"scope\":\"bench\",\"key\":\"############\"}"
            ),
            redis: ["HGET", "bench", "__rand_int__"]
        )
        let engine = try EngineProcess(self, name: "state-get")
        let redis = try RedisPeer(self, name: "redis-get")
        try fillState(engine, count: FrameTemplate.keySpace)
        try redis.fill(hash: "bench", count: FrameTemplate.keySpace, value: Self.letters(Self.stateValueBytes))
        return [try compare(get, .sixtyFour(bar: 0.6, goal: 1), engine, redis, isSynced: false)]
    }

    func stateList() throws -> [Row] {
        let count = 10_000
        let list = StateOperation(
            name: "state::list, 10,000 values of 256 B",
            template: FrameTemplate(functionID: "state::list", dataJSON: "{\"scope\":\"bench\"}"),
            redis: ["HVALS", "bench"]
        )
        let engine = try EngineProcess(self, name: "state-list")
        let redis = try RedisPeer(self, name: "redis-list")
        try fillState(engine, count: count)
        try redis.fill(hash: "bench", count: count, value: Self.letters(Self.stateValueBytes))
        let shape = StateShape(
            name: "1 in flight",
            connections: 1,
            inFlight: 1,
            threshold: .atLeast(bar: 0.5, goal: 1)
        )
        return [try compare(list, shape, engine, redis, isSynced: false)]
    }

    /// Both sides in turns; beside them the disk's limit and what an operation costs each server.
    private func compare(
        _ operation: StateOperation,
        _ shape: StateShape,
        _ engine: EngineProcess,
        _ redis: RedisPeer,
        isSynced: Bool = true
    ) throws -> Row {
        var pairs = Pairs()
        var cpu = Pairs()
        var limits: [Double] = []
        func redisRate(_ count: Int) throws -> Double {
            try redis.rate(operation.redis, clients: shape.redisClients, pipeline: shape.redisPipeline, count: count)
        }
        var rate = try redisRate(200 * shape.redisClients)
        for round in 0..<rounds {
            if isSynced {
                limits.append(
                    try MachineLimits.syncsPerSecond(directory: options.directory, nanoseconds: 300_000_000)
                )
            }
            let before = try engine.child.cpuNanoseconds()
            let ours = try load(
                port: engine.port,
                template: operation.template,
                inFlight: shape.inFlight,
                connections: shape.connections,
                extent: timed,
                seed: UInt64(round) + 1
            )
            let between = (ours: try engine.child.cpuNanoseconds() - before, redis: try redis.child.cpuNanoseconds())
            let count = Int(rate * windowSeconds)
            rate = try redisRate(count)
            pairs.append(ours: ours.perSecond, peer: rate)
            cpu.append(
                ours: Double(between.ours) / 1000 / Double(max(1, ours.total)),
                peer: Double(try redis.child.cpuNanoseconds() - between.redis) / 1000 / Double(max(1, count))
            )
        }
        let costs = "server CPU each \(formatted(median(cpu.ours))) µs, redis \(formatted(median(cpu.peer))) µs"
        let limit = median(limits)
        let disk = "F = \(formatted(limit)) /s; ours = \(formatted(median(pairs.ours) / max(limit, 1))) F; "
        return .ratio(
            "\(operation.name), \(shape.name)",
            pairs,
            unit: "/s",
            threshold: shape.threshold,
            limit: isSynced ? disk + costs : costs
        )
    }
}
