import NIOCore

/// The reading half of RFC 6455 as a pure state machine: bytes in, messages and control frames out.
///
/// Payload bytes are unmasked while they are copied out of the read buffer, so that a message is one buffer of its
/// own and a forwarded payload is a slice of it. Memory grows with what has arrived, never with what a header claims.
struct WebSocketFrameParser {
    struct Limits {
        /// Largest single frame, bytes (protocol.md §1.1).
        var frameBytes = 16 << 20
        /// Largest reassembled message, bytes.
        var messageBytes = 64 << 20
    }

    enum Role {
        /// Reads a client's frames, which must be masked.
        case server
        /// Reads a server's frames, which must not be.
        case client
    }

    enum Event: Equatable {
        case text(ByteBuffer)
        case binary(ByteBuffer)
        case ping(ByteBuffer)
        case pong
        case close(code: UInt16?)

        /// Text or binary, as opposed to a control frame.
        var isMessage: Bool { byteCount != nil }

        /// Of a message.
        var byteCount: Int? {
            switch self {
            case .text(let message), .binary(let message): message.readableBytes
            case .ping, .pong, .close: nil
            }
        }
    }

    /// Why the stream can't be read any further.
    struct Violation: Error, Equatable, CustomStringConvertible {
        let description: String
        /// The close code that names it.
        var code = WebSocketCloseCode.protocolError
    }

    private let role: Role
    private let limits: Limits
    private var header = HeaderBytes()
    private var frame: Frame?
    /// Opcode of the message that fragments belong to.
    private var messageOpcode: Opcode?
    private var message = ByteBuffer()
    private var control = ByteBuffer()

    init(role: Role, limits: Limits = Limits()) {
        self.role = role
        self.limits = limits
    }

    /// Payload bytes of a message that isn't complete yet.
    var bufferedBytes: Int { message.readableBytes }

    /// Takes bytes until one event is complete. Returns nil when `input` is used up.
    mutating func next(_ input: inout ByteBuffer) throws(Violation) -> Event? {
        while true {
            if frame == nil {
                guard let parsed = try readHeader(&input) else { return nil }
                frame = try admit(parsed)
            }
            readPayload(&input)
            guard let current = frame, current.remaining == 0 else { return nil }
            frame = nil
            if let event = try finish(current) { return event }
        }
    }

    // MARK: Header

    private mutating func readHeader(_ input: inout ByteBuffer) throws(Violation) -> Frame? {
        while header.count < header.needed {
            guard let byte: UInt8 = input.readInteger() else { return nil }
            header.append(byte)
        }
        defer { header = HeaderBytes() }
        return try header.parse()
    }

    private func admit(_ frame: Frame) throws(Violation) -> Frame {
        switch (role, frame.isMasked) {
        case (.server, false): throw Violation(description: "client frame is not masked")
        case (.client, true): throw Violation(description: "server frame is masked")
        default: break
        }
        if frame.opcode.isControl {
            guard frame.isFinal else { throw Violation(description: "control frame is fragmented") }
            guard frame.remaining <= 125 else {
                throw Violation(description: "control frame of \(frame.remaining) bytes, maximum is 125")
            }
            return frame
        }
        switch (frame.opcode, messageOpcode) {
        case (.continuation, nil): throw Violation(description: "continuation frame without a message")
        case (.text, .some), (.binary, .some): throw Violation(description: "new message inside a fragmented one")
        default: break
        }
        guard frame.remaining <= limits.frameBytes else {
            throw Violation(
                description: "frame of \(frame.remaining) bytes exceeds the limit of \(limits.frameBytes)",
                code: WebSocketCloseCode.messageTooBig
            )
        }
        guard message.readableBytes + frame.remaining <= limits.messageBytes else {
            throw Violation(
                description: "message of more than \(limits.messageBytes) bytes; use channels for larger payloads",
                code: WebSocketCloseCode.messageTooBig
            )
        }
        return frame
    }

    // MARK: Payload

    private mutating func readPayload(_ input: inout ByteBuffer) {
        guard var current = frame else { return }
        let count = min(current.remaining, input.readableBytes)
        guard count > 0 else { return }
        if current.opcode.isControl {
            control.appendUnmasking(&input, count: count, mask: current.mask)
        } else {
            message.appendUnmasking(&input, count: count, mask: current.mask)
        }
        current.mask = current.mask.rotated(by: count)
        current.remaining -= count
        frame = current
    }

    private mutating func finish(_ frame: Frame) throws(Violation) -> Event? {
        switch frame.opcode {
        case .ping:
            return .ping(take(&control))
        case .pong:
            control.clear()
            return .pong
        case .close:
            return .close(code: try WebSocketCloseCode.read(take(&control)))
        case .text, .binary, .continuation:
            let opcode = messageOpcode ?? frame.opcode
            guard frame.isFinal else {
                messageOpcode = opcode
                return nil
            }
            messageOpcode = nil
            let whole = take(&message)
            return opcode == .binary ? .binary(whole) : .text(whole)
        }
    }

