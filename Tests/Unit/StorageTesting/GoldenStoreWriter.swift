import Glibc

@testable import Storage

/// Writes the stores under `Golden/`: `III_WRITE_GOLDEN_STORES=name` (or `all`) with `GoldenStoreTests`.
///
/// Golden files of a released format are never written again: what old versions left is what must stay readable. A new
/// format gets new names.
final class GoldenStoreWriter {
    static let keys = (0..<2).map { number in String(repeating: "\(number)1234567", count: 8) }
    private static let table = TableID(rawValue: 1)
    private static let other = TableID(rawValue: 300)

    private let scratch: ScratchDirectory
    private var path: String { scratch.path + "/store" }
    private var options = StorageOptions()
    private var rows: [UInt16: [Bytes: Bytes]] = [:]
    private var store: SteppedStore?
    private var number = 0

    init() throws {
        scratch = try ScratchDirectory()
        let clock = SimulatedClock()
        clock.advance(by: 1_700_000_000_000_000_000)
        options.clock = clock.storageClock
        options.initialSegmentBytes = 8 * LogLimits.blockBytes
        options.maximumSegmentBytes = options.initialSegmentBytes
        options.checkpointIntervalNanoseconds = 0
        options.useDirectIO = .off
    }

    /// What each golden store is, by name.
    static let all: [String: @Sendable (GoldenStoreWriter) throws -> GoldenStore] = [
        "v1-encrypted": { try $0.encrypted() },
        "v1-encrypting": { try $0.changedKeys(from: nil, to: 0) },
        "v1-decrypting": { try $0.changedKeys(from: 0, to: nil) },
        "v1-recycled": { try $0.recycled() },
        "v1-retained": { try $0.retained() },
        "v1-packed": { try $0.packed() },
        "v1-resealed": { try $0.resealed() },
        "v1-resealing": { try $0.resealing(isGivenUp: false) },
        "v1-reseal-given-up": { try $0.resealing(isGivenUp: true) },
    ]

    static func write(_ name: String) throws {
        guard let make = all[name] else { throw StorageError(.missingFiles, "no golden store \(name)") }
        let writer = try GoldenStoreWriter()
        var golden = try make(writer)
        try golden.pack(writer.path, as: name)
    }

    /// Killed, with a snapshot and log after it, all sealed.
    private func encrypted() throws -> GoldenStore {
        try open(key: 0)
        try put(10)
        try checkpoint()
        try put(6)
        try delete(2)
        return golden([0])
    }

    /// The key was changed, and the engine was killed before its first checkpoint with the new one.
    private func changedKeys(from: Int?, to: Int?) throws -> GoldenStore {
        try open(key: from)
        try put(14)
        try close()
        try open(key: to, from)
        try put(4)
        return golden([to, from])
    }

    /// Killed; the active segment's file was a segment before.
    private func recycled() throws -> GoldenStore {
        try open()
        for _ in 0..<3 {
            try put(7)
            try checkpoint()
        }
        try put(8)
        return golden([nil])
    }

    /// Closed; the log reaches back to the first record, before several checkpoints.
    private func retained() throws -> GoldenStore {
        options.retainLogBytes = 1 << 30
        try open()
        for _ in 0..<3 {
            try put(4)
            try delete(1)
            try checkpoint()
        }
        try put(2)
        try close()
        return golden([nil], retained: 1)
    }

    /// Killed; LZ4 in rows of the snapshot and in batches of the log.
    private func packed() throws -> GoldenStore {
        try open()
        try put(6, bytes: 5000)
        try checkpoint()
        try put(6, bytes: 9000)
        return golden([nil])
    }

    /// Closed after a whole rotation; the log still holds segments of the old key.
    private func resealed() throws -> GoldenStore {
        options.retainLogBytes = 1 << 30
        try open(key: 0)
        try put(8)
        try close()
        try open(key: 1, 0)
        try put(4)
        try close()
        return golden([1, 0], retained: 1)
    }

    /// A rotation that was killed between two of its transactions; given up: the old key went on after that, through a
    /// checkpoint and a close.
    private func resealing(isGivenUp: Bool) throws -> GoldenStore {
        try open(key: 0)
        try put(20)
        try close()
        setKeys(1, 0)
        try resealInPart()
        guard isGivenUp else { return golden([1, 0]) }
        try open(key: 0, 1)
        try put(3)
        try close()
        return golden([0, 1])
    }

