import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// Backup, restore, restore to a position, the cut (storage.md §5.12), plain and encrypted.
@Suite struct BackupTests {
    private let table = TableID(rawValue: 1)
    private static let key = EncryptionKey.random()

    private func options(encrypted: Bool) -> StorageOptions {
        var options = StorageOptions()
        options.initialSegmentBytes = 16 * LogLimits.blockBytes
        options.maximumSegmentBytes = options.initialSegmentBytes
        options.checkpointIntervalNanoseconds = 0
        if encrypted { options.encryption.current = Self.key }
        return options
    }

    private func put(_ store: Store, _ numbers: ClosedRange<Int>) async throws {
        for number in numbers {
            let pending = try store.commit { transaction in
                transaction.put(table, key: Bytes("key \(number % 50)".utf8), value: Bytes("value \(number)".utf8))
                transaction.put(table, key: Bytes("last".utf8), value: Bytes("\(number)".utf8))
            }
            _ = try await pending.durable()
        }
    }

    private func last(_ path: String, _ options: StorageOptions) async throws -> String {
        let store = try Store.open(path: path, options: options)
        let value = try await store.read { view in view.get(table, key: Bytes("last".utf8)) }.durable()
        try store.close()
        return String(decoding: value ?? [], as: UTF8.self)
    }

