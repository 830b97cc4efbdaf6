import BenchKit
import NIOCore

/// What a simulated worker does with its connection. All calls come on the connection's event loop; what is written
/// to `output` leaves in one flush at the end of the burst.
protocol WorkerRole {
    mutating func opened(output: inout ByteBuffer)
    mutating func received(_ message: UnsafeRawBufferPointer, output: inout ByteBuffer)
    /// The connection is gone; whoever waits for a result must be told.
    mutating func closed(_ error: any Error)
    /// True when the role has done its work: the connection is closed.
    var isFinished: Bool { get }
}

/// The upgrade, the frames and the flushes of one simulated worker.
final class WorkerHandler<Role: WorkerRole>: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var role: Role
    private let target: String
    private let port: Int
    private var isUpgraded = false
    private var unparsed = ByteBuffer()
    private var fragments: [UInt8] = []
    private var output = ByteBuffer()

    init(role: Role, target: String, port: Int) {
        self.role = role
        self.target = target
        self.port = port
    }

    func channelActive(context: ChannelHandlerContext) {
        output.writeString(Wire.upgradeRequest(target: target, port: port))
        flush(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var incoming = unwrapInboundIn(data)
        if unparsed.readableBytes == 0 { unparsed = incoming } else { unparsed.writeBuffer(&incoming) }
        do {
            if !isUpgraded { try readUpgradeResponse() }
            if isUpgraded { try readFrames() }
        } catch {
            role.closed(error)
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush(context)
        if role.isFinished { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        role.closed(BenchError("the server closed the connection of a simulated worker"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        role.closed(error)
        context.close(promise: nil)
    }

    private func flush(_ context: ChannelHandlerContext) {
        guard output.readableBytes > 0 else { return }
        let burst = output
        output = context.channel.allocator.buffer(capacity: max(512, burst.readableBytes))
        context.writeAndFlush(wrapOutboundOut(burst), promise: nil)
    }

    private func readUpgradeResponse() throws {
        let head = unparsed.readableBytesView
        guard let end = head.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
        let text = String(decoding: head[..<end.lowerBound], as: UTF8.self)
        guard text.hasPrefix("HTTP/1.1 101") else { throw BenchError("upgrade refused: \(text)") }
        unparsed.moveReaderIndex(to: end.upperBound)
        isUpgraded = true
        role.opened(output: &output)
    }

    private func readFrames() throws {
        var consumed = 0
        try unparsed.withUnsafeReadableBytes { bytes in
            while let frame = ServerFrame(bytes, at: consumed) {
                let payload = UnsafeRawBufferPointer(rebasing: bytes[frame.payload])
                try receive(frame, payload)
                consumed = frame.payload.upperBound
            }
        }
        unparsed.moveReaderIndex(forwardBy: consumed)
    }

    private func receive(_ frame: ServerFrame, _ payload: UnsafeRawBufferPointer) throws {
        switch frame.opcode {
        case Wire.Opcode.text where frame.isFinal:
            role.received(payload, output: &output)
        case Wire.Opcode.text, Wire.Opcode.continuation:
            fragments.append(contentsOf: payload)
            guard frame.isFinal else { return }
            fragments.withUnsafeBytes { role.received($0, output: &output) }
            fragments.removeAll(keepingCapacity: true)
        case Wire.Opcode.ping:
            output.writeMaskedFrame(opcode: Wire.Opcode.pong, payloadBytes: payload.count) { $0.writeBytes(payload) }
        case Wire.Opcode.pong:
            return
        default:
            throw BenchError("the server sent a frame of opcode \(frame.opcode)")
        }
    }
}

/// The header of one unmasked frame, when the whole frame is there.
struct ServerFrame {
    let opcode: UInt8
    let isFinal: Bool
    let payload: Range<Int>

    init?(_ bytes: UnsafeRawBufferPointer, at start: Int) {
        guard bytes.count - start >= 2 else { return nil }
        opcode = bytes[start] & 0x0F
        isFinal = bytes[start] & 0x80 != 0
        var length = Int(bytes[start + 1] & 0x7F)
        var header = 2
        if length == 126 {
            header = 4
            guard bytes.count - start >= header else { return nil }
            length = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: start + 2, as: UInt16.self)))
        } else if length == 127 {
            header = 10
            guard bytes.count - start >= header else { return nil }
            length = Int(UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: start + 2, as: UInt64.self)))
        }
        guard bytes.count - start - header >= length else { return nil }
        payload = (start + header)..<(start + header + length)
    }
}
