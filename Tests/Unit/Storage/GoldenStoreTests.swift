import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

/// Stores that released versions left, in every form that they write, open for ever (I11).
///
/// `GoldenStoreWriter` wrote them. They are never written again.
@Suite(.serialized) struct GoldenStoreTests {
    static let stores = GoldenStoreWriter.all.keys.sorted()
    static let backups = ["v1-backup", "v1-backup-encrypted"]

    init() throws {
        guard let wanted = getenv("III_WRITE_GOLDEN_STORES").map({ String(cString: $0) }) else { return }
        for name in Self.stores where wanted == "all" || wanted == name {
            if access(GoldenStore.directory + name, F_OK) != 0 { try GoldenStoreWriter.write(name) }
        }
        for name in Self.backups where wanted == "all" || wanted == name {
            if access(GoldenStore.directory + name, F_OK) != 0 { try GoldenStoreWriter.writeBackup(name) }
        }
    }

    /// Opens, holds what it held, takes a commit, closes and opens again; all that the inspector sees is sound.
    @Test(arguments: stores)
    func everyFormOpensAndGoesOn(name: String) async throws {
        let golden = try GoldenStore(name)
        // With more than one key: the rotation goes on, and it is given up.
        for first in golden.keys.indices {
            let scratch = try ScratchDirectory()
            let path = scratch.path + "/store"
            try golden.unpack(name, to: path)
            var options = try options(golden.encryption(from: first))
            // Versions that wrote no mark left what anybody could have written: the operator says that it is believed.
            options.encryptsExistingStore = name == "v1-encrypting"
            if name == "v1-decrypting" { options.encryption = withoutCurrent(options.encryption) }
            try inspect(path, options, through: golden.through, retained: golden.retained)
            var rows = Set(golden.rows)
            for round in 1...2 as ClosedRange<UInt8> {
                let store = try Store.open(path: path, options: options)
                #expect(store.recovery.recoveredLSN.rawValue == golden.through + UInt64(round) - 1)
                #expect(try await content(store) == rows, "\(name), opened \(round) times, key \(first)")
                let pending = try store.commit { $0.put(TableID(rawValue: 7), key: [round], value: [1, 2]) }
                try await pending.durable()
                rows.insert(GoldenStore.Row(7, [round], [1, 2]))
                try store.close()
                try inspect(path, options, through: golden.through + UInt64(round), retained: golden.retained)
            }
            let store = try Store.open(path: path, options: options)
            #expect(try await content(store) == rows)
            try store.close()
        }
    }

