import BenchKit
import Glibc

/// Heap allocations per forwarded invocation, of the engine and of the relay, counted by a preloaded library.
extension Bench {
    private static let invocations = 4000
    private static let largePayloadBytes = 64 * 1024

    func allocations() throws -> [Row] {
        let counted = try countedEnvironment(name: "engine")
        let engine = try EngineProcess(self, name: "allocations", environment: counted.environment)
        let relayCounted = try countedEnvironment(name: "relay")
        let relay = try startRelay(environment: relayCounted.environment)
        let executors = [
            try connectExecutor(port: engine.port), try connectExecutor(port: relay.port, isEngine: false),
        ]
        defer { executors.forEach { $0.close(promise: nil) } }
        let cases = [
            ("200 B", Self.payload(byteCount: 200)),
            ("64 KiB with 10 values", Self.valuesPayload(values: 10, byteCount: Self.largePayloadBytes)),
            ("64 KiB with 5,000 values", Self.valuesPayload(values: 5000, byteCount: Self.largePayloadBytes)),
        ]
        var rows: [Row] = []
        for (name, data) in cases {
            let template = FrameTemplate(functionID: "bench::echo", dataJSON: data)
            let ours = try count(counted.path, engine.port, template)
            let peer = try count(relayCounted.path, relay.port, template)
            rows.append(
                Row(
                    figure: "allocations per invocation, \(name)",
                    ours: formatted(ours.allocations),
                    peer: formatted(peer.allocations),
                    ratio: ours.allocations / peer.allocations,
                    verdict: "reported",
                    limit: "\(formatted(ours.bytes / 1024)) KiB asked for; relay \(formatted(peer.bytes / 1024)) KiB"
                )
            )
        }
        return rows
    }

    private func countedEnvironment(name: String) throws -> (path: String, environment: [String: String]) {
        let file = path("malloc-\(name)")
        let library = "\(options.binaryDirectory)/libmalloc-counter.so"
        return (file, ["LD_PRELOAD": library, "III_BENCH_MALLOC_FILE": file])
    }

    /// Per invocation, one in flight, so that no two share a burst.
    private func count(
        _ file: String,
        _ port: Int,
        _ template: FrameTemplate
    ) throws -> (allocations: Double, bytes: Double) {
        _ = try load(port: port, template: template, inFlight: 1, extent: .invocations(Self.invocations / 10))
        // The connection's own allocations are few beside this many invocations.
        let before = try counters(file)
        _ = try load(port: port, template: template, inFlight: 1, extent: .invocations(Self.invocations))
        let after = try counters(file)
        let each = Double(Self.invocations)
        return (Double(after.0 &- before.0) / each, Double(after.1 &- before.1) / each)
    }

    private func counters(_ file: String) throws -> (UInt64, UInt64) {
        let descriptor = open(file, O_RDONLY)
        guard descriptor >= 0 else {
            throw BenchError("\(file) isn't there: the allocation counter wasn't loaded (is the binary static?)")
        }
        defer { close(descriptor) }
        var values: [UInt64] = [0, 0]
        guard pread(descriptor, &values, 16, 0) == 16 else { throw BenchError("can't read \(file)") }
        return (values[0], values[1])
    }

    /// An object of `values` members, exactly `byteCount` bytes in all: only the number of values differs.
    static func valuesPayload(values: Int, byteCount: Int) -> String {
        let overheadBytes = "'k00000':'',".utf8.count
        let valueBytes = (byteCount - 1) / values - overheadBytes
        let spareBytes = byteCount - 1 - values * (valueBytes + overheadBytes)
        precondition(valueBytes >= 0, "\(values) values need more than \(byteCount) bytes")
        let members = (0..<values).map { number in
            let digits = String(number)
            let key = "k" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
            let bytes = valueBytes + (number == 0 ? spareBytes : 0)
            return "\"\(key)\":\"\(String(repeating: "y", count: bytes))\""
        }
        return "{" + members.joined(separator: ",") + "}"
    }
}
