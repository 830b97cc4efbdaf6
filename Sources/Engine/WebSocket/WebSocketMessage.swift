import NIOCore

/// A text message on its way out. The head has room in front for the frame header, so that a small message is one
/// buffer and one write; a large payload stays the slice it came in as.
struct WebSocketMessage {
    /// Room for the largest header: 2 + 8 + 4 bytes.
    static let headroom = 14
    /// Payloads from here on are written as slices instead of being copied.
    static let sliceThreshold = 16 << 10

    private(set) var segments: [ByteBuffer]
    private(set) var head: ByteBuffer

    /// `head` starts with `headroom` bytes that nobody reads.
    init(head: ByteBuffer, rest: [ByteBuffer] = []) {
        self.head = head
        self.segments = rest
    }

    /// A message of already finished text.
    init(text: ByteBuffer) {
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

    /// Header bytes, right-aligned in the headroom of `head`, become readable.
    static func frame(_ message: WebSocketMessage, maskKey: UInt32?) -> ByteBuffer {
        precondition(message.segments.isEmpty)
        var buffer = message.head
        let count = buffer.readableBytes
        let header = Header(opcode: .text, isFinal: true, count: count, maskKey: maskKey)
        let start = buffer.readerIndex - header.bytes.count
        buffer.setBytes(header.bytes, at: start)
        buffer.moveReaderIndex(to: start)
        if let maskKey { buffer.mask(at: start + header.bytes.count, key: maskKey) }
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

    static func close(code: UInt16, reason: String, maskKey: UInt32?) -> ByteBuffer {
        var payload = ByteBuffer()
        payload.writeInteger(code)
        payload.writeString(String(reason.prefix(60)))
        return control(.close, payload, maskKey: maskKey)
    }

    private static func buffer(_ header: Header) -> ByteBuffer {
        ByteBuffer(bytes: header.bytes)
    }

    private struct Header {
        let bytes: [UInt8]

        init(opcode: WebSocketFrameParser.Opcode, isFinal: Bool, count: Int, maskKey: UInt32?) {
            let maskBit: UInt8 = maskKey == nil ? 0 : 0x80
            var bytes: [UInt8] = [opcode.rawValue | (isFinal ? 0x80 : 0)]
            bytes.reserveCapacity(WebSocketMessage.headroom)
            switch count {
            case ..<126:
                bytes.append(maskBit | UInt8(count))
            case ..<65536:
                bytes.append(maskBit | 126)
                Self.append(UInt16(count), to: &bytes)
            default:
                bytes.append(maskBit | 127)
                Self.append(UInt64(count), to: &bytes)
            }
            if let maskKey { Self.append(maskKey, to: &bytes) }
            self.bytes = bytes
        }

        private static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        }
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
