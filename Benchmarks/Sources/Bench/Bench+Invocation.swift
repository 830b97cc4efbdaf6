import BenchKit

/// Worker-to-worker invocations against the relay that only copies the same frames.
extension Bench {
    /// A JSON object of exactly `byteCount` bytes.
    static func payload(byteCount: Int) -> String {
        let head = "{\"order\":4711,\"customer\":\"Ada\",\"note\":\""
        return head + String(repeating: "x", count: max(0, byteCount - head.utf8.count - 2)) + "\"}"
    }

    func startRelay(environment: [String: String] = [:]) throws -> (child: ChildProcess, port: Int) {
        let port = try Loopback.freePort()
        let child = try ChildProcess(
            "\(options.binaryDirectory)/relay",
            ["\(port)"],
            logPath: path("relay.log"),
            environment: environment
        )
        try Loopback.waitUntilListening(port, child)
        return (child, port)
    }

    func throughput() throws -> [Row] {
        let (pairs, cpu) = try invocations(inFlight: 64) { $0.perSecond }
        return [
            .ratio(
                "invocations, 64 in flight, 200 B",
                pairs,
                unit: "/s",
                threshold: .atLeast(bar: 0.5, goal: 0.8),
                limit: Self.text(cpu)
            )
        ]
    }

    func latency() throws -> [Row] {
        let (pairs, cpu) = try invocations(inFlight: 1) { $0.latency(percentile: 0.5) }
        let loopback = try MachineLimits.loopbackMicroseconds(roundTrips: 20_000)
        return [
            .ratio(
                "invocation p50, 1 in flight, 200 B",
                pairs,
                unit: "µs",
                threshold: .atMost(bar: 2, goal: 1.3),
                limit: "loopback round trip \(formatted(loopback)) µs; \(Self.text(cpu))"
            )
        ]
    }

    /// The figure of each round, and the CPU microseconds of the server per invocation, which stay meaningful when
    /// the generator or another process is what limits the rate.
    private func invocations(
        inFlight: Int,
        _ figure: (LoadResult) -> Double
    ) throws -> (figures: Pairs, cpu: Pairs) {
        let engine = try EngineProcess(self, name: "invocation-\(inFlight)")
        let relay = try startRelay()
        let executors = [
            try connectExecutor(port: engine.port), try connectExecutor(port: relay.port, isEngine: false),
        ]
        defer { executors.forEach { $0.close(promise: nil) } }
        let template = FrameTemplate(functionID: "bench::echo", dataJSON: Self.payload(byteCount: 200))
        var pairs = Pairs()
        var cpu = Pairs()
        for _ in 0..<rounds {
            let ours = try measured(engine.child, engine.port, template, inFlight)
            let peer = try measured(relay.child, relay.port, template, inFlight)
            pairs.append(ours: figure(ours.result), peer: figure(peer.result))
            cpu.append(ours: ours.cpuMicroseconds, peer: peer.cpuMicroseconds)
        }
        return (pairs, cpu)
    }

    private func measured(
        _ server: ChildProcess,
        _ port: Int,
        _ template: FrameTemplate,
        _ inFlight: Int
    ) throws -> (result: LoadResult, cpuMicroseconds: Double) {
        let before = try server.cpuNanoseconds()
        let result = try load(port: port, template: template, inFlight: inFlight, extent: timed)
        let used = try server.cpuNanoseconds() - before
        return (result, Double(used) / 1000 / Double(max(1, result.total)))
    }

    private static func text(_ cpu: Pairs) -> String {
        "server CPU per invocation \(formatted(median(cpu.ours))) µs, relay \(formatted(median(cpu.peer))) µs"
    }
}
