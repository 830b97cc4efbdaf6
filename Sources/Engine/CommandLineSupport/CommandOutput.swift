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

    /// Writes both texts.
    ///
    /// - Returns: the code to exit with: that of the command, or 1 when it succeeded and its result can't be written.
    @discardableResult
    public func emit(standardOutput output: Int32 = STDOUT_FILENO, standardError error: Int32 = STDERR_FILENO) -> Int32
    {
        let failure = Self.write(standardOutput, output)
        _ = Self.write(standardError, error)
        guard let failure else { return exitCode }
        if failure != EPIPE {
            _ = Self.write("Error: can't write to standard output: \(SystemError.describe(failure))\n", error)
        }
        return exitCode == 0 ? 1 : exitCode
    }

    /// - Returns: the errno of the write that failed. A reader that closed its pipe has seen enough.
    private static func write(_ text: String, _ descriptor: Int32) -> Int32? {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return errno }
            bytes = bytes.dropFirst(count)
        }
        return nil
    }
}
