import Glibc

/// LMDB trusts the file that it maps: a damaged one may end this process by a signal. Then the exit status is that of
/// damage, with a line that says what happened, never that of a crash.
enum DamageSignals {
    private static let line: StaticString =
        "error: reading the snapshot ended this process: its file is damaged — look with verify, rescue with salvage\n"

    static func install() {
        for number in [SIGBUS, SIGSEGV, SIGABRT] {
            signal(number) { _ in
                // Only what is allowed inside a signal handler.
                _ = Glibc.write(STDERR_FILENO, DamageSignals.line.utf8Start, DamageSignals.line.utf8CodeUnitCount)
                _exit(ProcessStatus.damage.rawValue)
            }
        }
    }
}
