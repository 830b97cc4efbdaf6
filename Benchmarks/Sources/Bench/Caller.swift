import BenchKit
import NIOCore

/// What one closed loop of invocations measured.
struct LoadResult: Sendable {
    /// Invocations answered in the measured window.
    var completed = 0
    /// Those outside the window too.
    var total = 0
    var windowNanoseconds = 0
    /// Of each invocation answered in the window.
    let latencies = Histogram()

    var perSecond: Double { Double(completed) * 1e9 / Double(max(1, windowNanoseconds)) }
    /// In microseconds.
    func latency(percentile: Double) -> Double { latencies.microseconds(percentile: percentile) }
}

/// How long a closed loop runs.
enum LoadExtent: Sendable {
    /// Warm-up that isn't counted, then the window.
    case nanoseconds(warmUp: Int, window: Int)
    /// Exactly this many invocations, all counted.
    case invocations(Int)
}

/// Worker A: keeps `inFlight` invocations under way, each answer starting the next.
struct Caller: WorkerRole {
    /// Start times are found by invocation number in a ring; far above any number in flight here.
    private static let ringSize = 4096

    let template: FrameTemplate
    let inFlight: Int
    let extent: LoadExtent
    let result: EventLoopPromise<LoadResult>

    private(set) var isFinished = false
    private var random: SplitMix
    private var measured = LoadResult()
    private var started = [Int](repeating: 0, count: ringSize)
    private var nextNumber = 0
    private var underWay = 0
    private var windowStart = 0
    private var windowEnd = Int.max

    init(
        template: FrameTemplate,
        inFlight: Int,
        extent: LoadExtent,
        seed: UInt64,
        result: EventLoopPromise<LoadResult>
    ) {
        precondition(inFlight <= Self.ringSize)
        self.template = template
        self.inFlight = inFlight
        self.extent = extent
        self.result = result
        random = SplitMix(seed: seed)
    }

    mutating func opened(output: inout ByteBuffer) {
        let now = monotonicNanoseconds()
        windowStart = now
        if case .nanoseconds(let warmUp, let window) = extent {
            windowStart = now + warmUp
            windowEnd = windowStart + window
        }
        for _ in 0..<inFlight where mayStart(now) { start(now, output: &output) }
    }

    mutating func received(_ message: UnsafeRawBufferPointer, output: inout ByteBuffer) {
        // `workerregistered` and the like carry no invocation id.
        guard let number = Scan.invocationNumber(in: message) else { return }
        let head = UnsafeRawBufferPointer(rebasing: message.prefix(4096))
        if Scan.end(of: "\"error\":", in: head) != nil {
            finish(throwing: BenchError("an invocation failed: \(String(decoding: head.prefix(400), as: UTF8.self))"))
            return
        }
        let now = monotonicNanoseconds()
        underWay -= 1
        measured.total += 1
        if now >= windowStart, now < windowEnd {
            measured.completed += 1
            measured.latencies.record(now - started[number % Self.ringSize])
        }
        if mayStart(now) { start(now, output: &output) }
        if underWay == 0 { finish(at: now) }
    }

    mutating func closed(_ error: any Error) {
        finish(throwing: error)
    }

    private func mayStart(_ now: Int) -> Bool {
        switch extent {
        case .nanoseconds: now < windowEnd
        case .invocations(let count): nextNumber < count
        }
    }

    private mutating func start(_ now: Int, output: inout ByteBuffer) {
        started[nextNumber % Self.ringSize] = now
        template.write(number: nextNumber, random: &random, to: &output)
        nextNumber += 1
        underWay += 1
    }

    private mutating func finish(at now: Int) {
        guard !isFinished else { return }
        isFinished = true
        measured.windowNanoseconds = min(now, windowEnd) - windowStart
        result.succeed(measured)
    }

    private mutating func finish(throwing error: any Error) {
        guard !isFinished else { return }
        isFinished = true
        result.fail(error)
    }
}
