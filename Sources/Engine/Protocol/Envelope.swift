import NIOCore

/// The top-level fields of one protocol frame as byte ranges of its text, found in the one pass that validates it.
struct Envelope {
    /// Every field that some frame of the catalogue reads (protocol.md §4). Others are ignored.
    enum Field: Int, CaseIterable {
        case type, id, invocationID, functionID, data, action, metadata, traceparent, baggage, result, error
        case triggerType, config, description, name, parentServiceID, requestFormat, responseFormat
        case triggerRequestFormat, callRequestFormat, invocation, previousWorkerID, reattachToken

        static let count = 23
    }

    private struct Slot {
        var start: Int32 = -1
        var end: Int32 = -1
        var kind: JSONKind = .null
    }

    let text: ByteBuffer
    private var slots = InlineArray<23, Slot>(repeating: Slot())
    /// The first known field that stands twice, if any.
    private(set) var duplicate: Field?

    /// Scans as much as is well formed; `failure` tells why the rest isn't.
    init(scanning text: ByteBuffer, failure: inout JSONError?) {
        self.text = text
        var slots = self.slots
        var duplicate: Field?
        failure = text.withUnsafeReadableBytes { bytes -> JSONError? in
            do throws(JSONError) {
                try JSONScanner.scanObject(bytes) { member in
                    guard let field = Field(bytes, member) else { return }
                    if slots[field.rawValue].start >= 0, duplicate == nil { duplicate = field }
                    slots[field.rawValue] = Slot(
                        start: Int32(truncatingIfNeeded: member.valueRange.lowerBound),
                        end: Int32(truncatingIfNeeded: member.valueRange.upperBound),
                        kind: member.kind
                    )
                }
                return nil
            } catch {
                return error
            }
        }
        self.slots = slots
        self.duplicate = duplicate
    }

    /// Kind of the field's value; nil when absent. JSON null counts as absent (protocol.md §2.6).
    func kind(_ field: Field) -> JSONKind? {
        let slot = slots[field.rawValue]
        return slot.start < 0 || slot.kind == .null ? nil : slot.kind
    }

    /// The value's text as a slice of the frame.
    func raw(_ field: Field) -> RawJSON? {
        guard kind(field) != nil else { return nil }
        let slot = slots[field.rawValue]
        let slice = text.getSlice(at: text.readerIndex + Int(slot.start), length: Int(slot.end - slot.start))
        return slice.map { RawJSON(validated: $0) }
    }

    func optionalString(_ field: Field) throws(FieldError) -> String? {
        guard let kind = kind(field) else { return nil }
        let slot = slots[field.rawValue]
        let value = text.withUnsafeReadableBytes { bytes in
            kind == .string ? JSONScanner.string(bytes, token: Int(slot.start)..<Int(slot.end)) : nil
        }
        guard let value else { throw FieldError("field `\(field.key)` must be a string, is \(kind)") }
        return value
    }

    func string(_ field: Field) throws(FieldError) -> String {
        guard let value = try optionalString(field) else { throw FieldError("missing field `\(field.key)`") }
        return value
    }

    /// A UUID in any standard form; nil when absent.
    func optionalUUID(_ field: Field) throws(FieldError) -> UUID? {
        guard kind(field) != nil else { return nil }
        let slot = slots[field.rawValue]
        let plain = text.withUnsafeReadableBytes { bytes in
            let inside = UnsafeRawBufferPointer(rebasing: bytes[Int(slot.start)..<Int(slot.end)].dropFirst().dropLast())
            return UUID(canonical: inside) ?? UUID(inside)
        }
        if kind(field) == .string, let plain { return plain }
        let text = try string(field)
        guard let uuid = UUID(text) else { throw FieldError("field `\(field.key)` is not a UUID") }
        return uuid
    }

    struct FieldError: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }
}

extension Envelope.Field {
    var key: StaticString {
        switch self {
        case .type: "type"
        case .id: "id"
        case .invocationID: "invocation_id"
        case .functionID: "function_id"
        case .data: "data"
        case .action: "action"
        case .metadata: "metadata"
        case .traceparent: "traceparent"
        case .baggage: "baggage"
        case .result: "result"
        case .error: "error"
        case .triggerType: "trigger_type"
        case .config: "config"
        case .description: "description"
        case .name: "name"
        case .parentServiceID: "parent_service_id"
        case .requestFormat: "request_format"
        case .responseFormat: "response_format"
        case .triggerRequestFormat: "trigger_request_format"
        case .callRequestFormat: "call_request_format"
        case .invocation: "invocation"
        case .previousWorkerID: "previous_worker_id"
        case .reattachToken: "reattach_token"
        }
    }

    fileprivate init?(_ bytes: UnsafeRawBufferPointer, _ member: JSONMember) {
        if member.keyHasEscapes {
            let token = (member.keyRange.lowerBound - 1)..<(member.keyRange.upperBound + 1)
            guard let key = JSONScanner.string(bytes, token: token) else { return nil }
            var text = key
            let match = text.withUTF8 { Self(UnsafeRawBufferPointer($0)) }
            guard let match else { return nil }
            self = match
        } else {
            guard let match = Self(UnsafeRawBufferPointer(rebasing: bytes[member.keyRange])) else { return nil }
            self = match
        }
    }

    /// Matches by length first: one comparison for nearly every key.
    private init?(_ key: UnsafeRawBufferPointer) {
        guard key.count < Self.byLength.count else { return nil }
        for candidate in Self.byLength[key.count] where candidate.key.withUTF8Buffer({ $0.elementsEqual(key) }) {
            self = candidate
            return
        }
        return nil
    }

    private static let byLength: [[Self]] = (0...22).map { length in
        allCases.filter { $0.key.utf8CodeUnitCount == length }
    }
}
