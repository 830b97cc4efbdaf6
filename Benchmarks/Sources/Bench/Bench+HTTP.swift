import BenchKit

/// HTTP requests that a worker function answers, against the same echo in a bare Hummingbird server.
extension Bench {
    private static let connections = 64

    func http() throws -> [Row] {
        let engine = try EngineProcess(self, name: "http")
        let executor = try connectExecutor(port: engine.port)
        defer { executor.close(promise: nil) }
        let peerPort = try Loopback.freePort()
        let peer = try ChildProcess(
            "\(options.binaryDirectory)/echo-server",
            ["\(peerPort)"],
            logPath: path("echo-server.log")
        )
        try Loopback.waitUntilListening(peerPort, peer)

        let body = Self.payload(byteCount: 200)
        let scriptPath = path("post.lua")
        let script = """
            wrk.method = "POST"
            wrk.body = '\(body)'
            wrk.headers["Content-Type"] = "application/json"

            """
        try writeFile(scriptPath, script)
        for port in [engine.httpPort, peerPort] { try checkEcho(port: port, body: body) }
        _ = try wrk(port: peerPort, scriptPath: scriptPath, seconds: 1)
        _ = try wrk(port: engine.httpPort, scriptPath: scriptPath, seconds: 1)

        var pairs = Pairs()
        let seconds = options.isQuick ? 1 : 3
        for _ in 0..<rounds {
            let ours = try wrk(port: engine.httpPort, scriptPath: scriptPath, seconds: seconds)
            pairs.append(ours: ours, peer: try wrk(port: peerPort, scriptPath: scriptPath, seconds: seconds))
        }
        return [
            .ratio(
                "HTTP → worker function → reply, 64 connections",
                pairs,
                unit: "/s",
                threshold: .atLeast(bar: 0.4, goal: 0.6)
            )
        ]
    }

    /// Both servers must do the work before their speed means anything.
    private func checkEcho(port: Int, body: String) throws {
        let response = try Loopback.post("/bench", body, port: port)
        guard response.hasPrefix("HTTP/1.1 200"), response.contains(body) else {
            throw BenchError("port \(port) doesn't echo: \(response.prefix(600))")
        }
    }

    private func wrk(port: Int, scriptPath: String, seconds: Int) throws -> Double {
        let output = try ChildProcess(
            "wrk",
            [
                "-t", "1", "-c", "\(Self.connections)", "-d", "\(seconds)s", "-s", scriptPath,
                "http://127.0.0.1:\(port)/bench",
            ],
            logPath: path("wrk.log")
        ).output()
        if output.contains("Non-2xx") || output.contains("Socket errors") {
            throw BenchError("wrk met errors on port \(port): \(output)")
        }
        for line in output.split(separator: "\n") where line.hasPrefix("Requests/sec:") {
            if let rate = line.split(separator: ":").last.flatMap({ Double(String($0.trimmed)) }) { return rate }
        }
        throw BenchError("wrk printed no rate: \(output)")
    }
}
