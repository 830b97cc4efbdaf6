import BenchKit
import Glibc

/// Durable `state::set` against redis with `appendfsync always`, on the same disk.
extension Bench {
    private static let valueBytes = 256

    private struct Shape {
        let name: String
        let inFlight: Int
        let connections: Int
        var clients: Int { inFlight * connections }
    }

    func state() throws -> [Row] {
        let engine = try EngineProcess(self, name: "state")
        let redis = try startRedis()
        let value = String(repeating: "x", count: Self.valueBytes - 2)
        let template = FrameTemplate(
            functionID: "state::set",
            dataJSON: "{\"scope\":\"bench\",\"key\":\"############\",\"value\":\"\(value)\"}"
        )
        let shapes = [
            Shape(name: "1 in flight", inFlight: 1, connections: 1),
            Shape(name: "64 in flight, one connection", inFlight: 64, connections: 1),
            Shape(name: "64 connections, 1 in flight each", inFlight: 1, connections: 64),
        ]
        var rows: [Row] = []
        for shape in shapes {
            var pairs = Pairs()
            var limits: [Double] = []
            var redisRate = try redis.sets(self, clients: shape.clients, count: 200 * shape.clients)
            for round in 0..<rounds {
                limits.append(
                    try MachineLimits.syncsPerSecond(directory: options.directory, nanoseconds: 300_000_000)
                )
                let ours = try load(
                    port: engine.port,
                    template: template,
                    inFlight: shape.inFlight,
                    connections: shape.connections,
                    extent: timed,
                    seed: UInt64(round) + 1
                )
                redisRate = try redis.sets(self, clients: shape.clients, count: Int(redisRate * windowSeconds))
                pairs.append(ours: ours.perSecond, peer: redisRate)
            }
            let limit = median(limits)
            rows.append(
                .ratio(
                    "state::set durable, 256 B, \(shape.name)",
                    pairs,
                    unit: "/s",
                    threshold: .atLeast(bar: 0.5, goal: 1),
                    limit: "F = \(formatted(limit)) /s; ours = \(formatted(median(pairs.ours) / limit)) F"
                )
            )
        }
        return rows
    }

    private struct Redis {
        let child: ChildProcess
        let port: Int

        /// Sets per second of `clients` redis-benchmark clients.
        func sets(_ bench: Bench, clients: Int, count: Int) throws -> Double {
            let output = try ChildProcess(
                "redis-benchmark",
                [
                    "-h", "127.0.0.1", "-p", "\(port)", "-t", "set", "-c", "\(clients)", "-n", "\(max(count, 100))",
                    "-d", "\(Bench.valueBytes)", "-r", "\(FrameTemplate.keySpace)", "--csv",
                ],
                logPath: bench.path("redis-benchmark.log")
            ).output()
            for line in output.split(separator: "\n") where line.hasPrefix("\"SET\"") {
                let fields = line.split(separator: ",").map { $0.filter { $0 != "\"" } }
                if fields.count > 1, let rate = Double(fields[1]) { return rate }
            }
            throw BenchError("redis-benchmark printed no rate: \(output)")
        }
    }

    private func startRedis() throws -> Redis {
        let port = try Loopback.freePort()
        let directory = path("redis")
        mkdir(directory, 0o700)
        let child = try ChildProcess(
            "redis-server",
            [
                "--bind", "127.0.0.1", "--port", "\(port)", "--dir", directory, "--appendonly", "yes",
                "--appendfsync", "always", "--save", "",
            ],
            logPath: path("redis.log")
        )
        try Loopback.waitUntilListening(port, child)
        return Redis(child: child, port: port)
    }
}
