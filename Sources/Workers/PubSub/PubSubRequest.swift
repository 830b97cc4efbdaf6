import Engine
import NIOCore

/// The arguments of `publish`, found in the request's bytes without building a tree (pubsub.md §2).
struct PubSubRequest {
    /// Longest topic. Longer ones are nobody's: `subscribe` triggers can't name them either.
    static let maximumTopicBytes = 65_536

    let topic: String
    let data: RawJSON

    init(_ input: RawJSON) throws(ArgumentError) {
        if let fast = Self.scan(input) {
            self = fast
            return
        }
        let reader = try ArgumentReader(parsing: input, structName: "PubSubInput")
        topic = try reader.string("topic")
        data = RawJSON(try reader.requiredValue("data"))
    }

    /// Refuses what has the right shape and is no topic.
    func checkTopic() throws(InvocationError) {
        guard !topic.isEmpty else { throw InvocationError(code: "topic_not_set", message: "Topic is not set") }
        let bytes = topic.utf8.count
        guard bytes <= Self.maximumTopicBytes else {
            throw InvocationError(
                code: "topic_too_long",
                message: "topic of \(bytes) bytes exceeds the limit of \(Self.maximumTopicBytes) bytes; "
                    + "put what it says into data"
            )
        }
    }

    private init(topic: String, data: RawJSON) {
        self.topic = topic
        self.data = data
    }

    /// nil for whatever is not plainly right: the strict reader words the error.
    private static func scan(_ input: RawJSON) -> PubSubRequest? {
        var topic: String?
        var data: Range<Int>?
        var isPlain = true
        let isObject = input.buffer.withUnsafeReadableBytes { bytes in
            do throws(JSONError) {
                try JSONScanner.scanObject(bytes) { member in
                    if member.keyHasEscapes {
                        isPlain = false
                    } else if JSONScanner.key(bytes, of: member, is: "topic") {
                        if topic != nil { isPlain = false }
                        topic = member.kind == .string ? JSONScanner.string(bytes, token: member.valueRange) : nil
                    } else if JSONScanner.key(bytes, of: member, is: "data") {
                        if data != nil { isPlain = false }
                        data = member.valueRange
                    }
                }
                return true
            } catch {
                return false
            }
        }
        guard isObject, isPlain, let topic, let data else { return nil }
        let start = input.buffer.readerIndex + data.lowerBound
        guard let slice = input.buffer.getSlice(at: start, length: data.count) else { return nil }
        return PubSubRequest(topic: topic, data: RawJSON(validated: slice).withoutSurplus(of: input))
    }
}

extension RawJSON {
    /// A slice keeps the whole message in memory that it is part of. Where that is much more than the slice, a copy:
    /// data that waits must cost what it is counted as.
    fileprivate func withoutSurplus(of whole: RawJSON) -> RawJSON {
        whole.count > 2 * count + 1024 ? detached : self
    }
}
