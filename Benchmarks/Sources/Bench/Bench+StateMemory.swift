import BenchKit

/// Whether memory follows the number of writes instead of what is stored.
extension Bench {
    private struct MemorySample {
        let resident: Double
        let anonymous: Double

        init(_ child: ChildProcess) throws {
            resident = Double(try child.statusKiB("VmRSS")) / 1024
            anonymous = Double(try child.statusKiB("RssAnon")) / 1024
        }
    }

    /// One run of random keys, 16 connections with 32 in flight each.
    func stateMemory() throws -> [Row] {
        let keys = options.isQuick ? 100_000 : 1_000_000
        let turns = options.isQuick ? 10 : 20
        let engine = try EngineProcess(self, name: "state-memory")
        var samples: [MemorySample] = []
        let start = monotonicNanoseconds()
        for turn in 0..<turns {
            try writeOnce(engine, keys: keys, turn: turn)
            let sample = try MemorySample(engine.child)
            log("\((turn + 1) * keys) writes: \(formatted(sample.resident)) MiB resident")
            samples.append(sample)
        }
        let seconds = Double(monotonicNanoseconds() - start) / 1e9
        guard let first = samples.first, let last = samples.last else { return [] }
        var pairs = Pairs()
        pairs.append(ours: last.resident, peer: first.resident)
        let most = samples.map(\.resident).max() ?? 0
        return [
            .ratio(
                "resident memory after \(turns * keys / 1_000_000) million writes of \(keys / 1000),000 keys, "
                    + "against after the first \(keys / 1000),000",
                pairs,
                unit: "MiB",
                threshold: .atMost(bar: 1.1, goal: 1),
                limit: "anonymous \(formatted(last.anonymous)) against \(formatted(first.anonymous)) MiB; "
                    + "most \(formatted(most)) MiB; \(formatted(Double(turns * keys) / seconds)) writes/s"
            )
        ]
    }

    private func writeOnce(_ engine: EngineProcess, keys: Int, turn: Int) throws {
        let connections = 16
        let each = keys / connections
        let value = Self.letters(Self.stateValueBytes - 2)
        let template = FrameTemplate(
            functionID: "state::set",
            dataJSON: "{\"scope\":\"bench\",\"key\":\"############\",\"value\":\"\(value)\"}",
            keys: .random(below: keys)
        )
        _ = try load(
            port: engine.port,
            template: template,
            inFlight: 32,
            connections: connections,
            extent: .invocations(each),
            seed: UInt64(turn) + 1
        )
    }
}