    @Test(arguments: [false, true])
    func backupAndRestore(encrypted: Bool) async throws {
        let scratch = try ScratchDirectory()
        let options = options(encrypted: encrypted)
        let store = try Store.open(path: scratch.path + "/store", options: options)
        try await put(store, 1...60)
        try store.checkpoint()
        try await put(store, 61...90)
        let report = try store.backup(to: scratch.path + "/backup")
        #expect(report.through == LSN(rawValue: 180) && report.files >= 3)
        let manifest = try PosixIO().readFile(scratch.path + "/backup/" + BackupManifest.name, limit: 1 << 20)
        #expect(try BackupManifest(decoding: manifest).checkpoint == LSN(rawValue: 120))
        try await put(store, 91...120)
        #expect(throws: StorageError.self) { try store.backup(to: scratch.path + "/backup") }
        try store.close()

        #expect(try StoreRestore.verify(scratch.path + "/backup").through == LSN(rawValue: 180))
        let restored = try StoreRestore.run(
            backup: scratch.path + "/backup",
            target: scratch.path + "/restored",
            options: options
        )
        #expect(restored.through == LSN(rawValue: 180))
        #expect(try await last(scratch.path + "/restored", options) == "90")
        #expect(try await last(scratch.path + "/store", options) == "120")
        if encrypted {
            let error = #expect(throws: StorageError.self) {
                try Store.open(path: scratch.path + "/restored", options: self.options(encrypted: false))
            }
            #expect(error?.code == .unusableKey)
        }
    }

    /// Any position, in the middle of batches and segments, with the log that was retained since.
    @Test(arguments: [false, true])
    func restoreToAPosition(encrypted: Bool) async throws {
        let scratch = try ScratchDirectory()
        var options = options(encrypted: encrypted)
        options.retainLogBytes = 1 << 30
        let store = try Store.open(path: scratch.path + "/store", options: options)
        try await put(store, 1...20)
        try store.checkpoint()
        _ = try store.backup(to: scratch.path + "/backup")
        try await put(store, 21...150)
        try store.checkpoint()
        try await put(store, 151...200)
        try store.close()
        for number in [20, 21, 77, 150, 151, 199, 200] {
            // Two records each: an odd position lies inside a transaction, which is left out.
            for position in [2 * number, 2 * number + 1] where position <= 400 {
                let target = scratch.path + "/at-\(position)"
                let report = try StoreRestore.run(
                    backup: scratch.path + "/backup",
                    target: target,
                    position: .through(LSN(rawValue: UInt64(position))),
                    log: scratch.path + "/store",
                    options: options
                )
                #expect(report.through == LSN(rawValue: UInt64(2 * number)))
                #expect(try await last(target, options) == "\(number)", "position \(position)")
                // It goes on from there, and survives that.
                let again = try Store.open(path: target, options: options)
                try await put(again, 777...777)
                try again.close()
                #expect(try await last(target, options) == "777")
            }
        }
        let error = #expect(throws: StorageError.self) {
            try StoreRestore.run(
                backup: scratch.path + "/backup",
                target: scratch.path + "/late",
                position: .through(LSN(rawValue: 5000)),
                log: scratch.path + "/store",
                options: options
            )
        }
        #expect(error?.message.contains("it gives LSN 1 to 400, ") == true)
    }

    /// A checkpoint beside a backup retires no log that is still to be copied.
    @Test func aCheckpointBesideABackupRetiresNothing() throws {
        let scratch = try ScratchDirectory()
        var options = StorageOptions()
        options.initialSegmentBytes = 16 * LogLimits.blockBytes
        options.maximumSegmentBytes = options.initialSegmentBytes
        options.checkpointIntervalNanoseconds = 0
        let store = try SteppedStore(scratch.path + "/store", options: options)
        var generator = SeededGenerator(seed: 1)
        while store.log.metrics.segmentsOnDisk < 4 {
            let value = (0..<8000).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = try store.log.commit { $0.put(TableID(rawValue: 1), key: [value[0], value[1]], value: value) }
            store.flush()
        }
        var isFirst = true
        let report = try store.log.backup(to: scratch.path + "/backup") { _ in
            guard isFirst else { return }
            isFirst = false
            #expect(store.log.beginCheckpoint())
            guard case .written = store.log.writeCheckpoint() else {
                Issue.record("no checkpoint")
                return
            }
        }
        #expect(report.files >= 6 && store.log.metrics.retiredSegments == 0)
        #expect(store.log.beginCheckpoint())
        _ = store.log.writeCheckpoint()
        #expect(store.log.metrics.retiredSegments > 0, "the next one does")
        try store.close()
    }

    /// LMDB calls the short write that a full disk gives an I/O error.
    @Test(.enabled(if: SmallVolume.isPossible)) func aFullVolumeIsNamed() async throws {
        let scratch = try ScratchDirectory()
        let volume = try #require(SmallVolume(mebibytes: 4))
        let store = try Store.open(path: scratch.path + "/store", options: options(encrypted: false))
        var generator = SeededGenerator(seed: 1)
        let value = Bytes((0..<(64 << 10)).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
        for number in 0..<100 {
            let pending = try store.commit { $0.put(table, key: Bytes("\(number)".utf8), value: value) }
            _ = try await pending.durable()
        }
        try store.checkpoint()
        let error = try #require(throws: StorageError.self) { try store.backup(to: volume.path + "/backup") }
        #expect("\(error)".contains("No space left on device") && "\(error)".contains("make room"), "\(error)")
        #expect(try PosixIO().list(volume.path) == [])
        try store.close()
    }

    @Test func aDamagedBackupIsRefused() async throws {
        let scratch = try ScratchDirectory()
        let options = options(encrypted: false)
        let store = try Store.open(path: scratch.path + "/store", options: options)
        try await put(store, 1...30)
        let report = try store.backup(to: scratch.path + "/backup")
        try store.close()
        #expect(report.bytes > 0)
        let io = PosixIO()
        for path in ["FORMAT", "snapshot/data.mdb", "MANIFEST"] {
            let file = try io.open(scratch.path + "/backup/" + path, .update)
            var byte: UInt8 = 0
            _ = withUnsafeMutableBytes(of: &byte) { try? io.pread(file, into: $0, at: 30) }
            byte ^= 4
            _ = withUnsafeBytes(of: byte) { try? io.pwrite(file, $0, at: 30) }
            #expect(throws: StorageError.self, "\(path)") { try StoreRestore.verify(scratch.path + "/backup") }
            #expect(throws: StorageError.self, "\(path)") {
                try StoreRestore.run(backup: scratch.path + "/backup", target: scratch.path + "/r", options: options)
            }
            byte ^= 4
            _ = withUnsafeBytes(of: byte) { try? io.pwrite(file, $0, at: 30) }
            io.close(file)
        }
        #expect(try StoreRestore.verify(scratch.path + "/backup").through == LSN(rawValue: 60))
    }

    /// Keys: wrong ones are refused, a rotation re-seals everything, plain stores become encrypted and back.
    @Test func keysAndRotation() async throws {
        let scratch = try ScratchDirectory()
        let path = scratch.path + "/store"
        let (first, second) = (EncryptionKey.random(), EncryptionKey.random())
        func run(
            _ current: EncryptionKey?,
            _ previous: [EncryptionKey],
            _ numbers: ClosedRange<Int>,
            encryptsExisting: Bool = false
        ) async throws {
            var chosen = options(encrypted: false)
            chosen.encryptsExistingStore = encryptsExisting
            chosen.encryption = EncryptionKeys(current: current, previous: previous)
            let store = try Store.open(path: path, options: chosen)
            try await put(store, numbers)
            try store.checkpoint()
            try store.close()
        }
        try await run(nil, [], 1...60)
        let plain = await #expect(throws: StorageError.self) { try await run(first, [], 61...70) }
        #expect(plain?.code == .notEncrypted && plain?.message.contains("encrypt_existing: true") == true)
        try await run(first, [], 61...70, encryptsExisting: true)
        for (current, previous) in [(second, []), (nil, []), (second, [EncryptionKey.random()])] {
            let error = await #expect(throws: StorageError.self) { try await run(current, previous, 1...1) }
            #expect(error?.code == .unusableKey && error?.message.contains("\(first.id)") == true)
        }
        try await run(second, [first], 71...80)
        // Segments of the old key are gone after one more checkpoint or two; then the new key suffices.
        try await run(second, [first], 81...90)
        try await run(second, [first], 91...95)
        try await run(second, [], 96...99)
        var withSecond = options(encrypted: false)
        withSecond.encryption.current = second
        #expect(try await last(path, withSecond) == "99")
        try await run(nil, [second], 100...101)
    }
}
