import NIOCore
import Testing

@testable import Engine

/// What the writer makes, the parser of the other side reads.
struct WebSocketFrameWriterTests {
    private func text(_ count: Int) -> ByteBuffer {
        ByteBuffer(bytes: (0..<count).map { UInt8(ascii: "a") + UInt8($0 % 26) })
    }

    private func flatten(_ frames: [[ByteBuffer]]) -> [UInt8] {
        frames.flatMap { $0.flatMap { Array($0.readableBytesView) } }
    }

    @Test(arguments: [0, 1, 125, 126, 65_535, 65_536, 1 << 20], [nil, 0x0102_0304] as [UInt32?])
    func singleFrames(count: Int, maskKey: UInt32?) {
        let frame = WebSocketFrameWriter.frame(WebSocketMessage(text: text(count)), maskKey: maskKey)
        let result = WebSocketFrameParserTests.parse(
            Array(frame.readableBytesView),
            role: maskKey == nil ? .client : .server
        )
        #expect(result.violation == nil)
        #expect(result.events == [.text(text(count))])
    }

    /// Large messages leave as fragments that every SDK reassembles (protocol.md §1.1, Better).
    @Test(arguments: [(1 << 20) + 1, 3 << 20], [nil, 0xA1B2_C3D4] as [UInt32?])
    func largeMessagesAreFragmented(count: Int, maskKey: UInt32?) {
        let frames = WebSocketFrameWriter.fragments(WebSocketMessage(text: text(count)), maskKey: maskKey)
        #expect(frames.count == (count + WebSocketFrameWriter.fragmentBytes - 1) / WebSocketFrameWriter.fragmentBytes)
        for frame in frames {
            let payload = frame.dropFirst().reduce(0) { $0 + $1.readableBytes }
            #expect(payload <= WebSocketFrameWriter.fragmentBytes)
        }
        let result = WebSocketFrameParserTests.parse(flatten(frames), role: maskKey == nil ? .client : .server)
        #expect(result.violation == nil)
        #expect(result.events == [.text(text(count))])
    }

    /// Slices of every size come out joined, with and without masking.
    @Test(arguments: [[0, 1], [10, 20_000, 5], [1, 1 << 20, 300_000, 2]], [nil, 0x0BAD_F00D] as [UInt32?])
    func slicesAreJoined(sizes: [Int], maskKey: UInt32?) {
        var head = WebSocketMessage(text: text(sizes[0])).head
        head.moveReaderIndex(to: WebSocketMessage.headroom)
        let message = WebSocketMessage(head: head, rest: sizes.dropFirst().map { text($0) })
        let frames = WebSocketFrameWriter.fragments(message, maskKey: maskKey)
        let result = WebSocketFrameParserTests.parse(flatten(frames), role: maskKey == nil ? .client : .server)
        let expected = sizes.flatMap { Array(text($0).readableBytesView) }
        #expect(result.violation == nil)
        #expect(result.events == [.text(ByteBuffer(bytes: expected))])
    }

    /// The reason is cut to what a control frame holds, between two scalars: 60 characters were too many bytes.
    @Test(arguments: ["x", "é", "€", "👍🏽", "👩‍👩‍👧‍👦"])
    func closeFramesCarryCodeAndReason(_ text: String) {
        let frame = WebSocketFrameWriter.close(code: 1012, reason: String(repeating: text, count: 500), maskKey: nil)
        #expect(frame.readableBytes > 120 && frame.readableBytes <= 127)
        let result = WebSocketFrameParserTests.parse(Array(frame.readableBytesView), role: .client)
        #expect(result.violation == nil)
        #expect(result.events == [.close(code: 1012)])
    }
}
