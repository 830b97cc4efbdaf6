/// Why the engine can't boot with the configuration it was given. Printed as `Error: <message>`, exit code 1.
public struct ConfigurationError: Error, Equatable, Sendable {
    public struct Code: Hashable, Sendable {
        private enum Base { case fileNotFound, unreadable, missingVariable, malformed, worker, aborted }

        private let base: Base
        private init(_ base: Base) { self.base = base }

        /// No file at the path.
        public static let fileNotFound = Code(.fileNotFound)
        /// The file (or what stands in its place) can't be read or created.
        public static let unreadable = Code(.unreadable)
        /// `${NAME}` without a value and without a default.
        public static let missingVariable = Code(.missingVariable)
        /// Not YAML, or not the shape of a config file.
        public static let malformed = Code(.malformed)
        /// One worker can't be created: unknown, not served, or a bad block.
        public static let worker = Code(.worker)
        /// The operator answered no.
        public static let aborted = Code(.aborted)
    }

    public let code: Code
    /// What is wrong and what to do, without place and context.
    public let reason: String
    public let place: SourcePlace?
    /// The entry whose worker can't be created because of it.
    public private(set) var worker: String?

    public init(_ code: Code, _ reason: String, at place: SourcePlace? = nil) {
        self.code = code
        self.reason = reason
        self.place = place
    }

    /// `config.yaml:7:13: reason (failed to create worker 'iii-http')`: the place, the point, then the context.
    public var message: String {
        let context = worker.map { " (failed to create worker '\($0)')" } ?? ""
        return (place.map { "\($0): " } ?? "") + reason + context
    }
}

extension ConfigurationError: CustomStringConvertible {
    public var description: String { message }
}

extension ConfigurationError {
    /// The error of a part of `worker`'s configuration as the reason why the worker can't be created.
    public static func creating(_ worker: String, _ error: any Error) -> ConfigurationError {
        var failure = error as? ConfigurationError ?? ConfigurationError(.worker, "\(error)")
        failure.worker = worker
        return failure
    }

    static func creating(_ worker: String, _ reason: String, at place: SourcePlace?) -> ConfigurationError {
        creating(worker, ConfigurationError(.worker, reason, at: place))
    }

    static func unreadable(_ path: String, _ reason: String) -> ConfigurationError {
        ConfigurationError(.unreadable, "Failed to read config file '\(path)': \(reason)")
    }

    static func malformed(_ path: String, _ error: YAMLError) -> ConfigurationError {
        ConfigurationError(.malformed, error.reason, at: SourcePlace(file: path, mark: error.mark))
    }

    static func fileNotFound(_ path: String) -> ConfigurationError {
        ConfigurationError(
            .fileNotFound,
            """
            Config file not found: '\(path)'.
            Hint: pass --config <path> to an existing file (in a container, mount it there), \
            or --use-default-config to run the built-in workers with their defaults.
            """
        )
    }

    /// Every missing name with its place, in upstream's words (config-file.md §3).
    static func missingVariables(_ missing: [EnvironmentExpansion.Missing], path: String) -> ConfigurationError {
        let lines = missing.map {
            "\(SourcePlace(file: path, mark: $0.mark)): "
                + "Environment variable '\($0.name)' not set and no default provided"
        }
        let hint = "Set it, or write ${NAME:default} in the file."
        return ConfigurationError(.missingVariable, (lines + [hint]).joined(separator: "\n"))
    }
}