    private func resealInPart() throws {
        guard let id = try FormatFile(io: PosixIO(), directory: LogDirectory(root: path)).read()?.store else { return }
        let snapshot = try LMDBSnapshot(path: path + "/snapshot", options: SnapshotOptions(options, store: id))
        defer { snapshot.close() }
        guard let row = snapshot.row else { return }
        try snapshot.inTransaction { (transaction) throws(SnapshotFailure) in
            var writer = try LMDBWriter(snapshot, transaction, after: row, store: id)
            writer.row = row
            _ = try writer.reseal(from: SnapshotKey.end(of: SnapshotKey.checkpointTable), limit: 2000)
            try writer.putRow()
        }
    }
}

extension GoldenStoreWriter {
    private func setKeys(_ current: Int?, _ previous: Int?) {
        let all = Self.keys.map { try? EncryptionKey(text: $0) }
        options.encryption = EncryptionKeys(
            current: current.flatMap { all[$0] },
            previous: [previous].compactMap { $0 }.compactMap { all[$0] }
        )
    }

    private func open(key: Int? = nil, _ previous: Int? = nil) throws {
        setKeys(key, previous)
        store = try SteppedStore(path, options: options)
    }

    private func close() throws {
        try store?.close()
        store = nil
    }

    private func checkpoint() throws {
        guard let log = store?.log, log.beginCheckpoint() else { throw StorageError(.inputOutput, "no checkpoint") }
        store?.flush()
        guard case .written = log.writeCheckpoint() else { throw StorageError(.inputOutput, "no checkpoint") }
    }

    private func put(_ count: Int, bytes: Int = 300) throws {
        for _ in 0..<count {
            number += 1
            let key = Bytes("key \(number % 17)".utf8)
            let table = number % 5 == 0 ? Self.other : Self.table
            let value = Bytes((0..<bytes).map { UInt8(truncatingIfNeeded: $0 / 97 + number) })
            rows[table.rawValue, default: [:]][key] = value
            _ = try store?.log.commit { transaction in
                transaction.put(table, key: key, value: value)
                transaction.put(table, key: Bytes("last".utf8), value: Bytes("\(self.number)".utf8))
            }
            rows[table.rawValue, default: [:]][Bytes("last".utf8)] = Bytes("\(number)".utf8)
            store?.flush()
        }
    }

    private func delete(_ count: Int) throws {
        for key in (rows[Self.table.rawValue] ?? [:]).keys.sorted(by: { compareKeys($0, $1) < 0 }).prefix(count) {
            _ = try store?.log.commit { $0.delete(Self.table, key: key) }
            rows[Self.table.rawValue]?[key] = nil
            store?.flush()
        }
    }

    private func golden(_ keys: [Int?], retained: UInt64 = 0) -> GoldenStore {
        var golden = GoldenStore()
        golden.keys = keys.map { $0.map { Self.keys[$0] } }
        golden.through = store?.log.core.withLock { $0.lastLSN.rawValue } ?? lastPosition()
        golden.retained = retained
        for (table, content) in rows {
            for (key, value) in content {
                golden.rows.append(GoldenStore.Row(table, key, value))
            }
        }
        golden.rows.sort()
        return golden
    }

    private func lastPosition() -> UInt64 {
        let report = try? LogInspector(path: path, keys: options.encryption).walk()
        return report?.content.lastLSN?.rawValue ?? 0
    }
}

// Backups.
extension GoldenStoreWriter {
    /// A snapshot and log after it.
    static func writeBackup(_ name: String) throws {
        let writer = try GoldenStoreWriter()
        let key = name.hasSuffix("encrypted") ? 0 : nil
        try writer.open(key: key)
        try writer.put(8)
        try writer.checkpoint()
        try writer.put(5)
        let backup = writer.scratch.path + "/backup"
        _ = try writer.store?.log.backup(to: backup) { _ in }
        var golden = writer.golden([key])
        try golden.pack(backup, as: name)
    }
}
