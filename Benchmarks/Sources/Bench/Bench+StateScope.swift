import BenchKit

/// What one write costs beside much other data: a large scope, a large value.
extension Bench {
    private static let largeScopeBytes = 124_000_000
    private static let quickScopeBytes = 12_400_000
    /// The fill's last checkpoint is done after this.
    private static let settleMilliseconds = 3000
    private static let largeValueBytes = 24_500_000

    /// Text that no compression makes small, the same in every run.
    static func letters(_ count: Int, seed: UInt64 = 1) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-".utf8)
        var random = SplitMix(seed: seed)
        return String(decoding: (0..<count).map { _ in alphabet[Int(random.next() >> 58)] }, as: UTF8.self)
    }

    /// Writes `count` values to consecutive keys of the scope `bench`.
    func fillState(_ engine: EngineProcess, count: Int) throws {
        let value = Self.letters(Self.stateValueBytes - 2)
        let template = FrameTemplate(
            functionID: "state::set",
            dataJSON: "{\"scope\":\"bench\",\"key\":\"############\",\"value\":\"\(value)\"}",
            keys: .consecutive(from: 0)
        )
        _ = try load(port: engine.port, template: template, inFlight: 512, extent: .invocations(count))
    }

    /// Rewriting one key of a large scope against rewriting one key that is alone, each in an engine of its own.
    func stateScope() throws -> [Row] {
        let bytes = options.isQuick ? Self.quickScopeBytes : Self.largeScopeBytes
        let full = try EngineProcess(self, name: "scope-full")
        let empty = try EngineProcess(self, name: "scope-empty")
        try fillState(full, count: bytes / Self.stateValueBytes)
        sleep(milliseconds: Self.settleMilliseconds)
        let value = Self.letters(Self.stateValueBytes - 2, seed: 2)
        let template = FrameTemplate(
            functionID: "state::set",
            dataJSON: "{\"scope\":\"bench\",\"key\":\"000000000007\",\"value\":\"\(value)\"}"
        )
        func microseconds(_ engine: EngineProcess) throws -> Double {
            1e6 / (try load(port: engine.port, template: template, inFlight: 1, extent: timed).perSecond)
        }
        var pairs = Pairs()
        for _ in 0..<rounds {
            pairs.append(ours: try microseconds(full), peer: try microseconds(empty))
        }
        return [
            .ratio(
                "rewriting a 256 B key in a scope of \(bytes / 1_000_000) MB against alone, 1 in flight",
                pairs,
                unit: "µs",
                threshold: .atMost(bar: 1.3, goal: 1)
            )
        ]
    }

    /// p99 of small writers beside one that rewrites a large value every second, against without it.
    func stateLarge() throws -> [Row] {
        let engine = try EngineProcess(self, name: "state-large")
        let value = Self.letters(Self.stateValueBytes - 2)
        let small = FrameTemplate(
            functionID: "state::set",
            dataJSON: "{\"scope\":\"bench\",\"key\":\"############\",\"value\":\"\(value)\"}"
        )
        let large = FrameTemplate(
            functionID: "state::set",
            dataJSON: "{\"scope\":\"large\",\"key\":\"value\",\"value\":\"\(Self.letters(Self.largeValueBytes - 2))\"}"
        )
        let extent = LoadExtent.nanoseconds(warmUp: warmUpNanoseconds, window: 2 * windowNanoseconds)
        var pairs = Pairs()
        var rates = Pairs()
        var seconds: [Double] = []
        func measured() throws -> LoadResult {
            try load(port: engine.port, template: small, inFlight: 1, connections: 64, extent: extent)
        }
        for _ in 0..<rounds {
            let alone = try measured()
            let writer = try PeriodicWriter(port: engine.port, template: large, periodMilliseconds: 1000)
            let beside = Result { try measured() }
            seconds += try writer.stop()
            pairs.append(ours: try beside.get().latency(percentile: 0.99), peer: alone.latency(percentile: 0.99))
            rates.append(ours: try beside.get().perSecond, peer: alone.perSecond)
        }
        return [
            .ratio(
                "p99 of 64 writers of 256 B beside a 24.5 MB value rewritten every second, against without",
                pairs,
                unit: "µs",
                threshold: .atMost(bar: 4, goal: 2),
                limit: "\(formatted(median(rates.ours))) /s against \(formatted(median(rates.peer))) /s; "
                    + "the large write takes \(formatted(median(seconds) * 1000)) ms"
            )
        ]
    }
}
