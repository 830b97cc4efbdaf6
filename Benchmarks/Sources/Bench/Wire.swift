import NIOCore

/// A client's side of RFC 6455, only as much as a load generator needs: fixed mask key, no extensions.
enum Wire {
    /// Client frames must be masked; a fixed key that isn't zero makes the server unmask for real.
    /// Twice the key, as a little-endian word.
    static let maskWord: UInt64 = 0x117E_3C5A_117E_3C5A
    /// Python SDK 0.25 cuts messages above 16 MiB into fragments of this size (protocol.md §1.1); so does the
    /// payload figure with its 16 MiB payload, whose envelope is just above.
    static let fragmentBytes = 1024 * 1024
    /// Messages up to this size go out as one frame.
    static let largestSingleFrameBytes = 16 * 1024 * 1024

    enum Opcode {
        static let continuation: UInt8 = 0
        static let text: UInt8 = 1
        static let close: UInt8 = 8
        static let ping: UInt8 = 9
        static let pong: UInt8 = 10
    }

    static func maskByte(at payloadIndex: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: maskWord >> UInt64((payloadIndex & 3) * 8))
    }

    /// The upgrade request for `target` (path and query).
    static func upgradeRequest(target: String, port: Int) -> String {
        "GET \(target) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    }
}

extension ByteBuffer {
    /// Appends one masked client frame around what `payload` writes.
    mutating func writeMaskedFrame(
        opcode: UInt8 = Wire.Opcode.text,
        isFinal: Bool = true,
        payloadBytes: Int,
        _ payload: (inout ByteBuffer) -> Void
    ) {
        writeInteger((isFinal ? 0x80 : 0) | opcode)
        switch payloadBytes {
        case ..<126: writeInteger(0x80 | UInt8(payloadBytes))
        case ..<65_536:
            writeInteger(UInt8(0x80 | 126))
            writeInteger(UInt16(payloadBytes))
        default:
            writeInteger(UInt8(0x80 | 127))
            writeInteger(UInt64(payloadBytes))
        }
        writeInteger(UInt32(truncatingIfNeeded: Wire.maskWord), endianness: .little)
        let start = writerIndex
        payload(&self)
        precondition(writerIndex - start == payloadBytes, "a frame's payload must have the length its header says")
        mask(from: start)
    }

    /// Appends a whole text message, fragmented as the Python SDK does when it is large.
    mutating func writeMaskedMessage(_ text: [UInt8]) {
        guard text.count > Wire.largestSingleFrameBytes else {
            writeMaskedFrame(payloadBytes: text.count) { $0.writeBytes(text) }
            return
        }
        var start = 0
        while start < text.count {
            var end = min(start + Wire.fragmentBytes, text.count)
            // Fragments end on a character's edge, as the SDK's do.
            while end < text.count, text[end] & 0xC0 == 0x80 { end -= 1 }
            let slice = text[start..<end]
            writeMaskedFrame(
                opcode: start == 0 ? Wire.Opcode.text : Wire.Opcode.continuation,
                isFinal: end == text.count,
                payloadBytes: slice.count
            ) { $0.writeBytes(slice) }
            start = end
        }
    }

    mutating func writeMaskedMessage(_ text: String) {
        writeMaskedMessage(Array(text.utf8))
    }

    private mutating func mask(from start: Int) {
        let offset = start - readerIndex
        withUnsafeMutableReadableBytes { bytes in
            var index = offset
            while index + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ Wire.maskWord
                bytes.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
                index += 8
            }
            let tail = index
            while index < bytes.count {
                bytes[index] ^= Wire.maskByte(at: index - tail)
                index += 1
            }
        }
    }
}