    private func take(_ buffer: inout ByteBuffer) -> ByteBuffer {
        defer { buffer = ByteBuffer() }
        return buffer
    }
}

extension WebSocketFrameParser {
    enum Opcode: UInt8 {
        case continuation = 0
        case text = 1
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10

        var isControl: Bool { rawValue >= 8 }
    }

    fileprivate struct Frame {
        var opcode: Opcode
        var isFinal: Bool
        var isMasked: Bool
        var mask: MaskKey
        var remaining: Int
    }

    /// The 2 to 14 bytes before a payload, gathered across reads.
    fileprivate struct HeaderBytes {
        private var bytes: (UInt64, UInt64) = (0, 0)
        private(set) var count = 0
        private(set) var needed = 2

        mutating func append(_ byte: UInt8) {
            withUnsafeMutableBytes(of: &bytes) { $0[count] = byte }
            count += 1
            if count == 2 {
                let lengthBytes =
                    switch byte & 0x7F {
                    case 126: 2
                    case 127: 8
                    default: 0
                    }
                needed = 2 + lengthBytes + (byte & 0x80 == 0 ? 0 : 4)
            }
        }

        func parse() throws(Violation) -> Frame {
            let (first, second) = (self[0], self[1])
            guard first & 0x70 == 0 else { throw Violation(description: "reserved bits are set") }
            guard let opcode = Opcode(rawValue: first & 0x0F) else {
                throw Violation(description: "unknown opcode \(first & 0x0F)")
            }
            let isMasked = second & 0x80 != 0
            let lengthBytes = needed - 2 - (isMasked ? 4 : 0)
            let length = lengthBytes == 0 ? UInt64(second & 0x7F) : integer(at: 2, bytes: lengthBytes)
            guard length <= UInt64(Int32.max) else {
                throw Violation(
                    description: "frame of \(length) bytes exceeds every limit",
                    code: WebSocketCloseCode.messageTooBig
                )
            }
            return Frame(
                opcode: opcode,
                isFinal: first & 0x80 != 0,
                isMasked: isMasked,
                mask: MaskKey(isMasked ? UInt32(truncatingIfNeeded: integer(at: 2 + lengthBytes, bytes: 4)) : 0),
                remaining: Int(length)
            )
        }

        private subscript(index: Int) -> UInt8 {
            withUnsafeBytes(of: bytes) { $0[index] }
        }

        private func integer(at offset: Int, bytes count: Int) -> UInt64 {
            (0..<count).reduce(0) { $0 << 8 | UInt64(self[offset + $1]) }
        }
    }
}

/// The four mask bytes, first one in the most significant place.
struct MaskKey {
    let key: UInt32

    init(_ key: UInt32) {
        self.key = key
    }

    /// The key as it applies after `count` more bytes.
    func rotated(by count: Int) -> MaskKey {
        let bits = UInt32(count & 3) * 8
        return bits == 0 ? self : MaskKey(key << bits | key >> (32 - bits))
    }

    /// Eight mask bytes in memory order.
    var pattern: UInt64 {
        let half = UInt64(key.bigEndian)
        return half | half << 32
    }
}

extension ByteBuffer {
    /// Moves `count` bytes from `source`, XORed with the mask, growing geometrically.
    mutating func appendUnmasking(_ source: inout ByteBuffer, count: Int, mask: MaskKey) {
        let pattern = mask.pattern
        reserveCapacity(minimumWritableBytes: count)
        writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            source.readWithUnsafeReadableBytes { bytes in
                xor(bytes, into: target, count: count, pattern: pattern)
                return count
            }
            return count
        }
    }
}

/// XORs `count` bytes with an eight-byte pattern; also used to mask what a client sends.
func xor(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, count: Int, pattern: UInt64) {
    guard let from = source.baseAddress, let to = target.baseAddress, count > 0 else { return }
    precondition(count <= source.count && count <= target.count)
    let wide = SIMD4<UInt64>(repeating: pattern)
    var offset = 0
    while offset + 32 <= count {
        let block = from.loadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
        to.storeBytes(of: block ^ wide, toByteOffset: offset, as: SIMD4<UInt64>.self)
        offset += 32
    }
    while offset + 8 <= count {
        let word = from.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        to.storeBytes(of: word ^ pattern, toByteOffset: offset, as: UInt64.self)
        offset += 8
    }
    while offset < count {
        let byte = from.load(fromByteOffset: offset, as: UInt8.self)
        let shift = UInt64(offset & 7) * 8
        to.storeBytes(of: byte ^ UInt8(truncatingIfNeeded: pattern >> shift), toByteOffset: offset, as: UInt8.self)
        offset += 1
    }
}
