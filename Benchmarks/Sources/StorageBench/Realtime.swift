import Glibc

/// Real-time priority for this process and all that it starts: our side, the peers and F alike.
///
/// Where the kernel preempts lazily, a thread of normal priority that the disk wakes up waits for the next tick (4 ms at
/// 250 Hz) whenever another process computes, whatever its nice value. A sync takes a fortieth of that: on a machine that is
/// not idle every side would measure the tick. Kernel threads (a file system's journal) stay as they are.
enum Realtime {
    static let risk = "other processes will disturb the figures"

    /// False: not permitted.
    static func begin() -> Bool {
        var parameters = sched_param()
        parameters.sched_priority = sched_get_priority_min(SCHED_RR)
        return sched_setscheduler(0, SCHED_RR, &parameters) == 0
    }
}
