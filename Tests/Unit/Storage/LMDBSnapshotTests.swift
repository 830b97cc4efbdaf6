import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// The snapshot's own bytes on a real LMDB file: rows, the checkpoint row, damage (R17).
@Suite struct LMDBSnapshotTests {
    private let table = TableID(rawValue: 3)

    private func key(_ number: Int) -> Bytes { Bytes("key \(number)".utf8) }

    /// A closed store with everything in the snapshot.
    private func written(_ scratch: ScratchDirectory, rows: Int = 300) throws {
        let store = try SteppedStore(scratch.path, options: StorageOptions())
        for number in 0..<rows {
            _ = try store.log.commit { transaction in
                transaction.put(table, key: key(number), value: Bytes("value of \(number)".utf8))
            }
        }
        try store.close()
    }

    private func dataPath(_ scratch: ScratchDirectory) -> String { scratch.path + "/snapshot/data.mdb" }

    private func overwrite(_ path: String, at offset: Int, _ bytes: Bytes) throws {
        let io = PosixIO()
        let file = try io.open(path, .update)
        defer { io.close(file) }
        try bytes.withUnsafeBytes { try io.writeAll(file, $0, at: UInt64(offset)) }
    }

    private func offsets(of text: String, in path: String) throws -> [Int] {
        let bytes = try PosixIO().readFile(path, limit: 64 << 20)
        let wanted = Bytes(text.utf8)
        return bytes.indices.filter { bytes[$0...].starts(with: wanted) }
    }

    private func refusal(_ scratch: ScratchDirectory) -> StorageError? {
        do {
            let store = try SteppedStore(scratch.path, options: StorageOptions())
            try store.close()
            return nil
        } catch let error as StorageError {
            return error
        } catch {
            return nil
        }
    }

    /// §5.8: a damaged row is refused when it is read: nothing wrong is shown, nothing is written on top; the rest serves.
    @Test func aDamagedRowIsRefusedWhenItIsRead() throws {
        let scratch = try ScratchDirectory()
        try written(scratch)
        let places = try offsets(of: "value of 123", in: dataPath(scratch))
        #expect(!places.isEmpty)
        for place in places { try overwrite(dataPath(scratch), at: place, Bytes("VALUE".utf8)) }
        let store = try SteppedStore(scratch.path, options: StorageOptions())
        let good = Outcome<Bytes?>()
        store.log.read { view in view.get(table, key: key(7)) }.whenDurable { good.set($0) }
        #expect(try good.value?.get() == Bytes("value of 7".utf8))
        let bad = Outcome<Bytes?>()
        store.log.read { view in view.get(table, key: key(123)) }.whenDurable { bad.set($0) }
        #expect(throws: StorageError.self) { _ = try bad.value?.get() }
        do {
            _ = try store.log.commit { transaction in transaction.put(table, key: key(1), value: []) }
            Issue.record("written on top of damage")
        } catch let error as StorageError {
            #expect(error.row == .r17 && error.message.contains("checksum of a row"))
        }
        let audit = try #require(store.log.snapshot as? LMDBSnapshot).audit()
        #expect(audit.damaged.map(\.key) == [key(123)])
        try? store.close()
    }

    @Test func r17ADamagedCheckpointRowIsRefused() throws {
        let scratch = try ScratchDirectory()
        try written(scratch)
        for place in try offsets(of: "IICP", in: dataPath(scratch)) {
            try overwrite(dataPath(scratch), at: place + 30, [0x55])
        }
        let error = refusal(scratch)
        #expect(error?.row == .r17 && error?.message.contains("checkpoint row") == true)
    }

    @Test func r14ANewerSnapshotNeedsANewerVersion() throws {
        let scratch = try ScratchDirectory()
        try written(scratch)
        for place in try offsets(of: "IICP", in: dataPath(scratch)) {
            var row = Bytes(try PosixIO().readFile(dataPath(scratch), limit: 64 << 20)[place..<place + 112 + 16 + 16 + 4])
            row[4] = 3
            let crc = row.withUnsafeBytes { crc32c($0.part(0, row.count - 4)) }
            for index in 0..<4 { row[row.count - 4 + index] = UInt8(truncatingIfNeeded: crc >> (8 * UInt32(index))) }
            try overwrite(dataPath(scratch), at: place, row)
        }
        #expect(refusal(scratch)?.row == .r14)
    }

