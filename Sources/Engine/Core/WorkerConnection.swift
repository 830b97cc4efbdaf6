import Logging
import NIOCore

/// One worker's socket and everything the engine remembers about it (protocol.md §12). The row exists from accept to
/// the end of clean-up.
public final class WorkerConnection {
    /// What `engine::workers::register` reported.
    public struct Info {
        public var name: String?
        public var description: String?
        public var version: String?
        public var runtime: String?
        public var os: String?
        public var pid: UInt32?
        public var isolation: String?
        public var telemetry: RawJSON?
    }

    public let id: UUID
    /// Unix time, milliseconds.
    public let connectedAtMilliseconds: Int64
    /// Peer IP, without port.
    public let ipAddress: String?
    public internal(set) var info = Info()

    let reattachToken: UUID
    let logger: Logger
    let socket: WebSocketHandler
    private unowned let engine: Engine
    private(set) var isClosed = false

    var functions: Set<Name> = []
    var triggers: Set<Name> = []

    /// Calls sent to this worker that it hasn't answered, by the id they were sent under.
    var executing: [UUID: PendingCall] = [:]
    /// Calls this worker made to other workers: executor by the id used there.
    var calling: [CallKey: WorkerConnection] = [:]
    /// Calls of this worker that run in the engine, e.g. waiting for the disk.
    private(set) var inProcessCalls = 0
    private var inProcessBytes = 0
    private var isPausedForInProcessCalls = false

    /// Producers that wait until this worker reads again.
    private var waitingProducers: [WorkerConnection] = []
    private var isWaiting = false

    private var undecodableFrames = 0

    init(engine: Engine, socket: WebSocketHandler, ipAddress: String?) {
        self.engine = engine
        self.socket = socket
        self.ipAddress = ipAddress
        id = engine.makeUUID()
        reattachToken = engine.makeUUID()
        connectedAtMilliseconds = engine.nowMilliseconds
        var logger = engine.logger
        logger[metadataKey: "worker.id"] = "\(id)"
        self.logger = logger
    }

    /// Name if the worker has one, else its id: for messages.
    var displayName: String { info.name ?? id.description }

    public var functionCount: Int { functions.count }

    /// In-flight calls that this connection takes part in, as caller or executor.
    public var activeInvocations: Int { executing.count + calling.count + inProcessCalls }

    func send(_ message: consuming WebSocketMessage) {
        socket.send(message)
    }

    // MARK: Back-pressure

    enum Limits {
        /// Calls of one connection that run in the engine at once; beyond, its socket isn't read.
        static let inProcessCalls = 8192
        /// Payload bytes of those calls.
        static let inProcessBytes = 32 << 20
        /// Unanswered calls that one worker may hold, and that one worker may have made.
        static let pendingCalls = 262_144
        /// Longest pause of a producer: well below the 20 s in which Python SDKs expect a Pong.
        static let producerPause = TimeAmount.seconds(8)
    }

    /// Stops reading from this worker until `consumer` has read what is queued for it. A socket that isn't read doesn't
    /// answer pings either, so every `producerPause` one read is let through; the next call to a consumer that is still
    /// behind pauses it again. The consumer drains, or is dropped as stuck.
    func waitForDrain(of consumer: WorkerConnection) {
        guard consumer.socket.isCongested, !isWaiting, !isClosed, consumer !== self else { return }
        isWaiting = true
        socket.pauseReading()
        if consumer.waitingProducers.isEmpty {
            engine.loop.assumeIsolated().scheduleTask(in: Limits.producerPause) { consumer.releaseProducers() }
        }
        consumer.waitingProducers.append(self)
    }

    private func releaseProducers() {
        let producers = waitingProducers
        waitingProducers.removeAll()
        for producer in producers where producer.isWaiting {
            producer.isWaiting = false
            producer.socket.resumeReading()
        }
    }

    func beginInProcessCall(bytes: Int) {
        inProcessCalls += 1
        inProcessBytes += bytes
        let isFull = inProcessCalls >= Limits.inProcessCalls || inProcessBytes >= Limits.inProcessBytes
        if isFull, !isPausedForInProcessCalls {
            isPausedForInProcessCalls = true
            socket.pauseReading()
        }
    }

    func endInProcessCall(bytes: Int) {
        inProcessCalls -= 1
        inProcessBytes -= bytes
        let hasRoom = inProcessCalls < Limits.inProcessCalls / 2 && inProcessBytes < Limits.inProcessBytes / 2
        if isPausedForInProcessCalls, hasRoom {
            isPausedForInProcessCalls = false
            socket.resumeReading()
        }
    }
}

/// Names a call on the side of its caller: the id alone could be in use at two executors.
struct CallKey: Hashable {
    let executor: UUID
    let invocationID: UUID
}

extension WorkerConnection: WebSocketDelegate {
    package func webSocket(_ socket: WebSocketHandler, didReceiveText text: ByteBuffer) {
        guard !isClosed, !text.isBlank else { return }
        decode(text)
    }

    package func webSocket(_ socket: WebSocketHandler, didReceiveBinary data: ByteBuffer) {
        guard !isClosed else { return }
        // Telemetry is consumed whatever it holds (protocol.md §3).
        if TelemetryFrame(data) == nil { decode(data) }
    }

    package func webSocketDidDrain(_ socket: WebSocketHandler) {
        releaseProducers()
    }

    package func webSocketDidClose(_ socket: WebSocketHandler, reason: String) {
        close(reason: reason)
    }

    private func decode(_ text: ByteBuffer) {
        do throws(UndecodableFrame) {
            engine.handle(try WorkerMessage.decode(text), from: self)
        } catch {
            undecodableFrames += 1
            // A worker that sends nothing but rubbish must not fill the disk with log lines.
            if undecodableFrames <= 10 || undecodableFrames.isMultiple(of: 1000) {
                logger.warning(
                    "frame dropped: could not be decoded",
                    metadata: ["reason": "\(error.reason)", "frame.bytes": "\(text.readableBytes)"]
                )
            }
            switch error.subject {
            case .call(let id, let functionID):
                engine.answer(.failure(error.error), id: id, functionID: functionID, trace: .none, to: self)
            case .result(let id):
                engine.complete(.init(invocationID: id, outcome: .failure(error.error)), from: self)
            case .other:
                break
            }
        }
    }

    /// Runs the clean-up exactly once.
    func close(reason: String) {
        guard !isClosed else { return }
        isClosed = true
        releaseProducers()
        engine.cleanUp(self, reason: reason)
    }
}

/// The prefixed binary frames of SDK telemetry (protocol.md §3).
enum TelemetryFrame {
    case traces, metrics, logs

    init?(_ data: ByteBuffer) {
        switch data.getString(at: data.readerIndex, length: 4) {
        case "OTLP": self = .traces
        case "MTRC": self = .metrics
        case "LOGS": self = .logs
        default: return nil
        }
    }
}

extension ByteBuffer {
    var isBlank: Bool {
        withUnsafeReadableBytes { bytes in
            guard let first = bytes.first else { return true }
            if first > 0x20 { return false }
            return bytes.allSatisfy { $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0D) }
        }
    }
}
