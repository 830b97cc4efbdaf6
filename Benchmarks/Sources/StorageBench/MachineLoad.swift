import BenchKit
import Glibc

/// What other processes take of the CPUs meanwhile.
struct MachineLoad {
    /// A slice is measured again if others had more than this share of all CPUs. The kernel's own work for our writes
    /// counts as theirs and stays below it.
    static let quietShare = 0.15

    private let busyTicks: Int
    private let allTicks: Int
    private let ownNanoseconds: Int

    init() throws {
        let line = try readFile("/proc/stat").split(separator: "\n").first ?? ""
        // user, nice, system, idle, iowait, irq, softirq, steal
        let ticks = line.split(separator: " ").dropFirst().prefix(8).map { Int($0) ?? 0 }
        guard ticks.count == 8 else { throw BenchError("/proc/stat begins with \(line)") }
        allTicks = ticks.reduce(0, +)
        busyTicks = allTicks - ticks[3] - ticks[4]
        ownNanoseconds = Self.cpuNanoseconds(CLOCK_PROCESS_CPUTIME_ID)
    }

    private static func cpuNanoseconds(_ clock: clockid_t) -> Int {
        var used = timespec()
        clock_gettime(clock, &used)
        return used.tv_sec * 1_000_000_000 + used.tv_nsec
    }

    /// Others' share of all CPUs since then, 0...1.
    func othersShare(since start: MachineLoad) -> Double {
        let tickNanoseconds = 1_000_000_000 / sysconf(Int32(_SC_CLK_TCK))
        let busy = (busyTicks - start.busyTicks) * tickNanoseconds - (ownNanoseconds - start.ownNanoseconds)
        let all = (allTicks - start.allTicks) * tickNanoseconds
        return all > 0 ? max(0, Double(busy) / Double(all)) : 0
    }
}
