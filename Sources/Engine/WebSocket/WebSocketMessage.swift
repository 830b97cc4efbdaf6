import NIOCore

/// A text message on its way out. The head has room in front for the frame header, so that a small message is one
/// buffer and one write; a large payload stays the slice it came in as.
package struct WebSocketMessage {
    /// Room for the largest header: 2 + 8 + 4 bytes.
    static let headroom = 14
    /// Payloads from here on are written as slices instead of being copied.
    static let sliceThreshold = 16 << 10

    fileprivate(set) var head: ByteBuffer
    fileprivate(set) var segments: [ByteBuffer]

    /// `head` starts with `headroom` bytes that nobody reads.
    init(head: ByteBuffer, rest: [ByteBuffer] = []) {
        self.head = head
        self.segments = rest
    }

    /// A message of already finished text.
    package init(text: ByteBuffer) {
        var head = ByteBuffer()
        head.reserveCapacity(Self.headroom + text.readableBytes)
        head.moveWriterIndex(to: Self.headroom)
        head.moveReaderIndex(to: Self.headroom)
        head.writeImmutableBuffer(text)
        self.init(head: head)
    }

    var byteCount: Int {
        segments.reduce(head.readableBytes) { $0 + $1.readableBytes }
    }
}

enum WebSocketFrameWriter {
    /// Messages above this go out in fragments of `fragmentBytes` (protocol.md §1.1, Better).
    static let fragmentThreshold = 1 << 20
    static let fragmentBytes = 256 << 10

    /// Header bytes, right-aligned in the headroom of `head`, become readable. The message is consumed, so that its
    /// buffer is written in place.
    static func frame(_ message: consuming WebSocketMessage, maskKey: UInt32?) -> ByteBuffer {
        precondition(message.segments.isEmpty)
        var buffer = ByteBuffer()
        swap(&buffer, &message.head)
        let header = Header(opcode: .text, isFinal: true, count: buffer.readableBytes, maskKey: maskKey)
        let start = buffer.readerIndex - header.count
        header.write(to: &buffer, at: start)
        buffer.moveReaderIndex(to: start)
        if let maskKey { buffer.mask(at: start + header.count, key: maskKey) }
        return buffer
    }

    /// Header buffers and payload slices, in order, one inner array per frame.
    static func fragments(_ message: WebSocketMessage, maskKey: UInt32?) -> [[ByteBuffer]] {
        var segments = ([message.head] + message.segments).filter { $0.readableBytes > 0 }[...]
        var remaining = message.byteCount
        let size = remaining > fragmentThreshold ? fragmentBytes : remaining
        var frames: [[ByteBuffer]] = []
        while remaining > 0 {
            let count = min(size, remaining)
            remaining -= count
            let opcode: WebSocketFrameParser.Opcode = frames.isEmpty ? .text : .continuation
            frames.append([buffer(Header(opcode: opcode, isFinal: remaining == 0, count: count, maskKey: maskKey))])
            var phase = 0
            while phase < count, var segment = segments.popFirst() {
                let piece = min(count - phase, segment.readableBytes)
                guard var slice = segment.readSlice(length: piece) else { break }
                if segment.readableBytes > 0 { segments.insert(segment, at: segments.startIndex) }
                if let maskKey {
                    slice.mask(at: slice.readerIndex, key: MaskKey(maskKey).rotated(by: phase).key)
                }
                frames[frames.count - 1].append(slice)
                phase += piece
            }
        }
        return frames
    }

    static func control(_ opcode: WebSocketFrameParser.Opcode, _ payload: ByteBuffer, maskKey: UInt32?) -> ByteBuffer {
        var buffer = buffer(Header(opcode: opcode, isFinal: true, count: payload.readableBytes, maskKey: maskKey))
        let start = buffer.writerIndex
        buffer.writeImmutableBuffer(payload)
        if let maskKey { buffer.mask(at: start, key: maskKey) }
        return buffer
    }

