import Synchronization

@testable import Storage

/// A snapshot on the simulated disk with LMDB's commit semantics: one file, replaced as a whole by one call. A crash
/// during that call leaves the old image or the new one; after it the new one is durable. The file's name needs a sync of
/// its directory, as LMDB's does.
///
/// `@unchecked Sendable`: stepped by one test at a time.
final class SimulatedSnapshot: SnapshotStore, @unchecked Sendable {
    private let disk: SimulatedDisk
    private let path: String
    private let store: StoreID
    /// The checkpoint row names and is authenticated with the current one, as LMDB's is; rows are as they are.
    private let keys: EncryptionKeys
    private var authenticatedFrom = SegmentNumber.none
    private(set) var rows: [Bytes: Row] = [:]
    private(set) var row: CheckpointRow?
    /// Fails the next uses of `apply`.
    var failures: [SnapshotFailure] = []
    /// Commits that would have run ahead of the durable log (I5), and uses that LMDB would not survive.
    private(set) var violations: [String] = []
    private var isClosed = false

    struct Row: Equatable {
        var value: Bytes
        var lsn: UInt64
    }

    init(
        _ disk: SimulatedDisk,
        _ directory: LogDirectory,
        store: StoreID,
        create: Bool,
        keys: EncryptionKeys = EncryptionKeys()
    ) throws(StorageError) {
        self.disk = disk
        self.store = store
        self.keys = keys
        if create { authenticatedFrom = .first }
        path = directory.snapshotData
        do throws(SystemCallError) {
            if create {
                try disk.replace(path, with: [])
            } else {
                guard let content = disk.contents(path) else {
                    throw SystemCallError(call: "open", number: 2, path: path)
                }
                try decode(content)
            }
        } catch {
            throw error.number == 2 ? .snapshotDamaged(path, "the file is missing") : .deviceFailed(error)
        }
    }

    var needsReseal: Bool { false }

    func beginsLog(at segment: SegmentNumber) {
        if authenticatedFrom == .none { authenticatedFrom = segment }
    }

    var size: SnapshotSize {
        let pages = rows.values.reduce(0) { $0 + $1.value.count + 64 } / LogLimits.blockBytes + 1
        return SnapshotSize(usedPages: pages, filePages: pages + 2, leafPages: pages)
    }

    func trimMapped() {}

    func reusableBytes(inRunsOf pages: Int) -> Int { size.freeBytes }

    func find(_ table: TableID, _ key: UnsafeRawBufferPointer) throws(StorageError) -> SnapshotValue? {
        if isClosed { throw .closed(LogDirectory(root: SimulatedStore.root)) }
        guard let row = rows[SnapshotKey.make(table, Bytes(key))] else { return nil }
        return SnapshotValue(bytes: keep(row.value), lsn: row.lsn)
    }

    /// Values that were handed out, until `endRead`.
    private var kept: [UnsafeMutableRawBufferPointer] = []

    fileprivate func keep(_ bytes: Bytes) -> UnsafeRawBufferPointer {
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
        place.copyBytes(from: bytes)
        kept.append(place)
        return UnsafeRawBufferPointer(start: place.baseAddress, count: bytes.count)
    }

    func endRead() {
        for place in kept { place.deallocate() }
        kept = []
    }

    deinit { endRead() }

    func cursor(_ table: TableID, from: Bytes?, upTo: Bytes?, reversed: Bool) throws(StorageError) -> any SnapshotCursor
    {
        if isClosed { throw .closed(LogDirectory(root: SimulatedStore.root)) }
        let low = SnapshotKey.make(table, from ?? [])
        let high = upTo.map { SnapshotKey.make(table, $0) } ?? SnapshotKey.end(of: table)
        let keys = rows.keys.filter { compareKeys($0, low) >= 0 && compareKeys($0, high) < 0 }
            .sorted { compareKeys($0, $1) * (reversed ? -1 : 1) < 0 }
        return Cursor(self, keys)
    }

    private final class Cursor: SnapshotCursor {
        private let snapshot: SimulatedSnapshot
        private let keys: [Bytes]
        private var index = 0

        init(_ snapshot: SimulatedSnapshot, _ keys: [Bytes]) {
            self.snapshot = snapshot
            self.keys = keys
        }

        var key: UnsafeRawBufferPointer? {
            index < keys.count ? snapshot.keep(Bytes(keys[index].dropFirst(2))) : nil
        }

        func value() throws(StorageError) -> SnapshotValue {
            let row = snapshot.rows[keys[index]] ?? Row(value: [], lsn: 0)
            return SnapshotValue(bytes: snapshot.keep(row.value), lsn: row.lsn)
        }

        func advance() throws(StorageError) { index += 1 }
    }

