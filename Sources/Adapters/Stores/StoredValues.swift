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

/// Joins stored texts to one JSON array of bounded size.
struct JSONArrayBuilder {
    private var text = ByteBuffer(staticString: "[")
    private var isEmpty = true
    private let limit: Int
    /// Something found no room.
    private(set) var isOverfull = false

    /// - Parameter limit: of the array's text, in bytes.
    init(limit: Int) {
        self.limit = limit
    }

    /// False: it finds no room, nor will anything else.
    mutating func append(_ value: RawJSON) -> Bool {
        guard admits(value.count) else { return false }
        text.writeImmutableBuffer(value.buffer)
        return true
    }

    mutating func append(_ bytes: some Collection<UInt8>) -> Bool {
        guard admits(bytes.count) else { return false }
        text.writeBytes(bytes)
        return true
    }

    mutating func append(string: String) -> Bool {
        guard admits(string.utf8.count) else { return false }
        text.writeJSONString(string)
        return true
    }

    private mutating func admits(_ bytes: Int) -> Bool {
        guard !isOverfull, text.readableBytes + bytes + 2 <= limit else {
            isOverfull = true
            return false
        }
        if !isEmpty { text.writeStaticString(",") }
        isEmpty = false
        return true
    }

    /// - Parameter advice: what to do when it is too much.
    consuming func finish(_ advice: String) -> Result<RawJSON, AdapterError> {
        guard !isOverfull else { return .failure(.tooLarge(limit, advice)) }
        text.writeStaticString("]")
        return .success(RawJSON(validated: text))
    }
}

extension AdapterError {
    fileprivate static func tooLarge(_ limit: Int, _ advice: String) -> AdapterError {
        AdapterError("the values have more than \(limit) bytes; \(advice)", code: "payload_too_large")
    }
}

/// Bounds of what is read at once.
enum ListLimits {
    /// Of a list, which is a call's result.
    static let listBytes = Engine.maximumResultBytes
    /// Of what a subscription begins with.
    static let snapshotBytes = 256 << 20
    static let stateAdvice = "read them in pages with state::list_entries"
    static let streamAdvice = "read items one by one, or use smaller groups"
}
