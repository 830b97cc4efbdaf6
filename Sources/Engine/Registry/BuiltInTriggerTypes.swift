/// What discovery knows of the built-in trigger types: schemas and owners, also for a worker that registers one of
/// these ids without formats (engine-functions.md §5.6).
public enum BuiltInTriggerTypes {
    /// Owner as discovery shows it.
    public static func owner(of type: String) -> String? {
        switch type {
        case "http": "iii-http"
        case "cron": "iii-cron"
        case "durable:subscriber": "queue"
        case "subscribe": "iii-pubsub"
        case "state": "iii-state"
        case "stream", "stream:join", "stream:leave": "iii-stream"
        case "configuration": "configuration"
        case "log", "trace": "iii-observability"
        case "engine::functions-available", "engine::workers-available": "iii-engine-functions"
        default: nil
        }
    }

    /// The worker to install for a type that nobody provides (protocol.md §11.2).
    static func installHint(for type: String) -> String? {
        switch type {
        case "subscribe": "pubsub"
        case "durable:subscriber": "queue"
        case "stream", "stream:join", "stream:leave": "iii-stream"
        case "log", "trace": "iii-observability"
        case "http", "cron", "state", "configuration": type
        default: nil
        }
    }

    public static func description(of type: String) -> TriggerTypeDescription? {
        switch type {
        case "http": http
        case "cron": cron
        case "durable:subscriber": queue
        case "subscribe": pubsub
        case "state": state
        case "stream": stream
        case "stream:join", "stream:leave": streamMembership(type)
        case "configuration": configuration
        case "log": log
        case "trace": trace
        default: nil
        }
    }
}
