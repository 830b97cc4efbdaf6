import Engine
import NIOCore
import NIOEmbedded
import Testing

@testable import Workers

/// The connection: framing, order, limits, slow and vanishing clients (http.md §3, §8, §15).
@Suite struct HTTPConnectionTests {
    private func harness(limit: Int = 1024) throws -> HTTPHarness {
        var configuration = HTTPConfiguration()
        configuration.concurrencyRequestLimit = limit
        let harness = try HTTPHarness(configuration)
        harness.function("wait", returning: nil)
        harness.function("now", returning: #"{"body":1}"#)
        harness.route("GET", "wait", to: "wait")
        harness.route("POST", "wait", to: "wait")
        harness.route("GET", "now", to: "now")
        harness.route("POST", "now", to: "now")
        return harness
    }

    private func statuses(_ text: String) -> [Int] {
        text.split(separator: "HTTP/1.1 ").compactMap { Int($0.prefix(3)) }
    }

    private let get = "GET /now HTTP/1.1\r\nhost: h\r\n\r\n"
    private let wait = "GET /wait HTTP/1.1\r\nhost: h\r\n\r\n"

    // MARK: Malformed and oversized

    @Test(arguments: [
        ("GARBAGE\r\n\r\n", 400), ("GET / HTTP/3.0\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: h\r\nbad header\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400), ("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: x\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        ("GET /\(String(repeating: "u", count: HTTPLimits.uriBytes)) HTTP/1.1\r\nhost: h\r\n\r\n", 414),
        ("GET /\(String(repeating: "u", count: HTTPLimits.uriBytes - 1)) HTTP/1.1\r\nhost: h\r\n\r\n", 404),
        ("GET / HTTP/1.1\r\nhost: h\r\nx: \(String(repeating: "v", count: HTTPLimits.headBytes))\r\n\r\n", 431),
        (
            "GET / HTTP/1.1\r\nhost: h\r\n" + (0...HTTPLimits.headerFields).map { "x\($0): 1\r\n" }.joined() + "\r\n",
            431
        ),
        (
            "GET / HTTP/1.1\r\nhost: h\r\n" + (1..<HTTPLimits.headerFields).map { "x\($0): 1\r\n" }.joined() + "\r\n",
            404
        ),
        ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", 400), ("GET / HTTP/1.1\r\nhost: h/x\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nhost: u@h\r\n\r\n", 400), ("GET / HTTP/1.1\r\nhost:\r\n\r\n", 404),
        ("GET / HTTP/1.1\r\nhost: [::1]:3111\r\n\r\n", 404), ("GET / HTTP/1.0\r\n\r\n", 404),
        ("GET / HTTP/1.0\r\nhost: h\r\nhost: h\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.0\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n", 404),
    ])
    func badHead(_ request: String, _ status: Int) throws {
        let client = try harness().connect()
        try client.send(request)
        let found = try #require(Response(client.received()))
        #expect(found.status == status)
        guard status != 404 else { return }
        // A following request would be part of the refused one to somebody else.
        #expect(found.body.isEmpty && found["content-length"] == "0" && found["connection"] == "close")
        #expect(!client.isOpen)
    }

    @Test func byteByByteRequestIsServed() throws {
        let client = try harness().connect()
        for byte in get { try client.send(String(byte)) }
        #expect(try Response(client.received())?.status == 200)
    }

    @Test func everySplitOfAPostIsServed() throws {
        let request =
            "POST /now HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{\"a\":1}"
        for split in 1..<request.utf8.count {
            let harness = try harness()
            let client = try harness.connect()
            try client.send(String(request.prefix(split)))
            try client.send(String(request.dropFirst(split)))
            #expect(try Response(client.received())?.status == 200, "split at \(split)")
            #expect(try harness.calls[0].data.parse()["body"] == ["a": 1], "split at \(split)")
            #expect(client.isOpen)
        }
    }

    @Test func chunkedBodyIsCollected() throws {
        let harness = try harness()
        let client = try harness.connect()
        let head =
            "POST /now HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        try client.send(head + "3\r\n[1,\r\n2\r\n2]\r\n0\r\nx: trailer\r\n\r\n")
        #expect(try Response(client.received())?.status == 200)
        #expect(try harness.calls[0].data.parse()["body"] == [1, 2])
    }

    @Test func tooLargeBodyIsRefusedByItsLengthAlone() throws {
        let client = try harness().connect()
        let head = "POST /now HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: "
        try client.send(head + "\(HTTPLimits.bodyBytes + 1)\r\n\r\n")
        let found = try #require(Response(client.received()))
        #expect(found.status == 413 && found.body.contains(#""code":"PAYLOAD_TOO_LARGE""#))
        #expect(found["connection"] == "close" && found["access-control-allow-origin"] == "*")
    }

    @Test func tooLargeChunkedBodyIsRefusedOnceItIs() throws {
        let harness = try harness()
        let client = try harness.connect()
        try client.send(
            "POST /now HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        let megabyte = "100000\r\n" + String(repeating: " ", count: 1 << 20) + "\r\n"
        for _ in 0..<(HTTPLimits.bodyBytes >> 20) { try client.send(megabyte) }
        #expect(try client.received() == "")
        try client.send(megabyte)
        #expect(try Response(client.received())?.status == 413)
        #expect(harness.calls.isEmpty)
    }

    @Test func otherBodiesAreDroppedAndNeverCapped() throws {
        let harness = try harness()
        let client = try harness.connect()
        try client.send("POST /wait HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
        #expect(harness.waiting.count == 1)
        let megabyte = "100000\r\n" + String(repeating: "x", count: 1 << 20) + "\r\n"
        for _ in 0..<70 { try client.send(megabyte) }
        try client.send("0\r\n\r\n")
        harness.waiting[0](.success(.emptyObject))
        #expect(try Response(client.received())?.status == 200)
        #expect(client.isOpen)
    }

    // MARK: Order and keep-alive

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        let harness = try harness()
        let client = try harness.connect()
        try client.send(wait + get + "GET /nowhere HTTP/1.1\r\nhost: h\r\n\r\n" + wait + get)
        #expect(try client.received() == "")
        #expect(harness.waiting.count == 1)
        harness.waiting[0](.success(RawJSON(["status_code": 201])))
        #expect(statuses(try client.received()) == [201, 200, 404])
        harness.waiting[1](.success(RawJSON(["status_code": 202])))
        #expect(statuses(try client.received()) == [202, 200])
        #expect(client.isOpen)
    }

    @Test func thousandsOfPipelinedRequestsNeedNoStack() throws {
        let client = try harness().connect()
        try client.send(String(repeating: get, count: 5000))
        #expect(statuses(try client.received()) == Array(repeating: 200, count: 5000))
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "connection: close\r\n", false), ("HTTP/1.0", "", false),
        ("HTTP/1.0", "connection: keep-alive\r\n", true),
        ("HTTP/1.1", "connection: upgrade\r\nupgrade: h2c\r\n", false),
    ])
    func keepAlive(_ version: String, _ header: String, _ isKept: Bool) throws {
        let client = try harness().connect()
        try client.send("GET /now \(version)\r\nhost: h\r\n\(header)\r\n")
        let text = try client.received()
        #expect(text.hasPrefix("\(version) 200 OK\r\n"))
        #expect(client.isOpen == isKept)
        #expect(Response(text)?["connection"] == (isKept ? (version == "HTTP/1.0" ? "keep-alive" : nil) : "close"))
    }

    @Test func unreadSmallBodyOfARefusedRequestKeepsTheConnection() throws {
        let client = try harness().connect()
        try client.send("POST /nowhere HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\n")
        #expect(try Response(client.received())?.status == 404)
        try client.send("abcd" + get)
        #expect(try Response(client.received())?.status == 200)
    }

    @Test(arguments: [("/now", true), ("/nowhere", false)])
    func expectContinue(_ path: String, _ isContinued: Bool) throws {
        let client = try harness().connect()
        let head =
            "POST \(path) HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
        try client.send(head)
        let first = try client.received()
        guard isContinued else {
            #expect(Response(first)?.status == 404 && Response(first)?["connection"] == "close")
            return
        }
        #expect(first == "HTTP/1.1 100 Continue\r\n\r\n")
        try client.send("{}")
        #expect(try Response(client.received())?.status == 200)
    }

    @Test func brokenChunkIsRefusedAndTheFunctionNeverRuns() throws {
        let harness = try harness(limit: 1)
        let client = try harness.connect()
        try client.send(
            "POST /now HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
        )
        #expect(try Response(client.received())?.status == 400)
        #expect(harness.calls.isEmpty && harness.worker.service?.requestsInProgress == 0)
    }

    // MARK: Half-closed connections

    /// A client that shut down its sending side, as `printf … | nc -N` does, never got an answer.
    @Test(arguments: [1024, 1])
    func everyRequestOfAHalfClosedClientIsAnswered(limit: Int) throws {
        let harness = try harness(limit: limit)
        let busy = try harness.connect()
        try busy.send(wait)
        let client = try harness.connect()
        try client.send(wait + get)
        client.endInput()
        #expect(client.isOpen)
        // One after the other: with one slot, the first waits for the busy one.
        for index in 0..<2 {
            try #require(harness.waiting.count > index)
            harness.waiting[index](.success(RawJSON(["status_code": 201])))
        }
        #expect(statuses(try client.received()) == [201, 200])
        #expect(!client.isOpen)
        #expect(harness.worker.service?.requestsInProgress == 0)
    }

    @Test func aHalfClosedConnectionEndsWithItsLastAnswer() throws {
        let client = try harness().connect()
        try client.send(get)
        #expect(client.isOpen)
        client.endInput()
        #expect(try Response(client.received())?.status == 200)
        #expect(!client.isOpen)
    }

    /// http.md §8: what arrived before the input ended is the body; without a whole head there is no request.
    @Test func aBodyThatTheInputsEndCutsShortIsTakenAsItIs() throws {
        let harness = try harness()
        let (client, other) = (try harness.connect(), try harness.connect())
        let head = "POST /now HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"
        try client.send(head + "[1]")
        client.endInput()
        #expect(try harness.calls.first?.data.parse()["body"] == [1])
        #expect(try Response(client.received())?.status == 200)
        try other.send("GET /now HT")
        other.endInput()
        #expect(try other.received() == "")
        #expect(!client.isOpen && !other.isOpen)
    }

    // MARK: Slots

    /// The body of a request that had waited for its slot was never read.
    @Test func aBodyThatCameBeforeTheSlotIsRead() throws {
        let harness = try harness(limit: 1)
        let (busy, client) = (try harness.connect(), try harness.connect())
        try busy.send(wait)
        try client.send(
            "POST /now HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n[1]"
        )
        harness.waiting[0](.success(.emptyObject))
        #expect(try Response(client.received())?.status == 200)
        #expect(try harness.calls.last?.data.parse()["body"] == [1])
    }

    @Test func excessRequestsWaitForSlotsInOrder() throws {
        let harness = try harness(limit: 1)
        let clients = try (0..<3).map { _ in try harness.connect() }
        try clients[0].send(wait)
        try clients[1].send(wait)
        try clients[2].send(get)
        #expect(harness.waiting.count == 1)
        // Waiting isn't counted in the timeout.
        harness.advance(20)
        harness.waiting[0](.success(.emptyObject))
        #expect(try Response(clients[0].received())?.status == 200)
        #expect(harness.waiting.count == 2)
        harness.advance(20)
        #expect(try clients[2].received() == "")
        harness.waiting[1](.success(.emptyObject))
        #expect(try Response(clients[1].received())?.status == 200)
        #expect(try Response(clients[2].received())?.status == 200)
        #expect(harness.worker.service?.requestsInProgress == 0)
    }

    @Test func queueIsBounded() throws {
        let harness = try harness(limit: 1)
        var clients: [HTTPClient] = []
        for _ in 0...HTTPLimits.waitingRequests {
            let client = try harness.connect()
            try client.send(get.replacing("now", with: "wait"))
            clients.append(client)
        }
        let client = try harness.connect()
        try client.send(get)
        let found = try #require(Response(client.received()))
        #expect(found.status == 503 && found.body.contains(#""code":"OVERLOADED""#))
        // One frees its place by leaving; and the whole queue is served without recursion.
        clients[1].disconnect()
        try client.send(get)
        #expect(try client.received() == "")
        harness.function("wait", returning: "{}")
        harness.waiting[0](.success(.emptyObject))
        #expect(try Response(client.received())?.status == 200)
        #expect(harness.worker.service?.requestsInProgress == 0)
    }

    @Test func vanishedClientKeepsItsSlotUntilTheFunctionEnds() throws {
        let harness = try harness(limit: 1)
        let gone = try harness.connect()
        try gone.send(wait)
        gone.disconnect()
        #expect(harness.worker.service?.requestsInProgress == 1)
        harness.waiting[0](.success(.emptyObject))
        #expect(harness.worker.service?.requestsInProgress == 0)
    }

    /// http.md §8: what arrived before the client left is the body.
    @Test func abortedBodyRunsTheFunction() throws {
        let harness = try harness()
        let client = try harness.connect()
        try client.send(
            "POST /now HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n[1]"
        )
        client.disconnect()
        #expect(try harness.calls.first?.data.parse()["body"] == [1])
        #expect(harness.worker.service?.requestsInProgress == 0)
    }

    @Test func finishedRequestsDoNotPileUpBehindASlowOne() throws {
        let harness = try harness()
        let slow = try harness.connect()
        try slow.send(wait)
        let client = try harness.connect()
        for _ in 0..<10_000 { try client.send(get) }
        #expect(try #require(harness.worker.service).deadlines.count < 200)
        harness.advance(30)
        #expect(try Response(slow.received())?.status == 504)
        #expect(try #require(harness.worker.service).deadlines.count == 0)
    }

    // MARK: Slow clients

    @Test func slowHeadIsCutOff() throws {
        let harness = try harness()
        let client = try harness.connect()
        harness.advance(20)
        for byte in "GET / HTTP/1.1\r\n" {
            try client.send(String(byte))
            guard client.isOpen else { break }
            harness.advance(5)
        }
        #expect(!client.isOpen)
        #expect(try Response(client.received())?.status == 408)
    }

    @Test func idleConnectionIsClosed() throws {
        let harness = try harness()
        let client = try harness.connect()
        try client.send(get)
        harness.advance(70)
        #expect(client.isOpen)
        harness.advance(15)
        #expect(!client.isOpen)
        #expect(harness.worker.server?.connectionCount == 0)
    }

    @Test func halfSentBodyTimesOut() throws {
        let harness = try harness()
        let client = try harness.connect()
        try client.send(
            "POST /now HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n[1"
        )
        harness.advance(30)
        let found = try #require(Response(client.received()))
        #expect(found.status == 504 && found["connection"] == "close")
        harness.advance(15)
        #expect(!client.isOpen && harness.calls.isEmpty)
    }

    @Test func clientThatDoesNotReadIsNotServedFurther() throws {
        let harness = try harness()
        let client = try harness.connect()
        client.channel.isWritable = false
        try client.send(get)
        #expect(try client.received() == "")
        client.channel.isWritable = true
        client.channel.pipeline.fireChannelWritabilityChanged()
        harness.loop.run()
        #expect(try Response(client.received())?.status == 200)
    }

    // MARK: Drain

    @Test func drainClosesIdleConnectionsAndLetsRequestsFinish() throws {
        let harness = try harness()
        let (idle, busy) = (try harness.connect(), try harness.connect())
        try busy.send(wait)
        var isDrained = false
        harness.worker.drain(harness.engine, until: harness.loop.now + .seconds(7)).assumeIsolated().whenComplete { _ in
            isDrained = true
        }
        harness.loop.run()
        #expect(!idle.isOpen && busy.isOpen && !isDrained)
        harness.waiting[0](.success(.emptyObject))
        harness.loop.run()
        #expect(try Response(busy.received())?["connection"] == "close")
        #expect(!busy.isOpen && isDrained)
    }

    @Test func drainAbortsAtTheDeadline() throws {
        let harness = try harness()
        let busy = try harness.connect()
        try busy.send(wait)
        var isDrained = false
        harness.worker.drain(harness.engine, until: harness.loop.now + .seconds(7)).assumeIsolated().whenComplete { _ in
            isDrained = true
        }
        harness.advance(6)
        #expect(busy.isOpen && !isDrained)
        harness.advance(1)
        #expect(!busy.isOpen && isDrained)
    }

    /// Random bytes and mutated requests never trap, never leave a slot taken.
    @Test func mutatedRequestsLeaveNothingBehind() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix(state: seed)
        let harness = try harness(limit: 4)
        let base = Array(
            (get
                + "POST /now?a=%41 HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n[1]"
                + get)
                .utf8
        )
        for _ in 0..<2000 {
            var bytes = base
            for _ in 0..<random.below(4) { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
            let client = try harness.connect()
            let cut = random.below(bytes.count + 1)
            for part in [bytes[..<cut], bytes[cut...]] {
                try client.channel.writeInbound(ByteBuffer(bytes: part))
                harness.loop.run()
            }
            client.disconnect()
        }
        #expect(harness.worker.service?.requestsInProgress == 0, "seed \(seed)")
        #expect(harness.worker.server?.connectionCount == 0, "seed \(seed)")
    }
}
