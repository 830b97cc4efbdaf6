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
        buffer = ByteBufferAllocator().buffer(capacity: WebSocketMessage.headroom + 320 + copied)
        buffer.moveWriterIndex(to: WebSocketMessage.headroom)
        buffer.moveReaderIndex(to: WebSocketMessage.headroom)
        let count = type.utf8CodeUnitCount
        buffer.append(count + 10) { place in
            memcpy(place, "{\"type\":\"", 9)
            memcpy(place + 9, type.utf8Start, count)
            place.storeBytes(of: UInt8(ascii: "\""), toByteOffset: 9 + count, as: UInt8.self)
        }
    }

    mutating func string(_ key: StaticString, _ value: String) {
        var value = value
        let isWritten = value.withUTF8 { bytes in
            guard bytes.isPlainJSON else { return false }
            field(key, valueBytes: bytes.count + 2) { place in
                place.storeBytes(of: UInt8(ascii: "\""), as: UInt8.self)
                if let base = bytes.baseAddress { memcpy(place + 1, base, bytes.count) }
                place.storeBytes(of: UInt8(ascii: "\""), toByteOffset: bytes.count + 1, as: UInt8.self)
            }
            return true
        }
        guard !isWritten else { return }
        self.key(key)
        buffer.writeJSONString(value)
    }

    mutating func string(_ key: StaticString, ifPresent value: String?) {
        if let value { string(key, value) }
    }

    mutating func uuid(_ key: StaticString, _ value: UUID) {
        field(key, valueBytes: UUID.textLength + 2) { value.writeQuoted(to: $0) }
    }

    mutating func raw(_ key: StaticString, _ value: RawJSON) {
        let count = value.count
        guard count < WebSocketMessage.sliceThreshold else {
            self.key(key)
            return splice(value.buffer)
        }
        value.buffer.withUnsafeReadableBytes { bytes in
            field(key, valueBytes: count) { place in
                if let base = bytes.baseAddress { memcpy(place, base, count) }
            }
        }
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
        if !isEmpty { buffer.writeInteger(UInt8(ascii: ",")) }
        buffer.writeStaticString("\"_caller_worker_id\":")
        buffer.writeUUID(caller)
        buffer.writeInteger(UInt8(ascii: "}"))
    }

    mutating func trace(_ trace: TraceContext) {
        string("traceparent", ifPresent: trace.traceparent)
        string("baggage", ifPresent: trace.baggage)
    }

    /// The message; the writer is empty afterwards. It hands its buffer over instead of sharing it, so that the frame's
    /// header is written in place.
    mutating func finish() -> WebSocketMessage {
        buffer.writeInteger(UInt8(ascii: "}"))
        var last = ByteBuffer()
        swap(&last, &buffer)
        guard let head else { return WebSocketMessage(head: last) }
        rest.append(last)
        return WebSocketMessage(head: head, rest: rest)
    }

    private mutating func key(_ key: StaticString) {
        field(key, valueBytes: 0) { _ in }
    }

    /// `,"key":` and a value of known length, in one write.
    private mutating func field(_ key: StaticString, valueBytes: Int, _ value: (UnsafeMutableRawPointer) -> Void) {
        let count = key.utf8CodeUnitCount
        buffer.append(count + 4 + valueBytes) { place in
            memcpy(place, ",\"", 2)
            memcpy(place + 2, key.utf8Start, count)
            memcpy(place + 2 + count, "\":", 2)
            value(place + count + 4)
        }
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
    /// Appends `count` bytes that `body` writes, all of them.
    @inline(__always)
    fileprivate mutating func append(_ count: Int, _ body: (UnsafeMutableRawPointer) -> Void) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            guard let place = target.baseAddress else { return 0 }
            body(place)
            return count
        }
    }

    public mutating func writeUUID(_ id: UUID) {
        append(UUID.textLength + 2) { id.writeQuoted(to: $0) }
    }

    public mutating func writeJSONString(_ value: String) {
        var text = value
        let isPlain = text.withUTF8 { $0.isPlainJSON }
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

extension UnsafeBufferPointer<UInt8> {
    /// A JSON string may hold these bytes as they are.
    fileprivate var isPlainJSON: Bool {
        allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    }
}

extension UUID {
    /// 38 bytes.
    fileprivate func writeQuoted(to place: UnsafeMutableRawPointer) {
        place.storeBytes(of: UInt8(ascii: "\""), as: UInt8.self)
        write(to: place + 1)
        place.storeBytes(of: UInt8(ascii: "\""), toByteOffset: 1 + Self.textLength, as: UInt8.self)
    }
}
