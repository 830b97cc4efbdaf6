import CPlatform
import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// An unreadable page of the snapshot's map was a SIGBUS: a supervisor saw a crash where it should see a failed disk.
@Suite struct MapFaultTests {
    @Test func anUnreadablePageEndsWithTheStorageExitCode() async throws {
        let child = await #expect(processExitsWith: .exitCode(74), observing: [\.standardErrorContent]) {
            // The map grows on the way, and moves with that.
            try Self.readShortened(mapBytes: LogLimits.mebibyte)
        }
        let text = String(decoding: child?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("can't be read") && text.contains("/snapshot/data.mdb] [offset "), "\(text)")
    }

    private static func readShortened(mapBytes: Int) throws {
        var options = StorageOptions()
        options.snapshotMapBytes = mapBytes
        options.checkpointIntervalNanoseconds = 0
        let table = TableID(rawValue: 1)
        var scratch: ScratchDirectory? = try ScratchDirectory()
        let path = try #require(scratch?.path)
        let store = try SteppedStore(path, options: options)
        for number in 0..<64 {
            let value = (0..<64 * 1024).map { UInt8(truncatingIfNeeded: $0 &* (number + 3) >> 3) }
            _ = try store.log.commit { $0.put(table, key: [UInt8(number)], value: value) }
        }
        store.flush()
        store.log.beginCheckpoint()
        guard case .written(let row) = store.log.writeCheckpoint(), row.rows == 64 else { exit(3) }
        guard truncate(path + "/snapshot/data.mdb", 2 * off_t(LogLimits.blockBytes)) == 0 else { exit(4) }
        // The process ends below, and nobody would remove it.
        scratch = nil
        _ = store.log.read { $0.get(table, key: [1]) }
        exit(0)
    }

    /// Any other SIGBUS is the business of whoever was there before.
    @Test func otherFaultsGoToTheHandlerBefore() async {
        await #expect(processExitsWith: .exitCode(7)) {
            signal(SIGBUS) { _ in _exit(7) }
            WatchedMap.install()
            WatchedMap.install()
            try Self.readBehindAFile()
        }
        await #expect(processExitsWith: .signal(SIGBUS)) {
            signal(SIGBUS, SIG_DFL)
            WatchedMap.install()
            try Self.readBehindAFile()
        }
        await #expect(processExitsWith: .signal(SIGBUS)) {
            signal(SIGBUS, SIG_DFL)
            WatchedMap.install()
            kill(getpid(), SIGBUS)
            sleep(10)
        }
    }

    private static func readBehindAFile() throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/file"
        let file = iii_open(path, O_RDWR | O_CREAT, 0o600)
        let map = try #require(mmap(nil, 4096, PROT_READ, MAP_SHARED, file, 0))
        unlink(path)
        rmdir(scratch.path)
        // Watched no longer: no message of ours.
        var watched = WatchedMap()
        watched.watch(map, bytes: 4096, path: path)
        watched.unwatch()
        exit(Int32(map.load(as: UInt8.self)))
    }

    /// More maps than places: nothing is watched, nothing else happens.
    @Test func placesAreGivenBack() {
        let memory = GuardedMemory(count: 4096)
        var maps = (0..<100).map { _ in WatchedMap() }
        for index in maps.indices { maps[index].watch(memory.readOnly.baseAddress, bytes: 4096, path: "/none") }
        for index in maps.indices { maps[index].unwatch() }
        let place = iii_map_watch(memory.readOnly.baseAddress, 4096, "/none")
        #expect(place >= 0)
        iii_map_unwatch(place)
        #expect(iii_map_watch(nil, 4096, "/none") < 0)
        #expect(iii_map_watch(memory.readOnly.baseAddress, 1, String(repeating: "a", count: 2000)) < 0)
    }
}