    /// Verifies, and restores to a store that opens with what was in the backup.
    @Test(arguments: backups)
    func everyBackupRestores(name: String) async throws {
        let golden = try GoldenStore(name)
        let scratch = try ScratchDirectory()
        let (backup, restored) = (scratch.path + "/backup", scratch.path + "/restored")
        try golden.unpack(name, to: backup)
        let options = try options(golden.encryption())
        #expect(try StoreRestore.verify(backup).through.rawValue == golden.through)
        #expect(
            try StoreRestore.run(backup: backup, target: restored, options: options).through.rawValue == golden.through
        )
        let store = try Store.open(path: restored, options: options)
        #expect(try await content(store) == Set(golden.rows))
        try store.close()
        try inspect(restored, options, through: golden.through, retained: nil)
    }

    /// They are what their names say.
    @Test func everyFormIsThere() throws {
        func facts(_ name: String) throws -> (
            headers: [SegmentFacts.Header], batches: [BatchFacts], row: KeyID?, rows: [UInt8]
        ) {
            let golden = try GoldenStore(name)
            let scratch = try ScratchDirectory()
            try golden.unpack(name, to: scratch.path)
            var headers: [SegmentFacts.Header] = []
            var batches: [BatchFacts] = []
            let keys = withoutCurrent(try golden.encryption())
            try LogInspector(path: scratch.path, keys: keys).walk { event in
                if case .segment(let facts) = event, let header = facts.header { headers.append(header) }
                if case .batch(let facts) = event { batches.append(facts) }
            }
            let inspector = try SnapshotInspector(path: scratch.path, keys: keys)
            var forms: [UInt8] = []
            let cursor = try inspector.snapshot.allRows(reversed: false)
            while let key = cursor.rowKey {
                if SnapshotKey.table(of: key) != SnapshotKey.checkpointTable {
                    forms.append(cursor.rawValue[1] | cursor.rawValue[2] << 1)
                }
                try cursor.advance()
            }
            inspector.snapshot.endRead()
            return (headers, batches, inspector.facts.checkpoint?.keyID, forms)
        }
        let keys = try GoldenStoreWriter.keys.map { try EncryptionKey(text: $0).id }
        let encrypted = try facts("v1-encrypted")
        #expect(encrypted.headers.allSatisfy { $0.requiredFeatures == 1 } && encrypted.row == keys[0])
        #expect(encrypted.rows.allSatisfy { $0 & 2 != 0 } && encrypted.batches.contains { $0.isEncrypted })
        let encrypting = try facts("v1-encrypting")
        #expect(Set(encrypting.headers.map(\.requiredFeatures)) == [0, 1] && encrypting.row == nil)
        let decrypting = try facts("v1-decrypting")
        #expect(Set(decrypting.headers.map(\.requiredFeatures)) == [0, 1] && decrypting.row == keys[0])
        #expect(try facts("v1-recycled").headers.contains { $0.ignorableFeatures & 1 != 0 })
        let retained = try facts("v1-retained")
        #expect(retained.headers.count >= 3 && retained.headers[0].number == 1)
        let packed = try facts("v1-packed")
        #expect(packed.batches.contains { $0.compression == .lz4 } && packed.rows.contains(1))
        #expect(try facts("v1-resealed").row == keys[1])
        #expect(try facts("v1-resealing").row == keys[0])
        #expect(try facts("v1-reseal-given-up").row == keys[0])
    }

    private func options(_ keys: EncryptionKeys) -> StorageOptions {
        var options = StorageOptions()
        options.encryption = keys
        options.initialSegmentBytes = 8 * LogLimits.blockBytes
        options.maximumSegmentBytes = options.initialSegmentBytes
        options.checkpointIntervalNanoseconds = 0
        options.retainLogBytes = 1 << 30
        return options
    }

    /// The same keys, none of them in force: plain content beside sealed is read.
    private func withoutCurrent(_ keys: EncryptionKeys) -> EncryptionKeys {
        EncryptionKeys(current: nil, previous: [keys.current].compactMap { $0 } + keys.previous)
    }

    /// As `iii-storage-inspect verify --deep` does.
    private func inspect(_ path: String, _ options: StorageOptions, through: UInt64, retained: UInt64?) throws {
        let keys = withoutCurrent(options.encryption)
        let report = try LogInspector(path: path, keys: keys).walk()
        #expect(report.problems.isEmpty && report.gaps.isEmpty, "\(report.problems)")
        let inspector = try SnapshotInspector(path: path, keys: keys)
        let snapshot = try inspector.rows()
        #expect(snapshot.isSound, "\(snapshot)")
        #expect(max(report.content.lastLSN?.rawValue ?? 0, inspector.facts.checkpoint?.lsn.rawValue ?? 0) == through)
        if let retained, retained > 0 { #expect(report.retainedFrom.rawValue == retained) }
    }

    private func content(_ store: Store) async throws -> Set<GoldenStore.Row> {
        try await store.read { view in
            var rows: Set<GoldenStore.Row> = []
            for table in [1, 300, 7] as [UInt16] {
                view.scan(TableID(rawValue: table), from: nil, upTo: nil) { key, value in
                    rows.insert(GoldenStore.Row(table, Bytes(key), Bytes(value)))
                    return true
                }
            }
            return rows
        }.durable()
    }
}
