import NIOCore

extension ByteBuffer {
    /// Appends a header field's name in lower case, as a JSON string. A token needs no escapes.
    mutating func writeJSON(fieldName name: String) {
        var text = name
        text.withUTF8 { bytes in
            _ = writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count + 2) { output in
                output[0] = UInt8(ascii: "\"")
                for (index, byte) in bytes.enumerated() { output[index + 1] = byte.lowercasedASCII }
                output[bytes.count + 1] = UInt8(ascii: "\"")
                return bytes.count + 2
            }
        }
    }

    /// Appends a JSON text without the white space between its tokens.
    mutating func writeCompacted(_ json: UnsafeRawBufferPointer) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: json.count) { output in
            var position = 0
            var isInString = false
            var isEscaped = false
            for byte in json {
                if isInString {
                    if isEscaped {
                        isEscaped = false
                    } else if byte == UInt8(ascii: "\\") {
                        isEscaped = true
                    } else if byte == UInt8(ascii: "\"") {
                        isInString = false
                    }
                } else if byte <= 0x20 {
                    continue
                } else if byte == UInt8(ascii: "\"") {
                    isInString = true
                }
                output[position] = byte
                position += 1
            }
            return position
        }
    }
}
