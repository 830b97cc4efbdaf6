import CBench
import Glibc

/// F of storage.md §7: what the disk itself can do, one synced write at a time by a bare C loop into blocks that were
/// written with zeros before.
package final class SyncLimit {
    package enum Pattern: String, CaseIterable, Sendable {
        /// `O_DIRECT` and `O_DSYNC`; where the file system refuses that, `O_DSYNC` alone.
        case direct = "O_DIRECT + O_DSYNC"
        case buffered = "pwrite + fdatasync"
    }

    private let bare: OpaquePointer

    /// - Parameter writeBytes: size of one write, a multiple of 4096.
    package init(_ pattern: Pattern, directory: String, writeBytes: Int = 4096) throws {
        let path = "\(directory)/sync-limit"
        guard let opened = cbench_bare_open(path, pattern == .direct ? 1 : 0, writeBytes) else {
            throw BenchError("can't write \(path): errno \(errno)")
        }
        bare = opened
    }

    deinit {
        cbench_bare_close(bare)
    }

    /// Writes for about so long; latencies go to the histogram. How long it was.
    package func run(nanoseconds: Int, _ latencies: Histogram) throws -> Int {
        var spent: UInt64 = 0
        let status = cbench_bare_run(bare, UInt64(nanoseconds), latencies.counters, &spent)
        guard status == 0 else { throw BenchError("can't write synced: errno \(status)") }
        return Int(spent)
    }
}
