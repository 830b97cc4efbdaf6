import NIOCore

extension ByteBuffer {
    /// Appends a JSON string with the given content.
    mutating func writeJSON(string: String) {
        var text = string
        text.withUTF8 { writeJSON(utf8: UnsafeRawBufferPointer($0), lowercased: false) }
    }

    /// Appends a JSON string whose ASCII letters are lower case.
    mutating func writeJSON(lowercased string: String) {
        var text = string
        text.withUTF8 { writeJSON(utf8: UnsafeRawBufferPointer($0), lowercased: true) }
    }

    private mutating func writeJSON(utf8 bytes: UnsafeRawBufferPointer, lowercased: Bool) {
        let escapes = bytes.reduce(0) { $0 + escapeBytes($1) }
        writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count + escapes + 2) { output in
            var position = 0
            func put(_ byte: UInt8) {
                output[position] = byte
                position += 1
            }
            put(UInt8(ascii: "\""))
            for byte in bytes {
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                    put(UInt8(ascii: "\\"))
                    put(byte)
                case ..<0x20:
                    for escape in "\\u00".utf8 { put(escape) }
                    put(hexDigit(byte >> 4))
                    put(hexDigit(byte & 15))
                case UInt8(ascii: "A")...UInt8(ascii: "Z") where lowercased:
                    put(byte | 0x20)
                default:
                    put(byte)
                }
            }
            put(UInt8(ascii: "\""))
            return position
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

/// Bytes that an escape adds: one for a quote or backslash, five for `\u00XX`.
private func escapeBytes(_ byte: UInt8) -> Int {
    if byte < 0x20 { return 5 }
    return byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") ? 1 : 0
}

private func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}