    func apply(_ changes: Overlay, _ position: CheckpointPosition) throws(SnapshotFailure) -> CheckpointRow {
        if !failures.isEmpty { throw failures.removeFirst() }
        if isClosed { violations.append("written after the end") }
        TurnSite.apply.pause()
        checkWriteAhead(position.end)
        var next = rows
        for (number, table) in changes.tables {
            let id = TableID(rawValue: number)
            for range in table.trims.ranges {
                let low = SnapshotKey.make(id, range.from)
                let high = SnapshotKey.make(id, range.upTo)
                next = next.filter { compareKeys($0.key, low) < 0 || compareKeys($0.key, high) >= 0 }
            }
            table.entries.forEach { entry in
                next[SnapshotKey.make(id, entry.key)] = entry.value.map { Row(value: $0, lsn: entry.lsn) }
            }
        }
        var counts: [UInt16: UInt64] = [:]
        for key in next.keys { counts[UInt16(key[0]) << 8 | UInt16(key[1]), default: 0] += 1 }
        let made = CheckpointRow(
            store: store,
            position: position,
            generation: (row?.generation ?? 0) + 1,
            digest: SnapshotDigest(),
            keyID: keys.current?.id.rawValue ?? 0,
            counts: counts,
            authenticatedFrom: row.map(\.authenticatedFrom).flatMap { $0 == .none ? nil : $0 } ?? authenticatedFrom,
            isAuthenticated: keys.current != nil
        )
        do throws(SystemCallError) {
            try disk.replace(path, with: encode(next, made))
        } catch {
            throw .final(StorageError(.durabilityLost, "the commit failed", path: path, systemCall: error))
        }
        rows = next
        row = made
        TurnSite.applied.pause()
        return made
    }

    /// I5: the batch that the image ends with could not be lost any more when the image was committed.
    private func checkWriteAhead(_ end: LogEnd) {
        // Without a batch in the segment its header speaks, and that was durable before the segment had a name.
        guard end.offset > LogLimits.firstBatchOffset else { return }
        let log = disk.durableContents(SimulatedStore.path(end.segment.rawValue)) ?? []
        let reading: BatchHeaderReading = log.withUnsafeBytes { bytes in
            guard bytes.count >= Int(end.offset) else { return .invalid("the file is too short") }
            let header = bytes.part(Int(end.batchOffset), BatchHeader.encodedBytes)
            return BatchHeader.read(header, at: .init(segment: end.segment, offset: end.batchOffset))
        }
        if case .valid(let header, let crc) = reading, header.number == end.lastBatch, crc == end.chain { return }
        violations.append("batch \(end.lastBatch) is not durable (I5): \(reading)")
    }

    func growMap() throws(SnapshotFailure) {}
    var waitsForGrowth: Bool { false }

    func copy(to directory: String, isCancelled: () -> Bool) throws(StorageError) -> LSN {
        if isClosed { violations.append("copied after the end") }
        let image = row.map { encode(rows, $0) } ?? []
        let copied = row?.position.lsn ?? .zero
        for _ in 0..<8 {
            TurnSite.copy.pause()
            guard !isCancelled() else { throw StorageError(.closed, "cancelled") }
            if isClosed { violations.append("the end came under a copy that nobody cancelled") }
        }
        do throws(SystemCallError) {
            try disk.replace(directory + "/data.mdb", with: image)
            return copied
        } catch {
            throw .deviceFailed(error)
        }
    }

    func close() { isClosed = true }

    private func encode(_ rows: [Bytes: Row], _ row: CheckpointRow) -> Bytes {
        var bytes = Bytes()
        func append(_ part: Bytes) {
            withUnsafeBytes(of: UInt32(part.count)) { bytes.append(contentsOf: $0) }
            bytes.append(contentsOf: part)
        }
        append(row.encoded(key: keys.current))
        for key in rows.keys.sorted(by: { compareKeys($0, $1) < 0 }) {
            append(key)
            append(withUnsafeBytes(of: rows[key]?.lsn ?? 0) { Bytes($0) } + (rows[key]?.value ?? []))
        }
        return bytes
    }

    private func decode(_ bytes: Bytes) throws(SystemCallError) {
        var offset = 0
        func part() -> Bytes? {
            guard offset + 4 <= bytes.count else { return nil }
            let count = Int(bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
            defer { offset += 4 + count }
            return Bytes(bytes[offset + 4..<offset + 4 + count])
        }
        guard let first = part() else { return }
        let reading = first.withUnsafeBytes { CheckpointRow.read($0) }
        guard case .valid(let found) = reading else {
            throw SystemCallError(call: "checkpoint row", number: 5, path: path)
        }
        if found.isAuthenticated, let key = keys.key(KeyID(rawValue: found.keyID)) {
            guard first.withUnsafeBytes({ found.isGenuine($0, key: key) }) else {
                throw SystemCallError(call: "checkpoint row's code", number: 5, path: path)
            }
        }
        row = found
        while let key = part(), let value = part() {
            let lsn = value.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
            rows[key] = Row(value: Bytes(value.dropFirst(8)), lsn: lsn)
        }
    }
}
