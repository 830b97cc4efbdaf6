import Engine
import NIOCore
import Workers

extension RawJSON? {
    /// The value after an update: the one place where stored text becomes a tree. A stored text that can't be read
    /// fails the update; it is never taken for an absent one.
    func applying(
        _ operations: [UpdateOperation]
    ) throws(AdapterError) -> (value: RawJSON, errors: [UpdateError]) {
        let current: JSON?
        do throws(JSONError) {
            current = try self?.parse(maximumDepth: JSONLimits.maximumStoredDepth)
        } catch {
            throw AdapterError("stored value is not readable: \(error.description)")
        }
        let (value, errors) = UpdateOperation.apply(operations, to: current)
        return (RawJSON(value), errors)
    }
}

/// Joins stored texts to one JSON array.
struct JSONArrayBuilder {
    private var text = ByteBuffer(staticString: "[")
    private var isEmpty = true

    mutating func append(_ value: RawJSON) {
        separate()
        text.writeImmutableBuffer(value.buffer)
    }

    mutating func append(_ bytes: some Collection<UInt8>) {
        separate()
        text.writeBytes(bytes)
    }

    mutating func append(string: String) {
        separate()
        text.writeJSONString(string)
    }

    private mutating func separate() {
        if !isEmpty { text.writeStaticString(",") }
        isEmpty = false
    }

    consuming func finish() -> RawJSON {
        text.writeStaticString("]")
        return RawJSON(validated: text)
    }
}
