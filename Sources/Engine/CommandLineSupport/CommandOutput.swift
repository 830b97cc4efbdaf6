#if canImport(Glibc)
    import Glibc
#endif

/// What a command prints and how it exits (cli.md §1.3).
public struct CommandOutput: Equatable, Sendable {
    public var standardOutput: String
    public var standardError: String
    public var exitCode: Int32

    public init(standardOutput: String = "", standardError: String = "", exitCode: Int32) {
        self.standardOutput = standardOutput
        self.standardError = standardError
        self.exitCode = exitCode
    }

    /// Text for standard output, exit 0.
    public static func success(_ text: String) -> CommandOutput {
        CommandOutput(standardOutput: text, exitCode: 0)
    }

    /// `Error: <message>` with an optional cause, exit 1.
    public static func failure(_ message: String, cause: String? = nil) -> CommandOutput {
        let chain = cause.map { "\n\nCaused by:\n    \($0)" } ?? ""
        return CommandOutput(standardError: "Error: \(message)\(chain)\n", exitCode: 1)
    }

    public static func failure(_ error: ConfigurationError) -> CommandOutput {
        .failure(error.message)
    }

    /// Bad arguments: message, usage, exit 2.
    public static func usage(_ message: String, usage: String) -> CommandOutput {
        CommandOutput(
            standardError: "error: \(message)\n\nUsage: \(usage)\n\nFor more information, try '--help'.\n",
            exitCode: 2
        )
    }

    /// Writes both texts; call `exit(exitCode)` afterwards.
    public func emit() {
        Self.write(standardOutput, STDOUT_FILENO)
        Self.write(standardError, STDERR_FILENO)
    }

    /// A closed pipe ends the writing, silently: nobody is left to tell.
    private static func write(_ text: String, _ descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
