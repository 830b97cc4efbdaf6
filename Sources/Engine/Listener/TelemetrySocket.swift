import NIOCore

/// A socket on `/otel`: consumes telemetry frames; not a worker (protocol.md §1, §3).
final class TelemetrySocket: WebSocketDelegate {
    private unowned let engine: Engine

    init(engine: Engine) {
        self.engine = engine
    }

    package func webSocket(_ socket: WebSocketHandler, didReceiveText text: ByteBuffer) {}

    package func webSocket(_ socket: WebSocketHandler, didReceiveBinary data: ByteBuffer) {
        guard TelemetryFrame(data) == nil else { return }
        engine.logger.warning("telemetry frame dropped: unknown prefix", metadata: ["bytes": "\(data.readableBytes)"])
    }

    package func webSocketDidDrain(_ socket: WebSocketHandler) {}

    package func webSocketDidClose(_ socket: WebSocketHandler, reason: String) {
        engine.telemetrySockets[ObjectIdentifier(socket)] = nil
    }
}

extension Engine {
    func acceptTelemetry(_ socket: WebSocketHandler) {
        guard socket.isOpen else { return }
        let receiver = TelemetrySocket(engine: self)
        telemetrySockets[ObjectIdentifier(socket)] = (socket, receiver)
        socket.delegate = receiver
    }
}
