import Glibc

/// The process: arguments in, exit status out. Everything else is in `Program`, which tests run in place.
@main
enum Entry {
    static func main() {
        // A reader that goes away (`| head -1`) shows as EPIPE in `Console`, which ends quietly.
        signal(SIGPIPE, SIG_IGN)
        if CommandLine.arguments.dropFirst().first != SnapshotWalk.name { DamageSignals.install() }
        let status = Program.run(Array(CommandLine.arguments.dropFirst()), on: .standard)
        exit(status.rawValue)
    }
}
