import NIOCore

#if canImport(Glibc)
    import Glibc
#endif

/// Writes one engine → worker frame. Payload bytes are spliced in; large ones stay the slices they came in as.
struct MessageWriter {
    private var buffer: ByteBuffer
    private var head: ByteBuffer?
    private var rest: [ByteBuffer] = []

    /// Begins `{"type":"<type>"`. `payloadBytes` sizes the buffer.
    init(type: StaticString, payloadBytes: Int = 0) {
        let copied = payloadBytes < WebSocketMessage.sliceThreshold ? payloadBytes : 0
        buffer = ByteBuffer()
        buffer.reserveCapacity(WebSocketMessage.headroom + 320 + copied)
        buffer.moveWriterIndex(to: WebSocketMessage.headroom)
        buffer.moveReaderIndex(to: WebSocketMessage.headroom)
        buffer.writeStaticString("{\"type\":\"")
        buffer.writeStaticString(type)
        buffer.writeStaticString("\"")
    }

    mutating func string(_ key: StaticString, _ value: String) {
        self.key(key)
        buffer.writeJSONString(value)
    }

    mutating func string(_ key: StaticString, ifPresent value: String?) {
        if let value { string(key, value) }
    }

    mutating func uuid(_ key: StaticString, _ value: UUID) {
        self.key(key)
        buffer.writeUUID(value)
    }

    mutating func raw(_ key: StaticString, _ value: RawJSON) {
        self.key(key)
        splice(value.buffer)
    }

    mutating func raw(_ key: StaticString, ifPresent value: RawJSON?) {
        if let value { raw(key, value) }
    }

    mutating func error(_ key: StaticString, _ error: InvocationError) {
        raw(key, error.body ?? RawJSON(error.json))
    }

    /// The payload of a call. When `caller` is given and the payload is an object, `_caller_worker_id` is set in its
    /// bytes, replacing whatever the client claimed (protocol.md §9.2).
    mutating func data(_ value: RawJSON, caller: UUID?) {
        key("data")
        guard let caller, value.isObject else { return splice(value.buffer) }
        if value.mentionsCallerWorkerID {
            return splice(value.settingCallerWorkerID(caller))
        }
        let body = value.buffer
        let isEmpty = value.isEmptyObject
        // Everything but the closing brace, then our member, last: readers that keep the last duplicate see ours.
        if let open = body.getSlice(at: body.readerIndex, length: body.readableBytes - 1) { splice(open) }
        if !isEmpty { buffer.writeStaticString(",") }
        buffer.writeStaticString("\"_caller_worker_id\":")
        buffer.writeUUID(caller)
        buffer.writeStaticString("}")
    }

    mutating func trace(_ trace: TraceContext) {
        string("traceparent", ifPresent: trace.traceparent)
        string("baggage", ifPresent: trace.baggage)
    }

    consuming func finish() -> WebSocketMessage {
        buffer.writeStaticString("}")
        guard let head else { return WebSocketMessage(head: buffer) }
        rest.append(buffer)
        return WebSocketMessage(head: head, rest: rest)
    }

    private mutating func key(_ key: StaticString) {
        buffer.writeStaticString(",\"")
        buffer.writeStaticString(key)
        buffer.writeStaticString("\":")
    }

    private mutating func splice(_ bytes: ByteBuffer) {
        guard bytes.readableBytes >= WebSocketMessage.sliceThreshold else {
            buffer.writeImmutableBuffer(bytes)
            return
        }
        if head == nil { head = buffer } else { rest.append(buffer) }
        rest.append(bytes)
        buffer = ByteBuffer()
    }
}

extension RawJSON {
    /// Whether the text could hold the reserved key, in any spelling. One fast search; false for nearly every call.
    fileprivate var mentionsCallerWorkerID: Bool {
        buffer.withUnsafeReadableBytes { bytes in
            contains(bytes, "_caller_worker_id") || contains(bytes, "\\u")
        }
    }

    fileprivate func settingCallerWorkerID(_ id: UUID) -> ByteBuffer {
        let value = Array("\"\(id)\"".utf8)
        let bytes = buffer.withUnsafeReadableBytes { bytes in
            JSONSplice.setMember(bytes, key: "_caller_worker_id", value: value)
        }
        return ByteBuffer(bytes: bytes)
    }

    fileprivate var isEmptyObject: Bool {
        buffer.withUnsafeReadableBytes { bytes in
            bytes.dropFirst().first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 } == UInt8(ascii: "}")
        }
    }
}

private func contains(_ bytes: UnsafeRawBufferPointer, _ needle: StaticString) -> Bool {
    let (pattern, length) = (needle.utf8Start, needle.utf8CodeUnitCount)
    guard var position = bytes.baseAddress, bytes.count >= length else { return false }
    let end = position + (bytes.count - length + 1)
    while position < end, let hit = memchr(position, Int32(pattern[0]), end - position) {
        if memcmp(hit, pattern, length) == 0 { return true }
        position = UnsafeRawPointer(hit) + 1
    }
    return false
}

extension ByteBuffer {
    public mutating func writeUUID(_ id: UUID) {
        writeStaticString("\"")
        id.withText { _ = writeBytes($0) }
        writeStaticString("\"")
    }

    public mutating func writeJSONString(_ value: String) {
        var text = value
        let isPlain = text.withUTF8 { bytes in
            bytes.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        }
        if isPlain {
            writeStaticString("\"")
            writeString(text)
            writeStaticString("\"")
        } else {
            var writer = JSONWriter()
            writer.value(.string(value))
            writeBytes(writer.bytes)
        }
    }
}
