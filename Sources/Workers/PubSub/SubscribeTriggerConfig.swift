import Engine

/// A `subscribe` trigger's config. Whatever isn't a topic makes the trigger inert, not wrong.
struct SubscribeTriggerConfig {
    private(set) var topic: String?
    /// Why there is no topic.
    private(set) var refusal: String?
    private(set) var conditionFunctionID: String?
    private(set) var ignoresCondition = false

    init(_ config: RawJSON) {
        guard let object = (try? config.parse())?.object else {
            refusal = "the config is not an object"
            return
        }
        read(topic: object["topic"])
        guard let condition = object["condition_function_id"], !condition.isNull else { return }
        conditionFunctionID = condition.string
        ignoresCondition = conditionFunctionID == nil
    }

    private mutating func read(topic value: JSON?) {
        guard let value, !value.isNull else {
            refusal = "topic is missing"
            return
        }
        guard let text = value.string else {
            refusal = "topic is not a string"
            return
        }
        guard !text.isEmpty else {
            refusal = "topic is empty"
            return
        }
        guard text.utf8.count <= PubSubRequest.maximumTopicBytes else {
            refusal = "topic is longer than \(PubSubRequest.maximumTopicBytes) bytes"
            return
        }
        topic = text
    }
}
