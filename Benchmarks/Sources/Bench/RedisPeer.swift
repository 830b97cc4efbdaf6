import BenchKit
import Glibc

/// A redis-server of the run's own with `appendfsync always`, on the same disk, and redis-benchmark against it.
final class RedisPeer {
    /// Fields that one `HSET` writes.
    private static let fieldsPerCommand = 1000
    /// redis-benchmark ends even where a command is far slower than thought.
    private static let smallestCount = 100
    /// test, rps, and six latencies.
    private static let columns = 8

    let child: ChildProcess
    let port: Int
    private let logPath: String

    init(_ bench: Bench, name: String) throws {
        port = try Loopback.freePort()
        logPath = bench.path("\(name)-benchmark.log")
        let directory = bench.path(name)
        try Folder.make(directory)
        child = try ChildProcess(
            "redis-server",
            [
                "--bind", "127.0.0.1", "--port", "\(port)", "--dir", directory, "--appendonly", "yes",
                "--appendfsync", "always", "--save", "",
            ],
            logPath: bench.path("\(name).log")
        )
        try Loopback.waitUntilListening(port, child)
    }

    /// Commands per second of `clients` redis-benchmark clients that keep `pipeline` commands each under way.
    ///
    /// - Parameter command: `__rand_int__` in it becomes twelve digits below `FrameTemplate.keySpace`.
    func rate(_ command: [String], clients: Int, pipeline: Int = 1, count: Int) throws -> Double {
        let output = try ChildProcess(
            "redis-benchmark",
            [
                "-h", "127.0.0.1", "-p", "\(port)", "-c", "\(clients)", "-P", "\(pipeline)",
                "-n", "\(max(count, Self.smallestCount))", "-r", "\(FrameTemplate.keySpace)", "--csv",
            ] + command,
            logPath: logPath
        ).output()
        // The title is the command, whatever stands in it: the rate is counted from the end of the line.
        for line in output.split(separator: "\n").dropFirst() {
            let fields = line.split(separator: ",")
            if fields.count >= Self.columns,
                let rate = Double(fields[fields.count - Self.columns + 1].filter { $0 != "\"" })
            {
                return rate
            }
        }
        throw BenchError("redis-benchmark printed no rate: \(output)")
    }

    /// Gives the hash `count` fields of twelve digits, each with `value`.
    func fill(hash: String, count: Int, value: String) throws {
        let descriptor = try Loopback.connected(to: port)
        defer { close(descriptor) }
        for first in stride(from: 0, to: count, by: Self.fieldsPerCommand) {
            var words = ["HSET", hash]
            for number in first..<min(first + Self.fieldsPerCommand, count) {
                let digits = String(number)
                words += [String(repeating: "0", count: 12 - digits.count) + digits, value]
            }
            try Loopback.send(Self.command(words), descriptor)
            var answer = [UInt8](repeating: 0, count: 256)
            let received = read(descriptor, &answer, answer.count)
            guard received > 0, answer[0] == UInt8(ascii: ":") else {
                throw BenchError(
                    "redis refused HSET: \(String(decoding: answer.prefix(max(0, received)), as: UTF8.self))"
                )
            }
        }
    }

    static func command(_ words: [String]) -> [UInt8] {
        var text: [UInt8] = Array("*\(words.count)\r\n".utf8)
        for word in words { text += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        return text
    }
}