    @Test(arguments: ["garbage", "empty", "missing"])
    func r17AFileThatIsNoSnapshotIsRefused(what: String) throws {
        let scratch = try ScratchDirectory()
        try written(scratch)
        switch what {
        case "garbage": try overwrite(dataPath(scratch), at: 0, Bytes(repeating: 0x41, count: 8192))
        case "empty": truncate(dataPath(scratch), 0)
        default: unlink(dataPath(scratch))
        }
        let error = refusal(scratch)
        #expect(error?.row == .r17, "\(what)")
        #expect(error?.message.contains("restore") == true)
    }

    /// Mapped pages can only be given back if it is known where they are: LMDB tells that for fixed maps alone, and the
    /// engine once took nothing for an answer and let a 4 GiB store become resident.
    @Test func theMapIsFound() throws {
        let scratch = try ScratchDirectory()
        try written(scratch)
        let store = try SteppedStore(scratch.path, options: StorageOptions())
        let snapshot = try #require(store.log.snapshot as? LMDBSnapshot)
        #expect(snapshot.map.withLock { $0.address != nil && $0.bytes == 64 << 30 })
        try store.close()
        #expect(MappedMemory.address(of: dataPath(scratch)) == nil)
    }

    /// Resident bytes of the mapping that begins at an address, as the kernel counts them.
    private func residentBytes(_ address: UnsafeMutableRawPointer) throws -> Int {
        let start = String(UInt(bitPattern: address), radix: 16) + "-"
        let lines = try String(decoding: PosixIO().readFile("/proc/self/smaps", limit: 1 << 24), as: UTF8.self)
            .split(separator: "\n").drop { !$0.hasPrefix(start) }
        let line = try #require(lines.first { $0.hasPrefix("Rss:") })
        return try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) }) * 1024
    }

    /// What reads mapped in goes when the view is trimmed, and the reads go on.
    @Test func whatReadsMappedInIsGivenBack() throws {
        let scratch = try ScratchDirectory()
        try written(scratch, rows: 20_000)
        var options = StorageOptions()
        options.snapshotMappedBytes = 1
        let store = try SteppedStore(scratch.path, options: options)
        defer { try? store.close() }
        let snapshot = try #require(store.log.snapshot as? LMDBSnapshot)
        let address = try #require(snapshot.map.withLock { $0.address })
        func readAll() throws {
            for number in stride(from: 0, to: 20_000, by: 50) {
                let value = store.log.read { $0.get(table, key: key(number)) }
                #expect(try value.wait() == Bytes("value of \(number)".utf8))
            }
        }
        try readAll()
        let mapped = try residentBytes(address)
        #expect(mapped > 200 * LogLimits.blockBytes, "reads keep what they map")
        snapshot.trimMapped()
        #expect(try residentBytes(address) < mapped / 4)
        try readAll()
    }

    /// Rows behind all others fill their pages, in one checkpoint after the other.
    @Test func rowsBehindTheLastFillTheirPages() throws {
        let scratch = try ScratchDirectory()
        let store = try SteppedStore(scratch.path, options: StorageOptions())
        defer { try? store.close() }
        for round in 0..<4 {
            for number in (1000 * round)..<(1000 * round + 1000) {
                let key = withUnsafeBytes(of: UInt64(number).bigEndian) { Bytes($0) }
                _ = try store.log.commit { $0.put(table, key: key, value: Bytes(repeating: UInt8(number & 0xFF), count: 30)) }
            }
            store.flush()
            store.log.beginCheckpoint()
            guard case .written = store.log.writeCheckpoint() else { throw StorageError(.damaged, "not written") }
        }
        // Node header 8, table and key 10, envelope 16, value 30 at most, slot 2.
        let snapshot = try #require(store.log.snapshot as? LMDBSnapshot)
        #expect(snapshot.size.leafPages * LogLimits.blockBytes < 4000 * 66 * 11 / 10)
    }
}
