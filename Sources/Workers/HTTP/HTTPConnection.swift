import DequeModule
import Engine
import NIOCore
import NIOHTTP1

/// One client socket: requests in, one at a time and in order, responses out.
///
/// Pipelined requests wait in `inputs`, which holds at most what one read brought: while it isn't empty, or the client
/// doesn't take its responses, nothing more is read.
final class HTTPConnection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Between requests.
        case idle
        /// A request is being read or answered.
        case answering(HTTPExchange)
        /// The request is answered; the rest of its body is read and dropped.
        case draining
        /// The last response is written. Input is dropped until the client or `lingerTime` ends the connection.
        case lingering
        case closed
    }

    private enum Input {
        case part(HTTPServerRequestPart)
        /// The stream isn't HTTP from here on; answered with this status.
        case failure(Int)
        /// The client sends nothing more. It may have gone, or have closed its sending side only and wait for answers:
        /// the two look the same, so every request that it sent is answered.
        case end

        var isEnd: Bool {
            if case .end = self { true } else { false }
        }
    }

    private let service: HTTPService
    private var context: ChannelHandlerContext?

    private var phase = Phase.idle
    /// Since when the connection has been in its phase, or when the client last took bytes.
    private var since = NIODeadline.uptimeNanoseconds(0)
    /// When the first bytes of an incomplete head came.
    private var headSince: NIODeadline?

    private var inputs: Deque<Input> = []
    private var hasFailed = false
    private var isInputClosed = false
    private var isPumping = false
    private var isInRead = false
    private var isReadHeld = false
    private var needsFlush = false
    /// Bytes not taken by the client at the last sweep, and since when none were.
    private var backlog = (bytes: 0, since: NIODeadline.uptimeNanoseconds(0))

    // Facts of the request in progress.
    private var keepsAlive = false
    private var isHTTP10 = false
    private var isHead = false
    private var isBodyComplete = true
    private var isRestDrainable = true
    private var awaitsContinue = false
    private var isStopping = false

    init(service: HTTPService) {
        self.service = service
    }

    // MARK: Inbound

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        since = context.eventLoop.now
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isInRead = true
        receive(.part(unwrapInboundIn(data)))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // A read that brought no part between two requests brought the beginning of a head.
        if !isInRead, case .idle = phase, headSince == nil { headSince = context.eventLoop.now }
        isInRead = false
        flush()
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .answering(let exchange) = phase {
            phase = .closed
            exchange.detach()
        }
        phase = .closed
        inputs.removeAll()
        self.context = nil
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            receive(.end)
            isInRead = false
            flush()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let status = Self.status(of: error) else { return context.close(promise: nil) }
        // The input ended in the middle of a message: `.end` or `channelInactive` follows.
        if case HTTPParserError.invalidEOFState = error { return }
        guard !hasFailed else { return }
        hasFailed = true
        receive(.failure(status))
    }

    /// Status of a stream that isn't HTTP; nil for errors of the socket (http.md §3).
    private static func status(of error: any Error) -> Int? {
        switch error {
        case HTTPParserError.headerOverflow, is ByteToMessageDecoderError.PayloadTooLargeError: 431
        case is HTTPParserError, is ByteToMessageDecoderError: 400
        default: nil
        }
    }

    private func receive(_ input: Input) {
        if inputs.isEmpty, isReady(for: input) { take(input) } else { inputs.append(input) }
    }

    private func isReady(for input: Input) -> Bool {
        switch phase {
        case .idle: input.isEnd || context?.channel.isWritable ?? true
        case .answering(let exchange): !isBodyComplete && !exchange.isWaiting
        case .draining, .lingering, .closed: true
        }
    }

    private func take(_ input: Input) {
        switch (phase, input) {
        case (.idle, .part(.head(let head))):
            begin(head)
        case (.answering(let exchange), .part(.body(let part))):
            exchange.receive(part)
        case (.answering(let exchange), .part(.end)):
            isBodyComplete = true
            exchange.endBody()
        case (.draining, .part(.end)):
            isBodyComplete = true
            enterIdle()
        case (.answering(let exchange), .failure(let status)):
            exchange.abandon()
            refuse(status)
        case (.idle, .failure(let status)), (.draining, .failure(let status)):
            refuse(status)
        case (.answering(let exchange), .end):
            isInputClosed = true
            isBodyComplete = true
            exchange.endBody()
        case (.idle, .end), (.draining, .end), (.lingering, .end):
            isInputClosed = true
            closeWhenSent()
        case (.idle, .part), (.answering, .part), (.draining, .part), (.lingering, _), (.closed, _):
            break
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        headSince = nil
        isHTTP10 = head.version == .http1_0
        isHead = head.method == .HEAD
        isBodyComplete = false
        guard head.uri.utf8.count <= HTTPLimits.uriBytes else { return refuse(414) }
        guard head.violation == nil else { return refuse(400) }
        // After an upgrade request the decoder reads nothing more; upgrades aren't served.
        let isUpgrade = head.method == .CONNECT || head.headers.contains(name: "upgrade")
        keepsAlive = head.isKeepAlive && !isUpgrade
        let declared = head.headers.first(name: "content-length").map { Int($0) ?? .max } ?? 0
        isRestDrainable = declared <= HTTPLimits.drainableBytes && !head.headers.contains(name: "transfer-encoding")
        awaitsContinue =
            !isHTTP10 && head.headers.first(name: "expect")?.isEqualIgnoringCase(to: "100-continue") == true
        let exchange = HTTPExchange(head: head, service: service, connection: self)
        phase = .answering(exchange)
        exchange.start()
    }

    private func enterIdle() {
        phase = .idle
        headSince = nil
        since = context?.eventLoop.now ?? since
        if isStopping, inputs.isEmpty { context?.close(promise: nil) }
    }

    /// Works off what was read while a request was being answered.
    private func pump() {
        guard !isPumping else { return }
        isPumping = true
        while let input = inputs.first, isReady(for: input) {
            inputs.removeFirst()
            take(input)
        }
        isPumping = false
        if inputs.isEmpty, isReadHeld {
            isReadHeld = false
            context?.read()
        }
        if !isInRead { flush() }
    }

    // MARK: Back-pressure

    func read(context: ChannelHandlerContext) {
        if inputs.isEmpty { context.read() } else { isReadHeld = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { pump() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Outbound

    /// The exchange reads its body from now on: it gets what came while it waited, and a client that waits for leave to
    /// send it gets that.
    func continueBody(of exchange: HTTPExchange) {
        guard case .answering(let current) = phase, current === exchange else { return }
        if awaitsContinue {
            awaitsContinue = false
            write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"), promise: nil)
            if !isInRead { flush() }
        }
        pump()
    }

    func respond(_ response: HTTPResponse, to exchange: HTTPExchange) {
        guard case .answering(let current) = phase, current === exchange else { return }
        let canRead = isBodyComplete || (isRestDrainable && !awaitsContinue)
        if keepsAlive, canRead, !response.closesConnection, !isStopping, !isInputClosed {
            send(response, keepsAlive: true, promise: nil)
            if isBodyComplete { enterIdle() } else { phase = .draining }
            since = context?.eventLoop.now ?? since
        } else {
            sendLast(response)
        }
        pump()
    }

    /// Answers what isn't a request (http.md §3).
    private func refuse(_ status: Int) {
        sendLast(.empty(status))
        flush()
    }

    /// The connection's last response. After it the output is closed; the whole connection too when nothing can be
    /// under way to it any more. Otherwise closing now could destroy the response before the client has read it.
    private func sendLast(_ response: HTTPResponse) {
        guard let context else { return }
        let mode: CloseMode = isBodyComplete ? .all : .output
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { _ in
            context.close(mode: mode, promise: nil)
        }
        phase = .lingering
        since = context.eventLoop.now
        send(response, keepsAlive: false, promise: sent)
    }

    /// Closes a connection without a request in progress once the client has taken every response.
    private func closeWhenSent() {
        guard let context else { return }
        phase = .lingering
        since = context.eventLoop.now
        needsFlush = false
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    private func send(_ response: HTTPResponse, keepsAlive: Bool, promise: EventLoopPromise<Void>?) {
        let framing = HTTPResponse.Framing(
            isHTTP10: isHTTP10,
            isHead: isHead,
            keepsAlive: keepsAlive,
            date: service.currentDate()
        )
        let (head, body) = response.encode(framing, allocator: service.allocator)
        write(head, promise: body == nil ? promise : nil)
        if let body { write(body, promise: promise) }
    }

    private func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        guard let context else { return promise?.fail(ChannelError.ioOnClosedChannel) ?? () }
        context.write(wrapOutboundOut(bytes), promise: promise)
        needsFlush = true
    }

    /// One flush per read burst or result.
    private func flush() {
        guard needsFlush else { return }
        needsFlush = false
        context?.flush()
    }

    // MARK: Time and shutdown

    /// Called every few seconds: ends connections that wait for nothing or for ever (http.md §3, Better).
    func sweep(now: NIODeadline) {
        guard let context else { return }
        let options = context.channel.syncOptions
        let bytes = (try? options?.getOption(.bufferedWritableBytes)) ?? 0
        if bytes != backlog.bytes || bytes == 0 { backlog = (bytes, now) }
        if bytes > 0 {
            since = now
            if now - backlog.since > HTTPLimits.stuckTime { context.close(promise: nil) }
            return
        }
        switch phase {
        case .idle:
            if let headSince, now - headSince > HTTPLimits.headTime {
                refuse(408)
            } else if now - since > HTTPLimits.idleTime {
                context.close(promise: nil)
            }
        case .draining where now - since > HTTPLimits.headTime, .lingering where now - since > HTTPLimits.lingerTime:
            context.close(promise: nil)
        case .draining, .lingering, .answering, .closed:
            break
        }
    }

    /// The server stops: an idle connection ends now, any other with the response in progress.
    func stop() {
        isStopping = true
        if case .idle = phase, inputs.isEmpty { context?.close(promise: nil) }
    }

    func abort() {
        context?.close(promise: nil)
    }
}
