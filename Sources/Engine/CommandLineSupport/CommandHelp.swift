/// The help texts (cli.md §1.2, §1.3, §3.4).
public enum CommandHelp {
    public static let root = """
        Process communication engine

        Usage: iii [OPTIONS] [COMMAND]

        Without a command, iii serves: it runs the engine with the workers of the config file.

        Options:
          -c, --config <CONFIG>      Config file [default: config.yaml]
              --use-default-config   Run the built-in default workers without a config file
              --no-update-check      Accepted for compatibility; this engine never looks for updates
          -v, --version              Print the version
          -h, --help                 Print this help

        Commands:
          trigger   Invoke one function on a running engine (alias: t)
          health    Tell whether an engine serves: exit code 0 or 1; --verbose shows its stores
          console   Open the web console (not shipped with this version)
          cloud     Manage hosted deployments (not shipped with this version)
          worker    Manage external workers (not shipped with this version)
          project   Scaffold a project or its Docker files (not shipped with this version)
          update    Update the binaries (not shipped with this version)
          help      Print this help, or that of a command

        """

    static let triggerOptions = """

        Options:
              --json <JSON>        Payload as JSON; key=value arguments override its members.
                                   `-` reads it from standard input, `@FILE` from a file
              --address <HOST>     Engine's host [default: that of III_URL, else localhost]
              --port <PORT>        Engine's worker port [default: that of III_URL, else 49134]
              --timeout-ms <MS>    Longest wait for the result [default: 30000]
          -h, --help               Print help

        """

    public static let trigger = """
        Invoke one function on a running engine

        Usage: iii trigger [OPTIONS] [FUNCTION_PATH] [KEY=VALUE]...

        Arguments:
          [FUNCTION_PATH]   Function to call, e.g. orders::create
          [KEY=VALUE]...    Members of the payload; values are JSON where they read as JSON, else strings
        \(triggerOptions)
        Tip: `iii trigger <fn-path> --help` asks a running engine for the function's parameters.

        """

    public static let health = """
        Tell whether an engine serves

        Usage: iii health [OPTIONS]

        Exits 0 when the engine at the address accepts a worker connection and answers, else 1 with the reason on
        standard error. Made for a container's health check.

        With --verbose it also calls engine::health and prints how the stores are, one a line: mode (synced: on disk
        before a write is acknowledged; memory: gone when the engine ends), position in the log, records on their way
        to the disk, what the snapshot has, sizes, free space, time of a sync. The exit code is the same: a store that
        is FULL or SATURATED shows in the text.

        Options:
          -v, --verbose            Show the stores too
              --address <HOST>     Engine's host [default: localhost]
              --port <PORT>        Engine's worker port [default: 49134]
              --timeout-ms <MS>    Longest wait for the answer [default: 5000]
          -h, --help               Print help

        """

    /// Commands that other releases dispatch to further binaries.
    public static let notShipped = ["console", "cloud", "worker", "project", "update"]

    public static func notShipped(_ command: String) -> CommandOutput {
        .failure(
            "`iii \(command)` isn't shipped with this version (\(EngineVersion.string)) of the engine. "
                + "`iii`, `iii trigger` and `iii health` are."
        )
    }
}
