#if canImport(Glibc)
    import Glibc
#endif

/// What happens before the config file is read: whether it is there, and if not, whether to make one (cli.md §2.1).
///
/// Only a person at a terminal is asked. In a container a missing file means a missing mount: inventing an empty one
/// would start an engine that does nothing.
public struct ConfigFilePreparation {
    /// The person at the terminal, injected.
    public struct Terminal {
        /// Standard input and standard error are terminals.
        public let isInteractive: Bool
        public let workingDirectory: String
        public let write: (String) -> Void
        /// A line without its end; nil at the end of input.
        public let readLine: () -> String?

        public init(
            isInteractive: Bool,
            workingDirectory: String,
            write: @escaping (String) -> Void,
            readLine: @escaping () -> String?
        ) {
            self.isInteractive = isInteractive
            self.workingDirectory = workingDirectory
            self.write = write
            self.readLine = readLine
        }

        public static func process() -> Terminal {
            Terminal(
                isInteractive: isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1,
                workingDirectory: currentDirectory(),
                write: { CommandOutput(standardError: $0, exitCode: 0).emit() },
                readLine: { Swift.readLine() }
            )
        }

        private static func currentDirectory() -> String {
            guard let path = getcwd(nil, 0) else { return "." }
            defer { free(path) }
            return String(cString: path)
        }
    }

    static let newFile = """
        # Configuration of the iii engine. Each entry below is a worker that runs inside the engine:
        #   - name: iii-http
        #   - name: iii-state
        workers: []

        """

    /// Returns when there is something at the path; whether it can be read is the loader's question.
    public static func ensure(_ path: String, terminal: Terminal) throws(ConfigurationError) {
        guard access(path, F_OK) != 0, errno == ENOENT else { return }
        guard terminal.isInteractive else { throw .fileNotFound(path) }
        terminal.write("No \(path) found in \(terminal.workingDirectory). Create it and start the engine? [Y/n] ")
        guard accepts(terminal.readLine()) else {
            throw ConfigurationError(
                .aborted,
                "Aborted. Run `iii` from your project directory, or pass --config <path> to an existing config file."
            )
        }
        try create(path)
        terminal.write("Created \(path). Add workers under `workers:` and start the engine again to run them.\n")
    }

    /// The end of input is no consent.
    private static func accepts(_ answer: String?) -> Bool {
        guard let answer else { return false }
        let word = answer.filter { !$0.isWhitespace }.lowercased()
        return word.isEmpty || word == "y" || word == "yes"
    }

    private static func create(_ path: String) throws(ConfigurationError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw cannotCreate(path) }
        defer { close(descriptor) }
        let bytes = Array(newFile.utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else { throw cannotCreate(path) }
    }

    private static func cannotCreate(_ path: String) -> ConfigurationError {
        ConfigurationError(.unreadable, "failed to create config file '\(path)': \(SystemError.describe(errno))")
    }
}