    /// Longest reason: what a control frame holds beside the code.
    static let reasonBytes = 123

    static func close(code: UInt16, reason: String, maskKey: UInt32?) -> ByteBuffer {
        precondition(WebSocketCloseCode.isAllowedOnTheWire(code), "close code \(code) never goes on the wire")
        var payload = ByteBuffer()
        payload.writeInteger(code)
        payload.writeSubstring(reason.prefix(utf8Bytes: reasonBytes))
        return control(.close, payload, maskKey: maskKey)
    }

    private static func buffer(_ header: Header) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(header.count)
        buffer.moveWriterIndex(to: header.count)
        header.write(to: &buffer, at: 0)
        return buffer
    }

    /// 2 to 14 bytes, written without a buffer of their own.
    private struct Header {
        let opcode: WebSocketFrameParser.Opcode
        let isFinal: Bool
        let payloadBytes: Int
        let maskKey: UInt32?

        init(opcode: WebSocketFrameParser.Opcode, isFinal: Bool, count: Int, maskKey: UInt32?) {
            self.opcode = opcode
            self.isFinal = isFinal
            self.payloadBytes = count
            self.maskKey = maskKey
        }

        private var lengthBytes: Int {
            switch payloadBytes {
            case ..<126: 0
            case ..<65536: 2
            default: 8
            }
        }

        var count: Int { 2 + lengthBytes + (maskKey == nil ? 0 : 4) }

        func write(to buffer: inout ByteBuffer, at offset: Int) {
            let maskBit: UInt8 = maskKey == nil ? 0 : 0x80
            buffer.setInteger(opcode.rawValue | (isFinal ? 0x80 : 0), at: offset)
            switch lengthBytes {
            case 0:
                buffer.setInteger(maskBit | UInt8(payloadBytes), at: offset + 1)
            case 2:
                buffer.setInteger(maskBit | 126, at: offset + 1)
                buffer.setInteger(UInt16(payloadBytes), at: offset + 2)
            default:
                buffer.setInteger(maskBit | 127, at: offset + 1)
                buffer.setInteger(UInt64(payloadBytes), at: offset + 2)
            }
            if let maskKey { buffer.setInteger(maskKey, at: offset + 2 + lengthBytes) }
        }
    }
}

/// A text message as the frames that go to any number of clients: a server's frames aren't masked, so they are the same
/// bytes for all.
package enum SharedFrames {
    /// One buffer for each frame; a large message is several.
    package static func text(_ text: ByteBuffer) -> [ByteBuffer] {
        let message = WebSocketMessage(text: text)
        guard message.byteCount > WebSocketFrameWriter.fragmentThreshold else {
            return [WebSocketFrameWriter.frame(message, maskKey: nil)]
        }
        return WebSocketFrameWriter.fragments(message, maskKey: nil).map(whole)
    }

    /// A frame's header and payload as one buffer.
    private static func whole(_ parts: [ByteBuffer]) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.reserveCapacity(parts.reduce(0) { $0 + $1.readableBytes })
        for part in parts { frame.writeImmutableBuffer(part) }
        return frame
    }
}

extension String {
    /// The longest beginning of at most `limit` bytes that ends between two scalars.
    fileprivate func prefix(utf8Bytes limit: Int) -> Substring {
        guard var end = utf8.index(startIndex, offsetBy: limit, limitedBy: endIndex) else { return self[...] }
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return self[..<end]
    }
}

extension ByteBuffer {
    /// Masks everything from `offset` to the end in place.
    fileprivate mutating func mask(at offset: Int, key: UInt32) {
        let pattern = MaskKey(key).pattern
        let count = writerIndex - offset
        guard count > 0 else { return }
        let relative = offset - readerIndex
        withUnsafeMutableReadableBytes { bytes in
            let part = UnsafeMutableRawBufferPointer(rebasing: bytes[relative...])
            xor(UnsafeRawBufferPointer(part), into: part, count: count, pattern: pattern)
        }
    }
}
