import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

// The peer of the invocation figures: copies each WebSocket frame of the caller to the executor and back, looking at
// nothing in it. It is NIO's own server stack on one event loop, so the ratio is what the engine's work costs.
//   relay PORT      the query of the upgrade request names the end: /?role=caller or /?role=executor

/// Largest frame the relay takes, as the engine's listener (protocol.md §1.1).
let maximumFrameBytes = 16 * 1024 * 1024

/// The two ends. Touched on the one event loop only.
final class Ends {
    var caller: ChannelHandlerContext?
    var executor: ChannelHandlerContext?
}

final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let ends: Ends
    private let isCaller: Bool
    private var mustFlushOther = false

    init(ends: Ends, isCaller: Bool) {
        self.ends = ends
        self.isCaller = isCaller
    }

    private var other: ChannelHandlerContext? { isCaller ? ends.executor : ends.caller }

    func handlerAdded(context: ChannelHandlerContext) {
        if isCaller { ends.caller = context } else { ends.executor = context }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        if isCaller, ends.caller === context { ends.caller = nil }
        if !isCaller, ends.executor === context { ends.executor = nil }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .connectionClose:
            context.close(promise: nil)
        case .ping:
            let pong = WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)
            context.writeAndFlush(wrapOutboundOut(pong), promise: nil)
        case .pong:
            break
        default:
            guard let other else { return }
            let copy = WebSocketFrame(fin: frame.fin, opcode: frame.opcode, data: frame.unmaskedData)
            other.write(wrapOutboundOut(copy), promise: nil)
            mustFlushOther = true
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard mustFlushOther else { return }
        mustFlushOther = false
        other?.flush()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
    print("usage: relay PORT")
    exit(2)
}
let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
let ends = NIOLoopBoundBox.makeBoxSendingValue(Ends(), eventLoop: group.next())
let listener = try await ServerBootstrap(group: group)
    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
    .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
    .childChannelInitializer { channel in
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: maximumFrameBytes,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    let handler = RelayHandler(ends: ends.value, isCaller: head.uri.contains("role=caller"))
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
        )
        return channel.pipeline.configureHTTPServerPipeline(
            withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in })
        )
    }
    .bind(host: "127.0.0.1", port: port)
    .get()
try await listener.closeFuture.get()
