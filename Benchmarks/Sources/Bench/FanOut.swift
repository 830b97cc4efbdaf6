import BenchKit
import Glibc

/// One side of the fan-out figure: how to subscribe and publish, and what an answer to the writer looks like.
protocol FanOutSide {
    /// Blocking: connected sockets that get every event from now on, and have nothing to read.
    func subscribe(count: Int) throws -> [Int32]
    func connectWriter() throws -> Int32
    /// Appends the request that publishes event `number`.
    mutating func appendRequest(_ number: Int, to output: inout [UInt8])
    /// Answers that end in `bytes`, which are removed.
    func takeAnswers(_ bytes: inout [UInt8]) throws -> Int
}

/// What one round of one side measured.
struct FanOutResult {
    /// Events that all subscribers together got in the window, per second.
    var perSecond = 0.0
    /// On the wire, frame header included.
    var eventBytes = 0
    /// CPU of the server and of this thread while the window lasted, per second of it: 1 is one core.
    var serverShare = 0.0
    var generatorShare = 0.0
}

/// One writer, many subscribers: as many events under way as wanted. An event is under way until the writer has its
/// answer and the subscribers have got it on average, so that nothing piles up in a server on either side.
struct FanOut<Side: FanOutSide> {
    private static var drainNanoseconds: Int { 10_000_000_000 }
    private static var answerBytes: Int { 256 << 10 }

    private var side: Side
    private let inFlight: Int
    private let server: ChildProcess
    private let subscribers: Int
    private let writer: Int32
    private let sockets: SubscriberSockets
    private let answers: Answers
    private var sent = 0
    private var eventBytes = 0
    private var output: [UInt8] = []

    /// What the writer was answered.
    private final class Answers {
        var count = 0
        var unread: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: FanOut.answerBytes)
    }

    init(_ side: Side, subscribers: Int, inFlight: Int, server: ChildProcess) throws {
        self.side = side
        self.inFlight = inFlight
        self.server = server
        self.subscribers = subscribers
        let writer = try side.connectWriter()
        let answers = Answers()
        self.writer = writer
        self.answers = answers
        sockets = try SubscriberSockets(try side.subscribe(count: subscribers), writer: writer) {
            let count = recv(writer, &answers.chunk, answers.chunk.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { throw BenchError("the writer lost its connection") }
            answers.unread += answers.chunk[..<count]
            answers.count += try side.takeAnswers(&answers.unread)
        }
    }

    /// Events that the subscribers have got on average.
    private var delivered: Int { sockets.total / (eventBytes * subscribers) }

    mutating func run(warmUp: Int, window: Int) throws -> FanOutResult {
        try measureEvent()
        var result = FanOutResult(eventBytes: eventBytes)
        try load(until: monotonicNanoseconds() + warmUp)
        let (start, bytes) = (monotonicNanoseconds(), sockets.total)
        let (serverCPU, ownCPU) = (try server.cpuNanoseconds(), threadCPUNanoseconds())
        try load(until: start + window)
        let spent = Double(monotonicNanoseconds() - start)
        result.perSecond = Double(sockets.total - bytes) / Double(eventBytes) / spent * 1e9
        result.serverShare = Double(try server.cpuNanoseconds() - serverCPU) / spent
        result.generatorShare = Double(threadCPUNanoseconds() - ownCPU) / spent
        try drain()
        sockets.closeAll()
        return result
    }

    /// One event alone says how long each is: numbers have the same digits always.
    private mutating func measureEvent() throws {
        sockets.startCounting()
        try publish(1)
        let deadline = monotonicNanoseconds() + Self.drainNanoseconds
        var last = -1
        while sockets.total == 0 || sockets.total != last || sockets.total % subscribers != 0 || answers.count < 1 {
            guard monotonicNanoseconds() < deadline else { throw BenchError("the first event didn't reach everybody") }
            last = sockets.total
            try sockets.poll(milliseconds: 200)
        }
        eventBytes = sockets.total / subscribers
        try checkAllReceived()
    }

    private mutating func load(until end: Int) throws {
        while monotonicNanoseconds() < end {
            try publish(inFlight - (sent - min(answers.count, delivered)))
            try sockets.poll(milliseconds: 1)
        }
    }

    private mutating func publish(_ count: Int) throws {
        guard count > 0 else { return }
        output.removeAll(keepingCapacity: true)
        for number in sent..<(sent + count) { side.appendRequest(number, to: &output) }
        sent += count
        try Loopback.send(output, writer)
    }

    private func drain() throws {
        let deadline = monotonicNanoseconds() + Self.drainNanoseconds
        while answers.count < sent || delivered < sent {
            guard monotonicNanoseconds() < deadline else {
                throw BenchError("of \(sent) events \(answers.count) were answered and \(delivered) delivered")
            }
            try sockets.poll(milliseconds: 10)
        }
        try checkAllReceived()
    }

    /// Everybody got everything, and nothing else.
    private func checkAllReceived() throws {
        for (index, bytes) in sockets.received.enumerated() where bytes != sent * eventBytes {
            throw BenchError("subscriber \(index) got \(bytes) bytes of \(sent) events of \(eventBytes)")
        }
    }
}
