import BenchKit
import EngineJSON
import Glibc

/// CPU that the engine spends on forwarding a large payload, as a multiple of touching its bytes twice.
extension Bench {
    private static let payloadBytes = 16 * 1024 * 1024
    private static let forwardsPerRound = 4

    func payload() throws -> [Row] {
        let engine = try EngineProcess(self, name: "payload")
        let executor = try connectExecutor(port: engine.port)
        defer { executor.close(promise: nil) }
        let data = Self.recordsPayload(byteCount: Self.payloadBytes)
        let template = FrameTemplate(functionID: "bench::sink", dataJSON: data)
        let text = Array(data.utf8)
        try forward(engine, template, count: 1)

        var pairs = Pairs()
        for _ in 0..<rounds {
            let before = try engine.child.cpuNanoseconds()
            try forward(engine, template, count: Self.forwardsPerRound)
            let ours = Double(try engine.child.cpuNanoseconds() - before) / Double(Self.forwardsPerRound)
            pairs.append(ours: ours / 1e6, peer: try copyAndValidate(text) / 1e6)
        }
        return [
            .ratio(
                "forwarding 16 MiB: engine CPU against copy + validate",
                pairs,
                unit: "ms",
                threshold: .atMost(bar: nil, goal: 3),
                limit: "copy + validate \(formatted(Double(text.count) / median(pairs.peer) / 1e6)) GB/s"
            )
        ]
    }

    private func forward(_ engine: EngineProcess, _ template: FrameTemplate, count: Int) throws {
        _ = try load(port: engine.port, template: template, inFlight: 1, extent: .invocations(count))
    }

    /// CPU nanoseconds of one memcpy and one validation of `text`; the best of three, as caches and page faults
    /// would only flatter the engine's ratio.
    private func copyAndValidate(_ text: [UInt8]) throws -> Double {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: text.count, alignment: 4096)
        defer { copy.deallocate() }
        copy.initializeMemory(as: UInt8.self, repeating: 1)
        var best = Int.max
        for _ in 0..<3 {
            let start = threadCPUNanoseconds()
            text.withUnsafeBytes { copy.copyMemory(from: $0) }
            _ = try JSONScanner.validate(UnsafeRawBufferPointer(copy))
            best = min(best, threadCPUNanoseconds() - start)
        }
        return Double(best)
    }

    /// An object with an array of small records and long texts, about `byteCount` bytes.
    static func recordsPayload(byteCount: Int) -> String {
        let text = String(repeating: "The quick brown fox jumps over the lazy dög. ", count: 20)
        var result = "{\"records\":["
        result.reserveCapacity(byteCount + 2048)
        var number = 0
        while result.utf8.count < byteCount {
            if number > 0 { result += "," }
            result +=
                "{\"id\":\(number),\"price\":\(number % 977).25,\"tags\":[\"a\",\"b\",null,true],\"text\":\"\(text)\"}"
            number += 1
        }
        return result + "]}"
    }
}
