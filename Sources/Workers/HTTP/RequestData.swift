import Engine
import NIOCore
import NIOHTTP1

/// The `data` object that a handler receives (http.md §7), written as bytes: the request makes no tree.
struct RequestData {
    /// Everything but the channel references and the closing brace.
    private var text: ByteBuffer

    /// `body`: the collected bytes of a JSON request; nil for any other content type. What doesn't parse is `null`.
    init(
        route: HTTPRoute,
        head: HTTPRequestHead,
        query: Substring?,
        parameters: [Substring],
        body: ByteBuffer?,
        allocator: ByteBufferAllocator
    ) {
        text = allocator.buffer(capacity: 1024 + (body?.readableBytes ?? 0))
        text.writeImmutableBuffer(route.dataHead)
        text.writeString(head.method.rawValue)
        text.writeStaticString("\",\"path_params\":{")
        writeParameters(route.parameterKeys, parameters)
        text.writeStaticString("},\"query_params\":{")
        if let query { writeQuery(query) }
        text.writeStaticString("},\"headers\":{")
        writeHeaders(head.headers)
        text.writeStaticString("},\"body\":")
        if let body, let json = try? RawJSON.validating(body) {
            text.writeImmutableBuffer(json.buffer)
        } else {
            text.writeStaticString("null")
        }
        text.writeImmutableBuffer(route.dataTrigger)
    }

    /// What a condition function gets: no channel references (http.md §9).
    var forCondition: RawJSON {
        var copy = text
        copy.writeStaticString("}")
        return RawJSON(validated: copy)
    }

    /// What the handler gets. `makeUUID` gives fresh channel ids and keys.
    consuming func forHandler(_ makeUUID: () -> UUID) -> RawJSON {
        var text = self.text
        for (name, direction) in [("request_body", "read"), ("response", "write")] {
            text.writeString(",\"\(name)\":{\"channel_id\":")
            text.writeUUID(makeUUID())
            text.writeStaticString(",\"access_key\":")
            text.writeUUID(makeUUID())
            text.writeString(",\"direction\":\"\(direction)\"}")
        }
        text.writeStaticString("}")
        return RawJSON(validated: text)
    }

    // MARK: Members

    private mutating func writeParameters(_ keys: [ByteBuffer?], _ values: [Substring]) {
        var isFirst = true
        for (key, value) in zip(keys, values) {
            guard let key else { continue }
            if !isFirst { text.writeStaticString(",") }
            isFirst = false
            text.writeImmutableBuffer(key)
            text.writeStaticString(":")
            text.writeJSONString(String(value))
        }
    }

    private mutating func writeQuery(_ query: Substring) {
        for (index, pair) in QueryString(query).pairs.enumerated() {
            if index > 0 { text.writeStaticString(",") }
            text.writeJSONString(pair.key)
            text.writeStaticString(":")
            text.writeJSONString(pair.value)
        }
    }

    /// Names in lower case. Repeats are joined (Better); a value with other than visible ASCII is empty.
    private mutating func writeHeaders(_ headers: HTTPHeaders) {
        let fields = Array(headers)
        for (index, field) in fields.enumerated() {
            let isRepeat = fields[..<index].contains { $0.name.isEqualIgnoringCase(to: field.name) }
            if isRepeat { continue }
            if index > 0 { text.writeStaticString(",") }
            text.writeJSON(fieldName: field.name)
            text.writeStaticString(":")
            var value = field.value.isVisibleASCII ? field.value : ""
            for other in fields[(index + 1)...] where other.name.isEqualIgnoringCase(to: field.name) {
                value += field.name.isEqualIgnoringCase(to: "cookie") ? "; " : ", "
                value += other.value.isVisibleASCII ? other.value : ""
            }
            text.writeJSONString(value)
        }
    }
}

extension String {
    var isVisibleASCII: Bool {
        utf8.allSatisfy { ($0 >= 0x20 && $0 < 0x7F) || $0 == 0x09 }
    }
}
