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
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

extension ConfigurationError: CustomStringConvertible {
    public var description: String { message }
}

extension ConfigurationError {
    static func unreadable(_ path: String, _ reason: String) -> ConfigurationError {
        ConfigurationError(.unreadable, "Failed to read config file '\(path)': \(reason)")
    }

    static func malformed(_ path: String, _ error: YAMLError) -> ConfigurationError {
        ConfigurationError(.malformed, "Failed to parse config file '\(path)': \(error)")
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

    /// Every missing name with its line; one alone in upstream's words (config-file.md §3).
    static func missingVariables(_ missing: [EnvironmentExpansion.Missing], path: String) -> ConfigurationError {
        let lines = missing.map {
            "Environment variable '\($0.name)' not set and no default provided ('\(path)' line \($0.line))"
        }
        let hint = "Set it, or write ${NAME:default} in the file."
        return ConfigurationError(.missingVariable, (lines + [hint]).joined(separator: "\n"))
    }

    /// Wraps the reason why a worker's block was refused (config-file.md §7).
    public static func creating(_ worker: String, _ reason: String) -> ConfigurationError {
        ConfigurationError(.worker, "failed to create worker '\(worker)': Failed to create \(worker): \(reason)")
    }
}
