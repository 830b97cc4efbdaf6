import BenchKit
import NIOCore

/// Resident memory, and the CPU of an engine that has nothing to do.
extension Bench {
    private static let functionsPerWorker = 10
    private static let settleMilliseconds = 2000

    func memory() throws -> [Row] {
        let engine = try EngineProcess(self, name: "memory")
        sleep(milliseconds: Self.settleMilliseconds)
        let idle = Double(try engine.child.statusKiB("VmRSS")) / 1024
        let fleet = try connectFleet(count: 1000, port: engine.port)
        sleep(milliseconds: Self.settleMilliseconds)
        let loaded = Double(try engine.child.statusKiB("VmRSS")) / 1024
        let peak = Double(try engine.child.statusKiB("VmHWM")) / 1024
        try disconnect(fleet)
        sleep(milliseconds: Self.settleMilliseconds)
        let after = Double(try engine.child.statusKiB("VmRSS")) / 1024
        return [
            .value("resident memory, idle", idle, unit: "MiB", threshold: .atMost(bar: nil, goal: 40, unit: " MiB")),
            .value(
                "resident memory, 1,000 workers of 10 functions",
                loaded,
                unit: "MiB",
                threshold: .atMost(bar: nil, goal: 120, unit: " MiB"),
                limit: "peak \(formatted(peak)) MiB, \(formatted(after)) MiB after they left"
            ),
        ]
    }

    func idle() throws -> [Row] {
        let engine = try EngineProcess(self, name: "idle")
        let fleet = try connectFleet(count: 100, port: engine.port)
        sleep(milliseconds: Self.settleMilliseconds)
        let seconds = options.isQuick ? 20 : 60
        let before = try engine.child.cpuNanoseconds()
        sleep(milliseconds: seconds * 1000)
        let used = Double(try engine.child.cpuNanoseconds() - before)
        try disconnect(fleet)
        return [
            .value(
                "CPU, idle with 100 idle workers, \(seconds) s",
                used / Double(seconds) / 1e9 * 100,
                unit: "%",
                threshold: .atMost(bar: 0.5, goal: 0.05, unit: " %"),
                limit: "\(formatted(used / 1e6)) ms of CPU time"
            )
        ]
    }

    private func connectFleet(count: Int, port: Int) throws -> [any Channel] {
        var channels: [any Channel] = []
        var promises: [EventLoopPromise<Void>] = []
        for number in 0..<count {
            let ready = group.next().makePromise(of: Void.self)
            let functions = Self.functionsPerWorker
            channels.append(
                try connect(port: port) { IdleWorker(number: number, functionCount: functions, ready: ready) }.wait()
            )
            promises.append(ready)
        }
        for promise in promises { try wait(promise, seconds: 30) }
        return channels
    }

    private func disconnect(_ channels: [any Channel]) throws {
        for channel in channels { try? channel.close().wait() }
    }
}
