import DequeModule
import NIOCore

/// Who gets what a socket receives. All calls are made on the socket's event loop.
package protocol WebSocketDelegate: AnyObject {
    func webSocket(_ socket: WebSocketHandler, didReceiveText text: ByteBuffer)
    func webSocket(_ socket: WebSocketHandler, didReceiveBinary data: ByteBuffer)
    func webSocketDidReceivePong(_ socket: WebSocketHandler)
    /// Called exactly once, also when the socket is dropped from this side.
    func webSocketDidClose(_ socket: WebSocketHandler, reason: String)
    /// The outbound queue has drained below `congestionBytes` after having been above it.
    func webSocketDidDrain(_ socket: WebSocketHandler)
}

extension WebSocketDelegate {
    package func webSocketDidReceivePong(_ socket: WebSocketHandler) {}
}

/// One WebSocket after its upgrade: frames in and out, control frames, keep-alive, and a bounded outbound queue.
///
/// Control frames are answered here and overtake queued data at frame boundaries, so that a Pong never waits behind
/// a huge message (protocol.md §5.5).
package final class WebSocketHandler: ChannelInboundHandler, Flushable {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// What may wait for a peer that reads more slowly than others write.
    package struct QueueLimit {
        package enum Overflow {
            /// TCP is closed, as every SDK expects for "reconnect".
            case drop
            /// A close frame says why.
            case close(code: UInt16)
        }

        package var bytes: Int
        package var overflow: Overflow
        /// Queued bytes from which the peer's own frames aren't read any more: it doesn't read our answers either.
        var selfPauseBytes: Int { min(16 << 20, bytes / 4) }

        package init(bytes: Int, overflow: Overflow) {
            self.bytes = bytes
            self.overflow = overflow
        }

        /// Room for one largest message on top of another.
        static let worker = QueueLimit(bytes: 160 << 20, overflow: .drop)
    }

    enum Limits {
        /// Queued bytes from which producers are asked to pause.
        static let congestionBytes = 1 << 20
        /// Part of it that calls to the peer may not use: answers to it have nowhere else to go.
        static let answerReserveBytes = 32 << 20
        /// A peer that takes nothing for this long is dropped.
        static let stuckSeconds: Int64 = 30
        /// Silence after which the server pings.
        static let pingSeconds: Int64 = 20
        /// Total silence after which the peer counts as dead.
        static let silenceSeconds: Int64 = 60
        /// Unanswered pings of the peer's that may wait in the queue.
        static let queuedControlFrames = 64
        /// How long a peer may take to read a close frame.
        static let closeGrace = TimeAmount.seconds(1)
        /// The same for one that is closed because it didn't read.
        static let overflowGrace = TimeAmount.seconds(10)
    }

    private enum State {
        case waiting
        case open(ChannelHandlerContext)
        case closing(ChannelHandlerContext)
        case closed
    }

    package weak var delegate: (any WebSocketDelegate)?

    private var state = State.waiting
    private var parser: WebSocketFrameParser
    /// Bytes of the last read that aren't handled yet; at most a few reads, because reading stops.
    private var unread = ByteBuffer()
    private let flusher: FlushScheduler
    private let budget: BufferBudget
    /// What `budget` knows of this socket.
    package private(set) var accountedBytes = 0
    private let maskKey: UInt32?
    private let queueLimit: QueueLimit
    private var isFlushPending = false

    private var dataFrames: Deque<QueuedFrames> = []
    private var controlFrames: Deque<ByteBuffer> = []
    /// Memory that the queued frames hold, buffers' spare room and bookkeeping included.
    package private(set) var queuedBytes = 0
    /// Part of the queue that doesn't count towards its limit, until it has drained.
    private var allowedBytes = 0
    private var wasCongested = false
    private var isSelfPaused = false
    /// Messages that arrive wait until whoever handles them is ready; control frames before them don't.
    private var isHeld = false
    /// The first that waits; nothing behind it is read.
    private var heldMessage: WebSocketFrameParser.Event?
    /// Closed by this side because of what the peer did.
    package private(set) var wasDropped = false

    private var lastInbound: NIODeadline = .uptimeNanoseconds(0)
    private var lastPing: NIODeadline = .uptimeNanoseconds(0)
    /// When the peer's side stopped taking bytes; nil while it takes them.
    private var blockedSince: NIODeadline?
    private var pauses = 0

    init(
        role: WebSocketFrameParser.Role,
        flusher: FlushScheduler,
        budget: BufferBudget = BufferBudget(),
        maskKey: UInt32? = nil,
        queueLimit: QueueLimit = .worker
    ) {
        self.parser = WebSocketFrameParser(role: role)
        self.flusher = flusher
        self.budget = budget
        self.maskKey = maskKey
        self.queueLimit = queueLimit
    }

    /// The server's side of a socket of the engine's.
    package convenience init(engine: Engine, budget: BufferBudget, queueLimit: QueueLimit) {
        self.init(role: .server, flusher: engine.flusher, budget: budget, queueLimit: queueLimit)
    }

    package var isOpen: Bool {
        if case .open = state { true } else { false }
    }

    package var isCongested: Bool { queuedBytes > Limits.congestionBytes }

    // MARK: Inbound

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { open(context) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        open(context)
        context.fireChannelActive()
    }

    private func open(_ context: ChannelHandlerContext) {
        guard case .waiting = state else { return }
        state = .open(context)
        lastInbound = context.eventLoop.now
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What comes behind a close is nobody's.
        guard isOpen else { return }
        var input = unwrapInboundIn(data)
        lastInbound = context.eventLoop.now
        if unread.readableBytes > 0 {
            unread.writeBuffer(&input)
        } else {
            unread = input
        }
        readFrames()
    }

    /// Handles what has arrived, until this side has too much to say to a peer that doesn't listen: the rest of a burst
    /// waits then, or a thousand small requests for large values would be answered into memory.
    private func readFrames() {
        do throws(WebSocketFrameParser.Violation) {
            while isOpen, !isSelfPaused, heldMessage == nil, let event = try parser.next(&unread) {
                if isHeld, event.isMessage { hold(event) } else { handle(event) }
            }
        } catch {
            return refuse(error)
        }
        if unread.readableBytes == 0 { unread = ByteBuffer() }
        account()
    }

    /// A worker's TCP connection is dropped, so that every SDK reconnects; other clients read why they are closed.
    private func refuse(_ violation: WebSocketFrameParser.Violation) {
        let reason = "protocol violation: \(violation.description)"
        switch queueLimit.overflow {
        case .drop:
            drop(reason: reason)
        case .close:
            wasDropped = true
            let text = violation.description
            finish(
                with: WebSocketFrameWriter.close(code: violation.code, reason: text, maskKey: maskKey),
                reason: reason
            )
        }
    }

    private func handle(_ event: WebSocketFrameParser.Event) {
        switch event {
        case .text(let text):
            delegate?.webSocket(self, didReceiveText: text)
        case .binary(let data):
            delegate?.webSocket(self, didReceiveBinary: data)
        case .ping(let payload):
            sendControl(WebSocketFrameWriter.control(.pong, payload, maskKey: maskKey))
        case .pong:
            delegate?.webSocketDidReceivePong(self)
        case .close(let code):
            let reply =
                code.map { WebSocketFrameWriter.close(code: $0, reason: "", maskKey: maskKey) }
                ?? WebSocketFrameWriter.control(.close, ByteBuffer(), maskKey: maskKey)
            finish(with: reply, reason: "peer closed" + (code.map { " with code \($0)" } ?? ""))
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        didClose(reason: "connection lost")
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        didClose(reason: "connection lost: \(error)")
        context.close(promise: nil)
    }

    // MARK: Outbound

    package func send(_ message: consuming WebSocketMessage) {
        guard case .open(let context) = state else { return }
        let count = message.byteCount
        if message.segments.isEmpty, count <= WebSocketFrameWriter.fragmentThreshold, isIdle(context) {
            context.write(wrapOutboundOut(WebSocketFrameWriter.frame(message, maskKey: maskKey)), promise: nil)
            markDirty()
            return
        }
        guard fits(count) else { return overflow() }
        enqueue(message, count)
        queueGrew(context)
    }

    /// Sends whole frames that many sockets share: they are neither copied nor changed.
    ///
    /// - Parameter isUnlimited: the sender bounds what it sends; the queue's limit doesn't count it.
    package func send(frames: [ByteBuffer], isUnlimited: Bool = false) {
        guard case .open(let context) = state else { return }
        if isIdle(context), frames.count == 1 {
            context.write(wrapOutboundOut(frames[0]), promise: nil)
            markDirty()
            return
        }
        // Each by itself, so that what the peer hasn't taken stays in this queue, and control frames overtake it.
        let queued = frames.map { QueuedFrames([$0]) }
        let cost = queued.reduce(0) { $0 + $1.cost }
        if isUnlimited { allowedBytes += cost }
        guard isUnlimited || fits(cost) else { return overflow() }
        queuedBytes += cost
        dataFrames.append(contentsOf: queued)
        queueGrew(context)
    }

    private func fits(_ bytes: Int) -> Bool {
        queuedBytes == 0 || queuedBytes + bytes <= queueLimit.bytes + allowedBytes
    }

    private func overflow() {
        let reason = "\(queuedBytes) bytes are queued and the peer doesn't read them"
        switch queueLimit.overflow {
        case .drop:
            drop(reason: reason)
        case .close(let code):
            wasDropped = true
            let frame = WebSocketFrameWriter.close(code: code, reason: "too slow", maskKey: maskKey)
            finish(with: frame, reason: reason, grace: Limits.overflowGrace)
        }
    }

    private func queueGrew(_ context: ChannelHandlerContext) {
        if isCongested { wasCongested = true }
        pump(context)
        if queuedBytes > queueLimit.selfPauseBytes, !isSelfPaused {
            isSelfPaused = true
            pauseReading()
        }
        account()
    }

    private func enqueue(_ message: consuming WebSocketMessage, _ count: Int) {
        if message.segments.isEmpty, count <= QueuedFrames.maximumCoalescedBytes {
            let frame = WebSocketFrameWriter.frame(message, maskKey: maskKey)
            if let last = dataFrames.indices.last, dataFrames[last].canTake(frame) {
                queuedBytes += dataFrames[last].append(frame)
            } else {
                let frames = QueuedFrames(coalescing: frame)
                queuedBytes += frames.cost
                dataFrames.append(frames)
            }
            return
        }
        for buffers in WebSocketFrameWriter.fragments(message, maskKey: maskKey) {
            let frames = QueuedFrames(buffers)
            queuedBytes += frames.cost
            dataFrames.append(frames)
        }
    }

    func sendControl(_ frame: ByteBuffer) {
        guard case .open(let context) = state else { return }
        guard controlFrames.count < Limits.queuedControlFrames else { return }
        controlFrames.append(frame)
        pump(context)
    }

    func ping() {
        sendControl(WebSocketFrameWriter.control(.ping, ByteBuffer(), maskKey: maskKey))
    }

    private func isIdle(_ context: ChannelHandlerContext) -> Bool {
        dataFrames.isEmpty && controlFrames.isEmpty && context.channel.isWritable
    }

    private func pump(_ context: ChannelHandlerContext) {
        while context.channel.isWritable {
            if let frame = controlFrames.popFirst() {
                context.write(wrapOutboundOut(frame), promise: nil)
            } else if let frames = dataFrames.popFirst() {
                queuedBytes -= frames.cost
                for buffer in frames.buffers { context.write(wrapOutboundOut(buffer), promise: nil) }
            } else {
                break
            }
            markDirty()
        }
        allowedBytes = min(allowedBytes, queuedBytes)
        if wasCongested, !isCongested {
            wasCongested = false
            delegate?.webSocketDidDrain(self)
        }
        if isSelfPaused, queuedBytes <= min(Limits.congestionBytes, queueLimit.selfPauseBytes) { resumeSelf(context) }
    }

    private func resumeSelf(_ context: ChannelHandlerContext) {
        isSelfPaused = false
        resumeReading()
        context.eventLoop.assumeIsolated().execute { self.readFrames() }
    }

    private func markDirty() {
        guard !isFlushPending else { return }
        isFlushPending = true
        flusher.mark(self)
    }

    package func flushNow() {
        isFlushPending = false
        guard let context else { return }
        context.flush()
        noteWritability(context)
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        noteWritability(context)
        if context.channel.isWritable, case .open = state {
            pump(context)
            account()
        }
        context.fireChannelWritabilityChanged()
    }

    /// Tells the shared budget what this socket holds now.
    private func account() {
        let inbound = parser.bufferedBytes + unread.readableBytes + (heldMessage?.byteCount ?? 0)
        let bytes = isOpen ? inbound + queuedBytes : 0
        guard bytes != accountedBytes else { return }
        let isWithin = budget.change(from: accountedBytes, to: bytes)
        accountedBytes = bytes
        guard !isWithin else { return }
        if let relief = budget.onExceeded {
            relief()
        } else {
            drop(reason: "all sockets together hold more than \(budget.limitBytes) bytes")
        }
    }

    private func noteWritability(_ context: ChannelHandlerContext) {
        blockedSince = context.channel.isWritable ? nil : blockedSince ?? context.eventLoop.now
    }

    // MARK: Back-pressure and keep-alive

    /// Stops reading from the peer until as many `resumeReading` calls have been made.
    func pauseReading() {
        pauses += 1
        if pauses == 1 { setAutoRead(false) }
    }

    func resumeReading() {
        precondition(pauses > 0, "resumeReading without pauseReading")
        pauses -= 1
        if pauses == 0 { setAutoRead(true) }
    }

    /// Handles no further message of the peer's until `releaseFrames`.
    package func holdFrames() {
        isHeld = true
    }

    private func hold(_ message: WebSocketFrameParser.Event) {
        heldMessage = message
        pauseReading()
    }

    /// Not to be called while a message is being handled.
    package func releaseFrames() {
        guard isHeld else { return }
        isHeld = false
        if let message = heldMessage {
            heldMessage = nil
            resumeReading()
            handle(message)
        }
        readFrames()
    }

    private func setAutoRead(_ value: Bool) {
        guard case .open(let context) = state else { return }
        context.channel.setOption(.autoRead, value: value).whenFailure { _ in }
    }

    /// Called every few seconds for every connection: drops dead and stuck peers, pings silent ones.
    package func sweep(now: NIODeadline) {
        guard case .open = state else { return }
        if let blockedSince, now - blockedSince > .seconds(Limits.stuckSeconds) {
            drop(reason: "the peer has read nothing for \(Limits.stuckSeconds) s")
        } else if pauses == 0, now - lastInbound > .seconds(Limits.silenceSeconds) {
            drop(reason: "the peer has been silent for \(Limits.silenceSeconds) s")
        } else if now - lastInbound > .seconds(Limits.pingSeconds), now - lastPing > .seconds(Limits.pingSeconds) {
            lastPing = now
            ping()
        }
    }

    // MARK: Closing

    /// Whether a message of so many bytes still fits behind what is queued.
    func hasRoom(for bytes: Int) -> Bool {
        queuedBytes == 0 || queuedBytes + bytes <= queueLimit.bytes - Limits.answerReserveBytes
    }

    /// Closes TCP without a close frame, as every SDK expects for "reconnect" (protocol.md §5.4).
    package func drop(reason: String) {
        guard let context else { return }
        wasDropped = isOpen
        didClose(reason: reason)
        context.close(promise: nil)
    }

    /// Sends a close frame with a code on which SDKs reconnect (1011, 1012), then closes.
    package func close(code: UInt16, reason: String) {
        finish(with: WebSocketFrameWriter.close(code: code, reason: reason, maskKey: maskKey), reason: reason)
    }

    private func finish(with frame: ByteBuffer, reason: String, grace: TimeAmount = Limits.closeGrace) {
        guard case .open(let context) = state else { return }
        state = .closing(context)
        discardQueue()
        // Queued data can't be sent after a close frame; a peer that reads is given the frame, one that doesn't isn't
        // waited for.
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(frame), promise: promise)
        context.eventLoop.assumeIsolated().scheduleTask(in: grace) {
            if case .closed = self.state { return }
            context.close(promise: nil)
        }
        notifyClosed(reason: reason)
    }

    private func didClose(reason: String) {
        if case .closed = state { return }
        state = .closed
        discardQueue()
        notifyClosed(reason: reason)
    }

    private func discardQueue() {
        dataFrames.removeAll()
        controlFrames.removeAll()
        queuedBytes = 0
        account()
    }

    private func notifyClosed(reason: String) {
        let receiver = delegate
        delegate = nil
        receiver?.webSocketDidClose(self, reason: reason)
    }

    private var context: ChannelHandlerContext? {
        switch state {
        case .open(let context), .closing(let context): context
        case .waiting, .closed: nil
        }
    }
}
