import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// A sync that failed leaves pages clean that the device doesn't have: nothing rests on what the page cache shows, nor on a
/// later sync that succeeds (lesson 7).
@Suite struct PageCacheTests {
    private func write(_ disk: SimulatedDisk, _ file: SimulatedDisk.File, _ byte: UInt8, at block: Int) throws {
        let bytes = AlignedBytes(count: LogLimits.blockBytes)
        for index in 0..<bytes.count { bytes.mutable[index] = byte }
        try disk.writeAll(file, bytes.readOnly, at: UInt64(block * LogLimits.blockBytes))
        extendLifetime(bytes)
    }

    private func byte(_ disk: SimulatedDisk, _ path: String, _ mode: OpenMode, block: Int) throws -> UInt8 {
        let place = AlignedBytes(count: LogLimits.blockBytes)
        let file = try disk.open(path, mode)
        _ = try disk.readAll(file, into: place.mutable, at: UInt64(block * LogLimits.blockBytes))
        defer { extendLifetime(place) }
        return place.readOnly[0]
    }

    /// The model itself: what Linux does.
    @Test func aLaterSyncMakesNothingDurable() throws {
        let path = "/store/file"
        var lost = 0
        for attempt in 0..<32 {
            let disk = SimulatedDisk()
            let file = try disk.open(path, .create)
            try write(disk, file, 1, at: 0)
            try disk.fdatasync(file)
            try disk.syncDirectory("/store")
            try disk.syncDirectory("/")
            // Another number of calls: another fate.
            for _ in 0..<attempt { try disk.fdatasync(file) }
            try write(disk, file, 2, at: 0)
            disk.fail("fdatasync", EIO)
            #expect(throws: SystemCallError.self) { try disk.fdatasync(file) }
            try disk.fdatasync(file)
            #expect(try byte(disk, path, .update, block: 0) == 2, "the page cache has it")
            let onDevice = try byte(disk, path, .readDevice, block: 0)
            let killed = disk.afterKill()
            #expect(try byte(killed, path, .update, block: 0) == 2, "the kernel outlives the process")
            #expect(try byte(killed, path, .readDevice, block: 0) == onDevice)
            for loss in [SimulatedDisk.Loss.keepAll, .dropAll, .random(seed: 1)] {
                #expect(try byte(disk.afterCrash(loss), path, .update, block: 0) == onDevice)
            }
            if onDevice != 2 { lost += 1 }
            // Written anew it goes out again.
            try write(disk, file, 2, at: 0)
            try disk.fdatasync(file)
            #expect(try byte(disk.afterCrash(.dropAll), path, .update, block: 0) == 2)
        }
        #expect(lost > 8)
    }

    /// The next owner must not show what only the page cache has: with the log read through it, it did, and the power cut that
    /// follows takes it away.
    @Test(arguments: 0..<24)
    func theNextOwnerReadsTheDevice(attempt: Int) throws {
        let disk = SimulatedDisk()
        let store = try SimulatedStore(disk, direct: false)
        for number in 0...attempt % 5 { try store.putDurably("a\(number)", "1") }
        let acknowledged = store.content
        disk.fail("fdatasync", EIO)
        let isAcknowledged = Counter()
        try store.put("b", String(repeating: "x", count: 500 * attempt)).whenDurable {
            if case .success = $0 { isAcknowledged.add() }
        }
        #expect(store.log.writeStep() == .failed)
        #expect(store.log.writeStep() == .failed && isAcknowledged.value == 0)
        // The kernel lives on. Its sync succeeds now.
        let killed = disk.afterKill()
        let next = try SimulatedStore(killed, direct: false)
        #expect(next.content.filter { $0.hasPrefix("1 a") } == acknowledged)
        try next.putDurably("c", "2")
        let shown = next.content
        for loss in [SimulatedDisk.Loss.dropAll, .keepAll, .random(seed: UInt64(attempt))] {
            #expect(try SimulatedStore(killed.afterCrash(loss), direct: false).content == shown)
        }
    }
}
