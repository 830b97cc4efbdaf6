import CPlatform
import Glibc
import Synchronization

/// Keeps what the process has mapped of the snapshot's file within a budget: the page cache keeps the pages, the process
/// gives its view of them back (storage.md §2: memory follows the working set).
///
/// A page fault maps sixteen cached pages at once, or a whole huge page where those are allowed, so a random walk through
/// a large file would make all of it resident. Above the budget the whole range is dropped, and comes back by minor faults:
/// at once where changes look around, which wait for the disk anyway, and after a while where clients read.
final class MappedMemory: Sendable {
    /// Touches between two looks at the process's own count.
    static let checkInterval = 128
    /// Without /proc the count is unknown: dropped after as many touches as may fill the budget.
    private static let bytesPerTouch = 64 * 1024

    private let budgetBytes: Int
    private let touches = Atomic<Int>(0)
    /// How many there were at the last look.
    private let seenTouches = Atomic<Int>(0)
    /// -1: there is no /proc.
    private let statm: Int32

    init(budgetBytes: Int) {
        self.budgetBytes = budgetBytes
        statm = max(-1, iii_open("/proc/self/statm", O_RDONLY, 0))
    }

    deinit {
        if statm >= 0 { close(statm) }
    }

    /// A page of the map may have been read. Thread-safe.
    @inline(__always)
    func touch() {
        touches.wrappingAdd(1, ordering: .relaxed)
    }

    /// There were enough touches for a look.
    @inline(__always)
    var isDue: Bool { unseenTouches >= Self.checkInterval }

    private var unseenTouches: Int {
        touches.load(ordering: .relaxed) &- seenTouches.load(ordering: .relaxed)
    }

    /// Since the opening.
    var touchCount: UInt64 { UInt64(truncatingIfNeeded: touches.load(ordering: .relaxed)) }

    /// Where the process has mapped a file, as /proc/self/maps says; nil: nowhere, or there is no /proc.
    static func address(of path: String) -> UnsafeMutableRawPointer? {
        guard let maps = fopen("/proc/self/maps", "r") else { return nil }
        defer { fclose(maps) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, maps) > 0, let text = line.map({ String(cString: $0) }) {
            guard text.hasSuffix(" \(path)\n"), let first = text.split(separator: "-", maxSplits: 1).first else {
                continue
            }
            return UInt(first, radix: 16).flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
        }
        return nil
    }

    /// A fault must not map two mebibytes at once.
    static func avoidHugePages(_ map: UnsafeMutableRawPointer?, _ bytes: Int) {
        guard let map else { return }
        // Not every kernel knows huge pages: a failure costs memory, nothing else.
        _ = madvise(map, bytes, MADV_NOHUGEPAGE)
    }

    /// Gives the view back if it has outgrown the budget.
    func trim(_ map: UnsafeMutableRawPointer?, _ bytes: Int) {
        guard let map else { return }
        let counted = residentFileBytes()
        let isBeyond = (counted ?? unseenTouches * Self.bytesPerTouch) > budgetBytes
        // Without a count the touches are all there is to go by.
        if counted != nil || isBeyond { seenTouches.store(touches.load(ordering: .relaxed), ordering: .relaxed) }
        guard isBeyond else { return }
        // Never dirty: LMDB writes by system calls, the map is read-only. A failure costs memory, nothing else.
        _ = madvise(map, bytes, MADV_DONTNEED)
    }

    /// Third field of statm: resident pages that belong to files.
    private func residentFileBytes() -> Int? {
        guard statm >= 0 else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { place in
            let count = pread(statm, place.baseAddress, place.count, 0)
            guard count > 0 else { return nil }
            let fields = place.prefix(count).split(separator: UInt8(ascii: " "))
            guard fields.count > 2 else { return nil }
            return fields[2].reduce(0) { $0 * 10 + Int($1) - 48 } * LogLimits.blockBytes
        }
    }
}
