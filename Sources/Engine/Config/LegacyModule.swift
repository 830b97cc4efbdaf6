/// What a `class:` of config files before 0.11 is called today.
///
///     modules:                                     workers:
///       - class: modules::api::RestApiModule         - name: iii-http
enum LegacyModule {
    static let key = "class"

    /// By the middle part of the class's path: the last one changed its spelling between releases.
    private static let workers = [
        "api": "iii-http", "state": "iii-state", "stream": "iii-stream", "streams": "iii-stream",
        "queue": "iii-queue", "event": "iii-queue", "cron": "iii-cron", "pubsub": "iii-pubsub",
        "observability": "iii-observability", "telemetry": "iii-telemetry", "shell": "iii-exec",
        "bridge_client": "iii-bridge", "http_functions": "iii-http-functions", "worker": "iii-worker-manager",
    ]

    /// By what the last part of the class's path begins with, in lower case.
    private static let adapters = [
        ("kv", "kv"), ("redis", "redis"), ("bridge", "bridge"), ("builtin", "builtin"), ("rabbitmq", "rabbitmq"),
        ("local", "local"),
    ]

    static func worker(_ className: String) -> String {
        let parts = className.split(separator: ":")
        let name = parts.count > 1 ? workers[String(parts[1])] : nil
        return advice(className, name: name, example: "iii-http")
            + ", and list the entries under `workers:`, not `modules:`"
    }

    static func adapter(_ className: String) -> String {
        let last = (className.split(separator: ":").last ?? "").lowercased()
        return advice(className, name: adapters.first { last.hasPrefix($0.0) }?.1, example: "kv")
    }

    private static func advice(_ className: String, name: String?, example: String) -> String {
        "`\(key)` is `name` since 0.11: write `name: \(name ?? example)` instead of `\(key): \(className)`"
            + (name == nil ? " (\(example) is an example)" : "")
    }
}
