import BenchKit
import Glibc

/// An engine on ports and a store of its own.
final class EngineProcess {
    let child: ChildProcess
    let port: Int
    let httpPort: Int

    /// - Parameters:
    ///   - environment: added to the engine's, for the allocation counter.
    ///   - streamPort: where subscribers of streams on a store of their own connect; nil: no streams.
    init(
        _ bench: Bench,
        name: String,
        environment: [String: String] = [:],
        streamPort: Int? = nil
    ) throws {
        port = try Loopback.freePort()
        httpPort = try Loopback.freePort()
        let directory = bench.path(name)
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw BenchError("can't make \(directory): errno \(errno)")
        }
        let configPath = "\(directory)/config.yaml"
        let config = Self.config(port: port, httpPort: httpPort, directory: directory)
        try writeFile(configPath, config + (streamPort.map { Self.streams(port: $0, directory: directory) } ?? ""))
        child = try ChildProcess(
            bench.options.enginePath,
            ["--config", configPath],
            logPath: "\(directory)/engine.log",
            environment: environment
        )
        try Loopback.waitUntilListening(port, child)
        try Loopback.waitUntilListening(httpPort, child)
        if let streamPort { try Loopback.waitUntilListening(streamPort, child) }
    }

    private static func streams(port: Int, directory: String) -> String {
        """
          - name: iii-stream
            config:
              host: 127.0.0.1
              port: \(port)
              adapter: {name: kv, config: {store_method: file_based, file_path: "\(directory)/streams"}}

        """
    }

    private static func config(port: Int, httpPort: Int, directory: String) -> String {
        """
        workers:
          - name: iii-worker-manager
            config: {host: 127.0.0.1, port: \(port)}
          - name: iii-http
            config: {host: 127.0.0.1, port: \(httpPort)}
          - name: iii-state
            config: {adapter: {name: kv, config: {store_method: file_based, file_path: "\(directory)/store"}}}

        """
    }
}
