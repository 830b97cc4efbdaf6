/// A worker name that runs in process (config-file.md §4), and what the loader has to know about it.
public struct BuiltInWorker: Sendable {
    public let name: String
    /// The name without `iii-` under which newer releases ship the same worker.
    public let alias: String?
    /// Runs whether or not the file names it.
    public let isMandatory: Bool
    /// Part of the worker set of `--use-default-config`.
    public let isDefault: Bool
    /// Owns one configuration entry, so that a second instance would fight the first for it (config-file.md §5).
    public let ownsEntry: Bool
    /// Only listeners make sense twice: one trusted, one for the outside.
    public var allowsSeveral: Bool { !ownsEntry }
    /// False for a name that this version knows and refuses, rather than ignores.
    public let isServed: Bool

    public static func named(_ name: String) -> BuiltInWorker? {
        catalogue.first { Name($0.name) == Name(name) || $0.alias.map(Name.init) == Name(name) }
    }

    public static let catalogue: [BuiltInWorker] = [
        BuiltInWorker("configuration", mandatory: true),
        BuiltInWorker("iii-observability", mandatory: true, ownsEntry: true),
        BuiltInWorker("iii-engine-functions", mandatory: true),
        BuiltInWorker("iii-telemetry", mandatory: true),
        BuiltInWorker("iii-worker-manager", mandatory: true),
        BuiltInWorker("iii-http", alias: "http", isDefault: true, ownsEntry: true),
        BuiltInWorker("iii-state", alias: "state", isDefault: true, ownsEntry: true),
        BuiltInWorker("iii-stream", isDefault: true, ownsEntry: true),
        BuiltInWorker("iii-pubsub", alias: "pubsub", isDefault: true, ownsEntry: true),
        BuiltInWorker("iii-cron", alias: "cron", ownsEntry: true, isServed: false),
        BuiltInWorker("iii-queue", alias: "queue", ownsEntry: true, isServed: false),
        BuiltInWorker("iii-exec", isServed: false),
        BuiltInWorker("iii-bridge", isServed: false),
        BuiltInWorker("iii-http-functions", isServed: false),
    ]

    private init(
        _ name: String,
        alias: String? = nil,
        mandatory: Bool = false,
        isDefault: Bool = false,
        ownsEntry: Bool = false,
        isServed: Bool = true
    ) {
        self.name = name
        self.alias = alias
        self.isMandatory = mandatory
        self.isDefault = isDefault || mandatory
        self.ownsEntry = ownsEntry
        self.isServed = isServed
    }
}

extension BuiltInWorker {
    /// The catalogue's name nearest to a mistyped one, if it is near enough to be meant.
    static func closest(to name: String) -> String? {
        Spelling.closest(to: name, among: catalogue.flatMap { [$0.name] + ($0.alias.map { [$0] } ?? []) })
    }
}
