import CPlatform
import Glibc

/// How long durable writes of 4 KiB took, one at a time.
public struct SyncTimes: Sendable, Equatable {
    public var samples: Int
    public var median: UInt64
    /// 99th percentile, as the median in nanoseconds.
    public var percentile99: UInt64
    public var perSecond: Double

    init(nanoseconds: [UInt64]) {
        let sorted = nanoseconds.sorted()
        samples = sorted.count
        median = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
        percentile99 = sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
        let total = sorted.reduce(0, +)
        perSecond = total == 0 ? 0 : Double(sorted.count) * 1e9 / Double(total)
    }
}

/// Overwrites written blocks of a file of its own, durably, as the log does.
struct SyncProbe: ~Copyable {
    static let blockBytes = 4096
    /// Enough that no block is written twice within a device's queue.
    static let blocks = 1024
    static let maximumSamples = 200_000

    private let path: String
    private let block: UnsafeMutableRawBufferPointer

    init(directory: String) throws(DrillError) {
        path = directory + "/storage-drill-probe.\(getpid()).tmp"
        block = .allocate(byteCount: Self.blockBytes, alignment: Self.blockBytes)
        block.initializeMemory(as: UInt8.self, repeating: 0x5A)
        let file = try OpenFile(path, O_RDWR | O_CREAT | O_TRUNC)
        for index in 0..<Self.blocks {
            try file.write(UnsafeRawBufferPointer(block), at: UInt64(index * Self.blockBytes))
        }
        guard fsync(file.descriptor) == 0 else { throw .failed("fsync", path) }
    }

    deinit {
        unlink(path)
        block.deallocate()
    }

    /// nil: this file system takes no direct writes.
    func direct(seconds: Double) throws(DrillError) -> SyncTimes? {
        guard let file = try? OpenFile(path, O_RDWR | iii_o_direct | O_DSYNC) else { return nil }
        do {
            return try measure(seconds: seconds) { (offset) throws(DrillError) in
                try file.write(UnsafeRawBufferPointer(block), at: offset)
            }
        } catch {
            return nil
        }
    }

    func buffered(seconds: Double) throws(DrillError) -> SyncTimes {
        let file = try OpenFile(path, O_RDWR)
        return try measure(seconds: seconds) { (offset) throws(DrillError) in
            try file.write(UnsafeRawBufferPointer(block), at: offset)
            guard fdatasync(file.descriptor) == 0 else { throw .failed("fdatasync", path) }
        }
    }

    private func measure(seconds: Double, _ write: (UInt64) throws(DrillError) -> Void) throws(DrillError) -> SyncTimes
    {
        var taken: [UInt64] = []
        let end = monotonicNanoseconds() + UInt64(seconds * 1e9)
        var before = monotonicNanoseconds()
        while before < end, taken.count < Self.maximumSamples {
            // Another byte each time: a device must not find that nothing changed.
            block.storeBytes(of: UInt64(taken.count), as: UInt64.self)
            try write(UInt64(taken.count % Self.blocks * Self.blockBytes))
            let after = monotonicNanoseconds()
            taken.append(after - before)
            before = after
        }
        return SyncTimes(nanoseconds: taken)
    }
}
