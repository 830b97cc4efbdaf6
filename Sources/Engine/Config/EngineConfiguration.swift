/// What config.yaml says: the workers to run, in order, each with its block (config-file.md §2, §5).
public struct EngineConfiguration: Sendable {
    /// The file, as given on the command line; nil with `--use-default-config`.
    public let path: String?
    /// Listed entries in file order, then the mandatory ones that the file doesn't name.
    public let entries: [WorkerEntry]
    /// Entries that the file lists; the number in `Building engine with <n> workers`.
    public let listedCount: Int
    /// How long a registration may wait for its namespace, from `registration_namespace_grace_ms`.
    public let registrationNamespaceGraceMilliseconds: UInt64
    /// What is accepted and probably not meant, each with its place. To be logged.
    public let warnings: [String]

    /// Largest config file, and largest text after expansion.
    public static let maximumBytes = 4 << 20
    /// Most entries in `workers` and `modules` together.
    public static let maximumEntries = 1024
    static let defaultNamespaceGraceMilliseconds: UInt64 = 5000

    public func entries(ofType type: String) -> [WorkerEntry] {
        entries.filter { Name($0.type) == Name(type) }
    }

    /// The order in which to create and start workers (config-file.md §6): `configuration`, `iii-observability`, the
    /// others as in the file, listeners for SDK workers last, so that no client sees a half-started engine.
    public var startOrder: [WorkerEntry] {
        func rank(_ entry: WorkerEntry) -> Int {
            switch entry.type {
            case "configuration": 0
            case "iii-observability": 1
            case "iii-worker-manager": 3
            default: 2
            }
        }
        return (0...3).flatMap { step in entries.filter { rank($0) == step } }
    }
}

extension EngineConfiguration {
    /// Reads, expands, parses and checks the file.
    ///
    /// Blocks are not decoded here; each worker does that with its own type (`WorkerEntry.decode`). Only that of
    /// `iii-telemetry`, which runs nothing, is checked.
    /// - Parameter environment: a variable's value; nil when unset or not UTF-8.
    public static func load(
        path: String,
        environment: (String) -> String? = ProcessEnvironment.value
    ) throws(ConfigurationError) -> EngineConfiguration {
        try parse(ConfigFile.read(path), path: path, environment: environment)
    }

    /// `load` from bytes that are already read.
    public static func parse(
        _ bytes: [UInt8],
        path: String,
        environment: (String) -> String?
    ) throws(ConfigurationError) -> EngineConfiguration {
        let text: EnvironmentExpansion.Result
        switch EnvironmentExpansion.expand(bytes, environment: environment) {
        case .missing(let missing): throw .missingVariables(missing, path: path)
        case .expanded(let expanded): text = expanded
        }
        guard text.text.count <= maximumBytes else {
            throw .unreadable(path, "larger than \(maximumBytes) bytes once variables are expanded")
        }
        var loader = ConfigFileLoader(path: path)
        do throws(YAMLError) {
            try loader.read(YAML.parse(text.text, fileLine: text.fileLine))
        } catch {
            throw .malformed(path, error)
        }
        return try loader.finish()
    }

    /// The worker set of `--use-default-config`: every built-in that is mandatory or default, without blocks.
    public static func defaults() throws(ConfigurationError) -> EngineConfiguration {
        var loader = ConfigFileLoader(path: nil)
        loader.addDefaults()
        return try loader.finish()
    }
}
