import Glibc
import StorageDrill

/// The process: arguments in, exit status out. Everything else is in `Program`, which tests run in place.
@main
enum Entry {
    static func main() {
        // A reader that goes away (`| head -1`) shows as EPIPE in `Console`, which ends quietly.
        signal(SIGPIPE, SIG_IGN)
        // A limit on the size of files (`ulimit -f`) shows as EFBIG, which is lack of room.
        signal(SIGXFSZ, SIG_IGN)
        let arguments = Array(CommandLine.arguments.dropFirst())
        // What `drill` starts and kills: no command for people.
        if arguments.first == Drill.childCommand { exit(DrillChild.run(arguments: Array(arguments.dropFirst()))) }
        if arguments.first != SnapshotWalk.name { DamageSignals.install() }
        let status = Program.run(arguments, on: .standard)
        exit(status.rawValue)
    }
}
